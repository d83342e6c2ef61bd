"""Every estimate and test of a study as one row each, as R's `broom` names them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from coordinator.report.again_lines import again_lines
from coordinator.report.agreement_lines import (
    adjusted_lines,
    agreement_lines,
    interval_lines,
    odds_lines,
    strata_lines,
)
from coordinator.report.choice import effective, weighs
from coordinator.report.lines import BOTH, Line, line_of, ratio_line
from coordinator.report.pair_lines import more_lines
from protocol.results.model import Results
from protocol.results.values.binary import BinaryResult, DoublyRobust
from protocol.results.values.causes import CauseResult
from protocol.results.values.estimates import Pair
from protocol.results.values.survival import SurvivalResult

Cell = str | float | int | None


@dataclass(frozen=True)
class Table:
    """Rows under a header, all of one length."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


ESTIMATES = (
    "endpoint",
    "population",
    "level",
    "cause",
    "arm",
    "term",
    "method",
    "time",
    "estimate",
    "std_error",
    "conf_low",
    "conf_high",
    "statistic",
    "p_value",
    "n",
    "events",
    "estimand",
)
"""Columns of `estimates.csv`; `time` is in the study's unit, or the share of a quantile.

`cause` names one of several competing causes, and is empty for everything else. `estimand` says
about whom a comparison is: the population's own, unless a model or strata make it another.
"""

ADJUSTED = "effect at equal covariates, within hospitals"
ROBUST = "effect in all patients with complete covariates"
WITHIN_STRATA = "effect within strata of the score, in all patients with complete covariates"


def estimates(results: Results) -> Table:
    """Lay out `estimates.csv`."""
    about = {card.name: card.estimand for card in results.populations}
    rows = [
        (
            *_placed(place, row, results.study.arms),
            place.estimand or about.get(place.population, ""),
        )
        for place, row in _estimates(results)
    ]
    return Table(ESTIMATES, tuple(rows))


def _estimates(results: Results) -> Iterator[tuple["_Place", Line]]:
    arms = results.study.arms
    for survival in results.survival:
        for row in _survival_rows(survival, arms):
            yield _place(survival), row
    for binary in results.binary:
        weighted = effective(results, binary.population) is not None
        for row in _binary_rows(binary, arms, weighted=weighted):
            yield _place(binary), row
    whole = {(r.endpoint, r.population): r for r in results.survival if not r.level}
    for found in results.competing:
        place = _place(whole[found.endpoint, found.population])
        for cause in found.causes:
            here = replace(place, events=cause.events, cause=cause.cause)
            for row in _cause_rows(cause, arms):
                yield here, row
    yield from _further(results)
    for again, line in again_lines(results):
        n = again.patients if isinstance(again, DoublyRobust) else Pair(0, 0)
        events = again.events if isinstance(again, DoublyRobust) else Pair(0, 0)
        population = "complete" if isinstance(again, DoublyRobust) else again.population
        own = ROBUST if isinstance(again, DoublyRobust) else ""
        yield _Place(again.endpoint, population, "", n, events, estimand=own), line


def _further(results: Results) -> Iterator[tuple["_Place", Line]]:
    """Write what stands beside the main comparison: agreement, adjustment, strata of the score."""
    arms = results.study.arms
    places = {(r.endpoint, r.population): _place(r) for r in results.survival if not r.level}
    for more, line in more_lines(results):
        yield places[more.endpoint, more.population], line
    for found in results.agreement:
        for row in agreement_lines(found):
            yield places[found.endpoint, found.population], row
    for odds in results.odds_by_hospital:
        for row in odds_lines(odds):
            here = _Place(odds.endpoint, odds.population, "", odds.patients, odds.events)
            yield here, row
    for fit in results.adjusted:
        counts = Pair(0, fit.patients), Pair(0, fit.events)  # both arms together
        for row in adjusted_lines(fit):
            yield _Place(fit.endpoint, "complete", "", *counts, estimand=ADJUSTED), row
    if results.stratification is not None:
        for one, row in strata_lines(results.stratification, arms):
            within = _Place(
                one.endpoint, "complete", "", one.patients, one.events, estimand=WITHIN_STRATA
            )
            yield within, row


@dataclass(frozen=True)
class _Place:
    """Of what a row tells, and in whom."""

    endpoint: str
    population: str
    level: str
    patients: Pair[int]
    events: Pair[int]
    cause: str = ""
    estimand: str = ""


def _place(found: SurvivalResult | BinaryResult) -> _Place:
    return _Place(found.endpoint, found.population, found.level, found.patients, found.events)


def _placed(place: _Place, row: Line, arms: Pair[str]) -> tuple[Cell, ...]:
    """Say where a row belongs, and of how many patients and events it tells."""
    n, events = place.patients, place.events
    counts = {
        arms.comparator: (n.comparator, events.comparator),
        arms.treated: (n.treated, events.treated),
    }
    total = (n.comparator + n.treated, events.comparator + events.treated)
    values = (row.estimate, row.std_error, row.conf_low, row.conf_high, row.statistic, row.p_value)
    return (
        *(place.endpoint, place.population, place.level, place.cause),
        row.arm,
        row.term,
        row.method,
        row.time,
        *values,
        *counts.get(row.arm, total),
    )


def _survival_rows(found: SurvivalResult, arms: Pair[str]) -> Iterator[Line]:
    for hr in found.hazard_ratios:
        yield ratio_line("hazard ratio", hr)
    for test in found.log_rank:
        yield Line(
            BOTH,
            "log-rank test",
            test.name,
            statistic=test.test.statistic,
            p_value=test.test.p_value,
        )
    for zph in found.proportional_hazards:
        yield Line(
            BOTH,
            "proportional hazards",
            zph.transform,
            statistic=zph.test.statistic,
            p_value=zph.test.p_value,
        )
    for contrast in found.landmark_contrasts:
        method, time = "robust" if weighs(found) else "Greenwood", float(contrast.time)
        yield line_of(BOTH, "survival difference", contrast.difference, method, time)
        yield Line(BOTH, "survival difference", "log(-log)", time, p_value=contrast.p_value_cloglog)
    if found.mean_time:
        horizon = found.mean_time.horizon
        yield line_of(BOTH, "restricted mean time", found.mean_time.difference, time=horizon)
    if found.e_value:
        yield Line(BOTH, "E-value", "estimate", estimate=found.e_value.estimate)
        yield Line(BOTH, "E-value", "limit", estimate=found.e_value.limit)
    yield from _arm_rows(found, arms)


def _arm_rows(found: SurvivalResult, arms: Pair[str]) -> Iterator[Line]:
    """List what is estimated in each arm by itself."""
    for side in ("comparator", "treated"):
        arm = getattr(arms, side)
        for point in getattr(found.landmarks, side):
            for limits in point.limits:
                yield Line(
                    arm,
                    "survival",
                    limits.kind,
                    float(point.time),
                    point.survival,
                    point.std_error,
                    limits.conf_low,
                    limits.conf_high,
                )
        for q in getattr(found.quantiles, side):
            yield Line(
                arm,
                "quantile",
                "log-log",
                q.share,
                q.estimate,
                math.nan,
                q.conf_low,
                q.conf_high,
            )
        if found.mean_time:
            mean = getattr(found.mean_time.arms, side)
            yield line_of(arm, "restricted mean time", mean, time=found.mean_time.horizon)
        yield Line(arm, "median follow-up", estimate=getattr(found.follow_up, side))


def _cause_rows(found: CauseResult, arms: Pair[str]) -> Iterator[Line]:
    """List what is estimated of one of several causes."""
    test = found.gray
    yield Line(BOTH, "Gray's test", statistic=test.statistic, p_value=test.p_value)
    if within := found.gray_by_hospital:
        yield Line(
            BOTH,
            "Gray's test",
            "by hospital",
            statistic=within.statistic,
            p_value=within.p_value,
        )
    for term, hr in (
        ("cause-specific hazard ratio", found.cause_specific),
        ("subdistribution hazard ratio", found.subdistribution),
    ):
        if hr is not None:
            yield ratio_line(term, hr)
    for side in ("comparator", "treated"):
        for point in getattr(found.landmarks, side):
            yield Line(
                getattr(arms, side),
                "cumulative incidence",
                "log-log",
                float(point.time),
                point.incidence,
                point.std_error,
                point.conf_low,
                point.conf_high,
            )


def _binary_rows(found: BinaryResult, arms: Pair[str], *, weighted: bool) -> Iterator[Line]:
    """List what is estimated of an outcome without a time; weighted patients have no tests."""
    method = "robust" if weighted else ""
    yield Line(arms.comparator, "risk", method, estimate=found.risk.comparator)
    yield Line(arms.treated, "risk", method, estimate=found.risk.treated)
    yield from interval_lines(found, arms)
    yield line_of(BOTH, "risk difference", found.risk_difference, method)
    yield line_of(BOTH, "risk ratio", found.risk_ratio, method)
    yield line_of(BOTH, "odds ratio", found.odds_ratio, method)
    if weighted:
        return
    for method, test in (
        ("uncorrected", found.chi_square),
        ("Yates", found.chi_square_yates),
    ):
        yield Line(BOTH, "chi-square test", method, statistic=test.statistic, p_value=test.p_value)
    yield Line(BOTH, "Fisher's exact test", p_value=found.fisher_p)
