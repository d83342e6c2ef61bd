import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter

from protocol.stats import km
from protocol.stats.km import Limits
from protocol.stats.table import Sample, tabulate
from tests.protocol.stats.pooled import rows

DAYS = np.array([10.0, 20.0, 30.0, 40.0])


def sample(events: list[int], censored: list[int]) -> Sample:
    return Sample(np.array(events), np.array(censored), DAYS)


# Ten patients: 2 die at 10, 1 dies and 1 leaves at 20, 3 die at 30, 3 leave at 40.
#   t   n  d   S = prod(1 - d/n)          sum d/(n(n-d))
#  10  10  2   4/5                        2/80            = 1/40
#  20   8  1   4/5 * 7/8 = 7/10           1/40 + 1/56     = 3/70
#  30   6  3   7/10 * 1/2 = 7/20          3/70 + 3/18     = 22/105
TEN = sample([2, 1, 3, 0], [0, 1, 0, 3])


def test_curve_by_hand() -> None:
    curve = km.curve(TEN)
    assert curve.at_risk.tolist() == [10, 8, 6, 3]
    np.testing.assert_allclose(curve.survival, [0.8, 0.7, 0.35, 0.35], rtol=1e-15)
    greenwood = np.array([1 / 40, 3 / 70, 22 / 105, 22 / 105])
    np.testing.assert_allclose(curve.std_error, curve.survival * np.sqrt(greenwood), rtol=1e-15)
    hazard = np.array([1 / 5, 1 / 5 + 1 / 8, 1 / 5 + 1 / 8 + 1 / 2])
    np.testing.assert_allclose(curve.cumulative_hazard[:3], hazard, rtol=1e-15)
    np.testing.assert_allclose(
        curve.std_error_cumulative_hazard[:2], np.sqrt([2 / 100, 2 / 100 + 1 / 64]), rtol=1e-15
    )
    assert curve.robust_std_error is None


def test_limits_by_hand() -> None:
    # At day 10: S = .8, s = .8/sqrt(40) = .12649; z s = .24792, z s / S = .30990.
    points = km.at(km.curve(TEN), np.array([10.0]))
    found = [[float(limit[0]) for limit in km.interval(points, kind)] for kind in Limits]
    by_hand = [
        [0.8 - 0.2479180, 1.0],
        [0.8 * math.exp(-0.3098975), 1.0],
        [0.8 ** math.exp(0.3098975 / 0.2231436), 0.8 ** math.exp(-0.3098975 / 0.2231436)],
    ]
    np.testing.assert_allclose(found, by_hand, rtol=1e-6)


def test_landmarks_between_and_beyond_times() -> None:
    points = km.at(km.curve(TEN), np.array([0.0, 9.0, 10.0, 25.0, 99.0]))
    assert points.at_risk.tolist() == [10, 10, 10, 6, 0]
    np.testing.assert_allclose(points.survival, [1, 1, 0.8, 0.7, 0.35])
    assert points.std_error[0] == 0.0


def test_quantiles_by_hand() -> None:
    curve = km.curve(TEN)
    assert km.quantile(curve, 0.5).estimate == 30.0
    # S = 0.7 from day 20 to 30: the middle.
    assert km.quantile(curve, 0.3).estimate == 25.0
    assert math.isnan(km.quantile(curve, 0.9).estimate)
    # S ends at 0.35 exactly: the middle of what is left of follow-up.
    assert km.quantile(curve, 0.65).estimate == 35.0
    assert math.isnan(km.quantile(curve, 0.5).upper)


def test_all_died() -> None:
    curve = km.curve(sample([1, 2, 0, 0], [1, 0, 0, 0]))
    assert curve.survival.tolist() == [0.75, 0.0]
    assert math.isnan(curve.std_error[-1])
    for kind in Limits:
        lower, upper = km.interval(curve, kind)
        assert math.isnan(lower[-1])
        assert math.isnan(upper[-1])


def test_weights_that_leave_dust_still_reach_zero() -> None:
    """0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1 in floating point: counts decide."""
    random = np.random.default_rng(3)
    weight = random.uniform(0.1, 3.0, 300)
    cell = np.sort(random.integers(0, 4, 300))
    table = tabulate(DAYS, cell, np.zeros(300, dtype=np.intp), np.ones(300, dtype=np.intp), weight)
    curve = km.curve(table.arm(0))
    assert curve.robust_std_error is not None
    assert curve.survival[-1] == 0.0
    assert curve.robust_std_error[-1] == 0.0
    lower, upper = km.interval(curve, Limits.PLAIN)
    assert (lower[-1], upper[-1]) == (0.0, 0.0)


def test_robust_error_by_hand() -> None:
    # Weights 1, 2 (die at 10, 20) and 3 (leaves at 30). S(10) = 5/6. Influences a unit of weight:
    # j = 1/5, G = (1/6)(1/5) = 1/30; died (5/6)(1/30 - 1/5) = -5/36, others (5/6)/30 = 1/36.
    # Variance 1 * 25/1296 + (4 + 9) * 1/1296 = 38/1296.
    table = tabulate(
        DAYS,
        np.array([0, 1, 2]),
        np.zeros(3, dtype=np.intp),
        np.array([1, 1, 0]),
        np.array([1.0, 2.0, 3.0]),
    )
    curve = km.curve(table.arm(0))
    assert curve.robust_std_error is not None
    assert curve.robust_std_error[0] == pytest.approx(math.sqrt(38) / 36, rel=1e-14)


def test_robust_error_rests_between_events() -> None:
    """A limit that rounding moves after a censoring would give a quantile another time."""
    random = np.random.default_rng(3)
    cell, weight = np.arange(200), random.uniform(0.1, 9.0, 200)
    event = (random.random(200) < 0.3).astype(np.intp)
    arm = np.zeros(200, dtype=np.intp)
    curve = km.curve(tabulate(np.arange(200.0), cell, arm, event, weight).arm(0))
    assert curve.robust_std_error is not None
    steps = np.diff(curve.robust_std_error)
    assert (steps[event[1:] == 0] == 0).all()
    assert (steps[event[1:] == 1] != 0).all()


def test_klein_by_hand() -> None:
    # S 0.8 v 0.5 with errors 0.1 each: z = .3/sqrt(.02) = 2.1213; on log(-log S) -1.49994 v
    # -0.366513 with errors .1/(.8*.223144) = .560177 and .1/(.5*.693147) = .288539.
    one, other = (
        km.Survival(DAYS[:1], np.ones(1), np.array([s]), np.array([0.1]), None) for s in (0.8, 0.5)
    )
    found = km.landmark_difference(one, other)
    assert found.z_plain[0] == pytest.approx(2.1213203, rel=1e-7)
    assert found.z_cloglog[0] == pytest.approx(-1.1334268 / 0.6301221, rel=1e-6)
    assert found.p_cloglog[0] == pytest.approx(0.0720597, rel=1e-3)
    lower, upper = found.interval()
    assert (lower[0], upper[0]) == pytest.approx((0.3 - 0.277181, 0.3 + 0.277181), abs=1e-6)


def test_before_any_event_a_difference_has_no_limits() -> None:
    arms = [
        km.curve(Sample(np.array([0, 1]), np.array([1, 3]), np.array([5.0, 10.0]))),
        km.curve(Sample(np.array([0, 2]), np.array([1, 3]), np.array([5.0, 10.0]))),
    ]
    treated, comparator = (km.at(arm, np.array([7.0, 10.0])) for arm in arms)
    lower, upper = km.landmark_difference(treated, comparator).interval()
    assert math.isnan(lower[0])
    assert math.isnan(upper[0])
    assert lower[1] < 3 / 4 - 3 / 5 < upper[1]


def test_landmarks_at_different_times_are_not_compared() -> None:
    curve = km.curve(TEN)
    with pytest.raises(ValueError, match="different times"):
        km.landmark_difference(km.at(curve, DAYS[:1]), km.at(curve, DAYS[1:2]))


def test_published_curve_ends() -> None:
    curve = km.cut(km.curve(TEN), last_day=20.0)
    assert curve.times.tolist() == [10.0, 20.0]
    assert len(curve.std_error_cumulative_hazard) == 2


def test_lifelines_agrees() -> None:
    pooled = rows("gbsg")
    event = pooled.number("status")
    fitter = KaplanMeierFitter().fit(pooled.number("rfstime"), event)
    curve = km.curve(pooled.table("rfs").pooled())
    theirs = fitter.survival_function_at_times(curve.times).to_numpy()
    np.testing.assert_allclose(curve.survival, theirs, rtol=1e-9)


patients = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1)), max_size=30)


@settings(max_examples=60, deadline=None)
@given(patients, st.booleans())
def test_any_group_has_a_curve(group: list[tuple[int, int]], weighted: bool) -> None:
    """However few, tied or censored: survival falls within its limits, and nothing warns."""
    cell = np.array([c for c, _ in group], dtype=np.intp)
    event = np.array([e for _, e in group], dtype=np.intp)
    weight = np.linspace(0.0, 2.0, len(group)) if weighted else None
    curve = km.curve(tabulate(DAYS, cell, np.zeros_like(cell), event, weight).arm(0))
    assert (np.diff(np.append(1.0, curve.survival)) <= 0).all()
    assert (curve.survival >= 0).all()
    extinct = bool(group and event[cell == cell.max()].all())
    # Somebody left over may weigh nothing.
    assert (curve.survival == 0).any() == extinct or weighted
    for kind in Limits:
        lower, upper = km.interval(curve, kind)
        known = ~np.isnan(lower)
        assert (lower[known] <= curve.survival[known] + 1e-12).all()
        assert (upper[known] >= curve.survival[known] - 1e-12).all()
        median = km.quantile(curve, 0.5, kind)
        assert math.isnan(median.estimate) == (not (curve.survival <= 0.5).any())
    points = km.at(curve, np.array([0.0, 25.0, 99.0]))
    apart = km.landmark_difference(points, points)
    assert not apart.difference.any()
