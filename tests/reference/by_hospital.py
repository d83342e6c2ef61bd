"""Results of the group `surv_EP` in which hospitals, or covariates, enter by themselves."""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from protocol.parts.adjusted import NotAdjusted, adjusted_by_hospital, adjusted_pooled
from protocol.parts.by_hospital import agreement
from protocol.plan.columns import model_columns
from protocol.plan.model import Plan
from protocol.run import Played
from protocol.stats import partial_likelihood
from protocol.stats.adjusted import AdjustedFit, adjusted_leeway
from protocol.stats.cox import Cox, NotEstimable, Solution, Ties, fit, score_residuals
from protocol.stats.distributions import ratio
from protocol.stats.exact_ties import fit_exact
from protocol.stats.heterogeneity import RandomEffects
from protocol.stats.logistic import OWN_SHARE, USUAL_INFLATION, largest
from protocol.stats.table import RiskTable
from protocol.steps.adjusted import Adjustment
from protocol.steps.by_hospital import StratifiedFamily
from protocol.steps.clustered import ClusteredSquares, Squares
from protocol.steps.effects import HospitalEffects
from protocol.steps.risk_table import RiskTableStep
from tests.reference.bench import Bench
from tests.reference.survival import comparison, cox_numbers
from tests.reference.terms import Ending, Terms

Answers = Iterator[tuple[str, Any]]
MOST_LEFT_OUT = 7
"""Hospitals beyond which R's script leaves none of them out."""
FEWEST_EFFECTS = 3
EARLY = "fleming-harrington-1-0"
"""What R calls rho = 1."""


def by_hospital(terms: Terms, played: Played, bench: Bench, ending: Ending) -> Answers:
    """Answer what `survival` leaves of the group `surv_EP`."""
    step, name = bench.table(ending.code), f"surv.{ending.name}."
    table = bench.ask(step).table
    if min(table.patients) == 0:
        return
    family = bench.ask(StratifiedFamily(step, (EARLY,)))
    yield from comparison(f"{name}survdiff.rho1.strata_site", family[EARLY])
    yield from _clustered(name, bench, step, table)
    with suppress(NotEstimable):
        yield f"{name}cox.exact", solution_numbers(fit_exact(table), table)
    if terms.covariates and played.findings.model is not None:
        yield from _adjusted(name, terms, played, bench, step)
    yield from _heterogeneity(name, bench, step)
    yield from _left_out(name, bench, step)


def solution_numbers(found: Solution, table: RiskTable) -> dict[str, Any]:
    """Name the numbers of a fit whose robust errors nobody asks for."""
    return cox_numbers(as_cox(found, table), robust=False)


def as_cox(found: Solution, table: RiskTable) -> Cox:
    """Lay out a solution as a fit of the table's patients."""
    return Cox(
        log_hr=found.log_hr,
        std_error=found.terms.information**-0.5,
        robust_std_error=np.nan,
        log_likelihood_null=found.null.log_likelihood,
        log_likelihood=found.terms.log_likelihood,
        score_test=found.null.score**2 / found.null.information,
        robust_score_test=np.nan,
        patients=int(table.patients.sum()),
        events=int(table.events.sum()),
        ties=Ties.EFRON,
        weighted=False,
    )


def with_squares(cox: Cox, squares: Squares, null_score: float) -> Cox:
    """Give a fit the robust error and score test of other sums of squares."""
    return replace(
        cox,
        robust_std_error=squares.estimate**0.5 * cox.std_error**2,
        robust_score_test=ratio(null_score**2, squares.null),
    )


def residual_pair(table: RiskTable, log_hr: float, ties: Ties) -> np.ndarray[Any, Any]:
    """Work out score residuals at no effect and at the estimate."""
    return np.stack([score_residuals(table, b, ties) for b in (0.0, log_hr)])


def null_score(table: RiskTable, ties: Ties) -> float:
    """Work out the score at no effect."""
    return partial_likelihood.terms(table, 0.0, ties).score


def _clustered(name: str, bench: Bench, step: RiskTableStep, table: RiskTable) -> Answers:
    if len(bench.names) < 2:  # the residuals of everybody add up to nothing
        return
    for ties in Ties:
        try:
            cox = fit(table, ties)
        except NotEstimable:
            return
        residuals = residual_pair(table, cox.log_hr, ties)
        squares = bench.ask(ClusteredSquares(step, ties, residuals))
        found = with_squares(cox, squares, null_score(table, ties))
        yield f"{name}cox.{ties}.cluster_site", cox_numbers(found, robust=True)


def _adjusted(
    name: str, terms: Terms, played: Played, bench: Bench, step: RiskTableStep
) -> Answers:
    model = played.findings.model
    assert model is not None
    events = bench.ask(step)
    leaving = events.events.sum(axis=0) + events.censored
    cells = tuple(np.flatnonzero(leaving.any(axis=0)).tolist())
    for ties in Ties:
        asked = Adjustment(model, step.endpoint, ties, tuple(range(model.size)))
        pooled = bench.play(adjusted_pooled(asked, cells))
        if not isinstance(pooled, NotAdjusted) and _told_apart(pooled):
            yield f"{name}cox_multi.{ties}", _adjusted_numbers(terms, model.plan, pooled)
        apart = bench.play(adjusted_by_hospital(asked, 1))
        if not isinstance(apart, NotAdjusted) and _told_apart(apart):
            numbers = _adjusted_numbers(terms, model.plan, apart)
            yield f"{name}cox_multi.{ties}.strata_site", numbers


def _told_apart(found: AdjustedFit) -> bool:
    """Say whether columns differ enough for eight digits of their errors to mean anything."""
    return largest(adjusted_leeway(found.null)) <= 1 / math.sqrt(OWN_SHARE * USUAL_INFLATION)


def _adjusted_numbers(terms: Terms, plan: Plan, found: AdjustedFit) -> dict[str, Any]:
    """Name the numbers as `coxph` does: what the model cannot hold has no coefficient."""
    units = {m.code: m.unit for m in terms.covariates}
    shown = {"arm": "arm"} | {c.name: terms.names[c.name] for c in model_columns(plan)}
    rows: dict[str, dict[str, Any]] = {
        key: dict.fromkeys(shown.values()) for key in ("coef", "hr", "hr_lower", "hr_upper")
    }
    rows["se"] = dict.fromkeys(shown.values(), 0.0)
    half = 1.959963984540054
    for position, column in enumerate(found.names):
        where, unit = shown[column], units.get(column, 1.0)
        b, se = found.raw[position] / unit, found.std_error[position] / unit
        rows["coef"][where], rows["se"][where] = b, se
        with np.errstate(over="ignore"):  # a unit may be so large that its ratio is infinite
            ratios = np.exp([b, b - half * se, b + half * se])
        rows["hr"][where], rows["hr_lower"][where], rows["hr_upper"][where] = ratios
    return rows | {
        "loglik_null": found.null.log_likelihood,
        "loglik": found.terms.log_likelihood,
        "score": found.score_test,
        "wald": found.wald_test,
        "n": found.patients,
        "nevent": found.events,
    }


def _heterogeneity(name: str, bench: Bench, step: RiskTableStep) -> Answers:
    """Show hospitals' own effects, each as the sum over one hospital, and what they add up to."""
    own = {site: bench.alone(site).ask(HospitalEffects(step)) for site in bench.names}
    there = {site: found.sums for site, found in own.items() if found.hospitals}
    if len(there) < FEWEST_EFFECTS:
        return
    found = bench.play(agreement(step))
    if found is None or found.restricted is None:
        return
    fixed = found.fixed
    yield f"{name}heterogeneity", {
        "sites": {
            "site": list(there),
            "loghr": [sums.wt / sums.w for sums in there.values()],
            "se": [sums.w**-0.5 for sums in there.values()],
        },
        "fixed": {
            "est": fixed.estimate, "se": fixed.std_error, "Q": fixed.spread.statistic,
            "p_Q": fixed.spread.p_value,
        },
        "DL": _varying(found.moments),
        "REML": _varying(found.restricted),
    }  # fmt: skip


def _varying(found: RandomEffects) -> dict[str, float]:
    return {
        "est": found.estimate,
        "se": found.std_error,
        "tau2": found.between_variance,
        "I2": 100 * found.inconsistency,
    }


def _left_out(name: str, bench: Bench, step: RiskTableStep) -> Answers:
    if not 1 < len(bench.names) <= MOST_LEFT_OUT:
        return
    found = {}
    for site in bench.names:
        try:
            cox = fit(bench.without(site).ask(step).table)
        except NotEstimable:
            return
        found[site] = {"coef": cox.log_hr, "se": cox.std_error}
    yield f"{name}leave_one_site_out", found
