"""Endpoints without a time: risks, their contrasts, and risks from two models together."""

import math
from dataclasses import dataclass

from protocol.results.values.estimates import Estimate, Pair, Test


@dataclass(frozen=True)
class RiskInterval:
    """Limits of a risk, or of a contrast of risks, by a named method.

    `of` is "comparator", "treated", "difference", "ratio" or "odds ratio". `estimate` is the
    method's own where it has another than the result that holds it, as Woolf's odds ratio.
    """

    of: str
    method: str
    conf_low: float
    conf_high: float
    estimate: float = math.nan


@dataclass(frozen=True)
class BinaryResult:
    """One binary outcome in one population (and one level of a subgroup)."""

    endpoint: str
    label: str
    population: str
    level: str
    patients: Pair[int]
    events: Pair[int]
    unassessed: Pair[int]
    risk: Pair[float]
    risk_difference: Estimate
    risk_ratio: Estimate
    odds_ratio: Estimate
    chi_square: Test
    chi_square_yates: Test
    fisher_p: float
    intervals: tuple[RiskInterval, ...] = ()


@dataclass(frozen=True)
class DoublyRobust:
    """Risks of an outcome in all complete cases, from propensity and outcome models together.

    `stopped` says why there are none, if there are none; `penalties` how each arm's model was
    fitted.
    """

    endpoint: str
    label: str
    patients: Pair[int]
    events: Pair[int]
    penalties: Pair[str]
    risk: Pair[Estimate]
    risk_difference: Estimate
    risk_ratio: Estimate
    stopped: str
