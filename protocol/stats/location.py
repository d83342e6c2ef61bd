"""Is a number larger in one arm? t tests from moments, Mann-Whitney from a joint histogram."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from protocol.stats.distributions import ratio, two_sided
from protocol.stats.moments import Moments
from protocol.stats.table import Counts


@dataclass(frozen=True)
class TTest:
    """Difference of means, treated - comparator, with its t statistic; NaN without variance."""

    difference: float
    std_error: float
    df: float

    @property
    def t(self) -> float:
        """Difference over its standard error."""
        return ratio(self.difference, self.std_error)

    @property
    def p_value(self) -> float:
        """Two-sided P value."""
        return 2 * float(stdtr(self.df, -abs(self.t)))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Limits of the difference, in the column's unit."""
        half = float(stdtrit(self.df, 0.5 + level / 2)) * self.std_error
        return self.difference - half, self.difference + half


@dataclass(frozen=True)
class MannWhitney:
    """W: pairs in which the treated patient has the larger value, ties counting a half.

    The P values are of the normal approximation with ties in the variance, with and without
    correction for continuity.
    """

    w: float
    p_value: float
    p_value_corrected: float


def welch(treated: Moments, comparator: Moments) -> TTest:
    """Compare two means without assuming equal variances.

    References
    ----------
    Welch (1947), Biometrika 34, 28-35.
    """
    v1, v0 = ratio(treated.variance, treated.n), ratio(comparator.variance, comparator.n)
    spread = ratio(v1 * v1, treated.n - 1) + ratio(v0 * v0, comparator.n - 1)
    df = ratio((v1 + v0) * (v1 + v0), spread)
    return TTest(treated.mean - comparator.mean, math.sqrt(v1 + v0), df)


def student(treated: Moments, comparator: Moments) -> TTest:
    """Compare two means of equal variances."""
    df = treated.n + comparator.n - 2
    squares = (treated.n - 1) * treated.variance + (comparator.n - 1) * comparator.variance
    each = ratio(1, treated.n) + ratio(1, comparator.n)
    return TTest(
        treated.mean - comparator.mean, math.sqrt(ratio(squares, df) * each), float(max(df, 0))
    )


def mann_whitney(treated: Counts, comparator: Counts) -> MannWhitney:
    """Compare two arms by ranks, from the number of patients at each value (or bin).

    Exact with ties where bins are values; coarser bins make more ties.

    Parameters
    ----------
    treated, comparator
        Patients by ascending value, shape (values,).

    References
    ----------
    Mann and Whitney (1947), Ann. Math. Stat. 18, 50-60; Lehmann (1975), Nonparametrics.
    """
    n1, n0 = float(treated.sum()), float(comparator.sum())
    total, ties = n1 + n0, (treated + comparator).astype(np.float64)
    below = np.cumsum(comparator) - comparator / 2
    w = float((treated * below).sum())
    shrink = ratio(float((ties**3 - ties).sum()), total * (total - 1))
    sigma = math.sqrt(max(0.0, n1 * n0 / 12 * (total + 1 - shrink)))
    apart = w - n1 * n0 / 2
    corrected = math.copysign(max(0.0, abs(apart) - 0.5), apart)
    return MannWhitney(w, two_sided(ratio(apart, sigma)), two_sided(ratio(corrected, sigma)))
