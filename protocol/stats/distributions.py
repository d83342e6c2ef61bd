"""The two reference distributions of the tests: normal and chi-square."""

import math
from dataclasses import dataclass

from scipy.special import chdtrc, ndtr, ndtri


@dataclass(frozen=True)
class ChiSquare:
    """A statistic that is chi-square on `df` degrees of freedom if there is no difference.

    `p_value` is NaN where there is nothing to compare: no degree of freedom, or no statistic.
    """

    statistic: float
    df: int

    @property
    def p_value(self) -> float:
        """Chance of a larger statistic."""
        return chi_square_tail(self.statistic, self.df)


def chi_square_tail(statistic: float, df: int) -> float:
    """Chance that a chi-square on `df` exceeds the statistic; NaN without a degree of freedom."""
    return float(chdtrc(df, statistic)) if df > 0 and statistic >= 0 else math.nan


def normal_quantile(level: float) -> float:
    """Half-width in standard errors of a two-sided interval: 1.96 for level 0.95."""
    return float(ndtri(0.5 + level / 2))


def two_sided(z: float) -> float:
    """Two-sided P value of a standard normal statistic."""
    return 2 * float(ndtr(-abs(z)))


def ratio(numerator: float, denominator: float) -> float:
    """Divide, NaN where the denominator is zero: there is then nothing to compare."""
    return numerator / denominator if denominator else math.nan
