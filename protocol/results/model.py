"""The results of a study as values: what `results.json` holds, and all that reports draw from.

Numbers are at full double precision; NaN (null in JSON) says that a number does not exist. Arms
come as `Pair`s of comparator and treated. Times are in the study's unit.
"""

import math
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

SCHEMA = "riskset-results/1"


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
class StudyCard:
    """Which study this is: plan, federation and run, by name and digest."""

    id: str
    title: str
    purpose: str
    people: tuple[str, ...]
    time_unit: str
    profile: str
    plan_digest: str
    plan_handle: str
    program: str
    roster_digest: str
    run_id: str
    chain: str
    hospitals: tuple[str, ...]
    simulated: bool
    arms: Pair[str]


@dataclass(frozen=True)
class Exclusion:
    """Rows excluded for one reason."""

    reason: str
    rows: int


@dataclass(frozen=True)
class Missing:
    """Missing values of one variable among the study's patients."""

    variable: str
    label: str
    patients: Pair[int]


@dataclass(frozen=True)
class Flow:
    """From rows to patients, over all hospitals."""

    rows: int
    excluded: tuple[Exclusion, ...]
    patients: Pair[int]
    complete: Pair[int]
    missing: tuple[Missing, ...]


@dataclass(frozen=True)
class Summary:
    """A number or a level in one arm; its row says how the quartiles were found."""

    patients: int
    missing: int
    mean: float
    sd: float
    lower_quartile: float
    median: float
    upper_quartile: float
    share: float


@dataclass(frozen=True)
class TableRow:
    """One row of Table 1; `level` is empty for numbers.

    `exact` says that quartiles are R's type 7 of the values themselves, not read off wider bins.
    """

    variable: str
    label: str
    level: str
    unit: str
    number: bool
    arms: Pair[Summary]
    smd: float
    exact: bool = False


@dataclass(frozen=True)
class ArmTest:
    """A test of one variable of Table 1 between the arms; `quoted` marks the one for the table.

    `statistic` and `df` do not exist for exact tests, nor `df` for ranks (W of the treated).
    """

    variable: str
    method: str
    statistic: float
    df: float
    p_value: float
    quoted: bool


@dataclass(frozen=True)
class TableOne:
    """Table 1 of one population; `tests` only where nothing made the arms comparable."""

    population: str
    patients: Pair[int]
    rows: tuple[TableRow, ...]
    tests: tuple[ArmTest, ...] = ()


@dataclass(frozen=True)
class BalanceRow:
    """Balance of one column in one population.

    `smd` is the difference of (weighted) means over the SD before matching, treated first:
    sqrt((s1^2 + s0^2)/2), with q(1 - q) for 0/1 columns. `smd_sample_sd` has n - 1 for these too,
    `smd_treated_sd` the treated arm's SD.
    """

    population: str
    column: str
    label: str
    means: Pair[float]
    smd: float
    smd_sample_sd: float
    smd_treated_sd: float
    variance_ratio: float


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
class Limits:
    """Confidence limits (95 %) of survival of one kind."""

    kind: str
    conf_low: float
    conf_high: float


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
class HiddenBias:
    """The largest one-sided P value if hidden bias makes odds within pairs up to `gamma`."""

    gamma: float
    p_value: float


@dataclass(frozen=True)
class DiscordantPairs:
    """Pairs in which one partner alone has had the event by a time, and McNemar's tests.

    `spread` is the standard deviation of their number over the pairings that cells allow; 0 where
    pairs are known.
    """

    time: int
    only_treated: float
    only_comparator: float
    spread: float
    mcnemar: Test
    corrected: Test
    exact_p: float
    bounds: tuple[HiddenBias, ...]


@dataclass(frozen=True)
class PairsResult:
    """One endpoint within the pairs of a matched population.

    `by_cell`: nobody knows the pairs, which lie across hospitals; numbers are what random pairing
    within cells makes one expect, and there are no tests of times. `hazard_ratio` is None where
    not estimable.
    """

    endpoint: str
    label: str
    population: str
    by_cell: bool
    pairs: int
    discordant: tuple[DiscordantPairs, ...]
    log_rank: LogRankTest | None
    hazard_ratio: HazardRatio | None


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


@dataclass(frozen=True)
class Leaving:
    """What left each hospital in one step."""

    trip: int
    step: str
    key: str
    what: str
    numbers: int
    bytes: int
    about: bool


@dataclass(frozen=True)
class Results:
    """Everything that the sums of a study say."""

    schema: str
    study: StudyCard
    flow: Flow
    propensity: Propensity | None
    overlap: Histogram | None
    designs: tuple[MatchedDesign, ...]
    populations: tuple[PopulationCard, ...]
    left_out: tuple[LeftOut, ...]
    table_one: tuple[TableOne, ...]
    balance: tuple[BalanceRow, ...]
    survival: tuple[SurvivalResult, ...]
    binary: tuple[BinaryResult, ...]
    leaving: tuple[Leaving, ...]
    competing: tuple[CompetingResult, ...] = ()
    imputation: Imputation | None = None
    agreement: tuple[HospitalAgreement, ...] = ()
    odds_by_hospital: tuple[CommonOdds, ...] = ()
    adjusted: tuple[AdjustedResult, ...] = ()
    stratification: ScoreStratification | None = None
    negative_controls: tuple[str, ...] = ()
    time_grids: tuple[TimeGrids, ...] = ()
    levels: tuple[LevelComparison, ...] = ()
    doubly_robust: tuple[DoublyRobust, ...] = ()
    pairs: tuple[PairsResult, ...] = ()
    lotteries: tuple[LotteryResult, ...] = ()
    interactions: tuple[Interaction, ...] = ()
