import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import CoxPHFitter

from protocol.stats import cox
from protocol.stats.cox import CoxTerms, NotEstimable, PairCell, Ties, fit, terms
from protocol.stats.distributions import exponential
from protocol.stats.table import RiskTable, tabulate
from tests.protocol.stats.pooled import rows

DAYS = np.array([10.0, 20.0, 30.0, 40.0])


def table(events: list[list[int]], censored: list[list[int]]) -> RiskTable:
    times = DAYS[: len(events[0])]
    return RiskTable(np.array(events), np.array(censored), times)


# One event with one patient of each arm at risk, then one with two controls and one treated:
# day  n0 n1  event in
#  10   2  2  treated        share of arm 1 at b: e^b 2 / (e^b 2 + 2)
#  20   2  1  comparator                          e^b / (e^b + 2)
SMALL = table([[0, 1, 0], [1, 0, 0]], [[0, 0, 1], [0, 0, 1]])


def test_terms_by_hand() -> None:
    # At b = 0 the shares are 1/2 and 1/3: score 1 - 5/6, information 1/4 + 2/9,
    # log likelihood -log 4 - log 3.
    found = terms(SMALL, 0.0)
    assert found.score == pytest.approx(1 / 6)
    assert found.information == pytest.approx(1 / 4 + 2 / 9)
    assert found.log_likelihood == pytest.approx(-math.log(12))


def test_fit_by_hand() -> None:
    # With r = e^b the score 1 - r/(r+1) - r/(r+2) vanishes where r^2 = 2.
    found = fit(SMALL)
    assert found.hazard_ratio == pytest.approx(math.sqrt(2), rel=1e-14)
    r = math.sqrt(2)
    information = r / (r + 1) ** 2 + 2 * r / (r + 2) ** 2
    assert found.std_error == pytest.approx(information**-0.5, rel=1e-14)
    assert (found.patients, found.events) == (4, 2)
    gain = math.log(r) - math.log(2 * r + 2) - math.log(r + 2) + math.log(12)
    assert found.likelihood_ratio == pytest.approx(2 * gain, rel=1e-12)
    lower, upper = found.interval(0.95)
    assert lower * upper == pytest.approx(2.0, rel=1e-14)
    assert found.p_value == pytest.approx(math.erfc(math.sqrt(found.wald_test / 2)), rel=1e-12)


def test_efron_by_hand() -> None:
    # Two of four die on one day, one of each arm. Efron's second step has half of each gone:
    # shares 2/4 and 1.5/3, score 0; log likelihood -log 4 - log 3, Breslow -2 log 4.
    tied = table([[1], [1]], [[1], [1]])
    assert terms(tied, 0.0, Ties.EFRON).log_likelihood == pytest.approx(-math.log(12))
    assert terms(tied, 0.0, Ties.BRESLOW).log_likelihood == pytest.approx(-math.log(16))
    assert terms(tied, 0.0).score == pytest.approx(0.0, abs=1e-15)


def test_residuals_by_hand() -> None:
    # At b = 0 of SMALL: h = 1/4, 1/3; m = 1/2, 1/3; H = 1/4, 7/12; M = 1/8, 1/8 + 1/9 = 17/72.
    # Treated, event at 10: (1 - 1/2) - (1/4 - 1/8) = 3/8.
    # Comparator, event at 20: (0 - 1/3) - (0 - 17/72) = -7/72.
    # Treated, censored at 30: -(7/12 - 17/72) = -25/72; comparator, censored at 30: 17/72.
    found = cox.score_residuals(SMALL, 0.0)
    assert found[1, 0, 1] == pytest.approx(3 / 8)
    assert found[0, 1, 1] == pytest.approx(-7 / 72)
    assert found[1, 2, 0] == pytest.approx(-25 / 72)
    assert found[0, 2, 0] == pytest.approx(17 / 72)


ARMS = [
    ("comparator", table([[0, 0], [1, 1]], [[1, 1], [0, 0]])),
    ("treated", table([[1, 1], [0, 0]], [[0, 0], [1, 1]])),
    ("comparator", table([[0, 2], [1, 0]], [[0, 0], [0, 0]])),
    ("no event falls while both", table([[0, 0], [0, 0]], [[2, 1], [1, 2]])),
    ("no event falls while both", table([[1, 1], [0, 0]], [[0, 0], [0, 0]])),
]


@pytest.mark.parametrize(("reason", "separated"), ARMS)
@pytest.mark.parametrize("ties", Ties)
def test_separated_arms_are_refused(reason: str, separated: RiskTable, ties: Ties) -> None:
    """Also events that only fall when the other arm is no longer there."""
    with pytest.raises(NotEstimable, match=reason):
        fit(separated, ties)


def test_a_stratum_on_its_own_may_be_separated() -> None:
    found = cox.fit_strata([ARMS[0][1], ARMS[1][1]])
    assert found.log_hr == pytest.approx(0.0, abs=1e-12)


def test_replayed_search_refuses_too() -> None:
    separated = ARMS[0][1]
    with pytest.raises(NotEstimable, match="one arm only"):
        cox.fit_terms(lambda b: terms(separated, b))
    with pytest.raises(NotEstimable, match="never at risk together"):
        cox.fit_terms(lambda _: CoxTerms(0.0, 0.0, 0.0))
    with pytest.raises(NotEstimable, match="settle"):
        cox.fit_terms(lambda b: CoxTerms(0.0, 1.0 if b <= 0 else -1.0, 1.0))


def test_step_is_capped() -> None:
    assert cox.next_log_hr(CoxTerms(0.0, 5.0, 1.0), 0.5) == 1.5
    assert cox.next_log_hr(CoxTerms(0.0, -5.0, 1.0), 0.5) == -0.5
    assert cox.next_log_hr(CoxTerms(0.0, 0.5, 2.0), 0.5) == 0.75


@pytest.mark.parametrize("case", ["gbsg", "veteran"])
def test_five_questions_are_enough(case: str) -> None:
    """A fit stratified by hospital costs a trip for each value of b asked."""
    endpoint = "rfs" if case == "gbsg" else "os"
    asked: list[float] = []

    def ask(b: float) -> CoxTerms:
        asked.append(b)
        return terms(rows(case).table(endpoint), b)

    found = cox.fit_terms(ask)
    assert len(asked) <= 5
    assert found.log_hr == fit(rows(case).table(endpoint)).log_hr


def test_pair_robust_variance_by_hand() -> None:
    # Two pairs in a cell with sums 3 and -1, one pair with 2 and 2:
    # 10 + 2 (3 * -1 / 2 + 2 * 2 / 1) = 15; over information 5 squared.
    cells = [PairCell(3.0, -1.0, 2), PairCell(2.0, 2.0, 1), PairCell(0.0, 0.0, 0)]
    assert cox.pair_robust_variance(5.0, 10.0, cells) == pytest.approx(15 / 25)
    assert math.isnan(cox.pair_robust_variance(5.0, 1.0, [PairCell(1.0, -9.0, 1)]))


def test_single_pairs_make_the_clustered_variance() -> None:
    """With one pair in each cell nothing is left to chance: coxph(cluster = pair)."""
    random = np.random.default_rng(5)
    cell, event = random.integers(0, 4, 60), random.integers(0, 2, 60)
    arm = np.arange(60) % 2
    pairs = tabulate(DAYS, cell, arm, event)
    found = fit(pairs)
    u = cox.score_residuals(pairs, found.log_hr)[arm, cell, event]
    cells = [PairCell(u[i + 1], u[i], 1) for i in range(0, 60, 2)]
    information = found.std_error**-2
    clustered = ((u[0::2] + u[1::2]) ** 2).sum() / information**2
    squares = cox.residual_squares(pairs, found.log_hr)
    variance = cox.pair_robust_variance(information, squares, cells)
    assert variance == pytest.approx(clustered, rel=1e-10)


def test_a_limit_beyond_all_numbers_is_infinite() -> None:
    """Weights of a millionth make the model-based error, not the robust one, enormous."""
    cell, arm, event = np.array([[0, 1, 2, 2], [1, 0, 0, 1], [1, 1, 0, 0]])
    found = fit(tabulate(DAYS, cell, arm, event, np.full(4, 1e-6)))
    assert found.interval(robust=False) == (0.0, math.inf)
    assert found.interval()[1] < 1e3
    assert found.hazard_ratio == pytest.approx(math.sqrt(2))


def test_lifelines_agrees() -> None:
    pooled = rows("gbsg")
    frame = pd.DataFrame(
        {"time": pooled.number("rfstime"), "event": pooled.number("status"), "arm": pooled.arm}
    )
    fitter = CoxPHFitter().fit(frame, "time", "event")
    found = fit(pooled.table("rfs"))
    assert found.log_hr == pytest.approx(fitter.params_["arm"], rel=1e-5)
    assert found.std_error == pytest.approx(fitter.standard_errors_["arm"], rel=1e-5)


patients = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 1)), max_size=30)


@settings(max_examples=80, deadline=None)
@given(patients, st.sampled_from(Ties), st.booleans())
def test_any_two_arms(group: list[tuple[int, int, int]], ties: Ties, weighted: bool) -> None:
    """A finite hazard ratio where the score vanishes, or a refusal; and nothing warns."""
    cell, arm, event = np.array(group, dtype=np.intp).reshape(-1, 3).T
    weight = np.linspace(0.0, 3.0, len(group)) if weighted else None
    found_table = tabulate(DAYS, cell, arm, event, weight)
    try:
        found = fit(found_table, ties)
    except NotEstimable:
        assert 0 in cox.informative_events(found_table)
        return
    assert abs(terms(found_table, found.log_hr, ties).score) < 1e-8
    residuals = cox.score_residuals(found_table, found.log_hr, ties)
    censored, events = (
        (found_table.censored, found_table.events)
        if found_table.weights is None
        else (found_table.weights.censored, found_table.weights.events)
    )
    total = (censored * residuals[..., 0] + events * residuals[..., 1]).sum()
    assert total == pytest.approx(0.0, abs=1e-8)
    assert found.log_likelihood >= found.log_likelihood_null - 1e-12
    for robust in (False, True):
        lower, upper = found.interval(robust=robust)
        assert lower <= found.hazard_ratio <= upper
    # Two or three patients may have residuals of exactly zero: no robust error, no test.
    assert 0 <= found.p_value <= 1 or (weighted and found.robust_std_error == 0)
    mirrored = tabulate(DAYS, cell, 1 - arm, event, weight)
    assert fit(mirrored, ties).log_hr == pytest.approx(-found.log_hr, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(patients, st.floats(-2, 2), st.sampled_from(Ties))
def test_terms_are_derivatives(group: list[tuple[int, int, int]], b: float, ties: Ties) -> None:
    columns = np.array(group, dtype=np.intp).reshape(-1, 3).T
    here, step = tabulate(DAYS, *columns), 1e-5
    low, middle, high = (terms(here, b + k * step, ties) for k in (-1, 0, 1))
    slope = (high.log_likelihood - low.log_likelihood) / (2 * step)
    assert middle.score == pytest.approx(slope, abs=1e-4)
    assert middle.information == pytest.approx((low.score - high.score) / (2 * step), abs=1e-4)


def test_strata_add() -> None:
    once = terms(SMALL, 0.3)
    assert (once + once).score == 2 * once.score


def test_ratios_beyond_all_numbers_are_infinite() -> None:
    """Per unit of a covariate in moles by the litre, a log hazard ratio may be 20,000."""
    assert exponential(2e4) == math.inf
    assert exponential(-2e4) == 0.0
    assert exponential(math.log(3.0)) == pytest.approx(3.0)
    assert math.isnan(exponential(math.nan))
