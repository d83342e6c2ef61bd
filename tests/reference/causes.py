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
from protocol.steps.by_hospital import StratifiedGray
from tests.reference.axis import Clock
from tests.reference.bench import Bench
from tests.reference.survival import cox_numbers
from tests.reference.terms import Ending

Answers = Iterator[tuple[str, Any]]


def competing(record: Record, ending: Ending, clock: Clock, bench: Bench) -> Answers:
    """Answer the group `competing`."""
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
        stratified = bench.ask(StratifiedGray(bench.table(ending.code), place)).test
        if stratified.statistic >= 0:
            yield f"{name}gray.strata_site", {
                "stat": stratified.statistic, "p": stratified.p_value,
            }  # fmt: skip


def _incidence(name: str, curve: IncidenceCurve, clock: Clock) -> Answers:
    wanted = {"curve": np.unique([0.0, *curve.times])}
    if len(clock.landmarks):
        wanted["cif"] = clock.landmarks
    last = float(curve.times[-1])
    for key, times in wanted.items():
        points = cumulative_incidence.at(curve, times)
        # `timepoints` says nothing of times after an arm's last patient has left.
        known = np.where(times <= last, 1.0, np.nan)
        estimates = {"est": points.incidence * known, "var": points.std_error**2 * known}
        yield name % key, {"time": points.times, **estimates}


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
