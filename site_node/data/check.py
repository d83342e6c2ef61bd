"""Reads an extract by the plan's dictionary and counts what breaks it, never showing a value.

What a violation does is the plan's choice: it refuses the extract, excludes the patient, or
leaves the patient out where the value is needed. Eligibility is left to `protocol.cohort`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, assert_never

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Extract, Flags
from protocol.errors import Problem, ProblemsError
from protocol.plan.model import Binary, Category, Number, Plan, Time, TimeToEvent, levels
from site_node.data.mapping import ID, SiteMapping, choose_columns
from site_node.data.source import BLOCK_BYTES, Block, Column, read_blocks
from site_node.data.values import AnyVariable, Rule, Typed, dtype, type_column

MAX_ID_BYTES = 64
ROWS_SHOWN = 20
FIRST_ROW = 2
"""The number of the first patient's row: the header is row 1, as in a spreadsheet."""

Effect = Literal["refuse", "exclude", "complete-case"]
"""What the plan does about a violation."""

PATIENT_ID = "patient id"
_ABOUT_ABSENCE = (Rule.MISSING, Rule.EVENT_WITHOUT_TIME, Rule.TIME_WITHOUT_STATUS)


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


@dataclass(frozen=True)
class Reading:
    """An extract as it was read, and all that breaks the plan's dictionary.

    `extract` is fit for use only where there are no `problems`.
    """

    subject: str
    extract: Extract
    counts: tuple[Violation, ...]
    problems: tuple[Problem, ...]


def read_extract(
    path: Path, plan: Plan, mapping: SiteMapping | None = None, block_bytes: int = BLOCK_BYTES
) -> Reading:
    """Read a hospital's extract for use in a study.

    Raises
    ------
    ProblemsError
        If the file is no CSV, lacks columns, repeats a patient's id, or holds a value for which
        the plan refuses the extract; every variable and rule at once, with counts.
    """
    reading = inspect_extract(path, plan, mapping, block_bytes)
    if reading.problems:
        raise ProblemsError(reading.subject, reading.problems)
    return reading


def inspect_extract(
    path: Path, plan: Plan, mapping: SiteMapping | None = None, block_bytes: int = BLOCK_BYTES
) -> Reading:
    """Read an extract and count what breaks the dictionary, without refusing it for that.

    Raises
    ------
    ProblemsError
        If the file is no CSV or lacks columns.
    """
    subject, names = str(path), mapping or SiteMapping()
    blocks = read_blocks(
        path, lambda header: choose_columns(subject, header, plan, names), (ID,), block_bytes
    )
    tally = _Tally()
    ids, columns, invalid = [np.empty(0, "S1")], _empty_columns(plan), [np.empty(0, np.bool_)]
    row = FIRST_ROW
    for block in blocks:
        typed = _type_block(plan, names, block)
        block_ids = _type_ids(block[ID])
        tally.add(PATIENT_ID, block_ids.rules, row)
        _tally_block(plan, typed, tally, row)
        ids.append(block_ids.values)
        invalid.append(_invalid(plan, typed, len(block_ids.rules)))
        for name, column in typed.items():
            columns[name].append(column.values)
        row += len(block_ids.rules)
    values = {name: np.concatenate(columns.pop(name)) for name in list(columns)}
    extract = Extract(np.concatenate(ids), values, np.concatenate(invalid))
    tally.add(PATIENT_ID, _duplicates(extract.ids), FIRST_ROW)
    counts = tally.violations(plan)
    return Reading(subject, extract, counts, _problems(plan, extract, counts))


class _Tally:
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
    return variable.missing if rule in _ABOUT_ABSENCE else variable.invalid


def _empty_columns(plan: Plan) -> dict[str, list[NDArray[Any]]]:
    return {variable.name: [np.empty(0, dtype(variable))] for variable in plan.variables}


def _type_block(plan: Plan, names: SiteMapping, block: Block) -> dict[str, Typed]:
    return {
        variable.name: type_column(
            variable, block[variable.name], names.levels.get(variable.name, {})
        )
        for variable in plan.variables
    }


def _type_ids(column: Column) -> Typed:
    """Turn ids into UTF-8 bytes; an id that breaks a rule becomes an empty one."""
    encoded = [text.encode("utf-8") for text in column.spellings]
    lengths = np.array([len(id_) for id_ in encoded])
    blanks = np.array([text != text.strip() for text in column.spellings])
    broken = [(lengths == 0, Rule.EMPTY_ID), (blanks, Rule.BLANKS)]
    broken.append((lengths > MAX_ID_BYTES, Rule.LONG_ID))
    rules = np.select([flags for flags, _ in broken], [rule for _, rule in broken], Rule.FINE)
    # Before the array is made: its width is that of the longest.
    for at in np.flatnonzero(rules):
        encoded[at] = b""
    values = np.array(encoded, dtype=np.bytes_)
    return Typed(values[column.codes], rules.astype(np.uint8)[column.codes])


def _duplicates(ids: NDArray[np.bytes_]) -> NDArray[np.uint8]:
    """Mark the rows whose id an earlier row has."""
    rules = np.zeros(len(ids), dtype=np.uint8)
    ordered = np.sort(ids)
    same = ordered[1:] == ordered[:-1]
    if (same & (ordered[1:] != b"")).any():
        _, first = np.unique(ids, return_index=True)
        rules[:] = Rule.DUPLICATE_ID
        rules[first] = Rule.FINE
        rules[ids == b""] = Rule.FINE
    return rules


def _tally_block(plan: Plan, typed: dict[str, Typed], tally: _Tally, row: int) -> None:
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


def _invalid(plan: Plan, typed: dict[str, Typed], rows: int) -> Flags:
    """Flag the rows that the plan excludes for a value outside of the dictionary."""
    flags = np.zeros(rows, dtype=np.bool_)
    for variable in plan.variables:
        if variable.invalid == "exclude":
            flags |= typed[variable.name].rules > Rule.MISSING
    return flags


def _problems(plan: Plan, extract: Extract, counts: tuple[Violation, ...]) -> tuple[Problem, ...]:
    problems = [_problem(plan, found) for found in counts if found.effect == "refuse"]
    if not extract.rows:
        fix = "export the extract again, with its patients"
        problems.append(Problem("the file", "has a header and no row", fix))
    elif extract.invalid.all():
        rule = "no row is left: each has a value for which the plan excludes the patient"
        problems.append(Problem("the file", rule, "check units and spellings against the plan"))
    return tuple(problems)


def _problem(plan: Plan, found: Violation) -> Problem:
    rule = f"{found.rule} in {found.count:,} {'row' if found.count == 1 else 'rows'}"
    fix = _FIXES[found.rule].format(variable=found.variable)
    if found.variable != PATIENT_ID and found.rule not in _ABSENCE_WORDS:
        rule += f"; the plan takes {_wanted(plan.variable(found.variable))}"
    return Problem(found.variable, rule, fix)


def _wanted(variable: AnyVariable) -> str:
    """Say which values the plan takes."""
    match variable:
        case Number():
            kind = "whole numbers" if variable.type == "integer" else "numbers"
            low, high = variable.range
            return f"{kind} from {low:g} to {high:g} {variable.unit}".rstrip()
        case Time():
            return f"whole numbers from {variable.range[0]} to {variable.range[1]}"
        case Category() | Binary():
            return f"the levels {', '.join(levels(variable))}"
        case _:
            assert_never(variable)


_ABSENCE_WORDS = tuple(rule.words for rule in _ABOUT_ABSENCE)
_FIXES = {
    rule.words: fix
    for rule, fix in {
        Rule.MISSING: "fill in the fields, or ask for a plan that says what a missing value does",
        Rule.BLANKS: "remove the blanks before and after the values",
        Rule.NOT_A_NUMBER: "write numbers with a decimal point and without units or separators, "
        "and leave the field empty where there is no value",
        Rule.NOT_A_WHOLE_NUMBER: "write whole numbers, without a decimal point",
        Rule.OUT_OF_RANGE: "check the values and their unit",
        Rule.NEGATIVE_TIME: "check the dates that the time is counted between",
        Rule.UNKNOWN_LEVEL: "say in the mapping file, under [levels.{variable}], which level each "
        "spelling stands for",
        Rule.EVENT_WITHOUT_TIME: "fill in the time of the event",
        Rule.TIME_WITHOUT_STATUS: "fill in how the time ended",
        Rule.EMPTY_ID: "give every patient an id",
        Rule.DUPLICATE_ID: "keep one row for each patient",
        Rule.LONG_ID: f"use ids of at most {MAX_ID_BYTES} bytes",
    }.items()
}
