"""The time grid: a time falls at the first grid time that is not earlier, in exact arithmetic."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.grid import Grid, grid

STEPS = st.sampled_from(["unit", "month", "quarter"])
UNITS = st.sampled_from(["day", "month"])


@given(STEPS, UNITS, st.integers(0, 20_000), st.integers(0, 20_000))
def test_every_time_falls_at_the_first_grid_time_not_earlier(
    step: str, unit: str, longest: int, time: int
) -> None:
    time = min(time, longest)
    found = grid(step, unit, longest)
    width = Fraction(found.numerator, found.denominator)
    (cell,) = found.cell(np.array([time]))
    assert cell == math.ceil(Fraction(time) / width)
    assert 0 <= cell < found.cells
    assert found.edge(time) == float(cell * width)
    assert found.times[cell] == pytest.approx(float(cell * width), rel=1e-15)
    assert found.times[-1] >= longest


@pytest.mark.parametrize(
    ("days", "months"), [(365, 12), (366, 13), (1096, 37), (1095, 36), (1826, 60), (1827, 61)]
)
def test_years_are_edges_of_months(days: int, months: int) -> None:
    """365.25 days are twelve months: day 1826 is in month 60, which ends at 1826.25."""
    assert grid("month", "day", 4000).cell(np.array([days]))[0] == months


def test_days_are_kept_as_they_are() -> None:
    assert grid("unit", "day", 30) == Grid(1, 1, 30)
    assert grid("unit", "day", 30).times.tolist() == list(range(31))


def test_quarters_of_months() -> None:
    found = grid("quarter", "month", 7)
    assert found.times.tolist() == [0, 3, 6, 9]
    assert found.cell(np.arange(8)).tolist() == [0, 1, 1, 1, 2, 2, 2, 3]


def test_nobody_leaves_before_the_first_month_but_at_zero() -> None:
    assert grid("month", "day", 100).cell(np.array([0, 1, 30, 31])).tolist() == [0, 1, 1, 2]
