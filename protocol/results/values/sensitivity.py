"""Whether results hold: over hospitals, other lotteries, coarser times, imputed covariates."""

from dataclasses import dataclass

from protocol.results.values.estimates import Estimate, HazardRatio, Pair, Test


@dataclass(frozen=True)
class LeftOutLimits:
    """Between which hazard ratios all estimates lie that leave one hospital out.

    Steps of a scale, so that no estimate is shown; `undefined` counts hospitals without which
    there is no hazard ratio.
    """

    low: float
    high: float
    undefined: int


@dataclass(frozen=True)
class HospitalAgreement:
    """Whether the hospitals' own hazard ratios of one endpoint in one population agree.

    `fixed` supposes one hazard ratio, `random` one that varies between hospitals with
    `between_variance` (of its logarithm, by moments); `inconsistency` is the share of the
    variance that is between hospitals (I^2), `spread` Cochran's Q. None and NaN where fewer than
    five hospitals have a hazard ratio of their own, or the plan did not ask.
    """

    endpoint: str
    label: str
    population: str
    hospitals: int
    fixed: HazardRatio | None
    random: HazardRatio | None
    spread: Test
    between_variance: float
    inconsistency: float
    left_out: LeftOutLimits | None


@dataclass(frozen=True)
class LotteryResult:
    """How far the hazard ratio of a matched population hangs on the lottery that was kept.

    To first order: `low` and `high` are the smallest and largest ratio over `lotteries`, the kept
    one among them; `std_dev` is that of their logarithms, `share` of it in the standard error.
    """

    endpoint: str
    label: str
    population: str
    lotteries: int
    hazard_ratio: float
    low: float
    high: float
    std_dev: float
    share: float


@dataclass(frozen=True)
class GridEstimates:
    """What one endpoint comes to on one time grid: "as asked", or a coarser one.

    `survival` is at the endpoint's landmarks; the hazard ratios are robust where patients weigh.
    """

    grid: str
    survival: Pair[tuple[float, ...]]
    log_rank: Test
    efron: HazardRatio | None
    breslow: HazardRatio | None
    mean_time: Estimate | None


@dataclass(frozen=True)
class TimeGrids:
    """One endpoint in one population, on the grid that was asked and on coarser ones."""

    endpoint: str
    label: str
    population: str
    times: tuple[int, ...]
    grids: tuple[GridEstimates, ...]


@dataclass(frozen=True)
class ImputedEstimate:
    """An estimate over completed data sets, by Rubin's rules; limits and P by t on `df`.

    `missing_information` is the share of information that the missing values took. `time` is that
    of a landmark or horizon, and does not exist for other terms.
    """

    population: str
    endpoint: str
    term: str
    time: float
    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    p_value: float
    df: float
    missing_information: float


@dataclass(frozen=True)
class ImputedBalance:
    """Mean SMD of a column over completed data sets before and after weighting.

    `largest` is the largest absolute one of any data set after weighting.
    """

    population: str
    column: str
    label: str
    smd_before: float
    smd: float
    largest: float


@dataclass(frozen=True)
class Imputation:
    """What was imputed and what was found; `incomplete` counts patients missing a covariate."""

    imputations: int
    sweeps: int
    variables: tuple[str, ...]
    patients: Pair[int]
    incomplete: Pair[int]
    estimates: tuple[ImputedEstimate, ...]
    balance: tuple[ImputedBalance, ...]
