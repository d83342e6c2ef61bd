"""Every estimate and test of a study as one row each, as R's `broom` names them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from coordinator.report.choice import effective, weighs
from protocol.results.model import (
    BinaryResult,
    CauseResult,
    Estimate,
    HazardRatio,
    Pair,
    Results,
    SurvivalResult,
)

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
)
"""Columns of `estimates.csv`; `time` is in the study's unit, or the share of a quantile.

`cause` names one of several competing causes, and is empty for everything else.
"""

BOTH = "treated - comparator"


@dataclass(frozen=True)
class _Row:
    """One row of `estimates.csv` without its place."""

    arm: str
    term: str
    method: str = ""
    time: float | None = None
    estimate: float = math.nan
    std_error: float = math.nan
    conf_low: float = math.nan
    conf_high: float = math.nan
    statistic: float = math.nan
    p_value: float = math.nan


def _of(arm: str, term: str, found: Estimate, method: str = "", time: float | None = None) -> _Row:
    return _Row(
        arm,
        term,
        method,
        time,
        found.estimate,
        found.std_error,
        found.conf_low,
        found.conf_high,
        math.nan,
        found.p_value,
    )


def estimates(results: Results) -> Table:
    """Lay out `estimates.csv`."""
    return Table(ESTIMATES, tuple(_estimates(results)))


def _estimates(results: Results) -> Iterator[tuple[Cell, ...]]:
    arms = results.study.arms
    for survival in results.survival:
        for row in _survival_rows(survival, arms):
            yield _placed(_place(survival), row, arms)
    for binary in results.binary:
        weighted = effective(results, binary.population) is not None
        for row in _binary_rows(binary, arms, weighted=weighted):
            yield _placed(_place(binary), row, arms)
    whole = {(r.endpoint, r.population): r for r in results.survival if not r.level}
    for found in results.competing:
        place = _place(whole[found.endpoint, found.population])
        for cause in found.causes:
            here = replace(place, events=cause.events, cause=cause.cause)
            for row in _cause_rows(cause, arms):
                yield _placed(here, row, arms)


@dataclass(frozen=True)
class _Place:
    """Of what a row tells, and in whom."""

    endpoint: str
    population: str
    level: str
    patients: Pair[int]
    events: Pair[int]
    cause: str = ""


def _place(found: SurvivalResult | BinaryResult) -> _Place:
    return _Place(found.endpoint, found.population, found.level, found.patients, found.events)


def _placed(place: _Place, row: _Row, arms: Pair[str]) -> tuple[Cell, ...]:
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


def _survival_rows(found: SurvivalResult, arms: Pair[str]) -> Iterator[_Row]:
    for hr in found.hazard_ratios:
        yield _ratio_row("hazard ratio", hr)
    for test in found.log_rank:
        yield _Row(
            BOTH,
            "log-rank test",
            test.name,
            statistic=test.test.statistic,
            p_value=test.test.p_value,
        )
    for zph in found.proportional_hazards:
        yield _Row(
            BOTH,
            "proportional hazards",
            zph.transform,
            statistic=zph.test.statistic,
            p_value=zph.test.p_value,
        )
    for contrast in found.landmark_contrasts:
        method, time = "robust" if weighs(found) else "Greenwood", float(contrast.time)
        yield _of(BOTH, "survival difference", contrast.difference, method, time)
        yield _Row(BOTH, "survival difference", "log(-log)", time, p_value=contrast.p_value_cloglog)
    if found.mean_time:
        horizon = found.mean_time.horizon
        yield _of(BOTH, "restricted mean time", found.mean_time.difference, time=horizon)
    if found.e_value:
        yield _Row(BOTH, "E-value", "estimate", estimate=found.e_value.estimate)
        yield _Row(BOTH, "E-value", "limit", estimate=found.e_value.limit)
    yield from _arm_rows(found, arms)


def _ratio_row(term: str, hr: HazardRatio) -> _Row:
    return _Row(
        BOTH,
        term,
        hr.method,
        None,
        hr.hazard_ratio,
        hr.std_error,  # of the log hazard ratio, as broom::tidy(exponentiate = TRUE) has it
        hr.conf_low,
        hr.conf_high,
        hr.statistic,
        hr.p_value,
    )


def _arm_rows(found: SurvivalResult, arms: Pair[str]) -> Iterator[_Row]:
    """List what is estimated in each arm by itself."""
    for side in ("comparator", "treated"):
        arm = getattr(arms, side)
        for point in getattr(found.landmarks, side):
            for limits in point.limits:
                yield _Row(
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
            yield _Row(
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
            yield _of(arm, "restricted mean time", mean, time=found.mean_time.horizon)
        yield _Row(arm, "median follow-up", estimate=getattr(found.follow_up, side))


def _cause_rows(found: CauseResult, arms: Pair[str]) -> Iterator[_Row]:
    """List what is estimated of one of several causes."""
    test = found.gray
    yield _Row(BOTH, "Gray's test", statistic=test.statistic, p_value=test.p_value)
    for term, hr in (
        ("cause-specific hazard ratio", found.cause_specific),
        ("subdistribution hazard ratio", found.subdistribution),
    ):
        if hr is not None:
            yield _ratio_row(term, hr)
    for side in ("comparator", "treated"):
        for point in getattr(found.landmarks, side):
            yield _Row(
                getattr(arms, side),
                "cumulative incidence",
                "log-log",
                float(point.time),
                point.incidence,
                point.std_error,
                point.conf_low,
                point.conf_high,
            )


def _binary_rows(found: BinaryResult, arms: Pair[str], *, weighted: bool) -> Iterator[_Row]:
    """List what is estimated of an outcome without a time; weighted patients have no tests."""
    method = "robust" if weighted else ""
    yield _Row(arms.comparator, "risk", method, estimate=found.risk.comparator)
    yield _Row(arms.treated, "risk", method, estimate=found.risk.treated)
    yield _of(BOTH, "risk difference", found.risk_difference, method)
    yield _of(BOTH, "risk ratio", found.risk_ratio, method)
    yield _of(BOTH, "odds ratio", found.odds_ratio, method)
    if weighted:
        return
    for method, test in (
        ("uncorrected", found.chi_square),
        ("Yates", found.chi_square_yates),
    ):
        yield _Row(BOTH, "chi-square test", method, statistic=test.statistic, p_value=test.p_value)
    yield _Row(BOTH, "Fisher's exact test", p_value=found.fisher_p)
