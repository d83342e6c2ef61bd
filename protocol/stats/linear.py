"""Small symmetric systems, solved alike to the last bit on every machine.

What hospitals decide from a solution (converged? separated? what next?) has to come out the same
everywhere. So there are only + - x / and `math.sqrt`, which IEEE 754 rounds in one way, in loops
of one order: no BLAS, no numpy reduction, no `sum` (its rounding differs between Pythons).
"""

import math
from collections.abc import Sequence

from protocol.errors import FederationError

Matrix = Sequence[Sequence[float]]

TOLERANCE = 1e-13
"""A pivot below this share of its diagonal is rounding: the column adds nothing of its own."""


class NotPositive(FederationError):  # noqa: N818 - the field's word is "not positive definite"
    """A matrix of information is singular: a column is a combination of those before it."""

    code = "collinear"
    fix = "leave the column out of the model or merge its levels, and have the plan signed again"

    def __init__(self, column: int) -> None:
        self.column = column
        super().__init__(f"column {column} (from 0) is a combination of the columns before it")


def cholesky(matrix: Matrix, tolerance: float = TOLERANCE) -> list[list[float]]:
    """Factor a symmetric positive definite matrix as L L', row by row.

    Only the lower triangle is read. Of a matrix of information, pivot over diagonal is the share
    of a column's information that the columns before it do not hold.

    Raises
    ------
    NotPositive
        At the first column whose pivot is not above `tolerance` times its diagonal.

    References
    ----------
    Golub and Van Loan (2013), Matrix Computations, 4.2.
    """
    lower: list[list[float]] = []
    for i, row in enumerate(matrix):
        factor: list[float] = []
        for j in range(i):
            factor.append((row[j] - _dot(factor, lower[j], j)) / lower[j][j])
        pivot = row[i] - _dot(factor, factor, i)
        # Written so that NaN fails it too.
        if not pivot > tolerance * row[i]:
            raise NotPositive(i)
        factor.append(math.sqrt(pivot))
        lower.append(factor)
    return lower


def solve_cholesky(lower: Matrix, rhs: Sequence[float]) -> list[float]:
    """Solve L L' x = rhs, forwards and then backwards."""
    size = len(rhs)
    x: list[float] = []
    for i in range(size):
        x.append((rhs[i] - _dot(lower[i], x, i)) / lower[i][i])
    for i in reversed(range(size)):
        rest = x[i]
        for k in range(i + 1, size):
            rest -= lower[k][i] * x[k]
        x[i] = rest / lower[i][i]
    return x


def solve(matrix: Matrix, rhs: Sequence[float]) -> list[float]:
    """Solve a symmetric positive definite system.

    Raises
    ------
    NotPositive
        If a column is a combination of those before it.
    """
    return solve_cholesky(cholesky(matrix), rhs)


def inverse(matrix: Matrix) -> list[list[float]]:
    """Invert a symmetric positive definite matrix; the result is symmetric to the last bit.

    Raises
    ------
    NotPositive
        If a column is a combination of those before it.
    """
    lower = cholesky(matrix)
    size = len(lower)
    columns = [solve_cholesky(lower, _unit(size, j)) for j in range(size)]
    return [[columns[min(i, j)][max(i, j)] for j in range(size)] for i in range(size)]


def condition(matrix: Matrix) -> float:
    """Estimate the condition number: largest pivot over smallest, taking the largest first.

    A lower bound of the ratio of eigenvalues and in practice within a small factor of it.
    Infinite where the matrix is singular. The scale of the columns matters: standardise them.

    References
    ----------
    Higham (2002), Accuracy and Stability of Numerical Algorithms, 10.3.
    """
    pivots = _pivots(matrix)
    if not pivots:
        return 1.0
    (_, first), (_, last) = pivots[0], pivots[-1]
    return first / last if last > 0 else math.inf


def weakest_column(matrix: Matrix) -> int:
    """Name the column with the least information beside the others: the last pivot's."""
    return _pivots(matrix)[-1][0]


def dot(left: Sequence[float], right: Sequence[float]) -> float:
    """Inner product, added up from the first element on."""
    return _dot(left, right, len(left))


def _pivots(matrix: Matrix) -> list[tuple[int, float]]:
    """Columns and squared pivots of the factorisation that takes the largest rest first."""
    left = list(range(len(matrix)))
    rest = [list(row) for row in matrix]
    pivots: list[tuple[int, float]] = []
    while left:
        column = left[0]
        for candidate in left[1:]:  # strictly larger: a tie goes to the lower column
            if rest[candidate][candidate] > rest[column][column]:
                column = candidate
        pivot = rest[column][column]
        pivots.append((column, pivot))
        left.remove(column)
        if pivot > 0:
            _eliminate(rest, left, column)
    return pivots


def _eliminate(rest: list[list[float]], left: list[int], column: int) -> None:
    pivot = rest[column][column]
    for i in left:
        factor = rest[i][column] / pivot
        for j in left:
            rest[i][j] -= factor * rest[column][j]


def _dot(left: Sequence[float], right: Sequence[float], count: int) -> float:
    total = 0.0
    for k in range(count):
        total += left[k] * right[k]
    return total


def _unit(size: int, at: int) -> list[float]:
    return [1.0 if k == at else 0.0 for k in range(size)]
