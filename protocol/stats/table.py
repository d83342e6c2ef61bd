"""The risk-set table: how many patients have an event, or leave without one, by arm and time.

It is all that curves, log-rank tests and the arm's hazard ratio need. The same type holds one
hospital's counts and the sum over all.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Reals = NDArray[np.float64]

T = TypeVar("T", np.int64, np.float64)

COMPARATOR, TREATED = 0, 1


@dataclass(frozen=True, eq=False)
class Weights:
    """Sums of the patients' weights, and of their squares, in the cells of a table."""

    events: Reals
    censored: Reals
    events_squared: Reals
    censored_squared: Reals

    def __add__(self, other: "Weights") -> "Weights":
        return Weights(
            self.events + other.events,
            self.censored + other.censored,
            self.events_squared + other.events_squared,
            self.censored_squared + other.censored_squared,
        )

    def reversed(self) -> "Weights":
        """Let events and censorings change places."""
        return Weights(self.censored, self.events, self.censored_squared, self.events_squared)

    def at(self, where: NDArray[np.bool_] | int) -> "Weights":
        """Keep some cells (a mask over times) or one arm (its index)."""
        index = where if isinstance(where, int) else (..., where)
        return Weights(
            self.events[index],
            self.censored[index],
            self.events_squared[index],
            self.censored_squared[index],
        )

    def pooled(self) -> "Weights":
        """Add the arms together."""
        return Weights(
            self.events.sum(axis=0),
            self.censored.sum(axis=0),
            self.events_squared.sum(axis=0),
            self.censored_squared.sum(axis=0),
        )


@dataclass(frozen=True, eq=False)
class Cells:
    """Counts whose last axis is time; what a table and a single sample share.

    Parameters
    ----------
    events, censored
        Patients, shape (..., K).
    times
        Grid times in days, ascending, shape (K,).
    weights
        Sums of weights of the same shape, where patients are weighted.
    """

    events: Counts
    censored: Counts
    times: Reals
    weights: Weights | None = None

    def __post_init__(self) -> None:
        shape = self.events.shape
        weights = self.weights
        others = [self.censored] + (
            []
            if weights is None
            else [
                weights.events,
                weights.censored,
                weights.events_squared,
                weights.censored_squared,
            ]
        )
        if any(array.shape != shape for array in others) or self.times.shape != shape[-1:]:
            raise ValueError("events, censorings, weights and times differ in shape")
        if (np.diff(self.times) <= 0).any():
            raise ValueError("the times of a table must ascend")

    @cached_property
    def at_risk(self) -> Counts:
        """Patients still followed just before each time: everybody with time >= t."""
        return suffix_sums(self.events + self.censored)

    @property
    def patients(self) -> Counts:
        """Everybody in the table, shape (...)."""
        total: Counts = np.asarray((self.events + self.censored).sum(axis=-1))
        return total

    @cached_property
    def weight_at_risk(self) -> Reals:
        """Weight of the patients at risk; their number where nobody is weighted."""
        if self.weights is None:
            return self.at_risk.astype(np.float64)
        return suffix_sums(self.weights.events + self.weights.censored)

    @property
    def weight_events(self) -> Reals:
        """Weight of the events; their number where nobody is weighted."""
        return self.events.astype(np.float64) if self.weights is None else self.weights.events

    def compact(self) -> Self:
        """Drop the times when nothing happens: most of a grid of days."""
        patients, others = self.events + self.censored, tuple(range(self.events.ndim - 1))
        used: NDArray[np.bool_] = np.asarray(patients.any(axis=others))
        return replace(
            self,
            events=self.events[..., used],
            censored=self.censored[..., used],
            times=self.times[used],
            weights=None if self.weights is None else self.weights.at(used),
        )

    def reversed(self) -> Self:
        """Swap events and censorings, for the follow-up time by reverse Kaplan-Meier."""
        return replace(
            self,
            events=self.censored,
            censored=self.events,
            weights=None if self.weights is None else self.weights.reversed(),
        )


class Sample(Cells):
    """One group of patients: arrays of shape (K,)."""


class RiskTable(Cells):
    """Two arms: arrays of shape (2, K); arm 0 is the comparator, arm 1 the treated."""

    def __post_init__(self) -> None:
        if self.events.ndim != 2 or len(self.events) != 2:
            raise ValueError("a risk-set table has two arms")
        super().__post_init__()

    def arm(self, arm: int) -> Sample:
        """Look at one arm alone."""
        weights = None if self.weights is None else self.weights.at(arm)
        return Sample(self.events[arm], self.censored[arm], self.times, weights)

    def pooled(self) -> Sample:
        """Look at both arms as one group."""
        weights = None if self.weights is None else self.weights.pooled()
        return Sample(self.events.sum(axis=0), self.censored.sum(axis=0), self.times, weights)

    def __add__(self, other: "RiskTable") -> "RiskTable":
        """Add the patients of another hospital on the same grid."""
        if not np.array_equal(self.times, other.times):
            raise ValueError("tables on different grids cannot be added")
        if self.weights is None or other.weights is None:
            if self.weights is not other.weights:
                raise ValueError("a weighted and an unweighted table cannot be added")
            weights = None
        else:
            weights = self.weights + other.weights
        return RiskTable(
            self.events + other.events, self.censored + other.censored, self.times, weights
        )


def tabulate(
    times: Reals,
    cell: NDArray[np.intp],
    arm: NDArray[np.intp],
    event: NDArray[np.intp],
    weight: Reals | None = None,
) -> RiskTable:
    """Count patients into a table.

    Parameters
    ----------
    times
        Grid times in days, ascending, shape (K,).
    cell, arm, event
        For each patient: the index into `times`, 0 or 1, and 1 for an event, 0 for a censoring.
    weight
        For each patient; None counts everybody once.
    """
    counts = np.zeros((2, 2, len(times)), dtype=np.int64)
    np.add.at(counts, (event, arm, cell), 1)
    if weight is None:
        return RiskTable(counts[1], counts[0], times)
    sums = np.zeros((2, 2, 2, len(times)))
    np.add.at(sums[0], (event, arm, cell), weight)
    np.add.at(sums[1], (event, arm, cell), weight * weight)
    (censored, events), (censored_squared, events_squared) = sums
    weights = Weights(events, censored, events_squared, censored_squared)
    return RiskTable(counts[1], counts[0], times, weights)


def suffix_sums(cells: NDArray[T]) -> NDArray[T]:
    """Add up what happens at or after each time, along the last axis."""
    # Added up from the end: a late risk set is a sum of few terms and never a difference.
    sums: NDArray[T] = np.flip(np.cumsum(np.flip(cells, axis=-1), axis=-1), axis=-1)
    return sums
