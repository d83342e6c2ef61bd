"""Outcome table: a binary outcome by arm."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from protocol.cohort import Cohort, outcome
from protocol.layout import Layout, Release, count
from protocol.plan.model import BinaryOutcome, Plan
from protocol.question import Key, Opened, Silent
from protocol.steps.plausible import require
from protocol.steps.population import Population
from protocol.steps.risk_table import EVERY, Level


@dataclass(frozen=True)
class Outcomes:
    """A binary outcome over all hospitals. Pairs are (comparator, treated)."""

    events: tuple[int, int]
    patients: tuple[int, int]
    unassessed: tuple[int, int]


@dataclass(frozen=True)
class OutcomeTable(Silent):
    """Count patients with and without the outcome, by arm."""

    name: ClassVar[str] = "outcome-table/1"
    partners_only: ClassVar[bool] = True
    plan: Plan
    endpoint: BinaryOutcome
    population: Population
    level: Level = EVERY
    size: tuple[int, int] | None = None
    """Patients of the population by arm, where known: the table has to account for each."""

    def key(self) -> Key:
        """One table an endpoint, population and level."""
        return self.endpoint.name, self.population.name, str(self.level)

    def layout(self) -> Layout:
        """Send six counts."""
        most = self.plan.disclosure.max_patients_per_hospital
        words = "patients by outcome (missing, no, yes) and arm"
        return Layout((count("counts", (3, 2), words, most),))

    def local(self, cohort: Cohort) -> Release:
        """Count this hospital's patients. Run by a hospital."""
        happened = outcome(self.plan, self.endpoint, cohort)
        members = (self.population.weights(cohort) > 0) & self.level.flags(self.plan, cohort)
        counts = np.zeros((3, 2), dtype=np.int64)
        np.add.at(counts, (happened[members] + 1, cohort.arm[members]), 1)
        return {"counts": counts}

    def learn(self, opened: Opened) -> Outcomes:
        """Name the counts. Run by everyone."""
        missing, no, yes = ((int(row[0]), int(row[1])) for row in opened.sums["counts"])
        counted = (missing[0] + no[0] + yes[0], missing[1] + no[1] + yes[1])
        if self.size is not None:
            require(self.name, counted == self.size, "the outcomes are not those of all patients")
        return Outcomes(yes, (no[0] + yes[0], no[1] + yes[1]), missing)
