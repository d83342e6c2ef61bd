"""What a plan compares between the arms: endpoints, and the subgroups they are looked at in."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from protocol.plan.part import Level, Name, Part, Text, opt_in

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


NEGATIVE_CONTROL = (
    "Whether the treatment cannot have an effect on the endpoint, so that a difference would show "
    "that the arms are not comparable."
)


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
    further_tests: tuple[FurtherTest, ...] = opt_in(
        (),
        "Tests of equal hazards beside the log-rank test: early differences count more "
        "in 'gehan', 'tarone-ware', the two Peto tests and 'fleming-harrington-1-0', late ones in "
        "'fleming-harrington-0-1', those in between in the other two.",
    )
    adjusted: bool = opt_in(
        False,
        "Whether to report a hazard ratio adjusted for the covariates of [propensity], "
        "with hazards of each hospital's own.",
    )
    gray_by_hospital: bool = opt_in(
        False, "Whether to report Gray's test of competing causes stratified by hospital too."
    )
    negative_control: bool = opt_in(False, NEGATIVE_CONTROL)


class BinaryOutcome(Part):
    """An endpoint that happened or did not."""

    name: Name = Field(description="The endpoint's name.")
    label: Text = Field(description="How tables and figures call the endpoint.")
    type: Literal["binary"] = Field(description="'binary'.")
    variable: Name = Field(description="The variable that holds it.")
    event_levels: tuple[Level, ...] = Field(
        default=("1",), description="The levels that count as the event."
    )
    doubly_robust: bool = opt_in(
        False,
        "Whether to report a risk difference from the propensity model and models of "
        "the outcome together, which is right if either is.",
    )
    negative_control: bool = opt_in(False, NEGATIVE_CONTROL)


AnyEndpoint = Annotated[TimeToEvent | BinaryOutcome, Field(discriminator="type")]


class Subgroup(Part):
    """A variable whose levels are looked at one by one."""

    variable: Name = Field(description="A variable with levels.")
    test: Literal["none", "differ", "trend"] = opt_in(
        "none",
        "Whether to test if hazards 'differ' between the levels, both arms together, "
        "or also if they rise or fall with the levels' order ('trend').",
    )
