"""The plan of a study as data: what is compared, in whom, by which model, under which rules.

Only shapes and single-key limits live here and in the modules of its parts; what keys demand of
each other is in `check`. The sentence of each key is the one that a person meets in the editor, in
`riskset plan explain` and in the JSON Schema.
"""

from typing import Literal

from pydantic import Field

from protocol.plan.adjustment import Design, Imputation, Propensity, Stratification, Weighting
from protocol.plan.endpoints import AnyEndpoint, BinaryOutcome, Subgroup, TimeToEvent
from protocol.plan.part import Name, Part, Text, opt_in
from protocol.plan.patients import Eligibility, Population, Treatment
from protocol.plan.variables import AnyVariable, Binary, Category, Number, Time


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
    outcomes_locked: bool = opt_in(
        False,
        "Whether outcomes wait until the coordinating centre has looked at the "
        "balance: it unlocks them with a reason, which is logged.",
    )
    people: tuple[Person, ...] = Field(
        default=(), description="The people who answer for the study."
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
    lottery: bool = opt_in(
        False,
        "Whether to report how far the hazard ratio of a population matched across "
        "hospitals would move had another of its lotteries been kept.",
    )
    time_grid: bool = opt_in(
        False,
        "Whether to report the outcomes with a time on coarser grids too, worked out "
        "from the same tables.",
    )
    estimated_scores: bool = opt_in(
        False,
        "Whether to report errors of weighted hazard ratios that allow for the "
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
    stratification: Stratification | None = opt_in(
        None, "Compare the arms within strata of the propensity score."
    )
    imputation: Imputation | None = opt_in(
        None, "Draw missing covariates for the weighted populations, beside complete cases."
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
    sensitivity: Sensitivity | None = opt_in(
        None, "Whether hospitals agree, and how much any one of them matters."
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
