"""Categories by arm: chi-square and Fisher tests, risks, differences and ratios.

Levels and arms are counted over all hospitals; hospitals enter separately only in the
Mantel-Haenszel sums, which hold no hospital's table.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincinv, gammaln

from protocol.stats.distributions import ChiSquare, normal_quantile, ratio, symmetric
from protocol.stats.table import Counts, Reals

Interval = tuple[float, float]

SLACK = 1e-7
"""Tables this little more probable than the one observed count as equally probable."""


@dataclass(frozen=True)
class RiskEstimate:
    """A difference or ratio of risks, treated against comparator, with its limits."""

    estimate: float
    lower: float
    upper: float


@dataclass(frozen=True)
class TwoByTwo:
    """An event in two arms (comparator, treated).

    `plain` is Pearson's chi-square, `yates` the corrected one; both are NaN where nobody or
    everybody has the event, or an arm is empty. `odds_ratio` is the conditional maximum
    likelihood estimate with its exact limits, as `fisher.test` gives it.
    """

    events: tuple[int, int]
    n: tuple[int, int]
    plain: ChiSquare
    yates: ChiSquare
    min_expected: float
    fisher_p: float
    odds_ratio: RiskEstimate
    risk_difference: RiskEstimate
    risk_ratio: RiskEstimate


def two_by_two(events: tuple[int, int], n: tuple[int, int], level: float = 0.95) -> TwoByTwo:
    """Compare how often an event happens in the comparator and the treated arm.

    The risk difference has Wald limits (NaN where neither risk varies: 0 or 1 in both arms), the
    ratio those of its logarithm (NaN without an event in both arms). Pearson's test is the usual
    one in papers; with small numbers read Fisher's.

    Parameters
    ----------
    events, n
        Patients with the event and all patients, comparator first.

    References
    ----------
    Pearson (1900); Yates (1934), Suppl. J. R. Stat. Soc. 1, 217-235; Fisher (1935).
    """
    if not all(0 <= e <= patients for e, patients in zip(events, n, strict=True)):
        raise ValueError("an arm has more events than patients, or fewer than none")
    cells = np.array([[n[0] - events[0], n[1] - events[1]], [events[0], events[1]]])
    plain, expected = chi_square(cells), _expected(cells)
    # Never more than the deviation itself: corrected tables do not overshoot to the other side.
    correction = min(0.5, float(np.abs(cells - expected).min()))
    corrected = _pearson(np.abs(cells - expected) - correction, expected)
    return TwoByTwo(
        events=(int(events[0]), int(events[1])),
        n=(int(n[0]), int(n[1])),
        plain=ChiSquare(plain.statistic, 1),
        yates=ChiSquare(corrected, 1),
        min_expected=float(expected.min()),
        fisher_p=fisher_p(events, n),
        odds_ratio=conditional_odds_ratio(events, n, level),
        risk_difference=_risk_difference(events, n, level),
        risk_ratio=_risk_ratio(events, n, level),
    )


def chi_square(cells: Counts) -> ChiSquare:
    """Test whether levels (rows) are spread alike over arms (columns): Pearson, uncorrected.

    Rows and columns without a patient are left out. NaN where fewer than two of either remain.
    """
    cells = cells[cells.any(axis=1)][:, cells.any(axis=0)]
    if min(cells.shape) < 2:
        return ChiSquare(math.nan, 0)
    expected = _expected(cells)
    df = (cells.shape[0] - 1) * (cells.shape[1] - 1)
    return ChiSquare(_pearson(cells - expected, expected), df)


def fisher_p(events: tuple[int, int], n: tuple[int, int]) -> float:
    """Fisher's exact two-sided P value: all tables no more probable than the one observed."""
    values, log_p = _hypergeometric(events, n)
    p = np.exp(log_p - log_p.max())
    observed = p[events[1] - int(values[0])]
    return min(1.0, float(p[p <= observed * (1 + SLACK)].sum() / p.sum()))


def conditional_odds_ratio(
    events: tuple[int, int], n: tuple[int, int], level: float = 0.95
) -> RiskEstimate:
    """Estimate the odds ratio of the event given both margins, with exact limits.

    At the estimate the treated arm's events equal their mean under the noncentral hypergeometric
    distribution; the limits leave (1 - level)/2 in either tail. NaN where the margins allow one
    table only.

    References
    ----------
    Cornfield (1956), Proc. 3rd Berkeley Symp. 4, 135-148.
    """
    values, log_p = _hypergeometric(events, n)
    x, low, high = events[1], int(values[0]), int(values[-1])
    tail = (1 - level) / 2
    if low == high:
        return RiskEstimate(math.nan, 0.0, math.inf)

    def share(log_odds: float) -> Reals:
        p = log_p + values * log_odds
        p = np.exp(p - p.max())
        shares: Reals = p / p.sum()
        return shares

    def mean(log_odds: float) -> float:
        return float((values * share(log_odds)).sum()) - x

    def at_least(log_odds: float) -> float:
        return float(share(log_odds)[values >= x].sum()) - tail

    def more(log_odds: float) -> float:
        return tail - float(share(log_odds)[values <= x].sum())

    return RiskEstimate(
        estimate=0.0 if x == low else math.inf if x == high else _root(mean),
        lower=0.0 if x == low else _root(at_least),
        upper=math.inf if x == high else _root(more),
    )


def clopper_pearson(events: int, n: int, level: float = 0.95) -> Interval:
    """Limits of a risk by the exact binomial test; (0, 1) of nobody.

    References
    ----------
    Clopper and Pearson (1934), Biometrika 26, 404-413.
    """
    tail = (1 - level) / 2
    lower = float(betaincinv(events, n - events + 1, tail)) if events > 0 else 0.0
    upper = float(betaincinv(events + 1, n - events, 1 - tail)) if events < n else 1.0
    return lower, upper


def wilson(events: int, n: int, level: float = 0.95) -> Interval:
    """Limits of a risk by the score test; (0, 1) of nobody.

    References
    ----------
    Wilson (1927), J. Am. Stat. Assoc. 22, 209-212.
    """
    if n == 0:
        return 0.0, 1.0
    z, p = normal_quantile(level), events / n
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


@dataclass(frozen=True)
class MantelHaenszel:
    """What a common odds ratio over strata needs of each stratum; strata add.

    With a, b the treated arm's patients with and without the event, c, d the comparator's and n
    all: ad/n, bc/n, a - E(a) and its hypergeometric variance. The variance of the log odds ratio
    takes three more, with p = (a + d)/n and q = (b + c)/n: p ad/n, p bc/n + q ad/n, q bc/n.
    """

    concordant: float
    discordant: float
    difference: float
    variance: float
    agreeing: float = 0.0
    mixed: float = 0.0
    disagreeing: float = 0.0

    def __add__(self, other: "MantelHaenszel") -> "MantelHaenszel":
        return MantelHaenszel(
            self.concordant + other.concordant,
            self.discordant + other.discordant,
            self.difference + other.difference,
            self.variance + other.variance,
            self.agreeing + other.agreeing,
            self.mixed + other.mixed,
            self.disagreeing + other.disagreeing,
        )

    @property
    def odds_ratio(self) -> float:
        """Common odds ratio; infinite without a discordant product, NaN without either."""
        if self.discordant == 0 and self.concordant > 0:
            return math.inf
        return ratio(self.concordant, self.discordant)

    def interval(self, level: float = 0.95) -> Interval:
        """Limits of the common odds ratio; NaN where it is 0, infinite or not determined.

        Right for few large strata and for many small ones.

        References
        ----------
        Robins, Breslow and Greenland (1986), Biometrics 42, 311-323.
        """
        r, s = self.concordant, self.discordant
        if not (r > 0 and s > 0):
            return math.nan, math.nan
        variance = (
            self.agreeing / (2 * r * r) + self.mixed / (2 * r * s) + self.disagreeing / (2 * s * s)
        )
        factor = math.exp(normal_quantile(level) * math.sqrt(variance))
        return self.odds_ratio / factor, self.odds_ratio * factor

    @property
    def test(self) -> ChiSquare:
        """Uncorrected Mantel-Haenszel chi-square."""
        return ChiSquare(ratio(self.difference * self.difference, self.variance), 1)


def mantel_haenszel(events: tuple[int, int], n: tuple[int, int]) -> MantelHaenszel:
    """Prepare one stratum (comparator first); one of fewer than two patients adds nothing.

    References
    ----------
    Mantel and Haenszel (1959), J. Natl. Cancer Inst. 22, 719-748.
    """
    total, died = n[0] + n[1], events[0] + events[1]
    if total < 2:
        return MantelHaenszel(0.0, 0.0, 0.0, 0.0)
    (c, a), (d, b) = events, (n[0] - events[0], n[1] - events[1])
    variance = n[0] * n[1] * died * (total - died) / (total * total * (total - 1))
    r, s, p, q = a * d / total, b * c / total, (a + d) / total, (b + c) / total
    return MantelHaenszel(r, s, a - n[1] * died / total, variance, p * r, p * s + q * r, q * s)


def _expected(cells: Counts) -> Reals:
    total = max(1, int(cells.sum()))
    expected: Reals = np.outer(cells.sum(axis=1), cells.sum(axis=0)) / total
    return expected


def _pearson(apart: Reals, expected: Reals) -> float:
    return float((apart**2 / expected).sum()) if (expected > 0).all() else math.nan


def _hypergeometric(events: tuple[int, int], n: tuple[int, int]) -> tuple[Counts, Reals]:
    """List the treated arm's possible events, and log probabilities less a constant."""
    total = events[0] + events[1]
    x = np.arange(max(0, total - n[0]), min(total, n[1]) + 1)
    rest = total - x
    log_p: Reals = -(
        gammaln(x + 1) + gammaln(n[1] - x + 1) + gammaln(rest + 1) + gammaln(n[0] - rest + 1)
    )
    return x, log_p


def _root(rising: Callable[[float], float]) -> float:
    """Find where a rising function of the log odds ratio is zero; the odds ratio there."""
    reach = 1.0
    while rising(-reach) > 0 or rising(reach) < 0:
        reach *= 2
    return math.exp(float(brentq(rising, -reach, reach, xtol=1e-13)))


def _risk_difference(events: tuple[int, int], n: tuple[int, int], level: float) -> RiskEstimate:
    p0, p1 = ratio(events[0], n[0]), ratio(events[1], n[1])
    variance = ratio(p0 * (1 - p0), n[0]) + ratio(p1 * (1 - p1), n[1])
    difference = p1 - p0
    lower, upper = symmetric(difference, math.sqrt(variance), level)
    if math.isnan(lower):
        return RiskEstimate(difference, math.nan, math.nan)
    return RiskEstimate(difference, max(-1.0, lower), min(1.0, upper))


def _risk_ratio(events: tuple[int, int], n: tuple[int, int], level: float) -> RiskEstimate:
    if min(events) == 0:
        return RiskEstimate(math.nan, math.nan, math.nan)
    estimate = (events[1] / n[1]) / (events[0] / n[0])
    variance = 1 / events[1] - 1 / n[1] + 1 / events[0] - 1 / n[0]
    factor = math.exp(normal_quantile(level) * math.sqrt(max(0.0, variance)))
    return RiskEstimate(estimate, estimate / factor, estimate * factor)
