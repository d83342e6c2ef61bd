"""Models that missing values are drawn from, by sums over the patients whose value is there.

A number follows a linear model, levels a multinomial logistic one whose coefficients come from
the discriminant: both need cross-products alone, which hang on no coefficient, so that one trip
is enough and nobody can steer what a sum speaks of. Parameters are drawn from their posterior, so
that imputations differ by what is not known of them too.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from protocol.stats import linear
from protocol.stats.draws import chi_square, logarithm

Reals = NDArray[np.float64]
Products = Sequence[Sequence[float]]
"""Sums of z z' over patients, a symmetric matrix."""

PRIOR = 0.5
"""Pseudo-patients' worth of spread added to every standardised column, against collinear ones."""
HALF = 0.5
"""Jeffreys' prior for shares of levels."""


@dataclass(frozen=True)
class LinearDraw:
    """One draw of a number's model: y = (1, x)'b + sd times a standard normal number."""

    b: tuple[float, ...]
    sd: float


@dataclass(frozen=True)
class LevelDraw:
    """One draw of a category's model: log odds of level l are intercepts[l] + x'slopes[l].

    A level that nobody has is never drawn: its intercept is minus infinity.
    """

    intercepts: tuple[float, ...]
    slopes: tuple[tuple[float, ...], ...]


Draw = LinearDraw | LevelDraw


def numbers_needed(columns: int, levels: int) -> int:
    """Count the normal numbers that one draw takes; `levels` is 0 for a number."""
    if levels == 0:
        return columns + 2
    return columns * (columns + 1) // 2 + levels * (columns + 1)


def draw_linear(products: Products, normals: Iterator[float]) -> LinearDraw:
    """Draw from the posterior of a linear model.

    With A = X'X + prior, b = A^-1 X'y and S the residual sum of squares: sigma^2 = S / chi^2 on
    n - p degrees of freedom, then b ~ N(b, sigma^2 A^-1).

    Parameters
    ----------
    products
        Sums of z z' for z = (1, x, y), standardised; shape (p + 1, p + 1), p with the intercept.
    normals
        At least `numbers_needed` standard normal numbers.

    References
    ----------
    Rubin (1987), Multiple Imputation for Nonresponse in Surveys, 5.3; van Buuren (2018), Flexible
    Imputation of Missing Data, algorithm 3.1.
    """
    p = len(products) - 1
    matrix = [list(row[:p]) for row in products[:p]]
    for j in range(1, p):
        matrix[j][j] += PRIOR
    moment, squares = list(products[p][:p]), products[p][p]
    lower = linear.cholesky(matrix)
    b = linear.solve_cholesky(lower, moment)
    residual = max(squares - linear.dot(b, moment), 0.0)
    df = max(products[0][0] - p, 1.0)
    sd = math.sqrt(residual / chi_square(next(normals), df))
    shift = _backward(lower, [next(normals) for _ in range(p)])
    return LinearDraw(tuple(one + sd * move for one, move in zip(b, shift, strict=True)), sd)


def draw_levels(products: Products, levels: int, normals: Iterator[float]) -> LevelDraw:
    """Draw from the posterior of a category's model.

    Within a level the columns are taken as normal with the level's own mean and one covariance
    for all; the chance of a level given the columns is then multinomial logistic. Shares follow a
    Dirichlet distribution, the precision a Wishart one by Bartlett's factors A, and means a
    normal one: with S = L L' the scatter within levels and v = A' L^-1 mean + z / sqrt(n), the
    slopes are L^-T A v and the intercept ln share - v'v / 2.

    Parameters
    ----------
    products
        Sums of z z' for z = (1 at each level, x), standardised; shape (levels + q, levels + q).
    normals
        At least `numbers_needed` standard normal numbers.

    References
    ----------
    Cornfield (1962), Fed. Proc. 21, 58-61; Efron (1975), J. Am. Stat. Assoc. 70, 892-898 (the
    discriminant's logistic); Schafer (1997), Analysis of Incomplete Multivariate Data, 9.2.
    """
    patients = [products[level][level] for level in range(levels)]
    lower = linear.cholesky(_scatter(products, levels))
    df, there = 0.0, 0
    for n in patients:
        df, there = df + n, there + (n > 0)
    factor = _bartlett(len(lower), df - there, normals)
    drawn = [
        _one_level([row[level] for row in products[levels:]], n, (lower, factor), normals)
        for level, n in enumerate(patients)
    ]
    return LevelDraw(tuple(one for one, _ in drawn), tuple(slopes for _, slopes in drawn))


def _one_level(
    sums: list[float],
    n: float,
    factors: tuple[linear.Matrix, linear.Matrix],
    normals: Iterator[float],
) -> tuple[float, tuple[float, ...]]:
    """Draw the intercept and the slopes of a level with n patients and these sums of columns."""
    lower, factor = factors
    noise, spare = [next(normals) for _ in sums], next(normals)
    if not n > 0:
        return -math.inf, (0.0,) * len(sums)
    whitened = _forward(lower, [total / n for total in sums])
    v, root = [], math.sqrt(n)
    for j in range(len(sums)):
        inner = 0.0
        for i in range(j, len(sums)):
            inner += factor[i][j] * whitened[i]
        v.append(inner + noise[j] / root)
    slopes = _backward(lower, [linear.dot(row, v[: len(row)]) for row in factor])
    share = chi_square(spare, 2.0 * (n + HALF)) / 2.0
    return logarithm(share) - linear.dot(v, v) / 2.0, tuple(slopes)


def _scatter(products: Products, levels: int) -> list[list[float]]:
    """Find the scatter of the columns about their means within levels, prior included."""
    size = len(products) - levels
    scatter = [list(row[levels:]) for row in products[levels:]]
    for level in range(levels):
        n = products[level][level]
        if not n > 0:
            continue
        sums = [products[levels + j][level] for j in range(size)]
        for i in range(size):
            for j in range(size):
                scatter[i][j] -= sums[i] * sums[j] / n
    for j in range(size):
        scatter[j][j] += PRIOR
    return scatter


def _bartlett(size: int, df: float, normals: Iterator[float]) -> list[list[float]]:
    """Draw the lower triangular factor of a Wishart matrix with unit scale.

    References
    ----------
    Bartlett (1933), Proc. R. Soc. Edinb. 53, 260-283.
    """
    factor: list[list[float]] = []
    for i in range(size):
        row = [next(normals) for _ in range(i)]
        factor.append([*row, math.sqrt(chi_square(next(normals), max(df - i, 1.0)))])
    return factor


def _forward(lower: linear.Matrix, rhs: Sequence[float]) -> list[float]:
    """Solve L x = rhs."""
    x: list[float] = []
    for i, value in enumerate(rhs):
        x.append((value - linear.dot(x, lower[i][:i])) / lower[i][i])
    return x


def _backward(lower: linear.Matrix, rhs: Sequence[float]) -> list[float]:
    """Solve L' x = rhs."""
    x = list(rhs)
    for i in reversed(range(len(x))):
        for k in range(i + 1, len(x)):
            x[i] -= lower[k][i] * x[k]
        x[i] /= lower[i][i]
    return x


def impute_numbers(draw: LinearDraw, x: Reals, uniform: Reals) -> Reals:
    """Draw standardised values for patients with columns x, (n, q), and own uniform numbers, (n,).

    Columns are added one by one, so that a rerun gives the same values.
    """
    return _predictor(draw.b[0], draw.b[1:], x) + draw.sd * ndtri(uniform)


def impute_levels(draw: LevelDraw, x: Reals, uniform: Reals) -> NDArray[np.int64]:
    """Draw positions of levels for patients with columns x, (n, q), and own uniforms, (n,)."""
    scores = np.stack(
        [_predictor(a, slopes, x) for a, slopes in zip(draw.intercepts, draw.slopes, strict=True)],
        axis=-1,
    )
    chances = np.exp(scores - scores.max(axis=-1, keepdims=True))
    below = np.cumsum(chances, axis=-1)
    drawn: NDArray[np.int64] = (uniform[:, None] * below[:, -1:] > below).sum(axis=-1)
    return drawn


def _predictor(intercept: float, slopes: Sequence[float], x: Reals) -> Reals:
    total = np.full(len(x), intercept)
    for position, slope in enumerate(slopes):
        total += slope * x[:, position]
    return total
