"""The time grid on which events and censorings are counted.

The plan's profile fixes it. A time falls at the first grid time that is not earlier, so an event
on an edge belongs to the interval that ends there. Month edges are multiples of 365.25/12 days,
so that 12, 36 and 60 months are edges (all in exact integer arithmetic: 365.25/12 = 487/16).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Grid:
    """Cells 0..last; cell k ends at time k * numerator / denominator, in the study's unit."""

    numerator: int
    denominator: int
    last: int

    @property
    def cells(self) -> int:
        """How many cells there are, time 0 included."""
        return self.last + 1

    def cell(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """Find the cell of whole, non-negative times."""
        return -((-time * self.denominator) // self.numerator)

    def edge(self, time: int) -> float:
        """Move a time to the grid: the first grid time that is not earlier."""
        return -((-time * self.denominator) // self.numerator) * self.numerator / self.denominator

    @property
    def times(self) -> NDArray[np.float64]:
        """The grid times, shape (cells,), in the study's unit."""
        return np.arange(self.cells) * self.numerator / self.denominator


MONTHS = {"month": 1, "quarter": 3, "half-year": 6, "year": 12}
"""Months of the steps that are coarser than the study's unit."""

_MONTH_IN = {"day": (487, 16), "month": (1, 1)}


def grid(step: str, unit: str, longest: int) -> Grid:
    """Lay the grid for times 0..longest; `step` is "unit" (day) or one of `MONTHS`."""
    if step == "unit":
        return Grid(1, 1, longest)
    numerator, denominator = _MONTH_IN[unit]
    months = MONTHS[step]
    last = -(-longest * denominator // (numerator * months))
    return Grid(numerator * months, denominator, last)
