"""Ranks: the values of single ranks, found by counting, where the plan wants quartiles exact.

An order statistic is one patient's value, though nobody learns whose; so this is asked only in
profiles whose plan may say so, and only of variables whose plan does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort
from protocol.layout import Layout, Release, count
from protocol.plan.columns import number_column
from protocol.plan.model import Plan
from protocol.plan.variables import Number
from protocol.question import Key, Opened, Silent
from protocol.stats.quantiles import type_7
from protocol.steps.describe import Description, counts_values, described
from protocol.steps.plausible import ImpossibleTotalError
from protocol.steps.population import Population

PARTS = 64
NUMBER_TRIPS = 6
"""Trips for a number: its range in 64^6 = 7e10 steps, so that ten digits of it are right."""
QUARTILES = (0.25, 0.5, 0.75)


class RankSearch(NamedTuple):
    """The search for the value with `rank` smaller ones in an arm.

    The value lies in part `prefix` of 64^depth parts of the range; `below` values lie under it.
    """

    variable: str
    arm: int
    rank: int
    prefix: int = 0
    below: int = 0


class Narrowed(NamedTuple):
    """A search after one more trip, and the value that it has come to, if it is done."""

    search: RankSearch
    value: float | None


class Scale(NamedTuple):
    """A variable's range as whole steps from 0 to 64^trips - 1."""

    low: float
    step: float
    trips: int

    def places(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Find the nearest steps of values, none beyond the ends."""
        nearest = np.rint((values - self.low) / self.step)
        return np.clip(nearest, 0, PARTS**self.trips - 1).astype(np.int64)

    def value(self, place: int) -> float:
        """Say which value a step stands for, to the digits that the steps tell apart."""
        digits = 0
        while 2 * self.step * 10.0**digits < 1.0:
            digits += 1
        return round(self.low + place * self.step, digits)


def scale(variable: Number) -> Scale:
    """Lay a variable's steps: whole numbers one by one, others finely."""
    low, high = variable.range
    if variable.type == "integer":
        trips, reach = 1, PARTS
        while reach < high - low + 1:
            trips, reach = trips + 1, reach * PARTS
        return Scale(low, 1.0, trips)
    whole = 1
    for _ in range(NUMBER_TRIPS):
        whole *= PARTS
    return Scale(low, (high - low) / (whole - 1), NUMBER_TRIPS)


def searched(plan: Plan) -> tuple[Number, ...]:
    """List the numbers whose quartiles the plan wants exact and no histogram gives so."""
    found = (v for v in described(plan) if isinstance(v, Number))
    return tuple(v for v in found if v.quartiles == "exact" and not counts_values(plan, v))


def quartile_searches(here: Description) -> tuple[RankSearch, ...]:
    """List the ranks that the quartiles of a population lie between, each once."""
    return tuple(dict.fromkeys(_ranks(here)))


def _ranks(here: Description) -> Iterator[RankSearch]:
    for variable in searched(here.plan):
        for arm in (0, 1):
            patients = here.moments(number_column(variable), arm).n
            for q in QUARTILES if patients else ():
                where = type_7(patients, q)
                yield RankSearch(variable.name, arm, where.low)
                yield RankSearch(variable.name, arm, where.high)


@dataclass(frozen=True)
class RankCounts(Silent):
    """Patients by 64 parts of the part of the range where each search goes on."""

    name: ClassVar[str] = "rank-counts/1"
    partners_only: ClassVar[bool] = False
    plan: Plan
    population: Population
    depth: int
    searches: tuple[RankSearch, ...]

    def key(self) -> Key:
        """Name the population and the depth; where to look follows from the totals before."""
        return self.population.name, self.depth

    def layout(self) -> Layout:
        """Send 64 counts a search; how many there are follows from the patients."""
        most = self.plan.disclosure.max_patients_per_hospital
        words = "patients by parts of a variable's range, narrowing to the quartiles, by arm"
        return Layout((count("counts", (len(self.searches), PARTS), words, most),), about=True)

    def local(self, cohort: Cohort) -> Release:
        """Count this hospital's patients. Run by a hospital."""
        members = self.population.weights(cohort) > 0
        counts = np.zeros((len(self.searches), PARTS), dtype=np.int64)
        for position, search in enumerate(self.searches):
            values = cohort.values[search.variable][members & (cohort.arm == search.arm)]
            places = self._scale(search).places(values[~np.isnan(values)])
            parts = places // PARTS ** (self._scale(search).trips - 1 - self.depth)
            inside = parts[parts // PARTS == search.prefix] % PARTS
            counts[position] = np.bincount(inside, minlength=PARTS)
        return {"counts": counts}

    def learn(self, opened: Opened) -> tuple[Narrowed, ...]:
        """Narrow every search to the part that holds its rank. Run by everyone.

        Raises
        ------
        ImpossibleTotalError
            If a part holds fewer patients than the count before said.
        """
        found = zip(self.searches, opened.sums["counts"], strict=True)
        return tuple(self._narrowed(search, [int(n) for n in row]) for search, row in found)

    def _narrowed(self, search: RankSearch, counts: list[int]) -> Narrowed:
        below, steps = search.below, self._scale(search)
        for position, number in enumerate(counts):
            if below + number > search.rank:
                prefix = search.prefix * PARTS + position
                done = self.depth + 1 == steps.trips
                value = steps.value(prefix) if done else None
                return Narrowed(search._replace(prefix=prefix, below=below), value)
            below += number
        raise ImpossibleTotalError(self.name, "an arm has fewer values than were counted before")

    def _scale(self, search: RankSearch) -> Scale:
        variable = self.plan.variable(search.variable)
        if not isinstance(variable, Number):
            raise TypeError(f"{search.variable} is no number")
        return scale(variable)
