"""Results where the propensity score weighs the complete cases: balance, curves, tests, Cox."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from protocol.parts.by_hospital import stratified_hazards
from protocol.parts.order import order_statistics
from protocol.plan.columns import Column
from protocol.run import Played
from protocol.stats import km, log_rank, rmst
from protocol.stats.cox import NotEstimable, Ties, fit
from protocol.stats.km import Limits
from protocol.stats.moments import WeightedMoments
from protocol.stats.survey import survey_log_rank
from protocol.stats.table import Reals, RiskTable, Sample
from protocol.steps.describe import Description
from protocol.steps.risk_table import RiskTableStep
from protocol.steps.value_slices import PatientWeight
from protocol.steps.weighting import Weighted
from tests.reference.axis import Clock
from tests.reference.bench import Bench
from tests.reference.by_hospital import with_squares
from tests.reference.people import contrast, moments, units
from tests.reference.survival import cox_numbers, limits_at, quartiles, stratified_cox
from tests.reference.terms import Terms

Answers = Iterator[tuple[str, Any]]

WITH_CURVES = ("ate", "overlap")
WITH_TESTS = ("ate", "sate", "att", "overlap")
WITH_TIMES = (*WITH_TESTS, "matching")
"""Weights of which R's script reports curves, tests of weighted arms, and anything with a time."""


def weighted(terms: Terms, played: Played, clock: Clock, bench: Bench) -> Answers:
    """Answer the groups `balance` and `weighted_EP` for the weightings of a played study."""
    for weighting in played.plan.weightings:
        weights = weighting.name
        yield from _balance(terms, played, weights)
        population = next(p for p in played.findings.populations if p.name == weights)
        assert isinstance(population, Weighted)
        yield from _weights(played, population, bench)
        for ending in terms.endings if weights in WITH_TIMES else ():
            events = played.record.get("risk-table/1", ending.code, weights, "")
            table = clock.table(events.table)
            if min(table.patients) > 0:
                name = f"weighted.{ending.name}.{weights}."
                yield from _survival(name, table, clock, weights)
                if weights in WITH_CURVES:
                    step = bench.table(ending.code, population)
                    yield from _by_hospital(name, bench, step, table)


def _weights(played: Played, population: Weighted, bench: Bench) -> Answers:
    """Add up the weights by arm, and find the largest and the smallest."""
    after: Description = played.record.get("describe/1", population.name)
    (c, c_squares), (t, t_squares) = after.opened.sums["weight"].tolist()
    if min(after.patients) == 0:
        return
    value, patients = PatientWeight(population), sum(after.patients)
    low, high = bench.play(order_statistics(value, [1, patients]))
    yield f"weights.{population.name}", {
        "sum_t": t, "sum_c": c, "sumsq_t": t_squares, "sumsq_c": c_squares,
        "ess_t": t * t / t_squares, "ess_c": c * c / c_squares, "max": high, "min": low,
    }  # fmt: skip


def _by_hospital(name: str, bench: Bench, step: RiskTableStep, table: RiskTable) -> Answers:
    """Fit with hazards of each hospital's own and a robust error, from sums of each trip."""
    for ties in Ties:
        _, record = bench.recorded(stratified_hazards(step, ties, squares=True))
        key = (step.endpoint.name, step.population.name, "")
        squares = record.get("stratified-squares/1", *key, str(ties))
        cox = stratified_cox(record, key[0], key[1], ties, table)
        if squares is None or cox is None:
            continue
        null = record.get("stratified-cox/1", *key, str(ties), 0).terms.score
        found = with_squares(cox, squares, null)
        yield f"{name}cox.{ties}.strata_site", cox_numbers(found, robust=True)


def _balance(terms: Terms, played: Played, weights: str) -> Answers:
    before: Description = played.record.get("describe/1", "complete")
    after: Description = played.record.get("describe/1", weights)
    if min(after.patients) < 2:  # one patient has no variance, and rounding may lend one
        return
    rows: dict[str, dict[str, float]] = {}
    for name, what, unit in units(terms, played.plan):
        own = [moments(before, what, unit, arm) for arm in (0, 1)]
        now = [_weighted_moments(after, what, unit, arm) for arm in (0, 1)]
        found = contrast((own[0], own[1]), (now[0], now[1]), binary=what.indicator)
        for key, value in found.items():
            rows.setdefault(key, {})[name] = value
    yield f"balance.{weights}", rows


def _weighted_moments(
    described: Description, what: Column, unit: float, arm: int
) -> WeightedMoments:
    """Read the weighted moments of a column in one arm, in the case's unit."""
    m = described.weighted(what, arm)
    assert m is not None
    return WeightedMoments(
        m.sum_w, m.sum_w2, m.sum_wx * unit, m.sum_wx2 * unit * unit, m.centre * unit
    )


def _survival(name: str, table: RiskTable, clock: Clock, weights: str) -> Answers:
    for arm in (0, 1):
        yield from _arm(f"{name}%s.arm{arm}", table.arm(arm), clock, weights)
    if weights in WITH_TESTS:
        yield from _tests(name, table)
    for ties in Ties:
        try:
            cox = fit(table, ties)
        except NotEstimable:
            continue
        yield f"{name}cox.{ties}", cox_numbers(cox, robust=True)


def _arm(name: str, sample: Sample, clock: Clock, weights: str) -> Answers:
    curve = km.curve(sample)
    if weights in WITH_CURVES:
        yield name % "km", _events_only(curve)
    if len(clock.landmarks):
        yield name % "landmark", _landmark(curve, clock.landmarks)
    yield name % "median", quartiles(curve, Limits.LOG)
    if clock.tau is not None:
        mean = rmst.rmst(sample, clock.tau)
        yield name % "rmst", {
            "tau": clock.tau, "rmst": mean.estimate, "se_greenwood": mean.std_error,
        }  # fmt: skip


def _events_only(curve: km.Curve) -> dict[str, Any]:
    """List the curve at the times of events, with sums of weights for numbers of patients."""
    columns = {
        "time": curve.times,
        "n_risk": curve.at_risk,
        "n_event": curve.events,
        "n_censor": curve.censored,
        "surv": curve.survival,
        "std_err_robust": curve.robust_std_error,
        "cumhaz": curve.cumulative_hazard,
        "std_err_greenwood": curve.std_error,
    }
    return {key: np.asarray(column)[curve.events > 0] for key, column in columns.items()}


def _landmark(curve: km.Curve, landmarks: Reals) -> dict[str, Any]:
    """Read survival at fixed times, with robust limits."""
    points = km.at(curve, landmarks)
    return {
        "time": points.times,
        "n_risk": points.at_risk,
        "surv": points.survival,
        "std_err_robust": points.robust_std_error,
        **limits_at(curve, points, robust=True),
        "std_err_greenwood": points.std_error,
    }


def _tests(name: str, table: RiskTable) -> Answers:
    test = log_rank.xie_liu(table)
    if test.variance > 0:
        yield f"{name}logrank.xie_liu", {
            "G": test.difference, "var": test.variance, "chisq": test.chi_square,
            "p": test.p_value,
        }  # fmt: skip
    survey = survey_log_rank(table)
    if survey.std_error > 0:
        yield f"{name}logrank.svylogrank", {
            "score": survey.score, "se": survey.std_error, "z": survey.z,
            "chisq": survey.chi_square, "p": survey.p_value,
        }  # fmt: skip
