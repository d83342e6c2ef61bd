"""The study's dictionary: the variables that a plan may speak of, and their levels."""

from typing import Annotated, Literal

from pydantic import Field

from protocol.plan.part import Level, Name, Part, Range, Text, opt_in

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
    quartiles: Literal["histogram", "exact"] = opt_in(
        "histogram",
        "'histogram' reads quartiles off the bins; 'exact' finds them by counting, "
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


def levels(variable: Number | Category | Binary | Time) -> tuple[str, ...]:
    """Name the levels of a variable that has some, in order; nothing for others."""
    match variable:
        case Category():
            return variable.levels
        case Binary():
            return ("0", "1")
        case Number() | Time():
            return ()
