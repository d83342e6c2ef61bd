"""Every unweighted, matched and weighted survival result of R that a risk-set table gives."""

from typing import Any

import numpy as np
import pytest

from protocol.stats import km, log_rank, rmst
from protocol.stats.cox import (
    Cox,
    NotEstimable,
    PairCell,
    Ties,
    fit,
    fit_strata,
    pair_robust_variance,
    residual_squares,
    score_residuals,
)
from protocol.stats.distributions import two_sided
from protocol.stats.heterogeneity import effects
from protocol.stats.km import Curve, Limits, Survival
from protocol.stats.log_rank import LogRank
from protocol.stats.table import RiskTable, Sample
from protocol.stats.zph import Transform, zph
from tests.protocol.stats.pooled import ENDPOINTS, assert_agrees, matched, results, rows

Numbers = dict[str, Any]
LIMITS = {"plain": Limits.PLAIN, "log": Limits.LOG, "loglog": Limits.LOG_LOG}


def limits(points: Survival, *, robust: bool = True) -> Numbers:
    found = {}
    for name, kind in LIMITS.items():
        found[f"lo_{name}"], found[f"hi_{name}"] = km.interval(points, kind, robust=robust)
    return found


def curve_columns(curve: Curve) -> Numbers:
    return {
        "time": curve.times,
        "n_risk": curve.at_risk,
        "n_event": curve.events,
        "n_censor": curve.censored,
        "surv": curve.survival,
        "std_err": curve.std_error,
        "cumhaz": curve.cumulative_hazard,
        "se_cumhaz": curve.std_error_cumulative_hazard,
        **limits(curve),
    }


def landmark_columns(sample: Sample, times: Any, *, robust: bool = True) -> Numbers:
    points = km.at(km.curve(sample), times)
    return {
        "time": points.times,
        "n_risk": points.at_risk,
        "surv": points.survival,
        "std_err": points.std_error,
        "std_err_greenwood": points.std_error,
        "std_err_robust": points.robust_std_error,
        **limits(points, robust=robust),
    }


def quantile_columns(sample: Sample, kind: Limits) -> Numbers:
    curve = km.curve(sample)
    found = [km.quantile(curve, p, kind) for p in (0.25, 0.5, 0.75)]
    return {
        "p": [q.p for q in found],
        "est": [q.estimate for q in found],
        "lower": [q.lower for q in found],
        "upper": [q.upper for q in found],
    }


def log_rank_columns(test: LogRank) -> Numbers:
    v = test.variance
    return {
        "observed": test.observed,
        "expected": test.expected,
        "var": [[v, -v], [-v, v]],
        "chisq": test.chi_square,
        "df": 1,
        "p": test.p_value,
    }


def cox_columns(cox: Cox, *, robust: bool) -> Numbers:
    lower, upper = cox.interval(robust=robust)
    return {
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
        "robust_se": cox.robust_std_error,
        "robust_score": cox.robust_score_test,
    }


class Reference:
    """The results of one file, each to be asked for by its full name."""

    def __init__(self, case: str, group: str) -> None:
        self.results = results(case, group)

    def assert_agrees(self, name: str, found: object) -> None:
        wanted = self.results[name]
        assert_agrees(found, wanted["value"], wanted["tol"], name)


@pytest.mark.parametrize(("case", "endpoint"), ENDPOINTS)
def test_curves(case: str, endpoint: str) -> None:
    reference, table = Reference(case, f"surv_{endpoint}"), rows(case).table(endpoint)
    name = f"surv.{endpoint}."
    for arm in (0, 1):
        sample, a = table.arm(arm), f".arm{arm}"
        reference.assert_agrees(f"{name}km{a}", curve_columns(km.curve(sample)))
        reference.assert_agrees(
            f"{name}landmark{a}", landmark_columns(sample, rows(case).landmarks)
        )
        quantiles = {n: quantile_columns(sample, kind) for n, kind in LIMITS.items()}
        reference.assert_agrees(f"{name}quantiles{a}", quantiles)
        followed = km.quantile(km.curve(sample.reversed())).estimate
        reference.assert_agrees(f"{name}reverse_km_median{a}", followed)
    reference.assert_agrees(f"{name}km.all", curve_columns(km.curve(table.pooled())))


@pytest.mark.parametrize(("case", "endpoint"), ENDPOINTS)
def test_arms_at_fixed_times(case: str, endpoint: str) -> None:
    reference, table = Reference(case, f"surv_{endpoint}"), rows(case).table(endpoint)
    tau, name = rows(case).tau, f"surv.{endpoint}."
    means = [rmst.rmst(table.arm(arm), tau) for arm in (0, 1)]
    for arm, mean in enumerate(means):
        found = {"tau": mean.tau, "rmst": mean.estimate, "se": mean.std_error}
        reference.assert_agrees(f"{name}rmst.arm{arm}", found)
    gain = rmst.difference(means[1], means[0])
    days: Numbers = {"diff": gain.estimate, "se": gain.std_error, "p": gain.p_value}
    days["lower"], days["upper"] = gain.interval()
    reference.assert_agrees(f"{name}rmst_diff", days)
    points = [km.at(km.curve(table.arm(arm)), rows(case).landmarks) for arm in (0, 1)]
    apart = km.landmark_difference(points[1], points[0])
    numbers: Numbers = {
        "time": apart.times,
        "diff": apart.difference,
        "se": apart.std_error,
        "z_plain": apart.z_plain,
        "z_cloglog": apart.z_cloglog,
    }
    reference.assert_agrees(f"{name}landmark_diff", numbers)
    assert apart.p_plain[0] == two_sided(apart.z_plain[0])


@pytest.mark.parametrize(("case", "endpoint"), ENDPOINTS)
def test_log_rank_tests(case: str, endpoint: str) -> None:
    reference, table = Reference(case, f"surv_{endpoint}"), rows(case).table(endpoint)
    name = f"surv.{endpoint}."
    for rho in (0, 1):
        reference.assert_agrees(
            f"{name}survdiff.rho{rho}", log_rank_columns(log_rank.log_rank(table, rho))
        )
        sites = [log_rank.log_rank(t, rho) for t in by_site(case, endpoint)]
        stratified = sum(sites[1:], start=sites[0])
        reference.assert_agrees(
            f"{name}survdiff.rho{rho}.strata_site", log_rank_columns(stratified)
        )
    family = {
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
    tests = {n: log_rank.log_rank(table, weighting=w) for n, w in family.items()}
    numbers = {
        n: {"U": t.difference, "var": t.variance, "chisq": t.chi_square, "p": t.p_value}
        for n, t in tests.items()
    }
    reference.assert_agrees(f"{name}logrank_family", numbers)


@pytest.mark.parametrize("ties", Ties)
@pytest.mark.parametrize(("case", "endpoint"), ENDPOINTS)
def test_hazard_ratios(case: str, endpoint: str, ties: Ties) -> None:
    reference, table = Reference(case, f"surv_{endpoint}"), rows(case).table(endpoint)
    name = f"surv.{endpoint}.cox.{ties}"
    cox = fit(table, ties)
    reference.assert_agrees(name, cox_columns(cox, robust=False))
    reference.assert_agrees(f"{name}.robust", cox_columns(cox, robust=True))
    stratified = fit_strata(by_site(case, endpoint), ties)
    reference.assert_agrees(f"{name}.strata_site", cox_columns(stratified, robust=False))


@pytest.mark.parametrize("transform", Transform)
@pytest.mark.parametrize(("case", "endpoint"), ENDPOINTS)
def test_proportional_hazards(case: str, endpoint: str, transform: Transform) -> None:
    table = rows(case).table(endpoint)
    found = zph(table, fit(table).log_hr, transform=transform)
    numbers = {"chisq": found.statistic, "df": found.df, "p": found.p_value}
    reference = Reference(case, f"surv_{endpoint}")
    reference.assert_agrees(f"surv.{endpoint}.zph.{transform}", numbers)


DESIGNS = ["pooled_1to1", "site_1to1", "pooled_1to1_nocaliper", "exact_1to1"]


@pytest.mark.parametrize(
    ("case", "endpoint", "design"),
    [(c, e, d) for c, e in ENDPOINTS for d in DESIGNS if c == "crlm" or d != "exact_1to1"],
)
def test_matched_pairs(case: str, endpoint: str, design: str) -> None:
    reference, pooled = Reference(case, "match"), rows(case)
    taken, name = matched(case, design) > 0, f"match.{design}.{endpoint}."
    table = pooled.table(endpoint, taken)
    for arm in (0, 1):
        sample, a = table.arm(arm), f".arm{arm}"
        reference.assert_agrees(f"{name}landmark{a}", landmark_columns(sample, pooled.landmarks))
        reference.assert_agrees(f"{name}median{a}", quantile_columns(sample, Limits.LOG))
        mean = rmst.rmst(sample, pooled.tau)
        reference.assert_agrees(f"{name}rmst{a}", {"rmst": mean.estimate, "se": mean.std_error})
    reference.assert_agrees(f"{name}logrank", log_rank_columns(log_rank.log_rank(table)))
    sites = [log_rank.log_rank(t) for t in by_site(case, endpoint, taken)]
    reference.assert_agrees(
        f"{name}logrank.strata_site", log_rank_columns(sum(sites[1:], start=sites[0]))
    )
    reference.assert_agrees(f"{name}cox.robust_id", cox_columns(fit(table), robust=True))


@pytest.mark.parametrize("design", ["pooled_1to1", "site_1to1"])
@pytest.mark.parametrize(("case", "endpoint"), ENDPOINTS)
def test_pairs_of_known_partners(case: str, endpoint: str, design: str) -> None:
    """With every pair a cell of its own the variance is R's, clustered by pair."""
    reference, pooled = Reference(case, "match"), rows(case)
    table = pooled.table(endpoint, matched(case, design) > 0)
    cox, what = fit(table), pooled.dictionary["endpoints"][endpoint]
    days = pooled.number(what["time"]).astype(np.intp)
    event = (pooled.number(what["status"]) == what["event"]).astype(np.intp)
    residual = score_residuals(table, cox.log_hr)[pooled.arm, days, event]
    row = {int(patient): k for k, patient in enumerate(pooled.columns["id"])}
    pairs = reference.results[f"match.{design}.pairs"]["value"]
    cells = [
        PairCell(residual[row[focal]], residual[row[control]], 1)
        for focal, control in zip(pairs["treated_id"], pairs["control_id_1"], strict=True)
    ]
    squares = residual_squares(table, cox.log_hr)
    variance = pair_robust_variance(cox.std_error**-2, squares, cells)
    wanted = reference.results[f"match.{design}.{endpoint}.cox.cluster_pair"]
    assert_agrees(variance**0.5, wanted["value"]["robust_se"], wanted["tol"])


@pytest.mark.parametrize(("case", "endpoint"), ENDPOINTS)
def test_hospitals_apart(case: str, endpoint: str) -> None:
    """Five sums over hospitals give metafor's fixed effect, Q, I2 and tau2."""
    reference = Reference(case, f"surv_{endpoint}")
    wanted = reference.results[f"surv.{endpoint}.heterogeneity"]
    fits = []
    for table in by_site(case, endpoint):
        try:
            fits.append(fit(table))
        except NotEstimable:
            continue
    t = np.array([cox.log_hr for cox in fits if abs(cox.log_hr) <= 5])
    w = np.array([cox.std_error**-2 for cox in fits if abs(cox.log_hr) <= 5])
    found = effects(len(t), w.sum(), (w * w).sum(), (w * t).sum(), (w * t * t).sum())
    fixed = {
        "est": found.estimate,
        "se": found.std_error,
        "Q": found.spread.statistic,
        "p_Q": found.spread.p_value,
    }
    assert_agrees(fixed, wanted["value"]["fixed"], wanted["tol"])
    between = {"tau2": found.between_variance, "I2": 100 * found.inconsistency}
    by_r = wanted["value"]["DL"]
    assert_agrees(between, {key: by_r[key] for key in between}, wanted["tol"])


@pytest.mark.parametrize(("case", "endpoint"), ENDPOINTS)
def test_two_controls_for_one(case: str, endpoint: str) -> None:
    """Without robust errors, which need to know the sets."""
    reference, pooled = Reference(case, "match"), rows(case)
    weight = matched(case, "site_1to2")
    table = pooled.table(endpoint, weight > 0, weight)
    for arm in (0, 1):
        found = landmark_columns(table.arm(arm), pooled.landmarks, robust=False)
        reference.assert_agrees(f"match.site_1to2.{endpoint}.landmark.arm{arm}", found)
    wanted = reference.results[f"match.site_1to2.{endpoint}.cox.cluster_pair"]
    plain = ("coef", "se", "hr", "loglik_null", "loglik", "score", "n", "nevent")
    assert_agrees(
        cox_columns(fit(table), robust=False),
        {key: wanted["value"][key] for key in plain},
        wanted["tol"],
    )


WEIGHTINGS = ["ate", "sate", "att", "overlap", "matching"]


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize(("case", "endpoint"), ENDPOINTS)
def test_weighted_curves(case: str, endpoint: str, weighting: str) -> None:
    reference, pooled = Reference(case, f"weighted_{endpoint}"), rows(case)
    table = pooled.table(endpoint, weight=pooled.weights(weighting))
    name = f"weighted.{endpoint}.{weighting}."
    for arm in (0, 1):
        sample, a = table.arm(arm), f".arm{arm}"
        reference.assert_agrees(f"{name}landmark{a}", landmark_columns(sample, pooled.landmarks))
        reference.assert_agrees(f"{name}median{a}", quantile_columns(sample, Limits.LOG))
        mean = rmst.rmst(sample, pooled.tau)
        numbers = {"tau": mean.tau, "rmst": mean.estimate, "se_greenwood": mean.std_error}
        reference.assert_agrees(f"{name}rmst{a}", numbers)
        if f"{name}km{a}" in reference.results:
            reference.assert_agrees(f"{name}km{a}", weighted_curve_columns(km.curve(sample)))


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize(("case", "endpoint"), ENDPOINTS)
def test_weighted_arms(case: str, endpoint: str, weighting: str) -> None:
    reference, pooled = Reference(case, f"weighted_{endpoint}"), rows(case)
    weight = pooled.weights(weighting)
    table = pooled.table(endpoint, weight=weight)
    name = f"weighted.{endpoint}.{weighting}."
    for ties in Ties:
        cox = fit(table, ties)
        reference.assert_agrees(f"{name}cox.{ties}", cox_columns(cox, robust=True))
        assert cox.interval() == cox.interval(robust=True)
        if f"{name}cox.{ties}.strata_site" in reference.results:
            stratified = fit_strata(by_site(case, endpoint, weight=weight), ties)
            reference.assert_agrees(
                f"{name}cox.{ties}.strata_site", cox_columns(stratified, robust=True)
            )
    if f"{name}logrank.xie_liu" in reference.results:
        test = log_rank.xie_liu(table)
        numbers = {
            "G": test.difference, "var": test.variance, "chisq": test.chi_square, "p": test.p_value,
        }  # fmt: skip
        reference.assert_agrees(f"{name}logrank.xie_liu", numbers)


def weighted_curve_columns(curve: Curve) -> Numbers:
    died = curve.events > 0
    columns = curve_columns(curve)
    columns["std_err_greenwood"] = curve.std_error
    columns["std_err_robust"] = curve.robust_std_error
    return {name: column[died] for name, column in columns.items()}


def by_site(case: str, endpoint: str, keep: Any = None, weight: Any = None) -> list[RiskTable]:
    pooled = rows(case)
    keep = np.ones(len(pooled.arm), dtype=np.bool_) if keep is None else keep
    return [pooled.table(endpoint, keep & (pooled.site == s), weight) for s in pooled.sites]
