"""What all results are made of: pairs of arms, estimates with their errors, and tests."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Pair(Generic[T]):
    """The same thing for both arms."""

    comparator: T
    treated: T


@dataclass(frozen=True)
class Estimate:
    """An estimate with its error, limits (95 %) and P value."""

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    p_value: float


@dataclass(frozen=True)
class Test:
    """A chi-square test."""

    statistic: float
    df: int
    p_value: float


@dataclass(frozen=True)
class Limits:
    """Confidence limits (95 %) of survival of one kind."""

    kind: str
    conf_low: float
    conf_high: float


@dataclass(frozen=True)
class HazardRatio:
    """A hazard ratio, treated against comparator.

    `method` names ties and variance: "efron", "efron robust", "efron by hospital",
    "efron pair-robust", and the same with "breslow".
    """

    method: str
    log_hr: float
    std_error: float
    hazard_ratio: float
    conf_low: float
    conf_high: float
    statistic: float
    p_value: float
    likelihood_ratio: float
    score_test: float


@dataclass(frozen=True)
class LogRankTest:
    """Observed and expected events, and the test of equal hazards.

    `name` is "log-rank", "log-rank by hospital", "log-rank weighted" (Xie and Liu), or a further
    test of the plan such as "gehan" and "gehan by hospital".
    """

    name: str
    observed: Pair[float]
    expected: Pair[float]
    variance: float
    test: Test
