"""Whom a plan is about: who is eligible, who is treated, and parts of the patients."""

from typing import Literal

from pydantic import Field

from protocol.plan.part import Level, Name, Part, Range, Text


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
