import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.stats.moments import (
    Convention,
    Moments,
    WeightedMoments,
    counted_quantile,
    histogram_quantile,
    smd,
    smd_weighted_sd,
    standardiser,
    variance_ratio,
)

columns = st.lists(st.floats(-100, 100), min_size=2, max_size=30)


def moments(values: list[float], centre: float = 0.0) -> Moments:
    x = np.array(values) - centre
    return Moments(len(x), 0, float(x.sum()), float((x * x).sum()), centre)


def test_moments_by_hand() -> None:
    # 58, 60, 65 about 60: sums of -2, 0, 5 are 3 and 29; mean 61, variance (29 - 9/3)/2 = 13.
    found = Moments(n=3, missing=1, total=3.0, squares=29.0, centre=60.0)
    assert (found.mean, found.variance, found.sd) == (61.0, 13.0, math.sqrt(13.0))


@settings(max_examples=40, deadline=None)
@given(columns, columns, st.floats(-50, 50))
def test_moments_of_the_sum_are_those_of_everybody(
    one: list[float], other: list[float], centre: float
) -> None:
    found = moments(one, centre) + moments(other, centre)
    assert found.n == len(one) + len(other)
    assert found.mean == pytest.approx(np.mean(one + other), rel=1e-9, abs=1e-9)
    assert found.variance == pytest.approx(np.var(one + other, ddof=1), rel=1e-7, abs=1e-7)


def test_different_centres_do_not_add() -> None:
    with pytest.raises(ValueError, match="centre"):
        Moments(1, 0, 0.0, 0.0, 1.0) + Moments(1, 0, 0.0, 0.0, 2.0)


def test_nobody_has_no_mean() -> None:
    assert math.isnan(Moments(0, 4, 0.0, 0.0).mean)
    assert math.isnan(Moments(1, 0, 3.0, 9.0).variance)
    assert math.isnan(WeightedMoments(0.0, 0.0, 0.0, 0.0).mean)
    assert math.isnan(WeightedMoments(0.0, 0.0, 0.0, 0.0).variance)
    assert math.isnan(WeightedMoments(2.0, 4.0, 2.0, 2.0).variance)


def test_variance_ratio_of_a_constant_arm() -> None:
    # R: var(c(1, 2)) / var(c(3, 3)) is Inf, var(c(3, 3)) / var(c(3, 3)) NaN.
    spread, constant = moments([1.0, 2.0]), moments([3.0, 3.0])
    assert variance_ratio(spread, constant) == math.inf
    assert variance_ratio(constant, spread) == 0.0
    assert math.isnan(variance_ratio(constant, constant))


@settings(max_examples=40, deadline=None)
@given(columns, st.floats(0.1, 10))
def test_equal_weights_change_nothing(values: list[float], w: float) -> None:
    plain = moments(values)
    n = plain.n
    found = WeightedMoments(n * w, n * w * w, plain.total * w, plain.squares * w)
    assert found.mean == pytest.approx(plain.mean, rel=1e-9, abs=1e-9)
    assert found.variance == pytest.approx(plain.variance, rel=1e-7, abs=1e-7)
    assert found.effective_size == pytest.approx(n)


def test_conventions_by_hand() -> None:
    # Treated 1 1 0 0 (q 1/2), comparator 1 0 0 0 0 (q 1/5): q(1-q) = .25, .16; over n - 1 each
    # is times n/(n-1): 1/3 and .2.
    treated, comparator = moments([1, 1, 0, 0]), moments([1, 0, 0, 0, 0])
    sds = [standardiser(treated, comparator, c, binary=True) for c in Convention]
    by_hand = [math.sqrt(0.205), math.sqrt((1 / 3 + 0.2) / 2), math.sqrt(1 / 3), 0.5]
    assert sds == pytest.approx(by_hand)
    assert smd(0.3, sds[3]) == pytest.approx(0.6)
    assert standardiser(treated, comparator) == pytest.approx(by_hand[1])
    assert variance_ratio(treated, comparator) == pytest.approx(5 / 3)


def test_a_constant_column_is_balanced_or_not() -> None:
    assert smd(0.0, 0.0) == 0.0
    assert smd(-1.0, 0.0) == -math.inf
    constant = WeightedMoments(2.0, 2.0, 2.0, 2.0)
    assert smd_weighted_sd(constant, constant) == 0.0
    assert math.isnan(variance_ratio(constant, constant))


def test_quantiles_by_hand() -> None:
    # 2, 0, 6 patients between edges 0, 10, 20, 30; the median (4th of 8) lies 2/6 into the last.
    counts, edges = [2, 0, 6], [0.0, 10.0, 20.0, 30.0]
    assert histogram_quantile(counts, edges, 0.5) == pytest.approx(20 + 10 * 2 / 6)
    assert histogram_quantile(counts, edges, 0.125) == 5.0
    assert histogram_quantile(counts, edges, 0.0) == 0.0
    assert histogram_quantile(counts, edges, 1.0) == 30.0


def test_counted_quantiles_by_hand() -> None:
    # five patients at 1, 1, 2, 3, 3: h = 4 q, so the quartiles are the 2nd, 3rd and 4th
    counts, values = [2, 1, 2], [1.0, 2.0, 3.0]
    assert [counted_quantile(counts, values, q) for q in (0.25, 0.5, 0.75)] == [1, 2, 3]
    assert counted_quantile(counts, values, 0.4) == pytest.approx(1 + 0.6 * 1)
    assert math.isnan(counted_quantile([0, 0], [1.0, 2.0], 0.5))


@given(st.lists(st.integers(0, 20), min_size=1, max_size=40), st.floats(0, 1))
def test_counted_quantile_is_type_7(values: list[int], q: float) -> None:
    counts = np.bincount(values, minlength=21).tolist()
    found = counted_quantile(counts, [float(v) for v in range(21)], q)
    assert found == pytest.approx(float(np.quantile(np.array(values), q)), abs=1e-9)


def test_quantile_of_nobody() -> None:
    assert math.isnan(histogram_quantile([0, 0], [0.0, 1.0, 2.0], 0.5))


def test_quantile_needs_one_edge_more_than_bins() -> None:
    with pytest.raises(ValueError, match="edges"):
        histogram_quantile([1], [0.0], 0.5)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 39), min_size=1, max_size=60), st.floats(0, 1))
def test_quantile_is_within_a_bin_of_an_order_statistic(values: list[int], q: float) -> None:
    counts = np.bincount(values, minlength=40).tolist()
    found = histogram_quantile(counts, [float(e) for e in range(41)], q)
    exact = float(np.quantile(np.array(values), q, method="inverted_cdf"))
    assert exact - 1e-9 <= found <= exact + 1 + 1e-9
