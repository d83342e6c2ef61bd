"""Judges one spelling of one variable: its typed value, or the rule that it breaks.

Each distinct spelling of a block is judged once. Spellings are taken as they stand, or as a stated
`Notation` says: no value is guessed, rounded or trimmed without it.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import MISSING_LEVEL
from protocol.plan.variables import Binary, Category, Number, Time, levels
from site_node.data.dates import DEFAULT_FORM, NoDateError, reader
from site_node.data.source import Column

AnyVariable = Number | Category | Binary | Time
Spellings = Mapping[str, str]
"""By spelling, the level that it stands for; '' for a missing value."""

_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_COMMA_NUMBER = re.compile(_NUMBER.pattern.replace(r"\.", ","))
_INT32_MAX = 2**31 - 1


class Rule(IntEnum):
    """What can be wrong with a field or with the fields of one endpoint."""

    FINE = 0
    MISSING = 1
    BLANKS = 2
    NOT_A_NUMBER = 3
    NOT_A_WHOLE_NUMBER = 4
    NOT_A_DATE = 5
    NO_SUCH_DAY = 6
    OUT_OF_RANGE = 7
    NEGATIVE_TIME = 8
    UNKNOWN_LEVEL = 9
    EVENT_WITHOUT_TIME = 10
    TIME_WITHOUT_STATUS = 11
    EMPTY_ID = 12
    DUPLICATE_ID = 13
    LONG_ID = 14

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
    Rule.NOT_A_DATE: "not a date of the stated form",
    Rule.NO_SUCH_DAY: "a day that no calendar has",
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
"""A value and the rule that it breaks. The value counts where the rule is `FINE`."""


@dataclass(frozen=True)
class Notation:
    """How a hospital writes the values of one variable.

    `factor` turns its numbers into the plan's unit. Words and blanks are taken letter by letter,
    but for letters that Unicode can write in two ways, which are the same letter.
    """

    levels: Spellings = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    decimal: str = "."
    factor: Decimal = Decimal(1)
    trim: bool = False
    dates: str = DEFAULT_FORM

    def bare(self, text: str) -> str:
        """Take off the blanks around a text where the hospital asks for it."""
        return text.strip() if self.trim else text


PLAIN = Notation()
"""As the plan writes values."""


@dataclass(frozen=True)
class Typed:
    """One variable's rows: values as `protocol.cohort.Extract` wants them, and a `Rule` each.

    `outside` holds the numbers that are out of range, in the plan's unit: from them a wrong unit
    is told.
    """

    values: NDArray[Any]
    rules: NDArray[np.uint8]
    outside: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))


def type_column(variable: AnyVariable, column: Column, notation: Notation = PLAIN) -> Typed:
    """Turn a column of text into values and rules, both of the column's length.

    A value that breaks a rule becomes a missing one: NaN for numbers, -1 for all others.
    """
    judged = _judge_all(variable, column.spellings, notation)
    found = np.array([value for value, _ in judged], dtype=np.float64)
    rules = np.array([rule for _, rule in judged], dtype=np.uint8)
    absent = np.nan if isinstance(variable, Number) else MISSING_LEVEL
    values = np.where(rules == Rule.FINE, found, absent).astype(dtype(variable))
    outside = np.flatnonzero(rules == Rule.OUT_OF_RANGE)
    strays = column.codes[np.isin(column.codes, outside)] if len(outside) else outside
    return Typed(values[column.codes], rules[column.codes], found[strays])


def type_days(variable: Time, start: Column, end: Column, notation: Notation) -> Typed:
    """Count the days from one date to another, both columns of equal length, as `type_column`."""
    first, first_rules = _days(start, notation)
    last, last_rules = _days(end, notation)
    days = (last - first).astype(np.int64)
    # Of two faults the graver is told: what is no date comes after what is not there.
    rules = np.maximum(first_rules, last_rules)
    fine = rules == Rule.FINE
    low, high = variable.range
    rules[fine & (days < 0)] = Rule.NEGATIVE_TIME
    rules[fine & (days >= 0) & ((days < low) | (days > high))] = Rule.OUT_OF_RANGE
    values = np.where(rules == Rule.FINE, days, MISSING_LEVEL)
    return Typed(values.astype(dtype(variable)), rules)


def _days(column: Column, notation: Notation) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    missing, read = _gaps(notation), reader(notation.dates)
    judged = [_date(read, missing, notation.bare(text)) for text in column.spellings]
    days = np.array([day for day, _ in judged], dtype=np.int64)
    rules = np.array([rule for _, rule in judged], dtype=np.uint8)
    return days[column.codes], rules[column.codes]


def _date(read: Callable[[str], int], missing: frozenset[str], text: str) -> tuple[int, Rule]:
    if _letters(text) in missing:
        return 0, Rule.MISSING
    try:
        return read(text), Rule.FINE
    except NoDateError as error:
        return 0, Rule.NO_SUCH_DAY if error.form_fits else _blanks_or(Rule.NOT_A_DATE, text)


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


def _judge_all(variable: AnyVariable, texts: Sequence[str], notation: Notation) -> list[Judged]:
    bare = [text.strip() for text in texts] if notation.trim else texts
    match variable:
        case Number() | Time():
            missing = _gaps(notation)
            return [_quantity(variable, notation, missing, text) for text in bare]
        case Category() | Binary():
            positions = _positions(variable, notation)
            return [_level(positions, text) for text in bare]
        case _:
            assert_never(variable)


def _quantity(
    variable: Number | Time, notation: Notation, missing: frozenset[str], text: str
) -> Judged:
    if _letters(text) in missing:
        return np.nan, Rule.MISSING
    comma = notation.decimal == ","
    if not (_COMMA_NUMBER if comma else _NUMBER).fullmatch(text):
        return np.nan, _blanks_or(Rule.NOT_A_NUMBER, text)
    plain = text.replace(",", ".") if comma else text
    whole = isinstance(variable, Time) or variable.type == "integer"
    if whole and notation.factor == 1 and not _WHOLE.fullmatch(plain):
        return np.nan, Rule.NOT_A_WHOLE_NUMBER
    # Too large a number becomes infinite, which no range holds. Adding 0.0 turns -0.0 into 0.0.
    value = _scaled(plain, notation.factor) + 0.0
    if whole and np.isfinite(value) and value != round(value):
        return np.nan, Rule.NOT_A_WHOLE_NUMBER
    return value, _in_range(variable, value)


def _scaled(text: str, factor: Decimal) -> float:
    """Multiply as on paper, so that 24 mm are 2.4 cm and not 2.4000000000000004."""
    value = float(text)
    if factor == 1 or value == 0 or not np.isfinite(value):
        return value
    return float(Decimal(text) * factor)


def _in_range(variable: Number | Time, value: float) -> Rule:
    low, high = variable.range
    if isinstance(variable, Time):
        if value < 0:
            return Rule.NEGATIVE_TIME
        high = min(high, _INT32_MAX)
    return Rule.FINE if low <= value <= high else Rule.OUT_OF_RANGE


def _gaps(notation: Notation) -> frozenset[str]:
    """List the spellings of a missing value that is no level; an empty field is one."""
    return frozenset(["", *(_letters(notation.bare(token)) for token in notation.missing)])


def _positions(variable: Category | Binary, notation: Notation) -> dict[str, Judged]:
    """List the spellings that have a meaning; the hospital's words go before the plan's."""
    known: dict[str, Judged] = {
        _letters(level): (position, Rule.FINE) for position, level in enumerate(levels(variable))
    }
    missing_level = variable.missing_level if isinstance(variable, Category) else None
    empty = (
        (MISSING_LEVEL, Rule.MISSING) if missing_level is None else known[_letters(missing_level)]
    )
    recoded = {
        _letters(notation.bare(spelling)): known[_letters(level)] if level else empty
        for spelling, level in notation.levels.items()
    }
    return {**known, **dict.fromkeys(_gaps(notation), empty), **recoded}


def _level(positions: Mapping[str, Judged], text: str) -> Judged:
    if (found := positions.get(_letters(text))) is not None:
        return found
    return MISSING_LEVEL, _blanks_or(Rule.UNKNOWN_LEVEL, text)


def _letters(text: str) -> str:
    """Write composed letters one way (NFC): a Mac may send `ä` as `a` and two dots."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _blanks_or(rule: Rule, text: str) -> Rule:
    return rule if text == text.strip() else Rule.BLANKS
