"""Doubly robust risks: a model of the outcome in each arm, and five sums that combine it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort, complete_cases, outcome
from protocol.layout import Layout, Release, count, real
from protocol.plan.endpoints import BinaryOutcome
from protocol.plan.model import Plan
from protocol.question import Key, Opened, Silent
from protocol.stats.doubly_robust import AugmentedSums, augmented
from protocol.steps.model import CHUNK, Model
from protocol.steps.overlap import CLAMP
from protocol.steps.score import expit

Reals = NDArray[np.float64]
Coefficients = tuple[float, ...]


@dataclass(frozen=True)
class OutcomeModel(Model):
    """A logistic model of an outcome in one arm, in the columns of the propensity's.

    Its rows are the arm's complete cases whose outcome is known, and y says who had it.
    """

    endpoint: BinaryOutcome
    treated: int

    @property
    def variant(self) -> str:
        """Tell the fit from that of the score and from those of other outcomes."""
        return f" of {self.endpoint.name} in arm {self.treated}"

    def rows(self, cohort: Cohort) -> NDArray[np.intp]:
        """Find the hospital's patients of the model, in the order of its rows."""
        known = outcome(self.plan, self.endpoint, cohort) >= 0
        own = complete_cases(self.plan, cohort) & known & (cohort.arm == self.treated)
        return np.flatnonzero(own)

    def chunks(self, cohort: Cohort) -> Iterator[tuple[Reals, Reals]]:
        """Yield (X, y) of these patients, CHUNK at a time; y is the outcome."""
        rows, happened = self.rows(cohort), outcome(self.plan, self.endpoint, cohort)
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            yield self.matrix(cohort, part), happened[part].astype(np.float64)


def outcome_model(model: Model, endpoint: BinaryOutcome, arm: int) -> OutcomeModel:
    """Take the propensity model's columns for a model of the outcome in an arm."""
    return OutcomeModel(
        plan=model.plan,
        columns=model.columns,
        centre=model.centre,
        scale=model.scale,
        spread=model.spread,
        dropped=model.dropped,
        endpoint=endpoint,
        treated=arm,
    )


@dataclass(frozen=True)
class OutcomeCounts:
    """Complete cases by arm (comparator, treated): those assessed, with the outcome, and others."""

    patients: tuple[int, int]
    events: tuple[int, int]
    unassessed: tuple[int, int]


@dataclass(frozen=True)
class OutcomeCount(Silent):
    """Count complete cases by outcome and arm, before a model is fitted to them (rules D, S3)."""

    name: ClassVar[str] = "assessed-counts/1"
    partners_only: ClassVar[bool] = False
    plan: Plan
    endpoint: BinaryOutcome

    def key(self) -> Key:
        """One count an endpoint."""
        return (self.endpoint.name,)

    def layout(self) -> Layout:
        """Send six counts."""
        most = self.plan.disclosure.max_patients_per_hospital
        words = "complete cases by outcome (missing, no, yes) and arm"
        return Layout((count("counts", (3, 2), words, most),))

    def local(self, cohort: Cohort) -> Release:
        """Count this hospital's complete cases. Run by a hospital."""
        own = complete_cases(self.plan, cohort)
        happened = outcome(self.plan, self.endpoint, cohort)[own]
        counts = np.zeros((3, 2), dtype=np.int64)
        np.add.at(counts, (happened.astype(np.intp) + 1, cohort.arm[own].astype(np.intp)), 1)
        return {"counts": counts}

    def learn(self, opened: Opened) -> OutcomeCounts:
        """Name the counts. Run by everyone."""
        (u0, u1), (n0, n1), (e0, e1) = opened.sums["counts"].tolist()
        return OutcomeCounts((int(n0 + e0), int(n1 + e1)), (int(e0), int(e1)), (int(u0), int(u1)))


@dataclass(frozen=True)
class DoublyRobustStep(Silent):
    """Sums of psi over complete cases whose outcome is known, at the models' coefficients."""

    name: ClassVar[str] = "doubly-robust/1"
    partners_only: ClassVar[bool] = True
    model: Model
    endpoint: BinaryOutcome
    propensity: Coefficients
    outcomes: tuple[Coefficients, Coefficients]
    patients: int

    def key(self) -> Key:
        """One set of sums an endpoint."""
        return (self.endpoint.name,)

    def layout(self) -> Layout:
        """Send five reals."""
        most = self.model.plan.disclosure.max_patients_per_hospital
        largest = (1.0 + float(np.exp(CLAMP))) ** 2  # of psi squared: |y - m| <= 1, 1/e <= 1 + e^8
        words = "sums of both augmented risks, of their squares and product"
        return Layout((real("sums", (5,), words, most * 4 * largest),))

    def local(self, cohort: Cohort) -> Release:
        """Add up this hospital's patients. Run by a hospital.

        Scores are held within the histogram's reach, as those of weights are.
        """
        happened = outcome(self.model.plan, self.endpoint, cohort)
        rows = np.flatnonzero(complete_cases(self.model.plan, cohort) & (happened >= 0))
        sums = np.zeros(5)
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            x = self.model.matrix(cohort, part)
            e = expit(np.clip(Model.predictor(x, self.propensity), -CLAMP, CLAMP))
            m0, m1 = (expit(Model.predictor(x, b)) for b in self.outcomes)
            a, y = cohort.arm[part].astype(np.float64), happened[part].astype(np.float64)
            psi0, psi1 = augmented(a, y, e, (m0, m1))
            parts = (psi0, psi1, psi0 * psi0, psi1 * psi1, psi0 * psi1)
            sums += np.array([part.sum() for part in parts])
        return {"sums": sums}

    def learn(self, opened: Opened) -> AugmentedSums:
        """Name the sums. Run by everyone."""
        return AugmentedSums(self.patients, *(float(part) for part in opened.sums["sums"]))
