import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from protocol.stats import km
from protocol.stats.rmst import difference, rmst
from protocol.stats.table import Sample, tabulate

DAYS = np.array([10.0, 20.0, 30.0])


def sample(events: list[int], censored: list[int]) -> Sample:
    return Sample(np.array(events), np.array(censored), DAYS)


def test_by_hand() -> None:
    # Four patients: one dies at 10 (S = 3/4), one leaves at 20, one dies at 30 (S = 3/8).
    # Up to 40: 10 + .75 * 20 + .375 * 10 = 28.75.
    # Areas to the right: 18.75 at 10, 3.75 at 30; variance 18.75^2/(4*3) + 3.75^2/(2*1).
    found = rmst(sample([1, 0, 1], [0, 1, 1]), tau=40.0)
    assert found.estimate == 28.75
    assert found.std_error == pytest.approx(math.sqrt(18.75**2 / 12 + 3.75**2 / 2))
    assert found.extrapolated
    assert not rmst(sample([1, 0, 1], [0, 1, 1]), tau=30.0).extrapolated


def test_all_died_before_the_horizon() -> None:
    found = rmst(sample([1, 1, 0], [0, 0, 0]), tau=100.0)
    assert (found.estimate, found.extrapolated) == (15.0, False)
    # 5 to the right of day 10; nothing to the right of day 20.
    assert found.std_error == pytest.approx(math.sqrt(25 / 2))


def test_nobody() -> None:
    found = rmst(sample([0, 0, 0], [0, 0, 0]), tau=50.0)
    assert (found.estimate, found.std_error, found.extrapolated) == (50.0, 0.0, True)


def test_difference() -> None:
    one, other = rmst(sample([1, 0, 0], [0, 0, 1]), 40.0), rmst(sample([1, 1, 0], [0, 0, 0]), 40.0)
    # 25 - 15 days; variances 15^2/2 and 5^2/2, so the error is sqrt(125).
    gain = difference(one, other)
    assert gain.estimate == 10.0
    assert gain.std_error == pytest.approx(math.sqrt(125))
    assert gain.interval() == pytest.approx((10 - 21.9130, 10 + 21.9130), rel=1e-4)
    assert gain.p_value == pytest.approx(0.371093, rel=1e-5)


def test_without_events_there_is_no_test() -> None:
    level = rmst(sample([0, 0, 0], [0, 0, 4]), 30.0)
    assert math.isnan(difference(level, level).p_value)


def test_without_events_nothing_is_certain() -> None:
    """The error of zero is no error: limits would otherwise be the estimate itself."""
    nobody, some = sample([0, 0, 0], [4, 2, 1]), sample([1, 0, 1], [0, 1, 1])
    none, one = rmst(nobody, tau=30.0), rmst(some, tau=30.0)
    assert all(map(math.isnan, none.interval()))
    assert all(map(math.isnan, difference(none, none).interval()))
    lower, upper = one.interval()
    assert (lower + upper) / 2 == pytest.approx(one.estimate)
    assert upper - lower == pytest.approx(2 * 1.959964 * one.std_error)
    assert difference(none, one).interval()[0] < none.estimate - one.estimate


def test_horizons_have_to_agree() -> None:
    with pytest.raises(ValueError, match="horizons"):
        difference(
            rmst(sample([1, 0, 0], [0, 0, 1]), 40.0), rmst(sample([1, 0, 0], [0, 0, 1]), 9.0)
        )


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=3, max_size=3),
    st.lists(st.integers(0, 4), min_size=3, max_size=3),
    st.floats(1, 60),
)
def test_is_the_area_under_the_curve(events: list[int], censored: list[int], tau: float) -> None:
    group = sample(events, censored)
    grid = np.linspace(0, tau, 2001)
    heights = km.at(km.curve(group), grid).survival
    assert rmst(group, tau).estimate == pytest.approx(float(heights.mean()) * tau, abs=tau / 500)


def test_the_robust_error_is_the_infinitesimal_jackknife() -> None:
    """Squared slopes of the area in each patient's weight, by small changes of the weights."""
    random = np.random.default_rng(3)
    cell, event = random.integers(1, 30, 40), random.integers(0, 2, 40)
    weight, times = random.uniform(0.2, 3.0, 40), np.arange(31.0)
    arm = np.zeros(40, dtype=np.intp)

    def area(weights: NDArray[np.float64]) -> float:
        return rmst(tabulate(times, cell, arm, event, weights).arm(0), 25.0).estimate

    step = 1e-6
    slopes = [(area(weight + step * e) - area(weight - step * e)) / (2 * step) for e in np.eye(40)]
    found = rmst(tabulate(times, cell, arm, event, weight).arm(0), 25.0)
    expected = np.sqrt(((weight * np.array(slopes)) ** 2).sum())
    assert found.robust_std_error == pytest.approx(expected, rel=1e-6)
    assert found.error == found.robust_std_error
    assert rmst(tabulate(times, cell, arm, event, None).arm(0), 25.0).robust_std_error is None
