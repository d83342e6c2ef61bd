"""Results after a given selection of patients: balance, outcomes, survival."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from protocol.plan.columns import Column
from protocol.run import Played
from protocol.stats import km, log_rank, rmst, tables
from protocol.stats.cox import NotEstimable, fit
from protocol.stats.km import Limits
from protocol.stats.log_rank import LogRank
from protocol.stats.moments import Convention, standardiser
from protocol.stats.table import RiskTable
from protocol.steps.describe import Description
from tests.reference.axis import Clock
from tests.reference.people import apart, moments, units
from tests.reference.plan_of import Selection
from tests.reference.survival import (
    comparison,
    cox_numbers,
    landmark,
    quartiles,
)
from tests.reference.terms import Terms

Answers = Iterator[tuple[str, Any]]


def matched(terms: Terms, played: Played, selection: Selection, clock: Clock) -> Answers:
    """Answer what of the group `match` follows from the selection without knowing the pairs."""
    population, name = f"p{selection.code}", f"match.{selection.name}."
    if terms.covariates:
        yield from _balance(terms, played, population, name)
    if not selection.weighted:
        yield from _outcomes(terms, played, population, name)
    for ending in terms.endings:
        events = played.record.get("risk-table/1", ending.code, population, "")
        table, where = clock.table(events.table), f"{name}{ending.name}."
        if min(table.patients) == 0:
            continue
        yield from _arms(where, table, clock)
        if table.weights is None:
            key = (ending.code, population, "")
            yield from _tests(where, table, played.record.get("stratified-log-rank/1", *key))


def _balance(terms: Terms, played: Played, population: str, name: str) -> Answers:
    before: Description = played.record.get("describe/1", "complete")
    after: Description = played.record.get("describe/1", population)
    if min(*before.patients, *after.patients) == 0:
        return
    found: dict[Convention, dict[str, float]] = {}
    for shown, what, unit in units(terms, played.plan):
        difference = _mean(after, what, unit, 1) - _mean(after, what, unit, 0)
        treated, control = (moments(before, what, unit, arm) for arm in (1, 0))
        for convention in (Convention.POOLED_SD, Convention.TREATED_SD_Q):
            sd = standardiser(treated, control, convention, binary=what.indicator)
            found.setdefault(convention, {})[shown] = apart(difference, sd)
    pooled = found[Convention.POOLED_SD]
    largest = float(np.max(np.abs(list(pooled.values()))))
    yield f"{name}smd", {"smd_pooled_sd": pooled, "max_abs": largest}
    yield f"{name}smd_treated_sd", found[Convention.TREATED_SD_Q]


def _mean(described: Description, what: Column, unit: float, arm: int) -> float:
    weighted = described.weighted(what, arm)
    if weighted is None:
        return moments(described, what, unit, arm).mean
    return weighted.mean * unit


def _outcomes(terms: Terms, played: Played, population: str, name: str) -> Answers:
    for measure in terms.outcomes:
        found = played.record.get("outcome-table/1", f"{measure.code}o", population, "")
        if found is None or measure.levels != ("0", "1") or min(found.patients) == 0:
            continue
        test = tables.two_by_two(found.events, found.patients)
        yield (
            f"{name}{measure.name}",
            {
                "events": {"arm0": test.events[0], "arm1": test.events[1]},
                "n": {"arm0": test.n[0], "arm1": test.n[1]},
                "chisq_nocorrect": test.plain.statistic,
                "p_nocorrect": test.plain.p_value,
                "p_yates": test.yates.p_value,
                "fisher_p": test.fisher_p,
            },
        )


def _arms(name: str, table: RiskTable, clock: Clock) -> Answers:
    for arm in (0, 1):
        sample = table.arm(arm)
        if len(clock.landmarks):
            yield f"{name}landmark.arm{arm}", landmark(sample, clock.landmarks)
        if table.weights is not None:
            continue
        yield f"{name}median.arm{arm}", quartiles(km.curve(sample), Limits.LOG)
        if clock.tau is not None:
            mean = rmst.rmst(sample, clock.tau)
            yield f"{name}rmst.arm{arm}", {"rmst": mean.estimate, "se": mean.std_error}


def _tests(name: str, table: RiskTable, by_hospital: LogRank | None) -> Answers:
    yield from comparison(f"{name}logrank", log_rank.log_rank(table))
    yield from comparison(f"{name}logrank.strata_site", by_hospital)
    try:
        yield f"{name}cox.robust_id", cox_numbers(fit(table), robust=True)
    except NotEstimable:
        return
