"""Endpoints with a time: curves, times, tests and hazard ratios, adjusted ones too."""

from dataclasses import dataclass

from protocol.results.values.estimates import Estimate, HazardRatio, Limits, LogRankTest, Pair, Test


@dataclass(frozen=True)
class CurvePoints:
    """A Kaplan-Meier curve of one arm; limits are log-log ones."""

    times: tuple[float, ...]
    at_risk: tuple[float, ...]
    events: tuple[float, ...]
    censored: tuple[float, ...]
    survival: tuple[float, ...]
    std_error: tuple[float, ...]
    conf_low: tuple[float, ...]
    conf_high: tuple[float, ...]
    cumulative_hazard: tuple[float, ...]


@dataclass(frozen=True)
class LandmarkPoint:
    """Survival of one arm at a fixed time; `time` is the plan's, `grid_time` where it is read."""

    time: int
    grid_time: float
    at_risk: float
    survival: float
    std_error: float
    limits: tuple[Limits, ...]


@dataclass(frozen=True)
class LandmarkContrast:
    """Survival of the treated less that of the comparator; P by log(-log S)."""

    time: int
    difference: Estimate
    p_value_cloglog: float


@dataclass(frozen=True)
class QuantilePoint:
    """When a share had the event; NaN where it is not reached. Limits are log-log ones."""

    share: float
    estimate: float
    conf_low: float
    conf_high: float


@dataclass(frozen=True)
class MeanTime:
    """Restricted mean survival time of both arms and their difference."""

    horizon: float
    arms: Pair[Estimate]
    difference: Estimate
    extrapolated: bool


@dataclass(frozen=True)
class ProportionalHazards:
    """The test of proportional hazards with one transform of time."""

    transform: str
    test: Test


@dataclass(frozen=True)
class Confounding:
    """E-values: how strong an unmeasured confounder could explain the estimate, and its limit."""

    estimate: float
    limit: float


@dataclass(frozen=True)
class SurvivalResult:
    """One endpoint with a time in one population (and one level of a subgroup).

    `not_estimable` says why there is no hazard ratio, if there is none.
    """

    endpoint: str
    label: str
    population: str
    level: str
    patients: Pair[int]
    events: Pair[int]
    unassessed: Pair[int]
    curves: Pair[CurvePoints]
    quantiles: Pair[tuple[QuantilePoint, ...]]
    follow_up: Pair[float]
    landmarks: Pair[tuple[LandmarkPoint, ...]]
    landmark_contrasts: tuple[LandmarkContrast, ...]
    mean_time: MeanTime | None
    log_rank: tuple[LogRankTest, ...]
    hazard_ratios: tuple[HazardRatio, ...]
    proportional_hazards: tuple[ProportionalHazards, ...]
    e_value: Confounding | None
    not_estimable: str


@dataclass(frozen=True)
class AdjustedTerm:
    """One column of a model of hazards; the ratio is for one unit more of it."""

    term: str
    label: str
    ratio: HazardRatio


@dataclass(frozen=True)
class AdjustedResult:
    """Hazard ratios adjusted for each other, with hazards of each hospital's own.

    The treatment stands first. `stopped` says why there are none, if there are none.
    """

    endpoint: str
    label: str
    patients: int
    events: int
    terms: tuple[AdjustedTerm, ...]
    stopped: str
