"""Who is in a study: the flow of patients, Table 1, and the balance of populations."""

from dataclasses import dataclass

from protocol.results.values.estimates import Pair


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
