"""The E-value: how strong an unmeasured confounder would have to be."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class EValue:
    """Strength of confounding, as a risk ratio, that could explain a result away.

    `estimate` is for the point estimate, `limit` for the confidence limit nearer to no effect:
    1 where the interval holds 1. `risk_ratio` is what the hazard ratio stands for.
    """

    risk_ratio: float
    estimate: float
    limit: float


def e_value(hazard_ratio: float, lower: float, upper: float) -> EValue:
    """Find the E-value of a hazard ratio whose outcome is common (more than 15 %).

    RR = (1 - 0.5^sqrt(HR)) / (1 - 0.5^sqrt(1/HR)), inverted if below 1; E = RR + sqrt(RR(RR-1)).

    References
    ----------
    VanderWeele and Ding (2017), Ann. Intern. Med. 167, 268-274.
    """
    if not 0 < lower <= hazard_ratio <= upper:
        raise ValueError("a hazard ratio is positive and lies within its limits")
    nearer = lower if hazard_ratio > 1 else upper
    crosses = lower <= 1 <= upper
    return EValue(
        risk_ratio=_risk_ratio(hazard_ratio),
        estimate=_e(_risk_ratio(hazard_ratio)),
        limit=1.0 if crosses else _e(_risk_ratio(nearer)),
    )


def _risk_ratio(hazard_ratio: float) -> float:
    root = math.sqrt(hazard_ratio)
    return (1 - math.pow(0.5, root)) / (1 - math.pow(0.5, 1 / root))


def _e(risk_ratio: float) -> float:
    rr = 1 / risk_ratio if risk_ratio < 1 else risk_ratio
    return rr + math.sqrt(rr * (rr - 1))
