"""Judges one spelling of one variable: its typed value, or the rule that it breaks.

Each distinct spelling of a block is judged once. Spellings are taken as they stand: no value is
guessed, rounded or trimmed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import MISSING_LEVEL
from protocol.plan.model import Binary, Category, Number, Time, levels
from site_node.data.source import Column

AnyVariable = Number | Category | Binary | Time
Spellings = Mapping[str, str]
"""By spelling, the level that it stands for; '' for a missing value."""

_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INT32_MAX = 2**31 - 1


class Rule(IntEnum):
    """What can be wrong with a field or with the fields of one endpoint."""

    FINE = 0
    MISSING = 1
    BLANKS = 2
    NOT_A_NUMBER = 3
    NOT_A_WHOLE_NUMBER = 4
    OUT_OF_RANGE = 5
    NEGATIVE_TIME = 6
    UNKNOWN_LEVEL = 7
    EVENT_WITHOUT_TIME = 8
    TIME_WITHOUT_STATUS = 9
    EMPTY_ID = 10
    DUPLICATE_ID = 11
    LONG_ID = 12

    @property
    def words(self) -> str:
        """Say the rule as tables and errors do."""
        return _WORDS[self]


_WORDS = {
    Rule.FINE: "fine",
    Rule.MISSING: "missing",
    Rule.BLANKS: "surrounding blanks",
    Rule.NOT_A_NUMBER: "not a number",
    Rule.NOT_A_WHOLE_NUMBER: "not a whole number",
    Rule.OUT_OF_RANGE: "out of range",
    Rule.NEGATIVE_TIME: "negative time",
    Rule.UNKNOWN_LEVEL: "unknown level",
    Rule.EVENT_WITHOUT_TIME: "event without time",
    Rule.TIME_WITHOUT_STATUS: "time without event status",
    Rule.EMPTY_ID: "empty id",
    Rule.DUPLICATE_ID: "duplicate id",
    Rule.LONG_ID: "id too long",
}

Judged = tuple[float, Rule]
"""A value, which counts only where the rule is `FINE`, and the rule."""


@dataclass(frozen=True)
class Typed:
    """One variable's rows: values as `protocol.cohort.Extract` wants them, and a `Rule` each."""

    values: NDArray[Any]
    rules: NDArray[np.uint8]


def type_column(variable: AnyVariable, column: Column, spellings: Spellings) -> Typed:
    """Turn a column of text into values and rules, both of the column's length.

    A value that breaks a rule becomes a missing one: NaN for numbers, -1 for all others.
    """
    judged = _judge_all(variable, column.spellings, spellings)
    values = np.array([value for value, _ in judged], dtype=dtype(variable))
    rules = np.array([rule for _, rule in judged], dtype=np.uint8)
    return Typed(values[column.codes], rules[column.codes])


def dtype(variable: AnyVariable) -> type[np.generic]:
    """Name the type of a variable's array."""
    match variable:
        case Number():
            return np.float64
        case Category():
            return np.int16
        case Binary():
            return np.int8
        case Time():
            return np.int32
        case _:
            assert_never(variable)


def _judge_all(variable: AnyVariable, texts: Sequence[str], spellings: Spellings) -> list[Judged]:
    match variable:
        case Number():
            return [_number(variable, text) for text in texts]
        case Time():
            return [_time(variable, text) for text in texts]
        case Category() | Binary():
            positions = _positions(variable, spellings)
            return [_level(positions, text) for text in texts]
        case _:
            assert_never(variable)


def _number(variable: Number, text: str) -> Judged:
    if not text:
        return np.nan, Rule.MISSING
    if not _NUMBER.fullmatch(text):
        return np.nan, _blanks_or(Rule.NOT_A_NUMBER, text)
    if variable.type == "integer" and not _WHOLE.fullmatch(text):
        return np.nan, Rule.NOT_A_WHOLE_NUMBER
    # Too large a number becomes infinite, which no range holds. Adding 0.0 turns -0.0 into 0.0.
    value = float(text) + 0.0
    low, high = variable.range
    return (value, Rule.FINE) if low <= value <= high else (np.nan, Rule.OUT_OF_RANGE)


def _time(variable: Time, text: str) -> Judged:
    if not text:
        return MISSING_LEVEL, Rule.MISSING
    if not _WHOLE.fullmatch(text):
        rule = Rule.NOT_A_WHOLE_NUMBER if _NUMBER.fullmatch(text) else Rule.NOT_A_NUMBER
        return MISSING_LEVEL, _blanks_or(rule, text)
    value = float(text)
    if value < 0:
        return MISSING_LEVEL, Rule.NEGATIVE_TIME
    low, high = variable.range
    if not low <= value <= min(high, _INT32_MAX):
        return MISSING_LEVEL, Rule.OUT_OF_RANGE
    return value, Rule.FINE


def _positions(variable: Category | Binary, spellings: Spellings) -> dict[str, Judged]:
    """List the spellings that have a meaning."""
    known: dict[str, Judged] = {
        level: (position, Rule.FINE) for position, level in enumerate(levels(variable))
    }
    missing_level = variable.missing_level if isinstance(variable, Category) else None
    empty = (MISSING_LEVEL, Rule.MISSING) if missing_level is None else known[missing_level]
    recoded = {spelling: known[level] if level else empty for spelling, level in spellings.items()}
    return {**known, "": empty, **recoded}


def _level(positions: Mapping[str, Judged], text: str) -> Judged:
    if text in positions:
        return positions[text]
    return MISSING_LEVEL, _blanks_or(Rule.UNKNOWN_LEVEL, text)


def _blanks_or(rule: Rule, text: str) -> Rule:
    return rule if text == text.strip() else Rule.BLANKS
