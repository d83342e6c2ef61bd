"""The twenty-four traps of README.md: R's number is met, and the mistaken convention misses it.

Each test computes what somebody would get who fell into the trap, and shows that it is further
from R's result than the tolerance allows. Were the mistake in the system, the test would fail.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protocol.parts.matching import LocalMatch, PooledMatch
from protocol.stats import km, log_rank, rmst, tables, zph
from protocol.stats.competing import CauseTable, tabulate_causes
from protocol.stats.cox import Ties, fit
from protocol.stats.cumulative_incidence import at, cumulative_incidence
from protocol.stats.fine_gray import fine_gray
from protocol.stats.gray import gray
from protocol.stats.logistic import LogisticSums, newton_step
from protocol.stats.moments import Convention, Moments, standardiser
from protocol.stats.survey import survey_log_rank
from protocol.stats.table import Reals, RiskTable, Sample, Weights
from tests.federation.cohorts import clinics, small_plan, walk
from tests.protocol.stats.pooled import matched, results, rows
from tests.reference.answers import answer
from tests.reference.axis import lay_axis
from tests.reference.comparisons import quantile
from tests.reference.made_up import records, with_holes, write
from tests.reference.rows import Scored, nearest

CRLM, GBSG, VETERAN = rows("crlm"), rows("gbsg"), rows("veteran")


def r(case: str, group: str, name: str) -> Any:
    """Look up what R found."""
    return results(case, group)[name]["value"]


def apart(mistaken: float, wanted: float, by: float = 1e-6) -> None:
    """Require a mistake to show."""
    assert abs(mistaken - wanted) > by * max(1.0, abs(wanted))


def test_1_events_precede_censorings_and_tied_tests_differ() -> None:
    table = VETERAN.table("os")
    wanted = r("veteran", "surv_os", "surv.os.survdiff.rho0")["chisq"]
    assert log_rank.log_rank(table).chi_square == pytest.approx(wanted, rel=1e-8)
    for ties in Ties:  # the score test of Cox lacks the factor (n - d)/(n - 1)
        score = fit(table, ties).score_test
        assert score == pytest.approx(r("veteran", "surv_os", f"surv.os.cox.{ties}")["score"])
        apart(score, wanted)
    # Censorings first: those censored on a day would not be at risk of the day's events.
    earlier = np.append(table.censored[:, 1:], np.zeros((2, 1), dtype=np.int64), axis=1)
    moved = RiskTable(table.events, earlier, table.times)
    apart(log_rank.log_rank(moved).chi_square, wanted)


def test_2_efron_counts_deaths_where_patients_are_weighted() -> None:
    weight = VETERAN.weights("ate")
    table = VETERAN.table("os", weight=weight)
    wanted = r("veteran", "weighted_os", "weighted.os.ate.cox.efron")["coef"]
    assert fit(table).log_hr == pytest.approx(wanted, rel=1e-8, abs=1e-10)
    apart(fit(table, Ties.BRESLOW).log_hr, wanted)  # every death sees all the others
    # Deaths counted by weight: one step for each of as many as the weights add up to.
    counts = np.rint(table.weight_events).astype(np.int64)
    rounded = replace(table, events=np.where(table.events > 0, np.maximum(counts, 1), 0))
    apart(fit(rounded).log_hr, wanted)


def test_3_times_nearly_equal_are_one_time() -> None:
    days = [f"{day / 365.25 * 365.25!r}" for day in range(1, 60)]
    assert any(float(text) != round(float(text)) for text in days)
    axis = lay_axis([*days, *map(str, range(1, 60))])
    assert len(axis.times) <= 61
    assert [axis.whole(text) for text in days] == [axis.whole(str(k)) for k in range(1, 60)]


def test_4_limits_of_survival() -> None:
    curve = km.curve(CRLM.table("dfs").arm(0))
    wanted = r("crlm", "surv_dfs", "surv.dfs.landmark.arm0")
    points = km.at(curve, CRLM.landmarks)
    assert points.std_error == pytest.approx(wanted["std_err"], rel=1e-8)
    apart(float((points.std_error / points.survival)[0]), wanted["std_err"][0])  # survfit's own
    for kind, name in ((km.Limits.LOG, "log"), (km.Limits.LOG_LOG, "loglog")):
        lower = km.interval(points, kind)[0]
        assert lower == pytest.approx(wanted[f"lo_{name}"], rel=1e-8)
        apart(lower[0], wanted["lo_plain"][0])
    start = km.at(curve, np.array([0.0]))
    assert math.isnan(float(km.interval(start, km.Limits.LOG_LOG)[0][0]))
    gone = Sample(np.array([1, 1]), np.array([0, 0]), np.array([1.0, 2.0]))
    assert math.isnan(float(km.curve(gone).std_error[-1]))
    ones = np.ones(2)
    heavy = replace(gone, weights=Weights(ones, 0 * ones, ones, 0 * ones))
    robust = km.curve(heavy).robust_std_error
    assert robust is not None
    assert robust[-1] == 0


def test_5_the_variance_of_nelson_and_aalen() -> None:
    curve = km.curve(VETERAN.table("os").arm(0))
    wanted = r("veteran", "surv_os", "surv.os.km.arm0")["se_cumhaz"]
    assert curve.std_error_cumulative_hazard == pytest.approx(wanted, rel=1e-8)
    n, d = curve.at_risk, curve.events
    apart(float(np.sqrt(np.cumsum(d * (n - d) / n**3))[-1]), wanted[-1])


def test_6_the_median_is_the_middle_of_an_interval() -> None:
    half = Sample(np.array([1, 1, 1, 1]), np.zeros(4, dtype=np.int64), np.arange(1.0, 5.0))
    assert km.quantile(km.curve(half)).estimate == 2.5  # S is 1/2 from 2 to 3
    odd = Sample(np.array([1, 1, 1]), np.zeros(3, dtype=np.int64), np.arange(1.0, 4.0))
    assert km.quantile(km.curve(odd)).estimate == 2.0


def test_7_mean_times_have_no_small_sample_factor() -> None:
    sample = VETERAN.table("os").arm(1)
    wanted = r("veteran", "surv_os", "surv.os.rmst.arm1")["se"]
    found = rmst.rmst(sample, VETERAN.tau).std_error
    assert found == pytest.approx(wanted, rel=1e-8)
    m = int(sample.events.sum())
    apart(found * math.sqrt(m / (m - 1)), wanted)


def test_8_weights_of_the_log_rank_family() -> None:
    table, family = VETERAN.table("os"), r("veteran", "surv_os", "surv.os.logrank_family")
    n, d = (table.pooled().at_risk.astype(float), table.pooled().events.astype(float))
    died = d > 0
    n, d = n[died], d[died]
    S = np.cumprod(1 - d / n)
    wanted = r("veteran", "surv_os", "surv.os.survdiff.rho1")["chisq"]
    assert log_rank.log_rank(table, rho=1).chi_square == pytest.approx(wanted, rel=1e-8)
    after = log_rank.log_rank(table, weighting=lambda *_: S).chi_square  # S(t), not S(t-)
    apart(after, wanted)
    peto = log_rank.log_rank(table, weighting=log_rank.peto_peto).chi_square
    assert peto == pytest.approx(family["peto_peto_S1"]["chisq"], rel=1e-8)
    before = np.append(1.0, np.cumprod(1 - d / (n + 1))[:-1])  # without the day itself
    apart(log_rank.log_rank(table, weighting=lambda *_: before).chi_square,
          family["peto_peto_S1"]["chisq"])  # fmt: skip
    strata = [VETERAN.table("os", keep=VETERAN.site == site) for site in VETERAN.sites]
    own = [log_rank.log_rank(stratum, rho=1) for stratum in strata]
    by_site = r("veteran", "surv_os", "surv.os.survdiff.rho1.strata_site")["chisq"]
    chi = sum(t.difference for t in own) ** 2 / sum(t.variance for t in own)
    assert chi == pytest.approx(by_site, rel=1e-8)
    apart(chi, wanted)  # the weights are each stratum's own


def test_9_zph_is_a_score_test_over_times_of_deaths() -> None:
    table = VETERAN.table("os")
    b = fit(table).log_hr
    for transform in zph.Transform:
        wanted = r("veteran", "surv_os", f"surv.os.zph.{transform}")["chisq"]
        assert zph.zph(table, b, transform=transform).statistic == pytest.approx(wanted, rel=1e-6)
    # Ranks among the deaths alone would be other ranks.
    died = table.events.any(axis=0)
    alone = RiskTable(table.events[:, died], table.censored[:, died], np.arange(died.sum()) + 1.0)
    ranks = zph.zph(alone, b, transform=zph.Transform.IDENTITY).statistic
    apart(ranks, r("veteran", "surv_os", "surv.os.zph.rank")["chisq"])


def test_10_a_robust_curve_needs_squared_weights() -> None:
    sample = CRLM.table("dfs", weight=CRLM.weights("ate")).arm(1)
    curve = km.at(km.curve(sample), CRLM.landmarks)
    wanted = r("crlm", "weighted_dfs", "weighted.dfs.ate.landmark.arm1")
    assert curve.robust_std_error == pytest.approx(wanted["std_err_robust"], rel=1e-8)
    assert curve.std_error == pytest.approx(wanted["std_err_greenwood"], rel=1e-8)
    apart(float(curve.std_error[0]), wanted["std_err_robust"][0])


def _logistic(b: Reals) -> LogisticSums:
    X, y = GBSG.design(), GBSG.arm
    X[:, 1:] = (X[:, 1:] - X[:, 1:].mean(axis=0)) / X[:, 1:].std(axis=0)
    e = 1 / (1 + np.exp(-X @ b))
    information = X.T @ (X * (e * (1 - e))[:, None])
    return LogisticSums(0.0, tuple(X.T @ (y - e)), tuple(map(tuple, information)))


def test_11_the_information_is_taken_at_the_solution() -> None:
    b, errors = np.zeros(GBSG.design().shape[1]), []
    for _ in range(12):
        sums = _logistic(b)
        errors.append(math.sqrt(float(np.linalg.inv(sums.information)[1, 1])))
        b = b + np.array(newton_step(sums))
    sd = float(GBSG.design()[:, 1].std())
    wanted = r("gbsg", "ps", "ps.main.se")["age"]
    assert errors[-1] / sd == pytest.approx(wanted, rel=1e-8)
    apart(errors[2] / sd, wanted, by=1e-8)  # a step or two before the end


def test_12_every_level_counts_and_the_denominator_is_named() -> None:
    column = CRLM.dummies()["primary_site=right colon"]  # a reference level
    z, w = CRLM.arm == 1, matched("crlm", "pooled_1to1")
    gap = np.average(column[z], weights=w[z]) - np.average(column[~z], weights=w[~z])
    found = {}
    for convention in Convention:
        arms = [Moments(len(x), 0, float(x.sum()), float((x * x).sum())) for x in
                (column[z], column[~z])]  # fmt: skip
        found[convention] = gap / standardiser(arms[0], arms[1], convention, binary=True)
    wanted = r("crlm", "match", "match.pooled_1to1.smd")
    shown = wanted["smd_pooled_sd"]["primary_site=right colon"]
    assert found[Convention.POOLED_SD] == pytest.approx(shown, rel=1e-8)
    assert abs(shown) == pytest.approx(wanted["max_abs"])  # a table of model columns has it not
    for other in (Convention.POOLED_SD_N1, Convention.TREATED_SD_Q):
        apart(found[other], shown, by=1e-5)


def test_13_quantiles_have_a_type() -> None:
    x = np.sort(GBSG.number("age")[GBSG.arm == 1])
    values, counts = np.unique(x, return_counts=True)
    shown = {}
    for kind in (7, 6, 2):
        shown[kind] = [quantile(tuple(values), counts, p, kind) for p in (0.25, 0.5, 0.75)]
        assert shown[kind] == r("gbsg", "tests", f"tests.age.quantiles_type{kind}")["arm1"]
    few = tuple(float(v) for v in range(4)), np.ones(4, dtype=np.int64)
    assert len({quantile(*few, 0.25, kind) for kind in (7, 6, 2)}) == 3


def test_14_the_caliper_is_from_all_rows_of_both_arms() -> None:
    logit = CRLM.logit()
    wanted = r("crlm", "match", "match.pooled_1to1.n")["caliper"]
    assert 0.2 * logit.std(ddof=1) == pytest.approx(wanted, rel=1e-8)
    z = CRLM.arm == 1
    within = math.sqrt((logit[z].var(ddof=1) + logit[~z].var(ddof=1)) / 2)
    apart(0.2 * within, wanted, by=0.05 * wanted)
    exact = r("crlm", "match", "match.exact_1to1.n")["caliper"]
    assert exact == wanted  # also where pairs have to agree on something


def people(logit: list[float], arm: list[int]) -> Scored:
    where, n = np.zeros(len(arm), dtype=np.intp), len(arm)
    ids = tuple(map(str, range(n)))
    return Scored(ids, where, np.arange(n), np.array(arm, dtype=np.int8), np.array(logit))


def test_15_no_pair_exceeds_the_caliper() -> None:
    there = people([1.0, 0.0, 0.7, -0.6], [1, 1, 0, 0])
    assert nearest(there, there.site, 1, 0.5) == {0: (2,)}
    assert nearest(there, there.site, 1, math.inf) == {0: (2,), 1: (3,)}
    n = r("crlm", "match", "match.pooled_1to1.n")
    assert n["max_distance"] <= n["caliper"]


def test_16_tied_scores_are_taken_in_the_order_of_rows() -> None:
    there = people([1.0, 1.0, 1.0, 1.0], [0, 1, 0, 1])
    assert nearest(there, there.site, 1, 0.1) == {1: (0,), 3: (2,)}
    apart_alike = people([0.5, 0.0, 1.0], [1, 0, 0])  # at one distance, the higher score
    assert nearest(apart_alike, apart_alike.site, 1, 1.0) == {0: (2,)}


def test_17_the_smaller_arm_is_the_focal_one() -> None:
    for flipped in (False, True):
        sites = [
            replace(site, arm=(1 - site.arm).astype(np.int8)) if flipped else site
            for site in clinics()
        ]
        treated = sum(int(site.arm.sum()) for site in sites)
        smaller = int(treated < sum(site.size for site in sites) / 2)
        made = walk(small_plan(), sites).findings.designs
        pooled = next(d for d in made if isinstance(d, PooledMatch))
        within = next(d for d in made if isinstance(d, LocalMatch))
        assert pooled.quotas.focal == within.population.focal == smaller


def test_18_reversed_curves_keep_the_dead_at_risk() -> None:
    sample = CRLM.table("os").arm(0)
    wanted = r("crlm", "surv_os", "surv.os.reverse_km_median.arm0")
    assert km.quantile(km.curve(sample.reversed())).estimate == pytest.approx(wanted)
    # Day 5: one dies and one is censored; both are at risk of being censored.
    day = Sample(np.array([1]), np.array([1]), np.array([5.0]))
    assert km.curve(day.reversed()).survival[0] == 0.5


def _causes() -> CauseTable:
    time = CRLM.number("dfs_days").astype(np.intp)
    status = CRLM.number("first_event").astype(np.intp)
    return tabulate_causes(np.arange(time.max() + 1.0), time, CRLM.arm, status, 2).compact()


def test_19_competing_risks_have_tests_and_variances_of_their_own() -> None:
    table = _causes()
    points = at(cumulative_incidence(table, 0, 0), CRLM.landmarks)
    variance = r("crlm", "competing", "cr.recurrence.cif.arm0")["var"]
    jackknife = r("crlm", "competing", "cr.recurrence.aalen_johansen.arm0")["std_err_ij"]
    assert points.std_error**2 == pytest.approx(variance, rel=1e-8)
    assert points.jackknife_std_error == pytest.approx(jackknife, rel=1e-8)
    apart(jackknife[0] ** 2, variance[0])
    naive = 1 - km.at(km.curve(table.cause(0).arm(0)), CRLM.landmarks).survival
    apart(float(naive[-1]), float(points.incidence[-1]))  # 1 - KM counts the dead as censored
    wanted = r("crlm", "competing", "cr.recurrence.gray")["stat"]
    assert gray(table, 0).test.statistic == pytest.approx(wanted, rel=1e-8)
    apart(log_rank.log_rank(table.cause(0)).chi_square, wanted)
    shr = r("crlm", "competing", "cr.death.finegray")["coef"]
    assert fine_gray(table, 1).log_hr == pytest.approx(shr, rel=1e-5)
    apart(fit(table.cause(1)).log_hr, shr, by=1e-4)


def test_20_three_weighted_tests_give_three_answers() -> None:
    table = CRLM.table("dfs", weight=CRLM.weights("ate"))
    found = (
        log_rank.xie_liu(table).chi_square,
        survey_log_rank(table).chi_square,
        fit(table).robust_score_test,
    )
    name = "weighted.dfs.ate."
    wanted = (
        r("crlm", "weighted_dfs", f"{name}logrank.xie_liu")["chisq"],
        r("crlm", "weighted_dfs", f"{name}logrank.svylogrank")["chisq"],
        r("crlm", "weighted_dfs", f"{name}cox.efron")["robust_score"],
    )
    assert found == pytest.approx(wanted, rel=1e-6)
    assert [round(chi, 2) for chi in found] == [8.65, 8.62, 8.41]


def test_21_fisher_sums_by_probability_and_yates_is_for_two_by_two() -> None:
    # 5 of 10 v 5 of 10: tables as probable as the one observed count, whatever rounding says.
    assert tables.fisher_p((5, 5), (10, 10)) == 1.0
    test = tables.two_by_two((3, 9), (20, 20))
    one_tail = sum(math.comb(20, k) * math.comb(20, 12 - k) for k in range(9, 13))
    assert test.fisher_p == pytest.approx(2 * one_tail / math.comb(40, 12))
    assert test.odds_ratio.estimate < 9 * 17 / (11 * 3)  # conditional, not the cross-product
    assert tables.two_by_two((8, 2), (25, 40)).fisher_p != pytest.approx(
        2 * sum(math.comb(25, k) * math.comb(40, 10 - k) for k in range(8, 11)) / math.comb(65, 10)
    )  # two-sided is not twice one side
    wanted = r("crlm", "tests", "tests.ras.categorical")
    assert "chisq_yates" not in wanted


def test_22_the_published_p_is_uncorrected() -> None:
    test = tables.two_by_two((6, 5), (100, 100))
    assert round(test.plain.p_value, 4) == 0.7564
    assert (test.yates.p_value, test.fisher_p) == (1.0, 1.0)
    same = tables.two_by_two((9, 9), (100, 100))
    assert (same.plain.p_value, same.yates.p_value, same.fisher_p) == (1.0, 1.0, 1.0)


def test_23_denominators_are_not_mixed(tmp_path: Path) -> None:
    """Weighted results are of complete cases, unweighted survival of everybody."""
    holed = with_holes(records(sizes=(60, 50, 40)))
    found = answer(write(tmp_path / "case", holed))
    n = found["ps.n_complete"]
    assert n["n_complete"] < n["n"]
    timed = [row for row in holed if row["days"] is not None and row["ended"] is not None]
    everybody = found["surv.os.cox.efron"]["n"]
    assert everybody == sum(row["group"] is not None for row in timed)
    assert found["weighted.os.ate.cox.efron"]["n"] < everybody


def test_24_a_curve_ends_at_zero_by_counts() -> None:
    weights = np.array([0.1, 0.2, 0.3])
    events = np.eye(3, dtype=np.int64).sum(axis=0)
    sums = Weights(weights, 0 * weights, weights**2, 0 * weights)
    sample = Sample(events, 0 * events, np.arange(1.0, 4.0), sums)
    left = (0.1 + 0.2 + 0.3) - 0.1 - 0.2 - 0.3
    assert left != 0  # floating sums leave somebody
    curve = km.curve(sample)
    assert curve.survival[-1] == 0.0
