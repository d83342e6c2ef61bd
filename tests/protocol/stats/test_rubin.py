import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t

from protocol.stats.rubin import barnard_rubin, pool


def test_by_hand() -> None:
    # Estimates 1, 2, 3 with variance 1 each: mean 2, U = 1, B = 1, T = 1 + 4/3 = 7/3, r = 4/3.
    found = pool([1.0, 2.0, 3.0], [1.0, 1.0, 1.0])
    assert (found.estimate, found.within, found.between) == (2.0, 1.0, 1.0)
    assert found.variance == pytest.approx(7 / 3)
    # lambda = 4/7, so Rubin's df are 2 / (16/49) = 6.125; without complete-data df they stand.
    assert found.df == pytest.approx(6.125)
    assert found.relative_increase == pytest.approx(4 / 3)
    assert found.missing_information == pytest.approx((4 / 3 + 2 / 9.125) / (7 / 3))
    low, high = found.interval()
    assert high - low == pytest.approx(2 * t.ppf(0.975, 6.125) * math.sqrt(7 / 3))
    assert found.p_value == pytest.approx(2 * t.sf(2 / math.sqrt(7 / 3), 6.125))


def test_barnard_and_rubin_by_hand() -> None:
    # lambda = 4/7, complete df 10: observed (11/13) 10 (3/7); 1 / (1/6.125 + 1/observed).
    observed = 11 / 13 * 10 * 3 / 7
    expected = 1 / (1 / 6.125 + 1 / observed)
    assert barnard_rubin(1.0, 1.0, 3, 10.0) == pytest.approx(expected)


def test_nothing_missing_is_the_complete_analysis() -> None:
    found = pool([0.5, 0.5], [0.04, 0.04])
    assert (found.std_error, found.df) == (0.2, math.inf)
    assert found.p_value == pytest.approx(2 * norm.sf(2.5))
    assert found.interval()[1] == pytest.approx(0.5 + norm.ppf(0.975) * 0.2)
    # With finite complete-data df: (v + 1)/(v + 3) v.
    assert pool([0.5, 0.5], [0.04, 0.04], 20.0).df == pytest.approx(21 / 23 * 20)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-5, 5), min_size=2, max_size=20),
    st.floats(0.01, 10),
    st.floats(1, 1e6),
)
def test_never_more_certain_than_without_missing_values(
    estimates: list[float], variance: float, complete: float
) -> None:
    found = pool(estimates, [variance] * len(estimates), complete)
    assert found.variance >= variance * (1 - 1e-12)
    assert 0 <= found.df <= complete
    assert found.estimate == pytest.approx(float(np.mean(estimates)))


def test_an_estimate_that_does_not_exist_once_is_none_at_all() -> None:
    assert math.isnan(pool([1.0, math.nan], [1.0, 1.0]).p_value)


@pytest.mark.parametrize(("estimates", "variances"), [([1.0], [1.0]), ([1.0, 2.0], [1.0])])
def test_too_few_are_refused(estimates: list[float], variances: list[float]) -> None:
    with pytest.raises(ValueError, match="at least two"):
        pool(estimates, variances)
