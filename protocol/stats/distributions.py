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


def symmetric(estimate: float, std_error: float, level: float = 0.95) -> tuple[float, float]:
    """Set limits z standard errors on either side of an estimate.

    NaN where the error is zero: nobody or everybody had the event, and an error that is estimated
    from the events says nothing then, least of all that the estimate is certain.
    """
    if not std_error > 0:
        return math.nan, math.nan
    half = normal_quantile(level) * std_error
    return estimate - half, estimate + half


def exponential(log_ratio: float) -> float:
    """Exponentiate a logarithm of a ratio; infinite where the ratio is beyond all numbers.

    Per unit of a covariate in tiny units, or at the upper limit of a wide interval, it may be.
    """
    return math.exp(log_ratio) if not log_ratio > 709 else math.inf


def two_sided(z: float) -> float:
    """Two-sided P value of a standard normal statistic."""
    return 2 * float(ndtr(-abs(z)))


def ratio(numerator: float, denominator: float) -> float:
    """Divide, NaN where the denominator is zero: there is then nothing to compare."""
    return numerator / denominator if denominator else math.nan
