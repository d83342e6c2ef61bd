"""The whole units in which a study counts times that its files give with fractions."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import TypeVar

import numpy as np

from protocol.plan.check_people import MAX_TIME
from protocol.stats.competing import CauseTable
from protocol.stats.table import Reals, RiskTable

Table = TypeVar("Table", RiskTable, CauseTable)

TIED = float(np.sqrt(np.finfo(float).eps))
"""Times this close are one time to R (`survival::aeqSurv`)."""


@dataclass(frozen=True)
class TimeAxis:
    """A time of the files is a whole number of 10^-decimals, or a place in a list of times.

    The list serves times of so many digits (days divided by 30.4375) that a grid of their unit
    would never end; a plan would name such visits one by one. `last` is the longest time.
    """

    decimals: int
    last: int
    listed: tuple[float, ...] = ()

    def whole(self, text: str) -> int:
        """Say which whole time a text of the files is."""
        if self.listed:
            return bisect_right(self.listed, float(text) * (1 + 1e-15)) - 1
        return int(Decimal(text).scaleb(self.decimals))

    @property
    def times(self) -> Reals:
        """The times of the files at whole times 0, 1, ..., last."""
        if self.listed:
            return np.array(self.listed)
        return np.arange(self.last + 1) / 10.0**self.decimals


@dataclass(frozen=True, eq=False)
class Clock:
    """A study's axis, and the times of the files at which survival is looked at."""

    axis: TimeAxis
    landmarks: Reals
    tau: float | None

    def table(self, table: Table) -> Table:
        """Give a table the times of the files back, and drop those when nothing happens."""
        return replace(table, times=self.axis.times[: len(table.times)]).compact()


def lay_axis(texts: Iterable[str]) -> TimeAxis:
    """Find the power of ten that makes all times whole, or list them if it makes too many."""
    exact = {Decimal(text) for text in texts}
    if not exact:
        return TimeAxis(0, 1)
    decimals = max(0, *(-_exponent(time) for time in exact))
    longest = int(max(exact).scaleb(decimals))
    if min(exact) >= 0 and longest <= MAX_TIME:
        return TimeAxis(decimals, max(1, longest))
    listed = _apart(sorted({float(time) for time in exact}))
    return TimeAxis(0, max(1, len(listed) - 1), listed if len(listed) > 1 else (*listed, np.inf))


def _exponent(time: Decimal) -> int:
    exponent = time.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent


def _apart(times: list[float]) -> tuple[float, ...]:
    """Let the first of times that R takes for one stand for all of them."""
    scale = sum(map(abs, times)) / len(times)
    apart = [b - a > TIED and (b - a) / scale > TIED for a, b in pairwise(times)]
    return (times[0], *(time for time, new in zip(times[1:], apart, strict=True) if new))
