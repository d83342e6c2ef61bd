import math
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from protocol.stats.tables import (
    chi_square,
    clopper_pearson,
    mantel_haenszel,
    two_by_two,
    wilson,
)


def test_published_complications() -> None:
    """5 of 100 v 6 of 100: the published P .76 is the uncorrected chi-square."""
    # Expected 5.5 and 94.5 twice: 2 (0.25/5.5 + 0.25/94.5) = 0.09620.
    found = two_by_two((6, 5), (100, 100))
    assert found.plain.statistic == pytest.approx(0.5 / 5.5 + 0.5 / 94.5)
    assert found.plain.p_value == pytest.approx(0.7564, abs=5e-5)
    assert found.yates.statistic == 0.0
    assert (found.yates.p_value, found.fisher_p) == (1.0, 1.0)
    assert found.min_expected == 5.5
    assert found.risk_difference.estimate == pytest.approx(-0.01)
    assert found.risk_ratio.estimate == pytest.approx(5 / 6)


def test_published_drug_events() -> None:
    found = two_by_two((9, 9), (100, 100))
    assert (found.plain.p_value, found.fisher_p) == (1.0, 1.0)
    assert found.odds_ratio.estimate == pytest.approx(1.0)


def test_yates_never_overshoots() -> None:
    # 1 of 3 v 1 of 2: expected 1.2 and .8, so only .2 is taken off and the rest is 0.
    assert two_by_two((1, 1), (3, 2)).yates.statistic == 0.0


def test_risk_ratio_by_hand() -> None:
    # 4/10 v 2/10: ratio 2, variance of its log 1/4 - 1/10 + 1/2 - 1/10 = 0.55.
    found = two_by_two((2, 4), (10, 10)).risk_ratio
    half = 1.959963984540054 * math.sqrt(0.55)
    assert (found.lower, found.upper) == pytest.approx((2 * math.exp(-half), 2 * math.exp(half)))


def test_more_events_than_patients_is_a_slip() -> None:
    with pytest.raises(ValueError, match="more events"):
        two_by_two((3, 1), (2, 5))


def test_levels_without_patients_do_not_count() -> None:
    cells = np.array([[10, 20], [0, 0], [30, 20]])
    found = chi_square(cells)
    # Expected 15, 15, 25, 25: 25/15 * 2 + 25/25 * 2.
    assert found.df == 1
    assert found.statistic == pytest.approx(50 / 15 + 2)
    assert math.isnan(chi_square(cells[:1]).p_value)


def test_limits_of_no_and_of_all_events() -> None:
    # (1 - p)^10 = 0.025 at p = 0.30850.
    assert clopper_pearson(0, 10) == pytest.approx((0.0, 1 - 0.025**0.1))
    assert clopper_pearson(10, 10) == pytest.approx((0.025**0.1, 1.0))
    z2 = 1.959963984540054**2
    assert wilson(0, 10) == pytest.approx((0.0, z2 / (10 + z2)))
    assert clopper_pearson(0, 0) == wilson(0, 0) == (0.0, 1.0)


def test_mantel_haenszel_by_hand() -> None:
    # Treated 3 of 5, comparator 1 of 5: ad/n = 3*4/10, bc/n = 2*1/10, a - E = 3 - 2,
    # variance 5*5*4*6/(100*9). With p = (3 + 4)/10 and q = (1 + 2)/10 the parts of the odds
    # ratio's variance are .7 * 1.2, .7 * .2 + .3 * 1.2 and .3 * .2.
    one = mantel_haenszel((1, 3), (5, 5))
    parts = (1.2, 0.2, 1.0, 600 / 900, 0.84, 0.5, 0.06)
    assert astuple(one) == pytest.approx(parts)
    assert one.odds_ratio == pytest.approx(6.0)
    # One table: Robins, Breslow and Greenland's variance is 1/3 + 1/2 + 1/1 + 1/4, Woolf's.
    half = 1.959963984540054 * math.sqrt(1 / 3 + 1 / 2 + 1 + 1 / 4)
    assert one.interval() == pytest.approx((6 * math.exp(-half), 6 * math.exp(half)))
    # mantelhaen.test(table(x, arm, site))$estimate is Inf where no comparator has the event.
    never = mantel_haenszel((0, 3), (5, 5))
    assert never.odds_ratio == math.inf
    assert all(map(math.isnan, never.interval()))
    assert (one + one).test.statistic == pytest.approx(3.0)
    nobody = mantel_haenszel((0, 0), (1, 0))
    assert math.isnan(nobody.odds_ratio)
    assert math.isnan(nobody.test.p_value)


@pytest.mark.parametrize("events", [(0, 0), (7, 9), (0, 9)])
def test_risks_of_none_or_all_have_no_limits_of_walds(events: tuple[int, int]) -> None:
    """prop.test prints [0, 0] or [1, 1] there, as if nobody else could ever differ."""
    found = two_by_two(events, (7, 9)).risk_difference
    assert found.estimate == events[1] / 9 - events[0] / 7
    assert math.isnan(found.lower)
    assert math.isnan(found.upper)


counts = st.tuples(st.integers(0, 12), st.integers(0, 12))


@settings(max_examples=80, deadline=None)
@given(counts, counts)
def test_any_table(events: tuple[int, int], others: tuple[int, int]) -> None:
    """Empty arms, no event, all events: an answer or NaN, and nothing warns."""
    found = two_by_two(events, (events[0] + others[0], events[1] + others[1]))
    cells = np.array([others, events])
    assert found.fisher_p == pytest.approx(fisher_exact(cells).pvalue, rel=1e-9)
    degenerate = 0 in (sum(events), sum(others), *found.n)
    assert math.isnan(found.plain.p_value) == degenerate
    assert math.isnan(found.odds_ratio.estimate) == degenerate
    assert found.odds_ratio.lower < found.odds_ratio.upper
    if not degenerate:
        assert found.odds_ratio.lower <= found.odds_ratio.estimate <= found.odds_ratio.upper
        assert found.yates.statistic <= found.plain.statistic + 1e-12
