"""Numbers as readers meet them."""

import math

import pytest

from coordinator.report.wording import (
    count,
    decimal,
    interval,
    list_of,
    moment,
    months,
    p_phrase,
    p_value,
    percent,
    percent_interval,
    stacked,
)


@pytest.mark.parametrize(
    ("p", "told"),
    [
        (0.0, "< 0.001"),
        (0.00099, "< 0.001"),
        (0.001, "0.001"),
        (0.0164, "0.016"),
        (0.0501, "0.050"),
        (0.199, "0.199"),
        (0.4886, "0.49"),
        (0.99, "0.99"),
        (0.9951, "> 0.99"),
        (1.0, "> 0.99"),
        (math.nan, "not estimable"),
    ],
)
def test_p_values(p: float, told: str) -> None:
    assert p_value(p) == told


def test_p_phrases_never_say_zero() -> None:
    assert p_phrase(1e-12) == "P < 0.001"
    assert p_phrase(0.0164) == "P = 0.016"
    assert p_phrase(math.nan) == "P not estimable"


def test_numbers() -> None:
    assert (count(6100), count(12.34), count(7.0)) == ("6,100", "12.3", "7")
    assert (percent(0.3642), percent(1.0), percent(math.nan)) == (
        "36.4 %",
        "100.0 %",
        "not estimable",
    )
    assert (decimal(-0.0049), decimal(-0.5), decimal(1234.5, 1)) == ("0.00", "−0.50", "1,234.5")


def test_intervals_say_what_is_not_reached() -> None:
    assert interval(0.664, 0.471, 0.934) == "0.66 (0.47 to 0.93)"
    assert interval(35.0, 16.0, math.nan, 1) == "35.0 (16.0 to not reached)"
    assert interval(0.5, 0.1, math.inf) == "0.50 (0.10 to no limit)"
    assert interval(math.inf, 1.1, math.inf) == "infinite (1.10 to no limit)"
    assert interval(math.nan, 0.1, 0.2) == "not estimable"
    assert percent_interval(0.875, math.nan, math.nan) == "87.5 % (not estimable)"
    assert stacked(0.664, 0.471, 0.934) == "0.66\n0.47 to 0.93"


def test_times() -> None:
    assert [moment(t, "day") for t in (365, 1825, 90, 1, 0)] == [
        "1 year",
        "5 years",
        "90 days",
        "1 day",
        "0 days",
    ]
    assert moment(1826.25, "day") == "5 years"
    assert [moment(t, "month") for t in (12, 60, 18)] == ["1 year", "5 years", "18 months"]
    assert moment(913.1, "day") == "913.1 days"
    assert months(365.25, "day") == pytest.approx(12)
    assert months(7.0, "month") == 7.0


def test_lists() -> None:
    assert list_of(["a"]) == "a"
    assert list_of(["a", "b", "c"]) == "a, b and c"
    assert list_of([]) == "none"
