"""Outcome table: a binary outcome by arm."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort, outcome
from protocol.layout import Layout, Release, count, real
from protocol.plan.endpoints import BinaryOutcome
from protocol.plan.model import Plan
from protocol.question import Key, Opened, Silent
from protocol.steps.describe import MAX_WEIGHT
from protocol.steps.plausible import require
from protocol.steps.population import Population
from protocol.steps.risk_table import EVERY, Level

Pair = tuple[float, float]


@dataclass(frozen=True)
class WeightedOutcomes:
    """Sums of weights of patients with the outcome and of all assessed, and of squared weights."""

    events: Pair
    patients: Pair
    events_squared: Pair
    patients_squared: Pair


@dataclass(frozen=True)
class Outcomes:
    """A binary outcome over all hospitals. Pairs are (comparator, treated)."""

    events: tuple[int, int]
    patients: tuple[int, int]
    unassessed: tuple[int, int]
    weights: WeightedOutcomes | None = None


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
        """Send six counts; where patients weigh, sums of weights and of squared weights too."""
        most = self.plan.disclosure.max_patients_per_hospital
        by = "by outcome (missing, no, yes) and arm"
        fields = [count("counts", (3, 2), f"patients {by}", most)]
        if self.population.weighted:
            words = f"sums of weights and of squared weights, {by}"
            fields.append(real("weights", (2, 3, 2), words, most * MAX_WEIGHT * MAX_WEIGHT))
        return Layout(tuple(fields))

    def local(self, cohort: Cohort) -> Release:
        """Count this hospital's patients. Run by a hospital."""
        happened = outcome(self.plan, self.endpoint, cohort)
        weights = self.population.weights(cohort)
        members = (weights > 0) & self.level.flags(self.plan, cohort)
        cell = happened[members] + 1, cohort.arm[members]
        counts, sums = np.zeros((3, 2), dtype=np.int64), np.zeros((2, 3, 2))
        np.add.at(counts, cell, 1)
        if not self.population.weighted:
            return {"counts": counts}
        np.add.at(sums[0], cell, weights[members])
        np.add.at(sums[1], cell, weights[members] ** 2)
        return {"counts": counts, "weights": sums}

    def learn(self, opened: Opened) -> Outcomes:
        """Name the counts. Run by everyone."""
        missing, no, yes = ((int(row[0]), int(row[1])) for row in opened.sums["counts"])
        counted = (missing[0] + no[0] + yes[0], missing[1] + no[1] + yes[1])
        if self.size is not None:
            require(self.name, counted == self.size, "the outcomes are not those of all patients")
        patients = (no[0] + yes[0], no[1] + yes[1])
        return Outcomes(yes, patients, missing, _weighted(opened.sums.get("weights")))


def _weighted(sums: NDArray[np.float64] | None) -> WeightedOutcomes | None:
    if sums is None:
        return None
    (_, no, yes), (_, no_squared, yes_squared) = sums
    pairs = (yes, no + yes, yes_squared, no_squared + yes_squared)
    return WeightedOutcomes(*((float(pair[0]), float(pair[1])) for pair in pairs))
