import math
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.plan.variables import Binary, Category, Number, Time
from site_node.data.source import Column
from site_node.data.values import AnyVariable, Notation, Rule, type_column


def number(kind: Literal["integer", "number"], low: float = -1e6, high: float = 1e6) -> Number:
    return Number(name="x", label="x", type=kind, range=(low, high))


TIME = Time(name="t", label="t", type="time", range=(1, 5000))
STAGE = Category(name="s", label="s", type="category", levels=("I", "II"))
OPEN = Category(
    name="s", label="s", type="category", levels=("I", "II", "not known"), missing_level="not known"
)
DEAD = Binary(name="d", label="d", type="binary")


def judge(
    variable: AnyVariable, text: str, spellings: dict[str, str] | None = None
) -> float | Rule:
    """The value of one spelling, or the rule that it breaks."""
    typed = type_column(
        variable, Column([text], np.zeros(1, np.int8)), Notation(levels=spellings or {})
    )
    if typed.rules[0] == Rule.FINE:
        return float(typed.values[0])
    missing = np.isnan(typed.values[0]) if isinstance(variable, Number) else typed.values[0] == -1
    assert missing
    return Rule(typed.rules[0])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("58", 58.0),
        ("+58", 58.0),
        ("-0", 0.0),
        ("007", 7.0),
        ("4.50", 4.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1.5E-2", 0.015),
    ],
)
def test_numbers(text: str, value: float) -> None:
    found = judge(number("number"), text)
    assert found == value
    assert math.copysign(1, found) == math.copysign(1, value)


@pytest.mark.parametrize(
    "text",
    [
        "nan",
        "inf",
        "-Infinity",
        "0x10",
        "1_000",
        "1,5",
        "1 000",
        ".",
        "-",
        "e3",
        "1e",
        "5%",
        "٣",
        "½",
    ],
)
def test_no_numbers(text: str) -> None:
    for variable in (number("number"), number("integer"), TIME):
        assert judge(variable, text) is Rule.NOT_A_NUMBER


@pytest.mark.parametrize("text", ["58.0", "58.", "6e1", "57.9"])
def test_whole_numbers_are_spelled_as_such(text: str) -> None:
    assert judge(number("integer"), text) is Rule.NOT_A_WHOLE_NUMBER
    assert judge(TIME, text) is Rule.NOT_A_WHOLE_NUMBER


@pytest.mark.parametrize("text", ["1e308", "1e999", "-1e999", "9" * 5000, "1000001", "-1000001"])
def test_numbers_out_of_range(text: str) -> None:
    assert judge(number("number"), text) is Rule.OUT_OF_RANGE


def test_both_ends_of_a_range_are_in_it() -> None:
    age = number("integer", 18, 100)
    assert [judge(age, text) for text in ("18", "100")] == [18, 100]
    assert [judge(age, text) for text in ("17", "101")] == [Rule.OUT_OF_RANGE] * 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1", 1),
        ("5000", 5000),
        ("0", Rule.OUT_OF_RANGE),
        ("5001", Rule.OUT_OF_RANGE),
        ("-1", Rule.NEGATIVE_TIME),
        ("-0.5", Rule.NOT_A_WHOLE_NUMBER),
        ("9" * 30, Rule.OUT_OF_RANGE),
    ],
)
def test_times(text: str, found: float | Rule) -> None:
    assert judge(TIME, text) == found


def test_a_time_that_the_array_cannot_hold() -> None:
    endless = Time(name="t", label="t", type="time", range=(0, 10**12))
    assert judge(endless, str(2**31 - 1)) == 2**31 - 1
    assert judge(endless, str(2**31)) is Rule.OUT_OF_RANGE


@pytest.mark.parametrize("variable", [number("number"), number("integer"), TIME, STAGE, DEAD])
@pytest.mark.parametrize("text", [" ", " 1", "1 ", "\t1", "1\u00a0", "I "])
def test_blanks_are_named(variable: AnyVariable, text: str) -> None:
    assert judge(variable, text) is Rule.BLANKS


@pytest.mark.parametrize("variable", [number("number"), number("integer"), TIME, STAGE, DEAD])
def test_an_empty_field_is_missing(variable: AnyVariable) -> None:
    assert judge(variable, "") is Rule.MISSING


def test_levels_are_exact() -> None:
    assert [judge(STAGE, text) for text in ("I", "II")] == [0, 1]
    assert [judge(STAGE, text) for text in ("i", "III", "NA", "Ⅱ")] == [Rule.UNKNOWN_LEVEL] * 4
    assert [judge(DEAD, text) for text in ("0", "1")] == [0, 1]
    assert [judge(DEAD, text) for text in ("yes", "1.0", "01")] == [Rule.UNKNOWN_LEVEL] * 3


def test_a_level_may_stand_for_an_empty_field() -> None:
    assert judge(OPEN, "") == 2


def test_a_hospital_may_spell_levels_its_own_way() -> None:
    spellings = {"1": "I", "2": "II", "9": "", " ": ""}
    assert [judge(STAGE, text, spellings) for text in ("1", "2", "II")] == [0, 1, 1]
    assert [judge(STAGE, text, spellings) for text in ("9", " ")] == [Rule.MISSING] * 2
    assert judge(OPEN, "9", spellings) == 2
    assert judge(STAGE, "3", spellings) is Rule.UNKNOWN_LEVEL
    # One hospital writes 1 for no and 2 for yes.
    assert [judge(DEAD, text, {"1": "0", "2": "1"}) for text in ("1", "2")] == [0, 1]


@given(st.floats(min_value=-1e6, max_value=1e6))
def test_numbers_are_read_as_they_were_written(value: float) -> None:
    assert judge(number("number"), repr(value)) == value


@given(st.integers(-(10**6), 10**6))
def test_whole_numbers_are_read_as_they_were_written(value: int) -> None:
    assert judge(number("integer"), str(value)) == value


@given(st.text(max_size=8))
def test_any_text_gets_a_value_or_a_rule(text: str) -> None:
    for variable in (number("number"), number("integer"), TIME, STAGE, DEAD):
        found = judge(variable, text)
        assert isinstance(found, Rule) or math.isfinite(found)


def test_columns_have_the_types_of_an_extract() -> None:
    column = Column(["", "1"], np.array([1, 0, 1], np.int8))
    types = [type_column(v, column).values.dtype.name for v in (number("number"), TIME, DEAD)]
    assert types == ["float64", "int32", "int8"]
    assert type_column(STAGE, Column(["I"], np.zeros(1, np.int8))).values.dtype == np.int16
