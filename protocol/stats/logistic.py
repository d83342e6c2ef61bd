"""Logistic regression on pooled sums: one Newton step, when to stop, and the finished fit.

What decides (step, cap, converged, separated) uses only + - * / and comparisons in explicit
loops, so that every party replays it to the last bit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocol.stats import linear

STEP_CAP = 2.0
"""The longest Newton step of a coefficient, in standard deviations of its column."""
CONVERGED = 1e-10
"""Converged when no coefficient would move by more than this, in the same unit."""
DEVIANCE_SLACK = 1e-9
"""A relative rise of the deviance below this is rounding."""
MAX_TRIPS = 25
MAX_HALVINGS = 10
MAX_COEFFICIENT = 8.0
MAX_CONDITION = 1e10
OWN_SHARE = 1e-6
"""A column with less of its information to itself leaves errors a thousand times as wide."""
USUAL_INFLATION = 100.0
"""Variances inflated by the other columns up to this (a correlation of 0.995) need no leeway."""


@dataclass(frozen=True)
class LogisticSums:
    """Sums over patients at one b, in standardised columns: p coefficients, intercept first."""

    deviance: float
    score: tuple[float, ...]
    information: tuple[tuple[float, ...], ...]


def full_matrix(triangle: Sequence[float], size: int) -> tuple[tuple[float, ...], ...]:
    """Unfold an upper triangle, given row by row, into a symmetric matrix."""
    rows = [[0.0] * size for _ in range(size)]
    at = 0
    for i in range(size):
        for j in range(i, size):
            rows[i][j] = rows[j][i] = float(triangle[at])
            at += 1
    return tuple(tuple(row) for row in rows)


def penalised(sums: LogisticSums, b: Sequence[float], ridge: float) -> LogisticSums:
    """Add a normal prior with precision `ridge` on all coefficients but the intercept."""
    score, deviance = list(sums.score), sums.deviance
    information = [list(row) for row in sums.information]
    for j in range(1, len(b)):
        score[j] -= ridge * b[j]
        information[j][j] += ridge
        deviance += ridge * b[j] * b[j]
    return LogisticSums(deviance, tuple(score), tuple(tuple(row) for row in information))


def leeway(
    information: Sequence[Sequence[float]], own_share: float = OWN_SHARE
) -> tuple[float, ...]:
    """Say by which factor each coefficient's limits are widened; 1 for an ordinary column.

    Columns that nearly repeat each other have large coefficients of opposite sign without any
    separation. Their errors are wider by the root of the variance inflation, I_jj (I^-1)_jj, and
    so are the limits, from `USUAL_INFLATION` on. Take it where the search starts: along a runaway
    the information shrinks, and the inflation would grow with it.

    Raises
    ------
    linear.NotPositive
        If a column has no more than `own_share` of its information beside those before it.

    References
    ----------
    Marquardt (1970), Technometrics 12, 591-612.
    """
    linear.cholesky(information, own_share)
    inverse = linear.inverse(information)
    return tuple(
        math.sqrt(max(1.0, information[j][j] * inverse[j][j] / USUAL_INFLATION))
        for j in range(len(inverse))
    )


def newton_step(sums: LogisticSums, wider: Sequence[float] | None = None) -> tuple[float, ...]:
    """Solve I step = g and shorten the step, as a whole, to the cap.

    Raises
    ------
    linear.NotPositive
        If a column is a combination of those before it.
    """
    return capped(linear.solve(sums.information, sums.score), wider)


def capped(step: Sequence[float], wider: Sequence[float] | None = None) -> tuple[float, ...]:
    """Shorten a step, as a whole, so that no coefficient moves by more than the cap.

    `wider` is the `leeway` of the coefficients, if they have any.
    """
    longest = largest(step, wider)
    shrink = STEP_CAP / longest if longest > STEP_CAP else 1.0
    return tuple(shrink * move for move in step)


def largest(values: Sequence[float], wider: Sequence[float] | None = None) -> float:
    """Return the largest absolute value, each over its leeway."""
    most = 0.0
    for value, factor in zip(values, wider or (1.0,) * len(values), strict=True):
        most = max(most, abs(value) / factor)
    return most


def diverging(
    b: Sequence[float], sums: LogisticSums, wider: Sequence[float] | None = None
) -> int | None:
    """Name the coefficient that runs away (position in b), or None if all is well."""
    for position, factor in enumerate(wider or (1.0,) * len(b)):
        if abs(b[position]) > MAX_COEFFICIENT * factor:
            return position
    if linear.condition(sums.information) > MAX_CONDITION:
        return linear.weakest_column(sums.information)
    return None


@dataclass(frozen=True)
class Fit:
    """A finished fit.

    `b` and `information` are in standardised columns; `raw` and `covariance` in the variables'
    own units, from b_raw = b / scale and intercept = b_0 - sum of b centre / scale.
    """

    names: tuple[str, ...]
    b: tuple[float, ...]
    information: tuple[tuple[float, ...], ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    deviance: float
    treated: int
    patients: int
    trips: int
    penalty: str

    @property
    def raw(self) -> NDArray[np.float64]:
        """Coefficients in the variables' own units, shape (p,)."""
        raw: NDArray[np.float64] = self._back @ np.array(self.b)
        return raw

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Covariance of `raw`: inverse information at the solution, shape (p, p)."""
        inverse = np.array(linear.inverse(self.information))
        covariance: NDArray[np.float64] = self._back @ inverse @ self._back.T
        return covariance

    @property
    def std_error(self) -> NDArray[np.float64]:
        """Standard errors of `raw`, shape (p,)."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def null_deviance(self) -> float:
        """Deviance of the model with an intercept only."""
        share = self.treated / self.patients
        parts = ((self.treated, share), (self.patients - self.treated, 1 - share))
        return -2 * math.fsum(n * math.log(p) for n, p in parts if n)

    @property
    def _back(self) -> NDArray[np.float64]:
        back = np.diag([1.0, *(1 / s for s in self.scale)])
        back[0, 1:] = [-c / s for c, s in zip(self.centre, self.scale, strict=True)]
        return back
