"""Competing causes of one endpoint: how often each comes, and how the arms compare."""

import math
from dataclasses import dataclass

from protocol.results.values.estimates import HazardRatio, Pair, Test


@dataclass(frozen=True)
class IncidencePoint:
    """Cumulative incidence of one cause in one arm at a fixed time; limits are log-log ones.

    `std_error` is Aalen's, as R's cmprsk has it, `jackknife_std_error` that of the Aalen-Johansen
    estimator as R's survival has it.
    """

    time: int
    grid_time: float
    at_risk: float
    incidence: float
    std_error: float
    conf_low: float
    conf_high: float
    jackknife_std_error: float = math.nan


@dataclass(frozen=True)
class IncidenceCurvePoints:
    """A cumulative incidence curve of one arm, with Aalen-type standard errors."""

    times: tuple[float, ...]
    at_risk: tuple[float, ...]
    events: tuple[float, ...]
    incidence: tuple[float, ...]
    std_error: tuple[float, ...]
    conf_low: tuple[float, ...]
    conf_high: tuple[float, ...]


@dataclass(frozen=True)
class CauseResult:
    """One of several causes: how often, and how the arms compare.

    `gray` tests equal incidence, `cause_specific` is the hazard ratio with other causes as
    censorings, `subdistribution` that of Fine and Gray; None where not estimable.
    """

    cause: str
    label: str
    events: Pair[int]
    curves: Pair[IncidenceCurvePoints]
    landmarks: Pair[tuple[IncidencePoint, ...]]
    gray: Test
    cause_specific: HazardRatio | None
    subdistribution: HazardRatio | None
    gray_by_hospital: Test | None = None


@dataclass(frozen=True)
class CompetingResult:
    """The causes of one endpoint in one population, the plan's event first."""

    endpoint: str
    label: str
    population: str
    causes: tuple[CauseResult, ...]
