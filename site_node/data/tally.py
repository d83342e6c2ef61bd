"""Counts the rows that break a rule at a variable, with the first row numbers, never a value."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Flags
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.model import Plan
from protocol.plan.variables import levels
from site_node.data.values import Rule, Typed

ROWS_SHOWN = 20

Effect = Literal["refuse", "exclude", "complete-case"]
"""What the plan does about a violation."""

PATIENT_ID = "patient id"
ABOUT_ABSENCE = (Rule.MISSING, Rule.EVENT_WITHOUT_TIME, Rule.TIME_WITHOUT_STATUS)
"""Rules that follow the plan's choice for missing values."""


@dataclass(frozen=True)
class Violation:
    """How many rows break one rule at one variable.

    `rows` are the numbers of the first `ROWS_SHOWN` of them. They are for the hospital's own
    screen, on request, and for nothing else.
    """

    variable: str
    rule: str
    count: int
    effect: Effect
    rows: tuple[int, ...] = field(repr=False)


class Tally:
    """Counts of broken rules by variable, with the first row numbers."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, Rule], int] = {}
        self._rows: dict[tuple[str, Rule], list[int]] = {}

    def add(self, variable: str, rules: NDArray[np.uint8], first_row: int) -> None:
        """Add the rules that rows break, one rule a row, from a row number on."""
        counts = np.bincount(rules, minlength=len(Rule))
        for rule in Rule:
            if rule is not Rule.FINE and counts[rule]:
                key = variable, rule
                self._counts[key] = self._counts.get(key, 0) + int(counts[rule])
                rows = self._rows.setdefault(key, [])
                found = np.flatnonzero(rules == rule)[: ROWS_SHOWN - len(rows)]
                rows += (found + first_row).tolist()

    def violations(self, plan: Plan) -> tuple[Violation, ...]:
        """List the counts in the order of the plan's variables, the id first."""
        names = [PATIENT_ID, *(variable.name for variable in plan.variables)]
        return tuple(
            Violation(name, rule.words, self._counts[key], _effect(plan, *key), tuple(rows))
            for key, rows in sorted(
                self._rows.items(), key=lambda item: (names.index(item[0][0]), item[0][1])
            )
            for name, rule in [key]
        )


def _effect(plan: Plan, name: str, rule: Rule) -> Effect:
    if name == PATIENT_ID:
        return "refuse"
    variable = plan.variable(name)
    return variable.missing if rule in ABOUT_ABSENCE else variable.invalid


def tally_block(plan: Plan, typed: dict[str, Typed], tally: Tally, row: int) -> None:
    """Count what a block of rows breaks, from a row number on, contradictions of fields too."""
    for name, column in typed.items():
        tally.add(name, column.rules, row)
    for (name, rule), broken in _contradictions(plan, typed).items():
        tally.add(name, np.where(broken, np.uint8(rule), np.uint8(Rule.FINE)), row)


def _contradictions(plan: Plan, typed: dict[str, Typed]) -> dict[tuple[str, Rule], Flags]:
    """Flag the rows in which a time and its event status do not go together.

    They are counted beside the missing values that they are, and follow the same choice of the
    plan: the patient's time is as unusable.
    """
    found: dict[tuple[str, Rule], Flags] = {}
    for endpoint in plan.survival:
        time, status = typed[endpoint.time], typed[endpoint.event]
        happened = np.isin(status.values, _event_positions(plan, endpoint))
        flags = {
            (endpoint.time, Rule.EVENT_WITHOUT_TIME): happened & (time.rules == Rule.MISSING),
            (endpoint.event, Rule.TIME_WITHOUT_STATUS): (time.rules == Rule.FINE)
            & (status.rules == Rule.MISSING),
        }
        for key, broken in flags.items():
            found[key] = found[key] | broken if key in found else broken
    return found


def _event_positions(plan: Plan, endpoint: TimeToEvent) -> list[int]:
    known = levels(plan.variable(endpoint.event))
    chosen = [endpoint.event_levels, *endpoint.competing.values()]
    return [known.index(level) for group in chosen for level in group]
