"""Results about times, from risk tables: curves, tests, hazard ratios."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from protocol.question import Record
from protocol.stats import km, log_rank, rmst
from protocol.stats.cox import Cox, CoxTerms, NotEstimable, Ties, converged, fit
from protocol.stats.distributions import normal_quantile
from protocol.stats.km import Curve, Limits, Survival
from protocol.stats.log_rank import LogRank
from protocol.stats.table import Reals, RiskTable, Sample
from protocol.stats.zph import Transform, zph
from protocol.steps.stratified import StratifiedCox
from tests.reference.axis import Clock
from tests.reference.terms import Ending

Answers = Iterator[tuple[str, Any]]
LIMITS = {"plain": Limits.PLAIN, "log": Limits.LOG, "loglog": Limits.LOG_LOG}
QUARTILES = (0.25, 0.5, 0.75)
FAMILY = {
    "logrank": log_rank.fleming_harrington(0, 0),
    "gehan_breslow": log_rank.gehan,
    "tarone_ware": log_rank.tarone_ware,
    "peto_peto_S1": log_rank.peto_peto,
    "modified_peto_S2": log_rank.modified_peto_peto,
    "fh_1_0": log_rank.fleming_harrington(1, 0),
    "fh_0_1": log_rank.fleming_harrington(0, 1),
    "fh_1_1": log_rank.fleming_harrington(1, 1),
    "fh_0.5_0.5": log_rank.fleming_harrington(0.5, 0.5),
}


def survival(record: Record, ending: Ending, clock: Clock) -> Answers:
    """Answer the group `surv_EP`."""
    events = record.get("risk-table/1", ending.code, "all", "")
    table, name = clock.table(events.table), f"surv.{ending.name}."
    if min(table.patients) == 0:  # nobody to compare, or to draw a curve of
        return
    for arm in (0, 1):
        yield from _arm(f"{name}%s.arm{arm}", table.arm(arm), clock)
    yield f"{name}km.all", _curve_of_all(km.curve(table.pooled()))
    yield from _apart(name, table, clock)
    yield from _log_ranks(name, table, record.get("stratified-log-rank/1", ending.code, "all", ""))
    yield from _hazards(name, table)
    for ties in Ties:
        found = stratified_cox(record, ending.code, "all", ties, table)
        if found is not None:
            yield f"{name}cox.{ties}.strata_site", cox_numbers(found, robust=False)


def _arm(name: str, sample: Sample, clock: Clock) -> Answers:
    curve = km.curve(sample)
    yield name % "km", _curve(curve)
    if len(clock.landmarks):
        yield name % "landmark", landmark(sample, clock.landmarks)
    yield name % "quantiles", {key: quartiles(curve, kind) for key, kind in LIMITS.items()}
    if clock.tau is not None:
        mean = rmst.rmst(sample, clock.tau)
        yield name % "rmst", {"tau": clock.tau, "rmst": mean.estimate, "se": mean.std_error}
    yield name % "reverse_km_median", km.quantile(km.curve(sample.reversed())).estimate


def _curve(curve: Curve) -> dict[str, Any]:
    return {
        **_curve_of_all(curve),
        "cumhaz": curve.cumulative_hazard,
        "se_cumhaz": curve.std_error_cumulative_hazard,
        **limits(curve, robust=False),
    }


def _curve_of_all(curve: Curve) -> dict[str, Any]:
    return {
        "time": curve.times,
        "n_risk": curve.at_risk,
        "n_event": curve.events,
        "n_censor": curve.censored,
        "surv": curve.survival,
        "std_err": curve.std_error,
    }


def limits(points: Survival, *, robust: bool) -> dict[str, Any]:
    """Find limits of survival of all three kinds, by Greenwood's or the robust errors."""
    found = {}
    for name, kind in LIMITS.items():
        found[f"lo_{name}"], found[f"hi_{name}"] = km.interval(points, kind, robust=robust)
    return found


def limits_at(curve: Curve, points: Survival, *, robust: bool) -> dict[str, Any]:
    """Find limits at fixed times; before a curve's first time `summary.survfit` prints 1."""
    early = points.times < min(curve.times, default=math.inf)
    found = limits(points, robust=robust)
    return {name: np.where(early, 1.0, limit) for name, limit in found.items()}


def landmark(sample: Sample, landmarks: Reals) -> dict[str, Any]:
    """Read survival at fixed times, with Greenwood's errors also where patients are weighted."""
    curve = km.curve(sample)
    points = km.at(curve, landmarks)
    return {
        "time": points.times,
        "n_risk": points.at_risk,
        "surv": points.survival,
        "std_err": points.std_error,
        **limits_at(curve, points, robust=False),
    }


def quartiles(curve: Curve, kind: Limits) -> dict[str, Any]:
    """Read the quartiles off a curve."""
    found = [km.quantile(curve, p, kind) for p in QUARTILES]
    return {
        "p": QUARTILES,
        "est": [q.estimate for q in found],
        "lower": [q.lower for q in found],
        "upper": [q.upper for q in found],
    }


def _apart(name: str, table: RiskTable, clock: Clock) -> Answers:
    if clock.tau is not None:
        treated, control = (rmst.rmst(table.arm(arm), clock.tau) for arm in (1, 0))
        gain = rmst.difference(treated, control)
        half = (
            normal_quantile(0.95) * gain.std_error
        )  # 0 where R's script writes the estimate thrice
        yield f"{name}rmst_diff", {
            "diff": gain.estimate, "se": gain.std_error, "lower": gain.estimate - half,
            "upper": gain.estimate + half, "p": gain.p_value,
        }  # fmt: skip
    if len(clock.landmarks):
        points = [km.at(km.curve(table.arm(arm)), clock.landmarks) for arm in (0, 1)]
        gap = km.landmark_difference(points[1], points[0])
        yield f"{name}landmark_diff", {
            "time": gap.times, "diff": gap.difference, "se": gap.std_error,
            "z_plain": gap.z_plain, "z_cloglog": gap.z_cloglog,
        }  # fmt: skip


def _log_ranks(name: str, table: RiskTable, by_hospital: LogRank | None) -> Answers:
    tests = {f"rho{rho}": log_rank.log_rank(table, rho) for rho in (0, 1)}
    for key, test in (*tests.items(), ("rho0.strata_site", by_hospital)):
        yield from comparison(f"{name}survdiff.{key}", test)
    if table.events.any():
        family = {key: log_rank.log_rank(table, weighting=w) for key, w in FAMILY.items()}
        yield (
            f"{name}logrank_family",
            {
                key: {"U": t.difference, "var": t.variance, "chisq": t.chi_square, "p": t.p_value}
                for key, t in family.items()
            },
        )


def comparison(name: str, test: LogRank | None) -> Answers:
    """Name the numbers of a log-rank test as `survdiff` does, if there is one.

    Arms that are never at risk together at an event are not tested.
    """
    if test is None or not test.variance > 0:
        return
    v = test.variance
    yield (
        name,
        {
            "observed": test.observed,
            "expected": test.expected,
            "var": [[v, -v], [-v, v]],
            "chisq": test.chi_square,
            "df": 1,
            "p": test.p_value,
        },
    )


def _hazards(name: str, table: RiskTable) -> Answers:
    try:
        fits = {ties: fit(table, ties) for ties in Ties}
    except NotEstimable:
        return
    for ties, cox in fits.items():
        yield f"{name}cox.{ties}", cox_numbers(cox, robust=False)
        yield f"{name}cox.{ties}.robust", cox_numbers(cox, robust=True)
    for transform in Transform:
        try:
            test = zph(table, fits[Ties.EFRON].log_hr, transform=transform)
        except NotEstimable:
            continue
        yield f"{name}zph.{transform}", {
            "chisq": test.statistic, "df": test.df, "p": test.p_value,
        }  # fmt: skip


def cox_numbers(cox: Cox, *, robust: bool) -> dict[str, Any]:
    """Name the numbers of a fit as `coxph` does."""
    lower, upper = cox.interval(robust=robust)
    found = {
        "coef": cox.log_hr,
        "se": cox.std_error,
        "hr": cox.hazard_ratio,
        "hr_lower": lower,
        "hr_upper": upper,
        "loglik_null": cox.log_likelihood_null,
        "loglik": cox.log_likelihood,
        "score": cox.score_test,
        "wald": cox.robust_wald_test if robust else cox.wald_test,
        "n": cox.patients,
        "nevent": cox.events,
    }
    if robust:
        found |= {"robust_se": cox.robust_std_error, "robust_score": cox.robust_score_test}
    return found


def stratified_cox(
    record: Record, endpoint: str, population: str, ties: Ties, table: RiskTable
) -> Cox | None:
    """Read the fit with hazards of each hospital's own: the first and the last trip's terms."""
    trips = [
        (answer.step.log_hr, answer.learnt.terms)
        for answer in record.answers
        if isinstance(answer.step, StratifiedCox)
        and answer.step.key()[:4] == (endpoint, population, "", str(ties))
    ]
    if not trips or not converged(trips[-1][1]):
        return None
    null: CoxTerms = trips[0][1]
    b, here = trips[-1]
    return Cox(
        log_hr=b,
        std_error=1 / math.sqrt(here.information),
        robust_std_error=math.nan,
        log_likelihood_null=null.log_likelihood,
        log_likelihood=here.log_likelihood,
        score_test=null.score**2 / null.information,
        robust_score_test=math.nan,
        patients=int(table.patients.sum()),
        events=int(table.events.sum()),
        ties=ties,
        weighted=False,
    )
