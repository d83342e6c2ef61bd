"""Draws of imputation models: right on average, as variable as they ought to be."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from protocol.stats.imputation import (
    PRIOR,
    LevelDraw,
    LinearDraw,
    draw_levels,
    draw_linear,
    impute_levels,
    impute_numbers,
    numbers_needed,
)

MEDIAN = 0.0


def still() -> Iterator[float]:
    """Draw the median of everything."""
    while True:
        yield MEDIAN


def normals(seed: int) -> Iterator[float]:
    random = np.random.default_rng(seed)
    while True:
        yield float(random.normal())


def products(z: np.ndarray) -> list[list[float]]:
    found: list[list[float]] = (z.T @ z).tolist()
    return found


def rows(n: int = 400) -> tuple[np.ndarray, np.random.Generator]:
    random = np.random.default_rng(2)
    return random.normal(size=(n, 3)), random


def test_linear_by_hand() -> None:
    # y = 1, 3 at x = -1, 1: X'X + prior = diag(2, 2.5), X'y = (4, 2), so b = (2, 0.8).
    x, y = np.array([-1.0, 1.0]), np.array([1.0, 3.0])
    found = draw_linear(products(np.column_stack([np.ones(2), x, y])), still())
    assert found.b == pytest.approx((2.0, 2 / (2 + PRIOR)))


def test_linear_draws_vary_as_the_posterior() -> None:
    x, random = rows()
    y = 0.3 + x @ [0.5, -1.0, 0.2] + 0.7 * random.normal(size=len(x))
    z = np.column_stack([np.ones(len(x)), x, y])
    drawn = [draw_linear(products(z), normals(seed)) for seed in range(400)]
    b, sd = np.array([one.b for one in drawn]), np.array([one.sd for one in drawn])
    design = z[:, :4]
    error = np.sqrt(np.diag(np.linalg.inv(design.T @ design))) * sd.mean()
    centre = np.linalg.solve(design.T @ design, design.T @ y)
    assert np.abs(b.mean(axis=0) - centre).max() < 4 * error.max() / math.sqrt(400) + 0.01
    np.testing.assert_allclose(b.std(axis=0), error, rtol=0.15)
    residual = y - design @ centre
    assert sd.mean() == pytest.approx(math.sqrt(residual @ residual / 396), rel=0.02)
    assert sd.std() == pytest.approx(sd.mean() / math.sqrt(2 * 396), rel=0.2)


def levels_of(x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    odds = np.exp(
        np.column_stack(
            [np.zeros(len(x)), x @ [1.0, 0.5, 0.0], x @ [0.0, -0.5, 0.8] - 0.5],
        )
    )
    chances = odds / odds.sum(axis=1, keepdims=True)
    drawn: np.ndarray = (random.random(len(x))[:, None] > np.cumsum(chances, axis=1)).sum(axis=1)
    return drawn


def test_slopes_are_those_of_multinomial_regression() -> None:
    x, random = rows(6000)
    level = levels_of(x, random)
    z = np.column_stack([level == k for k in range(3)] + [x]).astype(float)
    found = draw_levels(products(z), 3, still())
    slopes = np.array(found.slopes) - found.slopes[0]
    fit = LogisticRegression(C=1e6).fit(x, level)
    np.testing.assert_allclose(slopes, fit.coef_ - fit.coef_[0], atol=0.1)
    intercepts = np.array(found.intercepts) - found.intercepts[0]
    np.testing.assert_allclose(intercepts, fit.intercept_ - fit.intercept_[0], atol=0.1)


def test_level_draws_vary_as_logistic_regression_does() -> None:
    x, random = rows()
    level = (random.random(len(x)) < 1 / (1 + np.exp(-x[:, 0]))).astype(int)
    z = np.column_stack([level == 0, level == 1, x]).astype(float)
    drawn = [draw_levels(products(z), 2, normals(seed)) for seed in range(400)]
    slopes = np.array([np.subtract(one.slopes[1], one.slopes[0]) for one in drawn])
    design = np.column_stack([np.ones(len(x)), x])
    fit = LogisticRegression(C=1e6).fit(x, level)
    p = fit.predict_proba(x)[:, 1]
    error = np.sqrt(np.diag(np.linalg.inv((design * (p * (1 - p))[:, None]).T @ design)))[1:]
    np.testing.assert_allclose(slopes.std(axis=0), error, rtol=0.2)


def test_a_level_without_patients_is_never_drawn() -> None:
    x, _ = rows(50)
    z = np.column_stack([np.ones(50), np.zeros(50), x])
    found = draw_levels(products(z), 2, normals(1))
    assert found.intercepts[1] == -math.inf
    assert not impute_levels(found, x, np.linspace(0.001, 0.999, 50)).any()


def test_draws_take_as_many_numbers_as_they_say() -> None:
    x, _ = rows(50)
    z = products(np.column_stack([np.ones(50), x]))
    few = iter([0.1] * numbers_needed(2, 0))
    draw_linear(z, few)
    assert list(few) == []
    some = iter([0.1] * numbers_needed(2, 2))
    draw_levels(z, 2, some)
    assert list(some) == []


def test_values_are_drawn_by_the_patient_s_own_number() -> None:
    line = LinearDraw((1.0, 2.0), 0.5)
    found = impute_numbers(line, np.array([[0.0], [1.0]]), np.array([0.5, 0.975]))
    assert found == pytest.approx([1.0, 3.0 + 0.5 * 1.959964], abs=1e-6)
    even = LevelDraw((0.0, 0.0, math.log(2.0)), ((0.0,), (0.0,), (0.0,)))
    drawn = impute_levels(even, np.zeros((4, 1)), np.array([0.2, 0.3, 0.49, 0.51]))
    assert drawn.tolist() == [0, 1, 1, 2]


def test_collinear_columns_do_no_harm() -> None:
    x, random = rows(100)
    doubled = np.column_stack([x[:, 0], x[:, 0], np.zeros(100)])
    y = x[:, 0] + 0.1 * random.normal(size=100)
    found = draw_linear(products(np.column_stack([np.ones(100), doubled, y])), still())
    assert found.b[1] == pytest.approx(found.b[2])
    assert found.b[1] + found.b[2] == pytest.approx(1.0, abs=0.05)
    assert found.b[3] == 0.0
