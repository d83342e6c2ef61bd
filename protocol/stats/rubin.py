"""One answer from several completed data sets: Rubin's rules.

Missing values are drawn several times; what an analysis finds then varies within each data set
as always, and between them because the values are not known.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from protocol.stats.distributions import normal_quantile, ratio, two_sided


@dataclass(frozen=True)
class Pooled:
    """An estimate over m completed data sets.

    `within` is the mean squared error of one data set, `between` the variance of the m estimates;
    `df` are those of t (infinite if nothing varies between), `missing_information` the share of
    information that the missing values took, gamma.
    """

    estimate: float
    within: float
    between: float
    imputations: int
    df: float

    @property
    def variance(self) -> float:
        """T = U + (1 + 1/m) B."""
        return self.within + (1 + 1 / self.imputations) * self.between

    @property
    def std_error(self) -> float:
        """Square root of the total variance."""
        return math.sqrt(self.variance)

    @property
    def relative_increase(self) -> float:
        """Increase of the variance by the missing values, r = (1 + 1/m) B / U."""
        return ratio((1 + 1 / self.imputations) * self.between, self.within)

    @property
    def missing_information(self) -> float:
        """Fraction of missing information, gamma = (r + 2/(df + 3)) / (r + 1)."""
        r = self.relative_increase
        return (r + 2 / (self.df + 3)) / (r + 1)

    @property
    def p_value(self) -> float:
        """Two-sided P value of no effect, by t on `df`."""
        t = -abs(ratio(self.estimate, self.std_error))
        return two_sided(t) if math.isinf(self.df) else 2 * float(stdtr(self.df, t))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Limits of the estimate, by t on `df`."""
        z = normal_quantile(level)
        half = (z if math.isinf(self.df) else float(stdtrit(self.df, 0.5 + level / 2))) * (
            self.std_error
        )
        return self.estimate - half, self.estimate + half


def pool(
    estimates: Sequence[float], variances: Sequence[float], complete_df: float = math.inf
) -> Pooled:
    """Pool the estimates of m >= 2 completed data sets, and their squared standard errors.

    The estimate is the mean; T = U + (1 + 1/m) B; degrees of freedom are those of Barnard and
    Rubin, which never exceed `complete_df`, those that the analysis would have without a missing
    value. NaN where an estimate or its error does not exist in some data set.

    References
    ----------
    Rubin (1987), Multiple Imputation for Nonresponse in Surveys, 3.1; Barnard and Rubin (1999),
    Biometrika 86, 948-955.
    """
    m = len(estimates)
    if m < 2 or len(variances) != m:
        raise ValueError("pooling takes at least two estimates, each with its variance")
    q, u = np.array(estimates, dtype=np.float64), np.array(variances, dtype=np.float64)
    within, between = float(u.mean()), float(q.var(ddof=1))
    df = barnard_rubin(within, between, m, complete_df)
    return Pooled(float(q.mean()), within, between, m, df)


def barnard_rubin(within: float, between: float, m: int, complete_df: float = math.inf) -> float:
    """Find the degrees of freedom of a pooled estimate.

    With lambda = (1 + 1/m) B / T: Rubin's (m - 1) / lambda^2 and the observed-data ones
    (v + 1) / (v + 3) v (1 - lambda), v the complete-data ones, are combined as 1 / (1/a + 1/b).
    """
    extra = (1 + 1 / m) * between
    share = ratio(extra, within + extra)
    if math.isnan(share):
        return math.nan
    square = share**2  # of a share that is all but none it is nothing
    old = (m - 1) / square if square > 0 else math.inf
    if math.isinf(complete_df):
        return old
    observed = (complete_df + 1) / (complete_df + 3) * complete_df * (1 - share)
    return observed if math.isinf(old) else ratio(old * observed, old + observed)
