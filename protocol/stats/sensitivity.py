"""How firm an estimate is: against an unmeasured confounder, and against another lottery."""

import math
from collections.abc import Sequence
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


@dataclass(frozen=True)
class LotterySpread:
    """Where the log hazard ratio would lie under other lotteries for the same quotas.

    `lotteries` counts the one that was kept; `std_dev` (n - 1) is over all of them.
    """

    lotteries: int
    low: float
    high: float
    std_dev: float


def lottery_spread(log_hr: float, information: float, scores: Sequence[float]) -> LotterySpread:
    """Foretell the log hazard ratio under other lotteries from the scores of whom they take.

    `scores` are sums of `strangers_residuals`, of the table and estimate of the lottery that was
    kept, over the patients whom another takes. One Newton step leads from there to b + U/I, the
    first order of the estimate that a table of those patients would give.

    References
    ----------
    Therneau and Grambsch (2000), Modeling Survival Data, 7.1 (the same step, for one patient).
    """
    found = [log_hr, *(log_hr + score / information for score in scores)]
    mean = sum(found) / len(found)
    squares = sum((b - mean) ** 2 for b in found)
    spread = math.sqrt(squares / (len(found) - 1)) if len(found) > 1 else math.nan
    return LotterySpread(len(found), min(found), max(found), spread)
