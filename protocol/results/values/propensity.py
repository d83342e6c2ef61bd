"""How the arms were made comparable: the propensity model, and the populations made with it."""

from dataclasses import dataclass

from protocol.results.values.estimates import Pair, Test


@dataclass(frozen=True)
class Coefficient:
    """A coefficient of the propensity model, in the variable's own unit (log odds)."""

    term: str
    label: str
    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    statistic: float
    p_value: float


@dataclass(frozen=True)
class DroppedColumn:
    """A column that the model cannot hold."""

    column: str
    reason: str


@dataclass(frozen=True)
class Propensity:
    """The pooled propensity model. `stopped` says why there is none, if there is none."""

    stopped: str
    penalty: str
    patients: int
    treated: int
    coefficients: tuple[Coefficient, ...]
    dropped: tuple[DroppedColumn, ...]
    deviance: float
    null_deviance: float
    c_statistic: float
    logit_mean: float
    logit_sd: float
    trips: int
    one_shot: tuple[float, ...]
    local_fits: int
    heterogeneity: Test | None
    preference: Test | None


@dataclass(frozen=True)
class Histogram:
    """Patients by bin of the logit score; bin k lies between edges k and k + 1."""

    edges: tuple[float, ...]
    patients: Pair[tuple[int, ...]]


@dataclass(frozen=True)
class MatchedDesign:
    """How a matched population came about. `reason` says why it was left out, if it was."""

    name: str
    label: str
    method: str
    ratio: int
    caliper_sd: float
    caliper: float
    focal: str
    matched: Pair[int]
    left_out: Pair[int]
    key_number: int
    imbalance_by_key: tuple[float, ...]
    reason: str


@dataclass(frozen=True)
class PopulationCard:
    """A population in which outcomes are compared, and whom the comparison is about.

    `effective` is the effective sample size (sum w)^2 / sum w^2 where patients are weighted.
    """

    name: str
    label: str
    estimand: str
    patients: Pair[int]
    effective: Pair[float] | None = None


@dataclass(frozen=True)
class LeftOut:
    """A population that was not looked at, and why."""

    name: str
    reason: str
