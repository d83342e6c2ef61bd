"""Errors of weighted hazard ratios that allow for the propensity score being estimated."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort, event_status
from protocol.disclosure import time_grid
from protocol.layout import Layout, Release, real
from protocol.question import Key, Opened, Silent
from protocol.steps.clustered import own_residuals
from protocol.steps.describe import MAX_WEIGHT
from protocol.steps.model import CHUNK, Model
from protocol.steps.risk_table import RiskTableStep
from protocol.steps.score import REACH, expit
from protocol.steps.weighting import Weighted

Reals = NDArray[np.float64]
Rows = tuple[tuple[float, ...], ...]
"""One row of p numbers for each correction of ties: Efron's, then Breslow's."""


@dataclass(frozen=True, eq=False)
class ScoreSlopes(Silent):
    """How Cox's weighted score would move with each coefficient of the propensity model.

    A patient's weight w changes by w' x with the coefficients, and the score by r with the weight,
    so the sums are of r w' x. `residuals`, shape (ties, arm, time, status), follow from the open
    risk table and the hazard ratios.
    """

    name: ClassVar[str] = "score-slopes/1"
    partners_only: ClassVar[bool] = False
    table: RiskTableStep
    population: Weighted
    residuals: Reals

    def key(self) -> Key:
        """One set of sums a risk table."""
        return self.table.key()

    def layout(self) -> Layout:
        """Send p reals for each correction of ties."""
        plan, p = self.table.plan, self.population.model.size
        bound = plan.disclosure.max_patients_per_hospital * MAX_WEIGHT * REACH * _most(self)
        words = "score residual times the weight's slope times the column, by correction of ties"
        return Layout((real("slopes", (2, p), words, bound),), about=True)

    def local(self, cohort: Cohort) -> Release:
        """Sum over this hospital's complete cases. Run by a hospital."""
        model, rows = self.population.model, self.population.model.rows(cohort)
        slope, residual = self.population.slopes(cohort), _residuals(self, cohort)[:, rows]
        total = np.zeros((2, model.size))
        for start in range(0, len(rows), CHUNK):
            part = slice(start, start + CHUNK)
            total += (residual[:, part] * slope[part]) @ model.matrix(cohort, rows[part])
        return {"slopes": total}

    def learn(self, opened: Opened) -> Rows:
        """Name the sums. Run by everyone."""
        efron, breslow = opened.sums["slopes"].tolist()
        return tuple(efron), tuple(breslow)


@dataclass(frozen=True, eq=False)
class StackedSquares(Silent):
    """Squared parts of all patients in the weighted score, with what they do to their weights.

    A patient's part is w r + c'x (y - e): the score residual, and what the patient moves the
    coefficients by, A^-1 x (y - e), times the slopes of the score. `directions` are c = A^-1 H.

    References
    ----------
    Stefanski and Boos (2002), Am. Stat. 56, 29-38; Lunceford and Davidian (2004), Stat. Med. 23,
    2937-2960.
    """

    name: ClassVar[str] = "stacked-squares/1"
    partners_only: ClassVar[bool] = True
    table: RiskTableStep
    population: Weighted
    residuals: Reals
    directions: Rows

    def key(self) -> Key:
        """One set of sums a risk table."""
        return self.table.key()

    def layout(self) -> Layout:
        """Send a real for each correction of ties."""
        most = self.table.plan.disclosure.max_patients_per_hospital
        reach = sum(abs(c) for row in self.directions for c in row) * REACH
        part = MAX_WEIGHT * _most(self) + reach
        words = "squared parts in the weighted score, by correction of ties"
        return Layout((real("squares", (2,), words, most * part * part),), about=True)

    def local(self, cohort: Cohort) -> Release:
        """Sum over this hospital's complete cases, assessed or not. Run by a hospital."""
        model, rows = self.population.model, self.population.model.rows(cohort)
        weighted = own_residuals(self.table, self.residuals, cohort)[:, rows]
        total = np.zeros(2)
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            x = model.matrix(cohort, part)
            left = cohort.arm[part] - expit(Model.predictor(x, self.population.b))
            moved = np.stack([Model.predictor(x, row) for row in self.directions]) * left
            total += ((weighted[:, start : start + CHUNK] + moved) ** 2).sum(axis=1)
        return {"squares": total}

    def learn(self, opened: Opened) -> tuple[float, float]:
        """Name the sums, Efron's first. Run by everyone."""
        efron, breslow = (float(square) for square in opened.sums["squares"])
        return efron, breslow


def _residuals(step: ScoreSlopes, cohort: Cohort) -> Reals:
    """Look up each patient's score residual, whatever the weight; 0 without time or status."""
    time, status = event_status(step.table.plan, step.table.endpoint, cohort)
    there = status >= 0
    grid = time_grid(step.table.plan, step.table.endpoint, weighted=True)
    cell, event = grid.cell(np.where(there, time, 0)), (status == 1).astype(np.intp)
    found: Reals = step.residuals[:, cohort.arm.astype(np.intp), cell, event] * there
    return found


def _most(step: ScoreSlopes | StackedSquares) -> float:
    return max(1.0, float(np.abs(step.residuals).max(initial=0.0)))
