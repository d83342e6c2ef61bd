"""The risk-set table where patients leave by one of several causes.

`cumulative_incidence`, `gray` and `fine_gray` need no more than this. A cause-specific hazard
ratio is the usual one of `CauseTable.cause`, in which other causes are censorings.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from protocol.stats.km import product_limit
from protocol.stats.table import Counts, Reals, RiskTable


@dataclass(frozen=True, eq=False)
class CauseTable:
    """Patients who leave, by cause, arm (comparator, treated) and time.

    Parameters
    ----------
    events
        Shape (causes, 2, K).
    censored
        Patients last seen without any of the causes, shape (2, K).
    times
        Grid times in days, ascending, shape (K,).
    """

    events: Counts
    censored: Counts
    times: Reals

    def __post_init__(self) -> None:
        if self.events.ndim != 3:
            raise ValueError("a table by cause has three axes: cause, arm and time")
        _ = self.all_causes  # which checks the rest

    @cached_property
    def all_causes(self) -> RiskTable:
        """The table in which any cause is an event."""
        return RiskTable(self.events.sum(axis=0), self.censored, self.times)

    def cause(self, cause: int) -> RiskTable:
        """Take one cause as the event and the others as censorings."""
        return RiskTable(self.events[cause], self.censored + self.others(cause), self.times)

    def others(self, cause: int) -> Counts:
        """Count events of all causes but one, shape (2, K)."""
        others: Counts = self.all_causes.events - self.events[cause]
        return others

    def at(self, where: NDArray[np.bool_]) -> "CauseTable":
        """Keep some times."""
        return CauseTable(self.events[..., where], self.censored[:, where], self.times[where])

    def compact(self) -> "CauseTable":
        """Drop the times when nobody leaves: most of a grid of days."""
        leaving = self.all_causes.events + self.censored
        return self.at(np.asarray(leaving.any(axis=0)))

    def __add__(self, other: "CauseTable") -> "CauseTable":
        """Add the patients of another hospital on the same grid."""
        if not np.array_equal(self.times, other.times) or len(self.events) != len(other.events):
            raise ValueError("tables of different grids or causes cannot be added")
        return CauseTable(self.events + other.events, self.censored + other.censored, self.times)


@dataclass(frozen=True, eq=False)
class Course:
    """One arm's course over the times of a table: arrays of shape (K,).

    Patients at risk just before each time, events of the cause and of all others, survival free
    of every cause before and after the time, and the cumulative incidence F after it.
    """

    at_risk: Reals
    events: Reals
    others: Reals
    survival_before: Reals
    survival: Reals
    incidence: Reals


def course(table: CauseTable, arm: int, cause: int) -> Course:
    """Follow one arm: S = prod(1 - d/n) over all causes, F = sum S(t-) d_cause/n."""
    everything = table.all_causes.arm(arm)
    n, d = everything.at_risk.astype(np.float64), everything.events
    survival = product_limit(quotient(d, n), (d > 0) & (d == n))
    before = np.append(1.0, survival[:-1])[: len(n)]
    events = table.events[cause, arm].astype(np.float64)
    return Course(
        at_risk=n,
        events=events,
        others=d - events,
        survival_before=before,
        survival=survival,
        incidence=np.cumsum(before * quotient(events, n)),
    )


def tabulate_causes(
    times: Reals,
    cell: NDArray[np.intp],
    arm: NDArray[np.intp],
    status: NDArray[np.intp],
    causes: int,
) -> CauseTable:
    """Count patients into a table.

    Parameters
    ----------
    times
        Grid times in days, ascending, shape (K,).
    cell, arm, status
        For each patient: the index into `times`, 0 or 1, and 0 for a censoring or the number of
        the cause, from 1 to `causes`.
    """
    counts = np.zeros((1 + causes, 2, len(times)), dtype=np.int64)
    np.add.at(counts, (status, arm, cell), 1)
    return CauseTable(counts[1:], counts[0], times)


def quotient(numerator: Reals | Counts, denominator: Reals) -> Reals:
    """Divide, 0 where the denominator is: nobody is left there, and nothing happens."""
    result: Reals = np.divide(
        numerator, denominator, out=np.zeros(denominator.shape), where=denominator != 0
    )
    return result
