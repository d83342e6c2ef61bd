"""Pairs across hospitals, known by cell only: events on both sides of groups of cells.

Who is whose partner nobody knows, so these are no pairs: they say what to expect of pairs that
are drawn at random within a group.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from protocol.cohort import Cohort, event_status
from protocol.disclosure import time_grid
from protocol.layout import Layout, Release, count
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.model import Plan
from protocol.question import Key, Opened, Silent
from protocol.stats.pairs import EventCell
from protocol.steps.quota import Matched
from protocol.steps.residuals import merged_cells


@dataclass(frozen=True, eq=False)
class PairCellEvents(Silent):
    """Count events by a time in groups of at least five pairs, both sides apart.

    The time is moved to the grid. Who is last seen before it without the event counts as without
    it.
    """

    name: ClassVar[str] = "pair-cells/1"
    partners_only: ClassVar[bool] = True
    plan: Plan
    endpoint: TimeToEvent
    population: Matched
    landmark: int

    def key(self) -> Key:
        """One table an endpoint, population and time."""
        return self.endpoint.name, self.population.name, self.landmark

    def layout(self) -> Layout:
        """Send four counts a group; groups follow from the quotas."""
        groups = len(merged_cells(self.population.draw.quotas)[1])
        most = self.plan.disclosure.max_patients_per_hospital
        words = "patients with and without an event by a time, by group of cells and arm"
        return Layout((count("patients", (groups, 2, 2), words, most),), about=True)

    def local(self, cohort: Cohort) -> Release:
        """Count this hospital's matched patients. Run by a hospital."""
        group, pairs = merged_cells(self.population.draw.quotas)
        cell = self.population.draw.cells(cohort)
        time, status = event_status(self.plan, self.endpoint, cohort)
        own = np.flatnonzero((cell >= 0) & (status >= 0))
        limit = time_grid(self.plan, self.endpoint).edge(self.landmark)
        without = 1 - ((status[own] == 1) & (time[own] <= limit)).astype(np.intp)
        counts = np.zeros((len(pairs), 2, 2), dtype=np.int64)
        np.add.at(counts, (group[cell[own]], cohort.arm[own].astype(np.intp), without), 1)
        return {"patients": counts}

    def learn(self, opened: Opened) -> tuple[EventCell, ...]:
        """Name the counts of each group. Run by everyone."""
        _, pairs = merged_cells(self.population.draw.quotas)
        found = zip(opened.sums["patients"].tolist(), pairs, strict=True)
        return tuple(EventCell(tuple(row[1]), tuple(row[0]), number) for row, number in found)
