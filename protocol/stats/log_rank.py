"""The log-rank test and its weighted relatives, from the risk-set table.

Tests stratified by hospital need no table of a hospital: their `LogRank` values add.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from protocol.stats.distributions import ChiSquare, ratio
from protocol.stats.table import Reals, RiskTable, suffix_sums

Weighting = Callable[[Reals, Reals], Reals]
"""From patients at risk and events at each event time, both arms together, to a weight."""


@dataclass(frozen=True)
class LogRank:
    """Observed and expected events by arm (comparator, treated) and the variance of O - E.

    Strata are combined by adding.
    """

    observed: tuple[float, float]
    expected: tuple[float, float]
    variance: float

    def __add__(self, other: "LogRank") -> "LogRank":
        return LogRank(
            (self.observed[0] + other.observed[0], self.observed[1] + other.observed[1]),
            (self.expected[0] + other.expected[0], self.expected[1] + other.expected[1]),
            self.variance + other.variance,
        )

    @property
    def difference(self) -> float:
        """O - E of the treated arm."""
        return self.observed[1] - self.expected[1]

    @property
    def chi_square(self) -> float:
        """(O - E)^2 / V on one degree of freedom.

        NaN where V = 0: the arms are then never at risk together at an event.
        """
        return ratio(self.difference * self.difference, self.variance)

    @property
    def p_value(self) -> float:
        """Chance of a larger chi-square if the hazards are equal."""
        return ChiSquare(self.chi_square, 1).p_value


def log_rank(table: RiskTable, rho: float = 0.0, weighting: Weighting | None = None) -> LogRank:
    """Compare the treated arm with the comparator.

    Given the margins, the treated arm's events at each time are hypergeometric, with mean
    d n1/n and variance d (n1/n)(n0/n)(n-d)/(n-1). `rho` weights times by S(t-)^rho, S the
    Kaplan-Meier curve of both arms together (rho = 1 looks at early differences, as R's
    `survdiff`); `weighting` takes any other function of the risk sets.

    References
    ----------
    Mantel (1966), Cancer Chemother. Rep. 50, 163-170; Harrington and Fleming (1982), Biometrika
    69, 553-566.
    """
    if table.weights is not None:
        raise ValueError("weighted patients need `xie_liu`, not the plain log-rank test")
    died = table.events.any(axis=0)
    n0, n1 = table.at_risk[:, died].astype(np.float64)
    d0, d1 = table.events[:, died].astype(np.float64)
    n, d = n0 + n1, d0 + d1
    w = (weighting or fleming_harrington(rho, 0.0))(n, d)
    # With one patient left the event can fall in one arm only: no variance.
    correction = np.divide(n - d, n - 1, out=np.zeros(len(n)), where=n > 1)
    return LogRank(
        observed=(float((w * d0).sum()), float((w * d1).sum())),
        expected=(float((w * d * n0 / n).sum()), float((w * d * n1 / n).sum())),
        variance=float((w * w * d * (n1 / n) * (n0 / n) * correction).sum()),
    )


def xie_liu(table: RiskTable) -> LogRank:
    """Compare weighted arms.

    O and E add weights; the hypergeometric factor of the variance keeps plain counts:
    d (n-d)/(n(n-1)) [(Y0/Y)^2 sum of w^2 at risk in arm 1 + (Y1/Y)^2 the same in arm 0], with Y
    the weight at risk.

    References
    ----------
    Xie and Liu (2005), Stat. Med. 24, 3089-3110.
    """
    weights = table.weights
    if weights is None:
        raise ValueError("the table has no weights: use `log_rank`")
    died = table.events.any(axis=0) & (table.weight_at_risk.sum(axis=0) > 0)
    Y0, Y1 = table.weight_at_risk[:, died]
    e0, e1 = weights.events[:, died]
    n, d = table.pooled().at_risk[died], table.pooled().events[died]
    q0, q1 = suffix_sums(weights.events_squared + weights.censored_squared)[:, died]
    Y, e = Y0 + Y1, e0 + e1
    factor = np.divide(d * (n - d), n * (n - 1), out=np.zeros(len(n)), where=n > 1)
    return LogRank(
        observed=(float(e0.sum()), float(e1.sum())),
        expected=(float((e * Y0 / Y).sum()), float((e * Y1 / Y).sum())),
        variance=float((factor * ((Y0 / Y) ** 2 * q1 + (Y1 / Y) ** 2 * q0)).sum()),
    )


def gehan(n: Reals, _events: Reals) -> Reals:
    """Weight by the number at risk (Gehan 1965, Breslow 1970)."""
    return n


def tarone_ware(n: Reals, _events: Reals) -> Reals:
    """Weight by the root of the number at risk (Tarone and Ware 1977)."""
    root: Reals = np.asarray(np.sqrt(n), dtype=np.float64)
    return root


def peto_peto(n: Reals, d: Reals) -> Reals:
    """Weight by prod(1 - d/(n+1)) up to and including t (Peto and Peto 1972)."""
    survival: Reals = np.cumprod(1 - d / (n + 1), dtype=np.float64)
    return survival


def modified_peto_peto(n: Reals, d: Reals) -> Reals:
    """Weight by Peto's curve times n/(n+1) (Andersen et al. 1982)."""
    return peto_peto(n, d) * n / (n + 1)


def fleming_harrington(p: float, q: float) -> Weighting:
    """Weight by S(t-)^p (1 - S(t-))^q: q > 0 looks at late differences."""

    def weigh(n: Reals, d: Reals) -> Reals:
        S = np.append(1.0, np.cumprod((n - d) / n)[:-1])[: len(n)]
        weight: Reals = S**p * (1 - S) ** q
        return weight

    return weigh


FAMILY: Mapping[str, Weighting] = {
    "log-rank": fleming_harrington(0.0, 0.0),
    "gehan": gehan,
    "tarone-ware": tarone_ware,
    "peto-peto": peto_peto,
    "modified-peto-peto": modified_peto_peto,
    "fleming-harrington-1-0": fleming_harrington(1.0, 0.0),
    "fleming-harrington-0-1": fleming_harrington(0.0, 1.0),
    "fleming-harrington-1-1": fleming_harrington(1.0, 1.0),
    "fleming-harrington-half-half": fleming_harrington(0.5, 0.5),
}
"""The tests by name: they differ in the times at which a difference counts most."""
