"""Comparisons within strata of hospital or score, and between the levels of a variable."""

from dataclasses import dataclass

from protocol.results.values.estimates import Estimate, HazardRatio, LogRankTest, Pair, Test
from protocol.results.values.survival import LandmarkPoint


@dataclass(frozen=True)
class CommonOdds:
    """The odds ratio of an outcome within strata (Mantel and Haenszel), and its test.

    `strata` says of what: "hospital", or "score". `informative` counts the strata that tell the
    arms apart.
    """

    endpoint: str
    label: str
    population: str
    strata: str
    informative: int
    patients: Pair[int]
    events: Pair[int]
    odds_ratio: Estimate
    test: Test


@dataclass(frozen=True)
class ScoreStratum:
    """One stratum of the propensity, with its limits as logits (open-ended at the outer ones)."""

    low: float
    high: float
    patients: Pair[int]


@dataclass(frozen=True)
class StratumBalance:
    """SMD of a column within each stratum, over the SD of all complete cases."""

    column: str
    label: str
    smds: tuple[float, ...]


@dataclass(frozen=True)
class GrayTest:
    """Gray's test of one cause within strata."""

    cause: str
    test: Test


@dataclass(frozen=True)
class StratifiedSurvival:
    """One endpoint with a time, compared within strata of the score.

    `landmarks` is survival as if each arm were spread over the strata as all patients are; its
    limits are log-log ones.
    """

    endpoint: str
    label: str
    patients: Pair[int]
    events: Pair[int]
    log_rank: LogRankTest
    hazard_ratios: tuple[HazardRatio, ...]
    landmarks: Pair[tuple[LandmarkPoint, ...]]
    not_estimable: str
    gray: tuple[GrayTest, ...] = ()


@dataclass(frozen=True)
class ScoreStratification:
    """Comparisons within strata of the propensity."""

    label: str
    strata: tuple[ScoreStratum, ...]
    balance: tuple[StratumBalance, ...]
    survival: tuple[StratifiedSurvival, ...]
    odds: tuple[CommonOdds, ...]


@dataclass(frozen=True)
class Interaction:
    """Whether the hazard ratio differs between the levels of one subgroup that are shown.

    `method` is "arm by level" (likelihood ratio of the products in Cox's model), or, where
    patients weigh, "difference of levels, robust".
    """

    endpoint: str
    label: str
    population: str
    variable: str
    levels: tuple[str, ...]
    method: str
    test: Test


@dataclass(frozen=True)
class LevelComparison:
    """Whether hazards differ between the levels of a variable, in one population.

    Both arms together, and stratified by arm; `trend` where the plan says that levels have an
    order.
    """

    endpoint: str
    label: str
    population: str
    variable: str
    levels: tuple[str, ...]
    differ: Test
    differ_by_arm: Test
    trend: Test | None
    trend_by_arm: Test | None
