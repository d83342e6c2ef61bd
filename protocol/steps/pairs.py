"""Pairs within a hospital: tests of true pairs, whose partners one hospital knows."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort, event_status
from protocol.disclosure import time_grid
from protocol.layout import Layout, Release, count, real
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.model import Plan
from protocol.question import Key, Opened, Silent
from protocol.stats.cox import Ties
from protocol.stats.pairs import McNemar, PairedTimes
from protocol.steps.clustered import Squares, own_residuals
from protocol.steps.describe import MAX_WEIGHT
from protocol.steps.population import Population
from protocol.steps.risk_table import RiskTableStep


class PairedPopulation(Population, Protocol):
    """A matched population whose sets each hospital knows, as of `WithinHospital`."""

    def pairs(self, cohort: Cohort) -> dict[int, list[int]]:
        """Name the comparators of each focal patient, by rows of the cohort."""
        ...


@dataclass(frozen=True)
class PairedTable(Silent):
    """Count pairs of one treated and one comparator by who has the event first."""

    name: ClassVar[str] = "paired-times/1"
    partners_only: ClassVar[bool] = True
    plan: Plan
    endpoint: TimeToEvent
    population: PairedPopulation

    def key(self) -> Key:
        """One count an endpoint and population."""
        return self.endpoint.name, self.population.name

    def layout(self) -> Layout:
        """Send six counts."""
        most = self.plan.disclosure.max_patients_per_hospital
        words = "pairs; first event treated's, comparator's, both; lone events by arm"
        return Layout((count("pairs", (6,), words, most, "pairs"),))

    def local(self, cohort: Cohort) -> Release:
        """Compare the partners of this hospital's pairs. Run by a hospital."""
        time, status = event_status(self.plan, self.endpoint, cohort)
        cell = time_grid(self.plan, self.endpoint).cell(time)
        counts = np.zeros(6, dtype=np.int64)
        for treated, control in _rows(self.population, cohort):
            kind = _first(cell, status, treated, control)
            counts[0] += 1
            counts += kind
        return {"pairs": counts}

    def learn(self, opened: Opened) -> PairedTimes:
        """Name the counts. Run by everyone."""
        pairs, treated, control, together, alone, alone_treated = opened.sums["pairs"].tolist()
        return PairedTimes(pairs, treated, control, together, (alone, alone_treated))


@dataclass(frozen=True)
class PairedEvents(Silent):
    """Count pairs in which one partner alone has had the event by a time: McNemar's test.

    The time is moved to the grid, as that of the tables beside it. Who is last seen before it
    without the event counts as without it.
    """

    name: ClassVar[str] = "paired-events/1"
    partners_only: ClassVar[bool] = True
    plan: Plan
    endpoint: TimeToEvent
    population: PairedPopulation
    landmark: int

    def key(self) -> Key:
        """One count an endpoint, population and time."""
        return self.endpoint.name, self.population.name, self.landmark

    def layout(self) -> Layout:
        """Send two counts."""
        most = self.plan.disclosure.max_patients_per_hospital
        words = "pairs with an event of the treated only, of the comparator only"
        return Layout((count("discordant", (2,), words, most, "pairs"),))

    def local(self, cohort: Cohort) -> Release:
        """Compare the partners of this hospital's pairs. Run by a hospital."""
        time, status = event_status(self.plan, self.endpoint, cohort)
        limit = time_grid(self.plan, self.endpoint).edge(self.landmark)
        had = (status == 1) & (time <= limit)
        pairs = [(t, c) for t, c in _rows(self.population, cohort) if min(status[[t, c]]) >= 0]
        treated = sum(int(had[t] and not had[c]) for t, c in pairs)
        control = sum(int(had[c] and not had[t]) for t, c in pairs)
        return {"discordant": np.array([treated, control])}

    def learn(self, opened: Opened) -> McNemar:
        """Name the counts. Run by everyone."""
        treated, control = opened.sums["discordant"].tolist()
        return McNemar(treated, control)


@dataclass(frozen=True, eq=False)
class SetSquares(Silent):
    """Squares of each matched set's sum of weighted score residuals: partners may be alike.

    `residuals` at no effect and at the estimate, shape (2, arm, time, status), follow from the
    open risk table of the matched patients.
    """

    name: ClassVar[str] = "set-squares/1"
    partners_only: ClassVar[bool] = True
    table: RiskTableStep
    population: PairedPopulation
    ties: Ties
    residuals: NDArray[np.float64]

    def key(self) -> Key:
        """Table and ties."""
        return (*self.table.key(), str(self.ties))

    def layout(self) -> Layout:
        """Send two reals."""
        most = float(self.table.plan.disclosure.max_patients_per_hospital)
        weight = MAX_WEIGHT if self.population.weighted else 1.0
        words = "squared sums of residuals of a set, at no effect and at the estimate"
        return Layout((real("squares", (2,), words, most * most * weight * weight),))

    def local(self, cohort: Cohort) -> Release:
        """Square the sums over this hospital's sets. Run by a hospital."""
        found = own_residuals(self.table, self.residuals, cohort)
        squares = np.zeros(2)
        for focal, controls in self.population.pairs(cohort).items():
            squares += found[:, [focal, *controls]].sum(axis=1) ** 2
        return {"squares": squares}

    def learn(self, opened: Opened) -> Squares:
        """Name the sums. Run by everyone."""
        return Squares(*(float(square) for square in opened.sums["squares"]))


def _rows(population: PairedPopulation, cohort: Cohort) -> list[tuple[int, int]]:
    """List (treated, comparator) of the pairs of two."""
    pairs = [(f, c[0]) for f, c in population.pairs(cohort).items() if len(c) == 1]
    return [(f, c) if cohort.arm[f] == 1 else (c, f) for f, c in pairs]


def _first(
    cell: NDArray[np.int64], status: NDArray[np.int64], treated: int, control: int
) -> NDArray[np.int64]:
    """Say who of a pair has the event first; a patient of unknown status was never at risk."""
    found = np.zeros(6, dtype=np.int64)
    event = {row: status[row] == 1 for row in (treated, control)}
    if event[treated] and event[control] and cell[treated] == cell[control]:
        found[3] = 1
        return found
    for row, other, first, alone in ((treated, control, 1, 5), (control, treated, 2, 4)):
        if event[row]:
            at_risk = status[other] >= 0 and cell[other] >= cell[row]
            found[first if at_risk else alone] += 1
    return found
