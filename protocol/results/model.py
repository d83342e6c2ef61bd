"""The results of a study: one value, as `results.json` holds it; its parts are in `values`."""

from dataclasses import dataclass

from protocol.results.values.binary import BinaryResult, DoublyRobust
from protocol.results.values.causes import CompetingResult
from protocol.results.values.estimates import Pair
from protocol.results.values.pairs import PairsResult
from protocol.results.values.patients import BalanceRow, Flow, TableOne
from protocol.results.values.propensity import (
    Histogram,
    LeftOut,
    MatchedDesign,
    PopulationCard,
    Propensity,
)
from protocol.results.values.sensitivity import (
    HospitalAgreement,
    Imputation,
    LotteryResult,
    TimeGrids,
)
from protocol.results.values.strata import (
    CommonOdds,
    Interaction,
    LevelComparison,
    ScoreStratification,
)
from protocol.results.values.survival import AdjustedResult, SurvivalResult
from protocol.results.values.thresholds import Threshold

SCHEMA = "riskset-results/1"


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
    """Everything that the sums of a study say, and what hospitals said of it.

    `runs` are the ids of all runs of the plan that hospitals signed to have opened, this one among
    them; none in a simulation.
    """

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
    thresholds: tuple[Threshold, ...] = ()
    runs: tuple[str, ...] = ()
