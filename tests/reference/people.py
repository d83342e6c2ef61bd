"""Results about who is treated: the propensity model, and balance before matching.

Every number is read off the record of sums of a played study.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from protocol.parts.order import c_statistic, order_statistics
from protocol.parts.propensity import Scores
from protocol.plan.columns import Column, balance_columns, model_columns
from protocol.plan.model import Plan
from protocol.run import Played
from protocol.stats.moments import Convention, Moments, Spread, standardiser, variance_ratio
from protocol.steps.describe import Description
from protocol.steps.value_slices import Propensity
from tests.reference.bench import Bench
from tests.reference.fits import firth_fit, fit_with_hospitals, local_fit, main_fit
from tests.reference.rows import score_rows
from tests.reference.terms import Measure, Terms, measures

Answers = Iterator[tuple[str, Any]]
MAX_COEFFICIENT = 15
"""A fit with hospitals whose coefficients reach beyond is separated and not reported."""
MAX_LOCAL_ERROR = 50
"""A hospital's own fit with a standard error beyond this is no fit."""


def people(terms: Terms, played: Played, bench: Bench) -> Answers:
    """Answer the groups `ps` and `balance`."""
    if terms.covariates:
        yield from _propensity(terms, played, bench)
        yield from _balance(terms, played)


def _propensity(terms: Terms, played: Played, bench: Bench) -> Answers:
    flow = played.record.get("flow/1")
    control, treated = flow.complete
    yield "ps.n_complete", {
        "n": sum(flow.patients), "n_complete": control + treated, "treated": treated,
        "control": control,
    }  # fmt: skip
    missing = {m.name: sum(flow.missing[m.code]) for m in terms.covariates}
    yield "ps.missing_by_column", missing
    scores = main_fit(terms, played)
    if scores is None:
        return
    fitted = _fitted(terms, played.plan, scores)
    if scores.fit.penalty == "firth":  # the covariates separate the arms
        yield "ps.main.firth", {"coef": fitted["coef"], "se": fitted["se"]}
        return
    yield from _fit("ps.main", fitted)
    yield from _scored("ps.main", terms, scores, bench)
    yield from _local(terms, played.plan, len(fitted["coef"]), bench)
    scores = firth_fit(terms)
    if scores is not None:
        fitted = _fitted(terms, scores.model.plan, scores)
        yield "ps.main.firth", {"coef": fitted["coef"], "se": fitted["se"]}
    scores = fit_with_hospitals(terms, played)
    if scores is not None:
        fitted = _fitted(terms, scores.model.plan, scores)
        if max(abs(b) for b in fitted["coef"].values()) < MAX_COEFFICIENT:
            yield from _fit("ps.site_fe", fitted)
            yield from _scored("ps.site_fe", terms, scores, bench)


def _fit(name: str, fitted: dict[str, Any]) -> Answers:
    yield f"{name}.coef", fitted["coef"]
    yield f"{name}.se", fitted["se"]
    yield f"{name}.vcov", {"names": list(fitted["coef"]), "matrix": fitted["vcov"]}


def _scored(name: str, terms: Terms, scores: Scores, bench: Bench) -> Answers:
    """Say how well the model fits, how the scores are spread, and what each patient's is."""
    fit, value = scores.fit, Propensity(scores.model, scores.b)
    low, high = bench.play(order_statistics(value, [1, fit.patients]))
    yield (
        f"{name}.fit",
        {
            "deviance": fit.deviance,
            "null_deviance": fit.null_deviance,
            "loglik": -fit.deviance / 2,
            "aic": fit.deviance + 2 * len(fit.b),
            "df_resid": fit.patients - len(fit.b),
            "auc": bench.play(c_statistic(value)).c_statistic,
        },
    )
    yield f"{name}.lp_summary", {**_spread(scores), "min_ps": low, "max_ps": high}
    yield f"{name}.rows", score_rows(terms.case, scores, bench)


def _spread(scores: Scores) -> dict[str, float]:
    """Read means and SDs of scores off the sums at the solution."""
    sums = scores.at_solution
    pairs = zip(sums.patients, sums.logit, sums.logit_squares, strict=True)
    logit = [Moments(n, 0, x, xx) for n, x, xx in pairs]
    pairs = zip(sums.patients, sums.probability, sums.probability_squares, strict=True)
    propensity = [Moments(n, 0, x, xx) for n, x, xx in pairs]
    all_logits, all_propensities = logit[0] + logit[1], propensity[0] + propensity[1]
    return {
        "sd_lp_pooled": all_logits.sd,
        "mean_lp": all_logits.mean,
        "sd_ps_pooled": all_propensities.sd,
        "mean_ps_t": propensity[1].mean,
        "mean_ps_c": propensity[0].mean,
        "sd_lp_t": logit[1].sd,
        "sd_lp_c": logit[0].sd,
    }


def _local(terms: Terms, plan: Plan, columns: int, bench: Bench) -> Answers:
    """Show hospitals' own fits, each a study of one hospital, where R's script does."""
    found = {}
    for site in bench.names:
        scores = local_fit(plan, bench.alone(site), columns)
        if scores is None:
            continue
        fitted = _fitted(terms, plan, scores)
        if max(fitted["se"].values()) < MAX_LOCAL_ERROR:
            found[site] = {"coef": fitted["coef"], "n": scores.fit.patients}
    if found:
        yield "ps.local_fits", found


def _fitted(terms: Terms, plan: Plan, scores: Scores) -> dict[str, Any]:
    """Name the coefficients, in the case's units; NaN for columns that the model cannot hold."""
    fit = scores.fit
    units = {"(Intercept)": 1.0} | {
        name: 1 / measure.unit for measure in measures(terms) for name in planned(measure)
    }
    names = ["(Intercept)", *(what.name for what in model_columns(plan))]
    places = [names.index(name) for name in fit.names]
    scale = np.array([units[name] for name in fit.names])
    coefficients, covariance = np.full(len(names), np.nan), np.full((len(names),) * 2, np.nan)
    coefficients[places] = fit.raw * scale
    covariance[np.ix_(places, places)] = fit.covariance * np.outer(scale, scale)
    shown = [terms.names[name] for name in names]
    return {
        "coef": dict(zip(shown, coefficients, strict=True)),
        "se": dict(zip(shown, np.sqrt(np.diag(covariance)), strict=True)),
        "vcov": covariance,
    }


def planned(measure: Measure) -> list[str]:
    """Name a measure's columns as the plan does."""
    return [name.replace(measure.name, measure.code, 1) for name in measure.columns]


def units(terms: Terms, plan: Plan) -> list[tuple[str, Column, float]]:
    """List the columns of a balance table: name in the case, column, unit."""
    named = [(name, m.unit) for m in terms.covariates for name in m.columns]
    columns = balance_columns(plan)
    return [(name, what, unit) for (name, unit), what in zip(named, columns, strict=True)]


def moments(described: Description, what: Column, unit: float, arm: int) -> Moments:
    """Read the moments of a column in one arm, in the case's unit."""
    m = described.moments(what, arm)
    return Moments(m.n, m.missing, m.total * unit, m.squares * unit * unit, m.centre * unit)


def apart(difference: float, sd: float) -> float:
    """Standardise as R divides: 0/0 is no number."""
    return difference / sd if sd else math.nan if difference == 0 else difference * math.inf


def _balance(terms: Terms, played: Played) -> Answers:
    described: Description = played.record.get("describe/1", "complete")
    n0, n1 = described.patients
    if min(n0, n1) == 0:
        return
    rows: dict[str, dict[str, float]] = {}
    for name, what, unit in units(terms, played.plan):
        control, treated = (moments(described, what, unit, arm) for arm in (0, 1))
        before = control, treated
        for key, value in contrast(before, before, binary=what.indicator).items():
            rows.setdefault(key, {})[name] = value
    yield "balance.unweighted", rows
    yield "weights.unweighted", {
        "sum_t": n1, "sum_c": n0, "sumsq_t": n1, "sumsq_c": n0, "ess_t": n1, "ess_c": n0,
        "max": 1, "min": 1,
    }  # fmt: skip


def contrast(
    before: tuple[Moments, Moments], after: tuple[Spread, Spread], *, binary: bool
) -> dict[str, float]:
    """Compare a column between comparator and treated.

    Means are those after weighting; they are divided by spreads before it, or by their own.
    """
    control, treated = before
    weighted_control, weighted_treated = after
    difference = weighted_treated.mean - weighted_control.mean
    spreads = {
        convention.value: standardiser(treated, control, convention, binary=binary)
        for convention in (Convention.POOLED_SD, Convention.POOLED_SD_N1, Convention.TREATED_SD)
    }
    variance = (weighted_treated.variance + weighted_control.variance) / 2
    spreads["smd_weighted_sd"] = math.sqrt(variance)
    return {
        "mean_t": weighted_treated.mean,
        "mean_c": weighted_control.mean,
        **{name: apart(difference, sd) for name, sd in spreads.items()},
        "var_ratio": variance_ratio(weighted_treated, weighted_control),
    }
