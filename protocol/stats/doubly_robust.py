"""Risks by augmented inverse probability weighting, from five sums over patients."""

import math
from dataclasses import dataclass

import numpy as np

from protocol.stats.distributions import normal_quantile, ratio, two_sided
from protocol.stats.table import Reals
from protocol.stats.tables import RiskEstimate


@dataclass(frozen=True)
class AugmentedSums:
    """Sums over n patients of psi_0, psi_1, their squares and their product."""

    n: int
    comparator: float
    treated: float
    comparator_squares: float
    treated_squares: float
    product: float


@dataclass(frozen=True)
class AugmentedRisks:
    """Risks if all patients had the comparator or the treated arm, and their covariance."""

    comparator: float
    treated: float
    comparator_variance: float
    treated_variance: float
    covariance: float

    @property
    def risks(self) -> tuple[RiskEstimate, RiskEstimate]:
        """Both risks with normal limits, comparator first."""
        return (
            _limits(self.comparator, self.comparator_variance),
            _limits(self.treated, self.treated_variance),
        )

    @property
    def difference(self) -> RiskEstimate:
        """Risk of the treated arm less that of the comparator."""
        return _limits(self.treated - self.comparator, self._difference_variance)

    @property
    def difference_p(self) -> float:
        """Chance of a larger difference if there is none."""
        error = math.sqrt(self._difference_variance)
        return two_sided(ratio(self.treated - self.comparator, error))

    @property
    def risk_ratio(self) -> RiskEstimate:
        """Risk ratio with limits on the logarithm; NaN where a risk is not positive."""
        if min(self.comparator, self.treated) <= 0:
            return RiskEstimate(math.nan, math.nan, math.nan)
        variance = (
            self.treated_variance / self.treated**2
            + self.comparator_variance / self.comparator**2
            - 2 * self.covariance / (self.treated * self.comparator)
        )
        found = _limits(math.log(self.treated / self.comparator), max(variance, 0.0))
        return RiskEstimate(*(math.exp(x) for x in (found.estimate, found.lower, found.upper)))

    @property
    def _difference_variance(self) -> float:
        spread = self.treated_variance + self.comparator_variance - 2 * self.covariance
        return max(spread, 0.0)


def augmented(
    treated: Reals, happened: Reals, propensity: Reals, risk: tuple[Reals, Reals]
) -> tuple[Reals, Reals]:
    """Compute psi_0 and psi_1 of each patient, shape (n,).

    psi_1 = m1 + a (y - m1)/e and psi_0 = m0 + (1 - a)(y - m0)/(1 - e); their means are the risks
    if either e or both of m are right.

    Parameters
    ----------
    treated, happened
        a and y, 0 or 1.
    propensity, risk
        e, and the models' risks m0 and m1 of everybody.

    References
    ----------
    Robins, Rotnitzky and Zhao (1994), J. Am. Stat. Assoc. 89, 846-866; Lunceford and Davidian
    (2004), Stat. Med. 23, 2937-2960.
    """
    m0, m1 = risk
    psi_0: Reals = m0 + (1 - treated) * (happened - m0) / (1 - propensity)
    psi_1: Reals = m1 + treated * (happened - m1) / propensity
    return psi_0, psi_1


def augmented_risks(sums: AugmentedSums) -> AugmentedRisks:
    """Turn the sums into risks, with the covariance of psi over n; divisor n.

    Raises
    ------
    ValueError
        If nobody is in the sums.
    """
    if sums.n == 0:
        raise ValueError("nobody is in the sums")
    n = sums.n
    means = np.array([sums.comparator, sums.treated]) / n
    squares = np.array([sums.comparator_squares, sums.treated_squares]) / n
    spread = np.maximum(squares - means * means, 0.0) / n
    covariance = (sums.product / n - float(means.prod())) / n
    return AugmentedRisks(
        float(means[0]), float(means[1]), float(spread[0]), float(spread[1]), covariance
    )


def _limits(estimate: float, variance: float) -> RiskEstimate:
    half = normal_quantile(0.95) * math.sqrt(variance)
    return RiskEstimate(estimate, estimate - half, estimate + half)
