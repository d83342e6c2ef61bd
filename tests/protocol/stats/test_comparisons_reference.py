"""Balance, tests of columns and of outcomes, and quotas, as R and a linear programme find them."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats.contingency import odds_ratio

from protocol.stats import location, tables
from protocol.stats.distributions import ChiSquare
from protocol.stats.moments import (
    Convention,
    Moments,
    WeightedMoments,
    smd,
    smd_weighted_sd,
    standardiser,
    variance_ratio,
)
from protocol.stats.table import Reals
from protocol.stats.tables import TwoByTwo
from protocol.stats.transport import give_up, quotas
from tests.protocol.stats.pooled import Rows, assert_agrees, matched, results, rows

Numbers = dict[str, Any]
CASES = ["crlm", "gbsg", "veteran"]


def moments(x: Reals) -> Moments:
    centre = 10.0
    return Moments(len(x), 0, float((x - centre).sum()), float(((x - centre) ** 2).sum()), centre)


def weighted(x: Reals, w: Reals) -> WeightedMoments:
    return WeightedMoments(
        float(w.sum()), float((w * w).sum()), float((w * x).sum()), float((w * x * x).sum())
    )


def is_binary(x: Reals) -> bool:
    return bool(np.isin(x, (0, 1)).all())


def balance_columns(pooled: Rows, w: Reals) -> Numbers:
    z = pooled.arm == 1
    found: dict[str, dict[str, float]] = {}
    for name, x in pooled.dummies().items():
        before = moments(x[z]), moments(x[~z])
        after = weighted(x[z], w[z]), weighted(x[~z], w[~z])
        apart = after[0].mean - after[1].mean
        column = {"mean_t": after[0].mean, "mean_c": after[1].mean}
        for convention in Convention:
            sd = standardiser(*before, convention, binary=is_binary(x))
            column[convention] = smd(apart, sd)
        column["smd_weighted_sd"] = smd_weighted_sd(*after)
        column["var_ratio"] = variance_ratio(*after)
        for key, value in column.items():
            found.setdefault(key, {})[name] = value
    return found


@pytest.mark.parametrize(
    "weighting", ["unweighted", "ate", "sate", "att", "atc", "overlap", "matching"]
)
@pytest.mark.parametrize("case", CASES)
def test_balance(case: str, weighting: str) -> None:
    pooled, reference = rows(case), results(case, "balance")
    w = np.ones(len(pooled.arm)) if weighting == "unweighted" else pooled.weights(weighting)
    wanted = reference[f"balance.{weighting}"]
    assert_agrees(balance_columns(pooled, w), wanted["value"], wanted["tol"])
    one = weighted(w[pooled.arm == 1], w[pooled.arm == 1])
    wanted = reference[f"weights.{weighting}"]
    found = {"sum_t": one.sum_w, "sumsq_t": one.sum_w2, "ess_t": one.effective_size}
    assert_agrees(found, {key: wanted["value"][key] for key in found}, wanted["tol"])


@pytest.mark.parametrize("design", ["pooled_1to1", "site_1to1", "site_1to2"])
@pytest.mark.parametrize("case", CASES)
def test_balance_after_matching(case: str, design: str) -> None:
    found = balance_columns(rows(case), matched(case, design))
    wanted = results(case, "match")[f"match.{design}.smd"]
    assert_agrees(found["smd_pooled_sd"], wanted["value"]["smd_pooled_sd"], wanted["tol"])
    largest = max(abs(value) for value in found["smd_pooled_sd"].values())
    assert_agrees(largest, wanted["value"]["max_abs"], wanted["tol"])
    wanted = results(case, "match")[f"match.{design}.smd_treated_sd"]
    assert_agrees(found["smd_treated_sd_q"], wanted["value"], wanted["tol"])


def numeric_columns(case: str) -> list[str]:
    return [c["name"] for c in rows(case).dictionary["ps_covariates"] if c["type"] == "numeric"]


@pytest.mark.parametrize(("case", "name"), [(c, n) for c in CASES for n in numeric_columns(c)])
def test_numbers(case: str, name: str) -> None:
    reference, x, z = results(case, "tests"), rows(case).number(name), rows(case).arm == 1
    treated, comparator = moments(x[z]), moments(x[~z])
    wanted = reference[f"tests.{name}.summary"]
    found: Numbers = {
        key: {"arm0": getattr(comparator, key), "arm1": getattr(treated, key)}
        for key in ("n", "mean", "sd")
    }
    assert_agrees(found, {key: wanted["value"][key] for key in found}, wanted["tol"])
    welch, student = location.welch(treated, comparator), location.student(treated, comparator)
    lower, upper = welch.interval()
    found = {
        "welch": {
            "t": welch.t, "df": welch.df, "p": welch.p_value, "lower": lower, "upper": upper,
        },
        "pooled": {"t": student.t, "df": student.df, "p": student.p_value},
    }  # fmt: skip
    wanted = reference[f"tests.{name}.t_test"]
    assert_agrees(found, wanted["value"], wanted["tol"])
    _, value = np.unique(x, return_inverse=True)
    counts = [np.bincount(value[arm], minlength=value.max() + 1) for arm in (z, ~z)]
    ranks = location.mann_whitney(*counts)
    found = {"W": ranks.w, "p_correct": ranks.p_value_corrected, "p_nocorrect": ranks.p_value}
    wanted = reference[f"tests.{name}.mann_whitney"]
    assert_agrees(found, wanted["value"], wanted["tol"])


def categories(case: str) -> list[str]:
    suffix = ".categorical"
    return [n[6 : -len(suffix)] for n in results(case, "tests") if n.endswith(suffix)]


def two_by_two_columns(test: TwoByTwo) -> Numbers:
    return {
        **chi_square_columns(test.plain),
        "min_expected": test.min_expected,
        "fisher_p": test.fisher_p,
        "chisq_yates": test.yates.statistic,
        "p_yates": test.yates.p_value,
        "fisher_or": test.odds_ratio.estimate,
        "fisher_lower": test.odds_ratio.lower,
        "fisher_upper": test.odds_ratio.upper,
        "events": {"arm0": test.events[0], "arm1": test.events[1]},
        "n": {"arm0": test.n[0], "arm1": test.n[1]},
    }


def chi_square_columns(test: ChiSquare) -> Numbers:
    return {"chisq_nocorrect": test.statistic, "p_nocorrect": test.p_value, "df": test.df}


@pytest.mark.parametrize(("case", "name"), [(c, n) for c in CASES for n in categories(c)])
def test_categories(case: str, name: str) -> None:
    reference = results(case, "tests")
    counts = reference[f"tests.{name}.table"]["value"]
    cells = np.array([counts["arm0"], counts["arm1"]]).T
    wanted = reference[f"tests.{name}.categorical"]
    value, tol = dict(wanted["value"]), dict(wanted["tol"])
    if len(cells) > 2:
        value = {key: value[key] for key in ("chisq_nocorrect", "p_nocorrect", "df")}
        assert_agrees(chi_square_columns(tables.chi_square(cells)), value, tol)
        return
    events, n = tuple(cells[1].tolist()), tuple(cells.sum(axis=0).tolist())
    found = tables.two_by_two(events, n)
    check_odds_ratio(found, [value.pop(f"fisher_{key}") for key in ("or", "lower", "upper")])
    assert_agrees(two_by_two_columns(found), value, tol)
    check_risk(found, reference[f"tests.{name}.risk"])
    check_strata(rows(case), name, reference[f"tests.{name}.mantel_haenszel_site"])


def check_odds_ratio(found: TwoByTwo, by_r: list[float]) -> None:
    """Ask SciPy for the digits: R stops its search for t, or 1/t, within eps^(1/4) = 1.2e-4."""
    odds = found.odds_ratio
    numbers = np.array([odds.estimate, odds.lower, odds.upper])
    wanted = np.array(by_r)
    scale = np.where(wanted > 1, 1 / wanted - 1 / numbers, wanted - numbers)
    assert np.abs(scale).max() < 1.3e-4
    (e0, e1), (n0, n1) = found.events, found.n
    referee = odds_ratio([[n0 - e0, n1 - e1], [e0, e1]], kind="conditional")
    limits = referee.confidence_interval()
    np.testing.assert_allclose(numbers, [referee.statistic, limits.low, limits.high], rtol=1e-8)


def check_risk(found: TwoByTwo, wanted: Numbers) -> None:
    difference = found.risk_difference
    numbers = {
        "p1": found.events[1] / found.n[1],
        "p0": found.events[0] / found.n[0],
        "rd_wald": {
            "est": difference.estimate, "lower": difference.lower, "upper": difference.upper,
        },
        "clopper_pearson_arm1": tables.clopper_pearson(found.events[1], found.n[1]),
        "clopper_pearson_arm0": tables.clopper_pearson(found.events[0], found.n[0]),
        "wilson_arm1": tables.wilson(found.events[1], found.n[1]),
    }  # fmt: skip
    assert_agrees(numbers, wanted["value"], wanted["tol"])


def check_strata(pooled: Rows, name: str, wanted: Numbers) -> None:
    levels = sorted(set(pooled.columns[name].tolist()), key=float)
    event, total = pooled.columns[name] == levels[1], tables.MantelHaenszel(0.0, 0.0, 0.0, 0.0)
    for site in pooled.sites:
        here = pooled.site == site
        arms = [here & (pooled.arm == arm) for arm in (0, 1)]
        died, n = ([int(count(arm)) for arm in arms] for count in (event_count(event), np.sum))
        total = total + tables.mantel_haenszel((died[0], died[1]), (n[0], n[1]))
    found = {
        "chisq": total.test.statistic, "p": total.test.p_value, "common_or": total.odds_ratio,
    }  # fmt: skip
    assert_agrees(found, {key: wanted["value"][key] for key in found}, wanted["tol"])


def event_count(event: NDArray[np.bool_]) -> Any:
    return lambda arm: np.sum(event[arm])


@pytest.mark.parametrize("outcome", ["complication", "drug_ae"])
@pytest.mark.parametrize("design", ["pooled_1to1", "site_1to1", "exact_1to1"])
def test_matched_outcomes(design: str, outcome: str) -> None:
    pooled, taken = rows("crlm"), matched("crlm", design) > 0
    event = pooled.number(outcome) == 1
    arms = [taken & (pooled.arm == arm) for arm in (0, 1)]
    found = tables.two_by_two(
        (int(event[arms[0]].sum()), int(event[arms[1]].sum())),
        (int(arms[0].sum()), int(arms[1].sum())),
    )
    wanted = results("crlm", "match")[f"match.{design}.{outcome}"]
    assert_agrees(two_by_two_columns(found), wanted["value"], wanted["tol"])


@pytest.mark.parametrize(
    ("case", "fineness", "pairs", "distance"),
    [("crlm", 10, 99, 161), ("crlm", 5, 99, 75), ("gbsg", 10, 242, 117), ("gbsg", 5, 242, 52)],
)
def test_quotas_of_the_reference_cohorts(
    case: str, fineness: int, pairs: int, distance: int
) -> None:
    """Counts and distances were found by a linear programme on the same bins."""
    pooled = rows(case)
    logit = np.clip(pooled.logit(), -8, 8)
    caliper = 0.2 * float(logit.std(ddof=1))
    bins = np.floor(logit / (caliper / fineness)).astype(np.intp)
    bins -= bins.min()
    by_arm = [np.bincount(bins[pooled.arm == a], minlength=bins.max() + 1) for a in (0, 1)]
    flow = quotas(by_arm[1], by_arm[0], reach=fineness - 1)
    assert sum(cell.pairs for cell in flow) == pairs
    assert sum(c.pairs * abs(c.focal_bin - c.control_bin) for c in flow) == distance
    out = [int(counts.sum()) - pairs for counts in by_arm]
    # Four upfront patients of crlm (and of gbsg) stay out, which a floor of three permits.
    assert out[1] == 4
    assert give_up(flow, out, floor=3) == flow
    assert sum(cell.pairs for cell in give_up(flow, out, floor=10)) == pairs - 6
