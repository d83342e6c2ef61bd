"""Results where causes compete: incidence of each, tests, and two kinds of hazard ratio."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from protocol.question import Record
from protocol.stats import cox, cumulative_incidence
from protocol.stats.competing import CauseTable
from protocol.stats.cox import NotEstimable
from protocol.stats.cumulative_incidence import IncidenceCurve
from protocol.stats.fine_gray import fine_gray
from protocol.stats.gray import gray
from tests.reference.axis import Clock
from tests.reference.survival import cox_numbers
from tests.reference.terms import Ending

Answers = Iterator[tuple[str, Any]]


def competing(record: Record, ending: Ending, clock: Clock) -> Answers:
    """Answer the group `competing`, save what is stratified by hospital."""
    events = record.get("risk-table/1", ending.code, "all", "")
    table = clock.table(CauseTable(events.events, events.censored, events.grid.times))
    if min(table.all_causes.patients) == 0:
        return
    # To `survfit` a status that is no listed cause is a missing one; to `cuminc` it is a cause.
    listed = CauseTable(table.events[: len(ending.causes)], table.censored, table.times)
    for place, (cause, _) in enumerate(ending.causes):
        name = f"cr.{cause}."
        for arm in (0, 1):
            curve = cumulative_incidence.cumulative_incidence(table, arm, place)
            yield from _incidence(f"{name}%s.arm{arm}", curve, clock)
            if len(clock.landmarks):
                own = cumulative_incidence.cumulative_incidence(listed, arm, place)
                yield f"{name}aalen_johansen.arm{arm}", _aalen_johansen(own, clock)
        yield from _comparison(name, table, place)


def _incidence(name: str, curve: IncidenceCurve, clock: Clock) -> Answers:
    wanted = {"curve": np.unique([0.0, *curve.times])}
    if len(clock.landmarks):
        wanted["cif"] = clock.landmarks
    for key, times in wanted.items():
        points = cumulative_incidence.at(curve, times)
        yield (
            name % key,
            {"time": points.times, "est": points.incidence, "var": points.std_error**2},
        )


def _aalen_johansen(curve: IncidenceCurve, clock: Clock) -> dict[str, Any]:
    points = cumulative_incidence.at(curve, clock.landmarks)
    return {
        "time": points.times,
        "est": points.incidence,
        "std_err_ij": points.jackknife_std_error,
    }


def _comparison(name: str, table: CauseTable, place: int) -> Answers:
    test = gray(table, place).test
    if test.statistic >= 0:  # a number
        yield f"{name}gray", {"stat": test.statistic, "p": test.p_value, "df": test.df}
    try:
        hazards = cox.fit(table.cause(place))
        yield f"{name}causespecific_cox", cox_numbers(hazards, robust=False)
        subdistribution = fine_gray(table, place)
    except NotEstimable:
        return
    if not table.times[0] > 0:  # `crr` then starts the censoring curve halfway down its first step
        return
    yield f"{name}finegray", {"coef": subdistribution.log_hr, "se": subdistribution.std_error}
