import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from protocol.stats import linear
from protocol.stats.heterogeneity import (
    Effects,
    EffectSums,
    effects,
    one_shot,
    random_effects,
    reml_step,
    treated_as_predicted,
)


def test_one_shot_by_hand() -> None:
    # One column; I = 1, 3 and b = 2, 4: mean (1*2 + 3*4) / 4 = 3.5,
    # Q = 1*4 + 3*16 - 3.5*14 = 3 on (2 - 1) * 1 df; P = Pr(chi-square_1 > 3) = 0.0833.
    found = one_shot([[4.0]], [14.0], 52.0, hospitals=2)
    assert found.estimate == (3.5,)
    assert (found.spread.statistic, found.spread.df) == (3.0, 1)
    assert found.spread.p_value == pytest.approx(0.08326451666355042, rel=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 7), st.integers(1, 5))
def test_q_is_the_weighted_distance_from_the_mean(seed: int, sites: int, p: int) -> None:
    """Q of the sums equals the sum over hospitals of (b_s - b)' I_s (b_s - b)."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(sites, 20, p))
    info = rows.transpose(0, 2, 1) @ rows
    b = random.normal(size=(sites, p))
    weighted = np.einsum("sij,sj->si", info, b)
    found = one_shot(
        info.sum(axis=0).tolist(), weighted.sum(axis=0).tolist(), float((b * weighted).sum()), sites
    )
    apart = b - np.array(found.estimate)
    distance = float(np.einsum("si,sij,sj->", apart, info, apart))
    assert found.spread.statistic == pytest.approx(distance, rel=1e-9)
    assert found.spread.df == (sites - 1) * p


def test_one_hospital_cannot_disagree() -> None:
    assert math.isnan(one_shot([[2.0]], [4.0], 8.0, hospitals=1).spread.p_value)


def test_one_shot_refuses_a_column_without_information() -> None:
    with pytest.raises(linear.NotPositive):
        one_shot([[1.0, 1.0], [1.0, 1.0]], [1.0, 1.0], 1.0, hospitals=3)


def test_treated_as_predicted() -> None:
    # The 5 % point of a chi-square on 6 degrees of freedom is 12.5916.
    assert treated_as_predicted(12.591587243743977, 7).p_value == pytest.approx(0.05, rel=1e-9)


def test_effects_by_hand() -> None:
    # t = 0, 2 with w = 1, 1: mean 1, Q = 4 - 4/2 = 2 on 1 df, I2 = 1/2, tau2 = (2-1)/(2-2/2) = 1.
    found = effects(2, sum_w=2.0, sum_w2=2.0, sum_wt=2.0, sum_wt2=4.0)
    assert (found.estimate, found.spread.statistic) == (1.0, 2.0)
    assert (found.inconsistency, found.between_variance) == (0.5, 1.0)
    assert found.std_error == pytest.approx(math.sqrt(0.5))


def test_effects_of_nobody() -> None:
    assert math.isnan(effects(0, 0.0, 0.0, 0.0, 0.0).estimate)


def test_effects_of_one() -> None:
    found = effects(1, 4.0, 16.0, 2.0, 1.0)
    assert (found.estimate, found.std_error, found.between_variance) == (0.5, 0.5, 0.0)
    assert math.isnan(found.spread.p_value)


def effect_sums(between: float, t: Sequence[float], v: Sequence[float]) -> EffectSums:
    w, y = 1 / (np.array(v) + between), np.array(t)
    powers = (w, w**2, w**3, w * y, w * y**2, w**2 * y, w**2 * y**2)
    return EffectSums(between, *(float(power.sum()) for power in powers))


def fixed_effects(t: Sequence[float], v: Sequence[float]) -> tuple[Effects, EffectSums]:
    sums = effect_sums(0.0, t, v)
    return effects(len(t), sums.w, sums.w2, sums.wt, sums.wt2), sums


def test_random_effects_by_hand() -> None:
    # Effects 0, 1, 2 of variance 1/4: w = 4, Q = 4 * 2 = 8 on 2, variance between
    # (8 - 2) / (12 - 48/12) = 3/4, so that each weighs 1/(1/4 + 3/4) = 1: mean 1, error 1/sqrt 3.
    # I^2 = 1 - 2/8 = (3/4) / (3/4 + 2/8).
    t, v = (0.0, 1.0, 2.0), (0.25,) * 3
    fixed, sums = fixed_effects(t, v)
    assert fixed.between_variance == pytest.approx(0.75)
    found = random_effects(effect_sums(0.75, t, v), fixed, sums.w2)
    assert (found.estimate, found.std_error) == pytest.approx((1.0, 3**-0.5))
    assert found.inconsistency == pytest.approx(fixed.inconsistency) == pytest.approx(0.75)


def test_restricted_likelihood_has_its_maximum_there() -> None:
    t, v = (-0.9, 0.3, 0.1, 1.4, -0.2, 0.8), (0.05, 0.1, 0.2, 0.15, 0.3, 0.08)

    def loss(between: float) -> float:
        w = 1 / (np.array(v) + between)
        mean = float((w * t).sum() / w.sum())
        squares = float((w * (np.array(t) - mean) ** 2).sum())
        return (squares - float(np.log(w).sum()) + math.log(float(w.sum()))) / 2

    best = minimize_scalar(loss, bounds=(0, 5), method="bounded", options={"xatol": 1e-10})
    between = 0.0
    for _ in range(200):
        between = reml_step(effect_sums(between, t, v))
    assert between == pytest.approx(best.x, rel=1e-5)
    fixed, _ = fixed_effects(t, v)
    assert abs(between - fixed.between_variance) > 1e-3  # it is not the estimate by moments


def test_hospitals_that_agree_have_no_variance_between() -> None:
    t, v = (0.2, 0.21, 0.19), (0.1, 0.2, 0.3)
    fixed, sums = fixed_effects(t, v)
    assert reml_step(sums) == 0.0
    found = random_effects(sums, fixed, sums.w2)
    assert found.estimate == pytest.approx(fixed.estimate)
    assert found.inconsistency == 0.0
