import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from protocol.stats import linear

# L = [[2, 0], [1, 3]] gives L L' = [[4, 2], [2, 10]].
SMALL = [[4.0, 2.0], [2.0, 10.0]]


def information(seed: int, size: int) -> NDArray[np.float64]:
    rows = np.random.default_rng(seed).normal(size=(3 * size + 2, size))
    product: NDArray[np.float64] = rows.T @ rows
    return product


def test_factor_by_hand() -> None:
    assert linear.cholesky(SMALL) == [[2.0], [1.0, 3.0]]


def test_solution_by_hand() -> None:
    # 4 x + 2 y = 8 and 2 x + 10 y = 22 meet at x = 1, y = 2.
    assert linear.solve(SMALL, [8.0, 22.0]) == pytest.approx([1.0, 2.0], rel=1e-15)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_agrees_with_lapack(seed: int, size: int) -> None:
    matrix = information(seed, size)
    rhs = np.arange(1.0, size + 1)
    rows, right = matrix.tolist(), rhs.tolist()
    assert linear.solve(rows, right) == pytest.approx(np.linalg.solve(matrix, rhs), rel=1e-8)
    found = np.array(linear.inverse(rows))
    np.testing.assert_allclose(found @ matrix, np.eye(size), atol=1e-8)
    assert (found == found.T).all()


def test_a_hundred_columns() -> None:
    matrix = information(1, 100)
    solution = linear.solve(matrix.tolist(), [1.0] * 100)
    np.testing.assert_allclose(matrix @ solution, np.ones(100), rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 8), st.integers(1, 7))
def test_names_the_dependent_column(seed: int, size: int, column: int) -> None:
    column = min(column, size - 1)
    rows = np.random.default_rng(seed).normal(size=(40, size))
    rows[:, column] = rows[:, :column] @ np.arange(1.0, column + 1)
    with pytest.raises(linear.NotPositive) as refusal:
        linear.cholesky((rows.T @ rows).tolist())
    assert refusal.value.column == column


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan])
def test_refuses_what_has_no_positive_pivot(bad: float) -> None:
    with pytest.raises(linear.NotPositive, match="column 1"):
        linear.cholesky([[1.0, 0.0], [0.0, bad]])


def test_condition_of_a_diagonal_is_exact() -> None:
    diagonal = [[2.0, 0.0, 0.0], [0.0, 8.0, 0.0], [0.0, 0.0, 0.5]]
    assert linear.condition(diagonal) == 16.0
    assert linear.weakest_column(diagonal) == 2


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 10))
def test_condition_is_a_close_lower_bound(seed: int, size: int) -> None:
    matrix = information(seed, size)
    true = float(np.linalg.cond(matrix))
    assert true / (10 * size) <= linear.condition(matrix.tolist()) <= true * (1 + 1e-9)


def test_condition_of_a_singular_matrix_is_infinite() -> None:
    assert linear.condition([[1.0, 1.0], [1.0, 1.0]]) == math.inf


def test_nothing_to_solve() -> None:
    assert linear.solve([], []) == []
    assert linear.condition([]) == 1.0
