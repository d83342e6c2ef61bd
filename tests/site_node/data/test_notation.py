"""Values as a hospital writes them, by what its mapping states."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.plan.variables import Binary, Category, Number, Time
from site_node.data.source import Column
from site_node.data.values import AnyVariable, Notation, Rule, type_column, type_days

SIZE = Number(name="x", label="x", type="number", range=(0.5, 2.9), unit="cm")
COUNT = Number(name="x", label="x", type="integer", range=(0, 100))
TIME = Time(name="t", label="t", type="time", range=(1, 5000))
DRUG = Category(name="s", label="s", type="category", levels=("none", "näme"))
DEAD = Binary(name="d", label="d", type="binary")


def judge(variable: AnyVariable, text: str, notation: Notation) -> float | Rule:
    typed = type_column(variable, Column([text], np.zeros(1, np.int8)), notation)
    rule = Rule(typed.rules[0])
    return float(typed.values[0]) if rule is Rule.FINE else rule


def days(start: str, end: str, notation: Notation) -> int | Rule:
    code = np.zeros(1, np.int8)
    typed = type_days(TIME, Column([start], code), Column([end], code), notation)
    rule = Rule(typed.rules[0])
    assert (typed.values[0] == -1) == (rule is not Rule.FINE)
    return int(typed.values[0]) if rule is Rule.FINE else rule


def test_decimal_commas() -> None:
    comma = Notation(decimal=",")
    assert [judge(SIZE, text, comma) for text in ("2,4", "+2,4", ",9", "2", "1e0")] == [
        2.4,
        2.4,
        0.9,
        2,
        1,
    ]
    for text in ("2.4", "1.002,4", "2,4,0", ",", "1 000"):
        assert judge(SIZE, text, comma) is Rule.NOT_A_NUMBER
    assert judge(SIZE, "2,4", Notation()) is Rule.NOT_A_NUMBER


@given(st.integers(5, 29))
def test_a_factor_is_multiplied_on_paper(millimetres: int) -> None:
    found = judge(SIZE, str(millimetres), Notation(factor=Decimal("0.1")))
    assert found == float(f"{millimetres // 10}.{millimetres % 10}")


@pytest.mark.parametrize(
    ("variable", "text", "factor", "found"),
    [
        (SIZE, "30", "0.1", Rule.OUT_OF_RANGE),
        (SIZE, "9" * 400, "0.1", Rule.OUT_OF_RANGE),
        (SIZE, "1e999999999999", "0.1", Rule.OUT_OF_RANGE),
        (SIZE, "1e-999999999999", "0.1", Rule.OUT_OF_RANGE),
        (SIZE, "x", "0.1", Rule.NOT_A_NUMBER),
        (COUNT, "2.5", "2", 5),
        (COUNT, "2.5", "3", Rule.NOT_A_WHOLE_NUMBER),
        (TIME, "3", "7", 21),
        (TIME, "-3", "7", Rule.NEGATIVE_TIME),
        (TIME, "1000", "7", Rule.OUT_OF_RANGE),
    ],
)
def test_units_have_a_factor(
    variable: AnyVariable, text: str, factor: str, found: float | Rule
) -> None:
    assert judge(variable, text, Notation(factor=Decimal(factor))) == found


@pytest.mark.parametrize("word", ["NA", "n/a", "N", "-", "k. A.", "none"])
def test_words_are_missing_only_where_that_is_said(word: str) -> None:
    assert judge(SIZE, word, Notation()) is Rule.NOT_A_NUMBER
    assert judge(SIZE, word, Notation(missing=(word,))) is Rule.MISSING
    assert judge(SIZE, "", Notation(missing=(word,))) is Rule.MISSING
    assert judge(DEAD, word, Notation()) is Rule.UNKNOWN_LEVEL
    assert judge(DEAD, word, Notation(missing=(word,))) is Rule.MISSING
    assert judge(DEAD, word, Notation(levels={word: "0"}, missing=(word,))) == 0


def test_a_number_may_stand_for_a_missing_value() -> None:
    assert judge(COUNT, "99", Notation(missing=("99",))) is Rule.MISSING
    assert judge(COUNT, "99.0", Notation(missing=("99",))) is Rule.NOT_A_WHOLE_NUMBER


def test_an_empty_field_may_be_a_level() -> None:
    assert judge(DRUG, "", Notation(levels={"": "none"})) == 0
    assert judge(DRUG, "", Notation()) is Rule.MISSING


def test_blanks_are_taken_off_on_request() -> None:
    trim = Notation(trim=True, levels={" a": "none"}, missing=("NA ",))
    assert judge(SIZE, " 2.4\u00a0", trim) == 2.4
    assert judge(DRUG, "\ta ", trim) == 0
    assert judge(DRUG, " NA", trim) is Rule.MISSING
    assert judge(DRUG, "  ", trim) is Rule.MISSING
    assert judge(SIZE, " 2.4", Notation()) is Rule.BLANKS


def test_letters_may_be_composed_or_not() -> None:
    decomposed = "na\u0308me"
    assert judge(DRUG, decomposed, Notation()) == 1
    assert judge(DRUG, "é", Notation(levels={"e\u0301": "none"})) == 0
    assert judge(DRUG, "ｎone", Notation()) is Rule.UNKNOWN_LEVEL  # alike, but another letter


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("15.10.2011", "12.11.2011", 28),
        ("28.02.2012", "01.03.2012", 2),
        ("15.10.2011", "15.10.2011", Rule.OUT_OF_RANGE),  # the plan's shortest time is 1
        ("15.10.2011", "15.10.2031", Rule.OUT_OF_RANGE),
        ("15.10.2011", "14.10.2011", Rule.NEGATIVE_TIME),
        ("15.10.2011", "", Rule.MISSING),
        ("k. A.", "15.10.2011", Rule.MISSING),
        ("15.10.2011", "31.02.2012", Rule.NO_SUCH_DAY),
        ("", "31.02.2012", Rule.NO_SUCH_DAY),
        ("2011-10-15", "12.11.2011", Rule.NOT_A_DATE),
        ("15.10.2011", "12.11.2011 ", Rule.BLANKS),
    ],
)
def test_days_are_counted_between_dates(start: str, end: str, found: int | Rule) -> None:
    notation = Notation(dates="DD.MM.YYYY", missing=("k. A.",))
    assert days(start, end, notation) == found


def test_days_of_many_rows() -> None:
    start = Column(["2020-01-01", "2020-01-02"], np.array([0, 1, 1], np.int8))
    end = Column(["2020-01-11"], np.zeros(3, np.int8))
    typed = type_days(TIME, start, end, Notation())
    assert typed.values.tolist() == [10, 9, 9]
    assert typed.values.dtype == np.int32


def test_numbers_out_of_range_are_kept_for_their_unit() -> None:
    column = Column(["24", "1", "x", ""], np.array([0, 1, 0, 2, 3], np.int8))
    typed = type_column(SIZE, column)
    assert typed.outside.tolist() == [24.0, 24.0]
    np.testing.assert_array_equal(typed.values, [np.nan, 1, np.nan, np.nan, np.nan])
