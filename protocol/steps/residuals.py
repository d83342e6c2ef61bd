"""Residuals: do matched pairs resemble each other? Two sums a group of transport cells."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort, event_status
from protocol.disclosure import time_grid
from protocol.layout import Layout, Release, real
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.model import Plan
from protocol.question import Key, Opened, Silent
from protocol.stats.cox import PairCell
from protocol.steps.quota import Matched, Quotas

GRAIN = 2.0**-8
"""Residuals are rounded to this: at full precision a sum of five would tell which five it holds."""
SMALLEST_GROUP = 5


def merged_cells(quotas: Quotas) -> tuple[NDArray[np.int64], tuple[int, ...]]:
    """Merge flow cells, in order of the focal bin, until a group has five pairs.

    Returns the group of each cell, and the pairs of each group; a short last group joins the one
    before.
    """
    group = np.zeros(len(quotas.all_passes), dtype=np.int64)
    pairs: list[int] = []
    open_pairs = 0
    for position, cell in enumerate(quotas.all_passes):
        group[position] = len(pairs)
        open_pairs += cell.pairs
        if open_pairs >= SMALLEST_GROUP:
            pairs.append(open_pairs)
            open_pairs = 0
    if open_pairs and pairs:
        group[group == len(pairs)] = len(pairs) - 1
        pairs[-1] += open_pairs
    elif open_pairs:
        pairs = [open_pairs]
    return group, tuple(pairs)


@dataclass(frozen=True, eq=False)
class Residuals(Silent):
    """Sums of score residuals by group of cells, focal and control patients apart.

    `residuals` (arm, time, status) follow from the open risk table and the hazard ratio.
    """

    name: ClassVar[str] = "residuals/1"
    partners_only: ClassVar[bool] = True
    plan: Plan
    endpoint: TimeToEvent
    population: Matched
    residuals: NDArray[np.float64]

    def key(self) -> Key:
        """One set of sums an endpoint and population."""
        return self.endpoint.name, self.population.name

    def layout(self) -> Layout:
        """Send two reals a group of at least five pairs; groups follow from the quotas."""
        most = self.plan.disclosure.max_patients_per_hospital
        groups = len(merged_cells(self.population.draw.quotas)[1])
        bound = most * max(1.0, float(np.abs(self.residuals).max(initial=0.0)) + GRAIN)
        words = "sums of rounded score residuals, by group of cells and side"
        return Layout((real("sums", (groups, 2), words, bound),), about=True)

    def local(self, cohort: Cohort) -> Release:
        """Sum this hospital's matched patients. Run by a hospital."""
        quotas = self.population.draw.quotas
        group, pairs = merged_cells(quotas)
        cell = self.population.draw.cells(cohort)
        time, status = event_status(self.plan, self.endpoint, cohort)
        own = (cell >= 0) & (status >= 0)
        place = time_grid(self.plan, self.endpoint).cell(time[own])
        event = (status[own] == 1).astype(np.intp)
        rounded = np.round(self.residuals[cohort.arm[own], place, event] / GRAIN) * GRAIN
        sums = np.zeros((len(pairs), 2))
        side = (cohort.arm[own] != quotas.focal).astype(np.intp)
        np.add.at(sums, (group[cell[own]], side), rounded)
        return {"sums": sums}

    def learn(self, opened: Opened) -> tuple[PairCell, ...]:
        """Name the sums of each group. Run by everyone."""
        _, pairs = merged_cells(self.population.draw.quotas)
        found = zip(opened.sums["sums"], pairs, strict=True)
        return tuple(PairCell(float(row[0]), float(row[1]), number) for row, number in found)
