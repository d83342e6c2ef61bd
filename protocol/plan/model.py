"""The plan of a study as data: what is compared, in whom, by which model, under which rules.

Only shapes and single-key limits live here; what keys demand of each other is in `check`. The
sentence of each key is the one that a person meets in the editor, in `riskset plan explain` and
in the JSON Schema.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

NAME = r"^[A-Za-z][A-Za-z0-9_.]{0,63}$"
Name = Annotated[str, Field(pattern=NAME)]
Text = Annotated[str, Field(min_length=1, max_length=400)]
Level = Annotated[str, Field(min_length=1, max_length=100)]
Range = tuple[float, float]


class Part(BaseModel):
    """A table of the plan file: frozen, and closed to keys that nobody defined."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Person(Part):
    """Somebody who answers for the study."""

    name: Text = Field(description="The person's name.")
    role: Text = Field(description="What the person does in the study, such as 'statistician'.")
    affiliation: str = Field(default="", description="Where the person works.")


class Study(Part):
    """What the study is for and who answers for it."""

    id: Name = Field(description="A short name of the study, used in file names.")
    title: Text = Field(description="The study's title, as it will head the report.")
    purpose: Text = Field(description="The question that the study answers, in one sentence.")
    time_unit: Literal["day", "month"] = Field(
        default="day", description="The unit of all times; times are whole numbers of it."
    )
    outcomes_locked: bool = Field(
        default=False,
        # Left out of the plan's name where it is not asked for, as plans had no such key before.
        exclude_if=lambda value: not value,
        description="Whether outcomes wait until the coordinating centre has looked at the "
        "balance: it unlocks them with a reason, which is logged.",
    )
    people: tuple[Person, ...] = Field(
        default=(), description="The people who answer for the study."
    )


Missing = Literal["refuse", "exclude", "complete-case"]
Invalid = Literal["refuse", "exclude"]
MISSING = (
    "What a missing value does: 'refuse' the extract, 'exclude' the patient from the study, or "
    "'complete-case' (leave the patient out only where the value is needed)."
)
INVALID = (
    "What a value outside type, range or levels does: 'refuse' the extract, or 'exclude' the "
    "patient from the study."
)


class Variable(Part):
    """One column of the study's dictionary."""

    name: Name = Field(description="The variable's name in the study's dictionary.")
    label: Text = Field(description="How tables and figures call the variable.")
    missing: Missing = Field(default="refuse", description=MISSING)
    invalid: Invalid = Field(default="refuse", description=INVALID)


class Number(Variable):
    """A measured or counted quantity."""

    type: Literal["integer", "number"] = Field(
        description="'integer' for whole numbers, 'number' for any."
    )
    unit: str = Field(default="", description="The unit of measurement.")
    range: Range = Field(description="The smallest and the largest value that can be right.")
    centre: float | None = Field(
        default=None,
        description="A round value near the mean, about which sums of squares are taken.",
    )
    bins: int = Field(
        default=40, ge=4, le=400, description="Bins of the histogram that quantiles are read from."
    )
    quartiles: Literal["histogram", "exact"] = Field(
        default="histogram",
        # Left out of the plan's name where it is not asked for, as plans had no such key before.
        exclude_if=lambda value: value == "histogram",
        description="'histogram' reads quartiles off the bins; 'exact' finds them by counting, "
        "which shows the values of single patients, though not whose.",
    )


class Category(Variable):
    """A variable with named levels."""

    type: Literal["category"] = Field(description="'category' for named levels.")
    levels: tuple[Level, ...] = Field(min_length=2, description="The levels, first to last.")
    missing_level: Level | None = Field(
        default=None, description="The level that an empty field stands for, if it stands for one."
    )


class Binary(Variable):
    """A yes-or-no variable, written 1 or 0."""

    type: Literal["binary"] = Field(description="'binary' for 1 or 0.")


class Time(Variable):
    """A duration from time zero, in whole units of the study's time."""

    type: Literal["time"] = Field(description="'time' for a duration from time zero.")
    range: tuple[int, int] = Field(
        description="The shortest and the longest time that can be right, in the study's unit."
    )


AnyVariable = Annotated[Number | Category | Binary | Time, Field(discriminator="type")]


class Condition(Part):
    """One rule about a patient's value; a missing value never fulfils it."""

    variable: Name = Field(description="The variable that the rule looks at.")
    rule: Literal["at-least", "at-most", "between", "one-of", "none-of", "known"] = Field(
        description="How the value is compared; 'known' asks only that it is there."
    )
    value: float | None = Field(default=None, description="The limit of 'at-least' and 'at-most'.")
    between: Range | None = Field(default=None, description="Both limits of 'between', included.")
    levels: tuple[Level, ...] = Field(
        default=(), description="The levels of 'one-of' and 'none-of' ('1' and '0' if binary)."
    )


class Eligibility(Condition):
    """A condition that a patient has to fulfil to be in the study."""

    reason: Text = Field(description="Why others are excluded, as the flow diagram will say it.")


class Treatment(Part):
    """The two arms."""

    variable: Name = Field(description="The variable that tells the arms apart.")
    treated: tuple[Level, ...] = Field(min_length=1, description="The levels of the treated arm.")
    comparator: tuple[Level, ...] = Field(
        min_length=1, description="The levels of the comparator; other levels are excluded."
    )
    treated_label: Text = Field(description="How the report calls the treated arm.")
    comparator_label: Text = Field(description="How the report calls the comparator.")


class Covariate(Part):
    """A variable in the propensity model, and its form there."""

    variable: Name = Field(description="The variable.")
    form: Literal["linear", "log", "categories", "spline"] = Field(
        default="linear",
        description="'linear' (also for binary), natural 'log', 'categories', or a 'spline'.",
    )
    reference: Level | None = Field(
        default=None, description="The level that the others are compared with; default the first."
    )
    knots: tuple[float, ...] = Field(
        default=(), description="The fixed knots of a restricted cubic spline, three at least."
    )


class Propensity(Part):
    """The model of who is treated."""

    covariates: tuple[Covariate, ...] = Field(
        min_length=1, description="The covariates of the logistic model."
    )
    penalty: Literal["none", "ridge", "firth"] = Field(
        default="none",
        description="A penalty from the start: 'none' fits by maximum likelihood, 'firth' takes "
        "off the bias of small samples, 'ridge' shrinks standardised coefficients.",
    )
    fallback: Literal["stop", "ridge", "firth"] = Field(
        default="stop",
        description="What to do if the covariates separate the arms: 'stop' with the reason, or "
        "fit with a 'ridge' or 'firth' penalty.",
    )
    ridge_prior_sd: float = Field(
        default=2.5,
        gt=0,
        le=100,
        description="Prior standard deviation of a standardised coefficient under 'ridge'.",
    )


class Design(Part):
    """A way to make the arms comparable."""

    name: Name = Field(description="The name of the matched population.")
    label: Text = Field(default="matched", description="How the report calls the population.")
    method: Literal["pooled-quota", "within-hospital"] = Field(
        description="'pooled-quota' pairs patients across hospitals by quotas of score bins; "
        "'within-hospital' lets each hospital match its own patients."
    )
    ratio: int = Field(default=1, ge=1, le=5, description="Comparators per treated patient.")
    caliper_sd: float = Field(
        default=0.2,
        gt=0,
        le=2,
        description="The largest distance of a pair, in standard deviations of the logit score.",
    )
    exact: tuple[Name, ...] = Field(
        default=(), description="Variables with levels on which pairs have to agree."
    )
    lottery_keys: int = Field(
        default=20,
        ge=1,
        le=100,
        description="Lotteries drawn by 'pooled-quota'; the best balanced is kept, before any "
        "outcome is seen.",
    )
    caliper: Literal["strict", "none"] = Field(
        default="strict",
        # Left out of the plan's name where it is not asked for, as plans had no such key before.
        exclude_if=lambda value: value == "strict",
        description="'strict' lets no pair be farther apart than `caliper_sd`; 'none' takes the "
        "nearest partner however far, and `caliper_sd` only says how wide score bins are.",
    )
    pairs: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="Whether to look within pairs: McNemar's test, Rosenbaum's bounds, tests and "
        "hazard ratios of pairs, an error that lets them be alike; by cell across hospitals.",
    )


Target = Literal[
    "overlap", "treated", "comparator", "everybody", "everybody-stabilised", "matchable"
]


class Weighting(Part):
    """A way to make the arms comparable by weighing patients with their propensity score."""

    name: Name = Field(description="The name of the weighted population.")
    label: Text = Field(default="weighted", description="How the report calls the population.")
    target: Target = Field(
        description="Whom the weighted arms resemble: patients who could have had either arm "
        "('overlap'), the 'treated', the 'comparator', 'everybody' (also 'stabilised'), or those "
        "whom a one-to-one match would take ('matchable')."
    )
    trim: float | None = Field(
        default=None,
        gt=0,
        lt=0.5,
        # Left out of the plan's name where it is not asked for, as plans had no such key before.
        exclude_if=lambda value: value is None,
        description="Patients whose propensity is below this, or above 1 less this, are left out.",
    )
    truncate: float | None = Field(
        default=None,
        gt=0,
        exclude_if=lambda value: value is None,
        description="A larger weight counts as this weight.",
    )
    fine_strata: int | None = Field(
        default=None,
        ge=2,
        le=100,
        exclude_if=lambda value: value is None,
        description="Weigh by the share of treated in so many fine strata of the score, which says "
        "less of single patients and rests less on the model; fifty are usual.",
    )


class Stratification(Part):
    """A way to make the arms comparable by comparing them within strata of the propensity."""

    label: Text = Field(
        default="stratified by propensity", description="How the report calls the comparison."
    )
    strata: int = Field(
        default=5, ge=2, le=10, description="Strata of about equal size; five are usual."
    )


class Imputation(Part):
    """Missing covariates are drawn from pooled models, several times."""

    imputations: int = Field(
        default=10, ge=2, le=50, description="Completed data sets; twenty if a fifth is missing."
    )
    cycles: int = Field(
        default=5,
        ge=1,
        le=20,
        description="Sweeps over the covariates with missing values, each a trip for each of "
        "them; ten if more than a third of a covariate is missing.",
    )


class Population(Part):
    """A part of the study's patients, chosen by conditions on variables."""

    name: Name = Field(description="The name of the population.")
    label: Text = Field(description="How the report calls the population.")
    conditions: tuple[Condition, ...] = Field(
        default=(), description="What its patients fulfil, all of it."
    )
    weight: Name | None = Field(
        default=None,
        description="A number variable that weighs the patients; rounded as the profile says.",
    )


FurtherTest = Literal[
    "gehan",
    "tarone-ware",
    "peto-peto",
    "modified-peto-peto",
    "fleming-harrington-1-0",
    "fleming-harrington-0-1",
    "fleming-harrington-1-1",
    "fleming-harrington-half-half",
]


def _by_name(causes: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Order causes by name: the order numbers them, and must not hang on how a file lists them."""
    return dict(sorted(causes.items()))


class TimeToEvent(Part):
    """An endpoint with a time and an event or censoring."""

    name: Name = Field(description="The endpoint's name.")
    label: Text = Field(description="How tables and figures call the endpoint.")
    type: Literal["time-to-event"] = Field(description="'time-to-event'.")
    time: Name = Field(description="The variable with the time to event or censoring.")
    event: Name = Field(description="The variable that says how the time ended.")
    event_levels: tuple[Level, ...] = Field(
        default=("1",), description="The levels of `event` that are the event."
    )
    competing: Annotated[dict[Name, tuple[Level, ...]], AfterValidator(_by_name)] = Field(
        default_factory=dict,
        description="Competing causes by name, each with its levels of `event`; all other levels "
        "are censorings.",
    )
    landmarks: tuple[int, ...] = Field(
        default=(), description="Times at which survival is reported, in the study's unit."
    )
    horizon: int | None = Field(
        default=None, gt=0, description="The time up to which mean survival time is taken."
    )
    further_tests: tuple[FurtherTest, ...] = Field(
        default=(),
        # Left out of the plan's name where it is not asked for, as plans had no such key before.
        exclude_if=lambda value: not value,
        description="Tests of equal hazards beside the log-rank test: early differences count more "
        "in 'gehan', 'tarone-ware', the two Peto tests and 'fleming-harrington-1-0', late ones in "
        "'fleming-harrington-0-1', those in between in the other two.",
    )
    adjusted: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="Whether to report a hazard ratio adjusted for the covariates of [propensity], "
        "with hazards of each hospital's own.",
    )
    gray_by_hospital: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="Whether to report Gray's test of competing causes stratified by hospital too.",
    )
    negative_control: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="Whether the treatment cannot have an effect on the endpoint, so that a "
        "difference would show that the arms are not comparable.",
    )


class BinaryOutcome(Part):
    """An endpoint that happened or did not."""

    name: Name = Field(description="The endpoint's name.")
    label: Text = Field(description="How tables and figures call the endpoint.")
    type: Literal["binary"] = Field(description="'binary'.")
    variable: Name = Field(description="The variable that holds it.")
    event_levels: tuple[Level, ...] = Field(
        default=("1",), description="The levels that count as the event."
    )
    doubly_robust: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="Whether to report a risk difference from the propensity model and models of "
        "the outcome together, which is right if either is.",
    )
    negative_control: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="Whether the treatment cannot have an effect on the endpoint, so that a "
        "difference would show that the arms are not comparable.",
    )


AnyEndpoint = Annotated[TimeToEvent | BinaryOutcome, Field(discriminator="type")]


class Subgroup(Part):
    """A variable whose levels are looked at one by one."""

    variable: Name = Field(description="A variable with levels.")
    test: Literal["none", "differ", "trend"] = Field(
        default="none",
        exclude_if=lambda value: value == "none",
        description="Whether to test if hazards 'differ' between the levels, both arms together, "
        "or also if they rise or fall with the levels' order ('trend').",
    )


class Sensitivity(Part):
    """Whether hospitals agree, and how much any one of them matters."""

    heterogeneity: bool = Field(
        default=False,
        description="Whether to ask if the hospitals' own hazard ratios agree; from five hospitals "
        "that have one.",
    )
    common_odds: bool = Field(
        default=False,
        description="Whether to report Mantel and Haenszel's odds ratio of outcomes without a "
        "time, by hospital; from four hospitals that tell the arms apart.",
    )
    leave_one_out: bool = Field(
        default=False,
        description="Whether to report between which limits the hazard ratio stays when any one "
        "hospital is left out; no hospital is named.",
    )
    lottery: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="Whether to report how far the hazard ratio of a population matched across "
        "hospitals would move had another of its lotteries been kept.",
    )
    time_grid: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="Whether to report the outcomes with a time on coarser grids too, worked out "
        "from the same tables.",
    )
    estimated_scores: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="Whether to report errors of weighted hazard ratios that allow for the "
        "propensity score being estimated; two more trips.",
    )


class Disclosure(Part):
    """What may be seen of the sums, and by whom."""

    profile: Literal["exact", "standard", "strict", "open"] = Field(
        default="exact",
        description="The set of disclosure rules; 'open' has none and runs only where all rows "
        "are on one machine.",
    )
    min_sites: int = Field(
        default=3, ge=1, description="The fewest hospitals that a sum may be taken over."
    )
    expected_treated: int = Field(gt=0, description="Treated patients expected in all hospitals.")
    expected_comparator: int = Field(
        gt=0, description="Comparator patients expected in all hospitals."
    )
    max_patients_per_hospital: int = Field(
        gt=0, le=100_000_000, description="More patients than any hospital has; bounds every count."
    )


class Plan(Part):
    """A whole study: what every hospital approves and every party replays."""

    version: Literal[1] = Field(description="The version of the plan format; now 1.")
    study: Study = Field(description="What the study is for and who answers for it.")
    disclosure: Disclosure = Field(description="What may be seen of the sums, and by whom.")
    variables: tuple[AnyVariable, ...] = Field(
        min_length=1, description="The study's dictionary: one table a variable."
    )
    eligibility: tuple[Eligibility, ...] = Field(
        default=(), description="What patients have to fulfil, in the order of the flow diagram."
    )
    treatment: Treatment = Field(description="The two arms.")
    propensity: Propensity | None = Field(
        default=None, description="The model of who is treated; needed for designs."
    )
    designs: tuple[Design, ...] = Field(default=(), description="Ways to make the arms comparable.")
    weightings: tuple[Weighting, ...] = Field(
        default=(), description="Ways to make the arms comparable by weights."
    )
    stratification: Stratification | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="Compare the arms within strata of the propensity score.",
    )
    imputation: Imputation | None = Field(
        default=None,
        # Left out of the plan's name where it is not asked for, as plans had no such key before.
        exclude_if=lambda value: value is None,
        description="Draw missing covariates for the weighted populations, beside complete cases.",
    )
    populations: tuple[Population, ...] = Field(
        default=(), description="Further populations, beside all patients and the designs."
    )
    endpoints: tuple[AnyEndpoint, ...] = Field(
        default=(), description="What is compared between the arms."
    )
    subgroups: tuple[Subgroup, ...] = Field(
        default=(), description="Variables whose levels are looked at one by one."
    )
    sensitivity: Sensitivity | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="Whether hospitals agree, and how much any one of them matters.",
    )

    def variable(self, name: str) -> Number | Category | Binary | Time:
        """Find a variable of the dictionary by its name."""
        return next(variable for variable in self.variables if variable.name == name)

    @property
    def survival(self) -> tuple[TimeToEvent, ...]:
        """The endpoints with a time."""
        return tuple(e for e in self.endpoints if isinstance(e, TimeToEvent))

    @property
    def binary(self) -> tuple[BinaryOutcome, ...]:
        """The endpoints without a time."""
        return tuple(e for e in self.endpoints if isinstance(e, BinaryOutcome))


def levels(variable: Number | Category | Binary | Time) -> tuple[str, ...]:
    """Name the levels of a variable that has some, in order; nothing for others."""
    match variable:
        case Category():
            return variable.levels
        case Binary():
            return ("0", "1")
        case Number() | Time():
            return ()
