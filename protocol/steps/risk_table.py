"""Risk table: events and censorings by arm and time, all that curves and tests need."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort, Flags, at_levels, event_status
from protocol.disclosure import time_grid
from protocol.grid import Grid
from protocol.layout import Layout, Release, count, real
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.model import Plan
from protocol.question import Key, Opened, Silent
from protocol.stats.table import RiskTable, Weights, tabulate
from protocol.steps.describe import MAX_WEIGHT
from protocol.steps.plausible import require
from protocol.steps.population import Population

WEIGHT_FIELDS = ("events", "censored", "events_squared", "censored_squared")


@dataclass(frozen=True)
class Level:
    """One level of a subgroup variable; the empty level stands for all patients."""

    variable: str = ""
    level: str = ""

    def flags(self, plan: Plan, cohort: Cohort) -> Flags:
        """Flag the patients at the level."""
        if not self.variable:
            return np.ones(cohort.size, dtype=np.bool_)
        return at_levels(plan, self.variable, (self.level,), cohort.values)

    def __str__(self) -> str:
        return f"{self.variable}={self.level}" if self.variable else ""


EVERY = Level()


@dataclass(frozen=True, eq=False)
class Events:
    """Events by cause and censorings over all hospitals.

    `events` has shape (causes, 2, K), the plan's event first, then competing causes; `censored`
    (2, K). `unassessed` counts patients of the population without time or status, by arm.
    """

    grid: Grid
    events: NDArray[np.int64]
    censored: NDArray[np.int64]
    weights: Weights | None
    unassessed: tuple[int, int]

    @property
    def table(self) -> RiskTable:
        """The table of the plan's event, competing causes as censorings."""
        censored = self.censored + self.events[1:].sum(axis=0)
        return RiskTable(self.events[0], censored, self.grid.times, self.weights)


@dataclass(frozen=True, eq=False)
class _Assessed:
    """A hospital's patients of the population whose time and status are known, one entry each."""

    cell: NDArray[np.int64]
    arm: NDArray[np.intp]
    status: NDArray[np.int64]
    weight: NDArray[np.float64] | None
    unassessed: NDArray[np.int64]


@dataclass(frozen=True)
class RiskTableStep(Silent):
    """Events and censorings by arm and grid time.

    Every time of the grid is sent, so no hospital shows which times it has. At-risk counts are
    suffix sums of these and never travel.
    """

    name: ClassVar[str] = "risk-table/1"
    partners_only: ClassVar[bool] = True
    plan: Plan
    endpoint: TimeToEvent
    population: Population
    level: Level = EVERY
    size: tuple[int, int] | None = None
    """Patients of the population by arm, where known: the table has to account for each."""

    def key(self) -> Key:
        """One table an endpoint, population and level."""
        return self.endpoint.name, self.population.name, str(self.level)

    def layout(self) -> Layout:
        """Send causes x 2 x K events, 2 x K censorings; weight sums where patients weigh."""
        most = self.plan.disclosure.max_patients_per_hospital
        causes, cells = 1 + len(self.endpoint.competing), self._grid.cells
        by = "by arm and grid time"
        fields = [
            count("events", (causes, 2, cells), f"patients with the event, {by} (and cause)", most),
            count("censored", (2, cells), f"patients last seen without it, {by}", most),
            count("unassessed", (2,), "patients without time or status, by arm", most),
        ]
        if self.population.weighted:
            bound = most * MAX_WEIGHT * MAX_WEIGHT
            words = "sums of weights and of squared weights"
            fields.append(real("weights", (4, 2, cells), f"{words}, {by}", bound))
        return Layout(tuple(fields))

    def local(self, cohort: Cohort) -> Release:
        """Count this hospital's patients. Run by a hospital."""
        seen = self._assessed(cohort)
        # Status 0 is a censoring, 1 the event, 2 and on the competing causes.
        counts = np.zeros((2 + len(self.endpoint.competing), 2, self._grid.cells), dtype=np.int64)
        np.add.at(counts, (seen.status, seen.arm, seen.cell), 1)
        release: dict[str, NDArray[np.int64] | NDArray[np.float64]] = {
            "events": counts[1:],
            "censored": counts[0],
            "unassessed": seen.unassessed,
        }
        if seen.weight is not None:
            weights = self._tabulated(seen).weights
            release["weights"] = np.array([getattr(weights, f) for f in WEIGHT_FIELDS])
        return release

    def learn(self, opened: Opened) -> Events:
        """Read the sum as one table over all hospitals. Run by everyone."""
        sums = opened.sums
        weights = Weights(*sums["weights"]) if "weights" in sums else None
        low, high = sums["unassessed"]
        counted = sums["events"].sum(axis=(0, 2)) + sums["censored"].sum(axis=1) + (low, high)
        if self.size is not None:
            same = (int(counted[0]), int(counted[1])) == self.size
            require(self.name, same, "events, censorings and missing are not all patients")
        return Events(
            self._grid,
            sums["events"],
            sums["censored"],
            weights,
            (int(low), int(high)),
        )

    def own_table(self, cohort: Cohort) -> RiskTable:
        """Tabulate the hospital's own patients, competing causes as censorings."""
        return self._tabulated(self._assessed(cohort))

    def _assessed(self, cohort: Cohort) -> _Assessed:
        time, status = event_status(self.plan, self.endpoint, cohort)
        weights = self.population.weights(cohort)  # asked once: a lottery may stand behind it
        members = (weights > 0) & self.level.flags(self.plan, cohort)
        there = members & (status >= 0)
        return _Assessed(
            cell=self._grid.cell(time[there]),
            arm=cohort.arm[there].astype(np.intp),
            status=status[there],
            weight=weights[there] if self.population.weighted else None,
            unassessed=np.bincount(cohort.arm[members & ~there], minlength=2),
        )

    def _tabulated(self, seen: _Assessed) -> RiskTable:
        event = (seen.status == 1).astype(np.intp)
        return tabulate(self._grid.times, seen.cell, seen.arm, event, seen.weight)

    @property
    def _grid(self) -> Grid:
        return time_grid(self.plan, self.endpoint, weighted=self.population.weighted)
