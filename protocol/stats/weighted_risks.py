"""Risks of weighted patients: shares, their difference and ratios, with robust errors."""

import math
from dataclasses import dataclass

from protocol.stats.distributions import normal_quantile, ratio, symmetric, two_sided
from protocol.stats.tables import RiskEstimate

Pair = tuple[float, float]


@dataclass(frozen=True)
class WeightedRisks:
    """An event in two weighted arms (comparator, treated); the P value tests the difference."""

    risk: Pair
    risk_difference: RiskEstimate
    risk_ratio: RiskEstimate
    odds_ratio: RiskEstimate
    p_value: float


def weighted_risks(
    events: Pair, patients: Pair, events_squared: Pair, patients_squared: Pair, level: float = 0.95
) -> WeightedRisks:
    """Compare weighted shares p = sum w y / sum w between the arms.

    Robust variance of p: sum w^2 (y - p)^2 / (sum w)^2, from the sums of squared weights with and
    without the event. Ratios have the limits of their logarithms, by the delta method; NaN
    without an event in both arms. Weights are taken as known.

    Parameters
    ----------
    events, patients
        Sums of weights of patients with the event and of all.
    events_squared, patients_squared
        Sums of their squared weights.

    References
    ----------
    Lunceford and Davidian (2004), Stat. Med. 23, 2937-2960.
    """
    p0, p1 = (ratio(e, n) for e, n in zip(events, patients, strict=True))
    arms = zip((p0, p1), patients, events_squared, patients_squared, strict=True)
    v0, v1 = (_variance(p, total, with_event, every) for p, total, with_event, every in arms)
    z, error = normal_quantile(level), math.sqrt(v0 + v1)
    difference = p1 - p0
    odds_0, odds_1 = ratio(p0, 1 - p0), ratio(p1, 1 - p1)
    return WeightedRisks(
        risk=(p0, p1),
        risk_difference=RiskEstimate(difference, *symmetric(difference, error, level)),
        risk_ratio=_on_log_scale(ratio(p1, p0), ratio(v0, p0 * p0) + ratio(v1, p1 * p1), z),
        odds_ratio=_on_log_scale(
            ratio(odds_1, odds_0),
            ratio(v0, (p0 * (1 - p0)) ** 2) + ratio(v1, (p1 * (1 - p1)) ** 2),
            z,
        ),
        p_value=two_sided(ratio(difference, error)),
    )


def _variance(p: float, total: float, with_event: float, every: float) -> float:
    squares = with_event * (1 - p) ** 2 + (every - with_event) * p * p
    return ratio(max(0.0, squares), total * total)


def _on_log_scale(estimate: float, variance: float, z: float) -> RiskEstimate:
    if not (0 < estimate < math.inf and variance >= 0):
        return RiskEstimate(math.nan, math.nan, math.nan)
    factor = math.exp(z * math.sqrt(variance))
    return RiskEstimate(estimate, estimate / factor, estimate * factor)
