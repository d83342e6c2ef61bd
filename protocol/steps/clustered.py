"""Robust variances by hospital: squared score residuals, which a hospital can square by itself."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort, event_status
from protocol.disclosure import time_grid
from protocol.layout import Field, Layout, Release, real
from protocol.question import Key, Opened, Silent
from protocol.stats.cox import Ties, residual_squares
from protocol.steps.describe import MAX_WEIGHT
from protocol.steps.risk_table import RiskTableStep


@dataclass(frozen=True)
class Squares:
    """The middle of a sandwich: squared residuals at no effect and at the estimate."""

    null: float
    estimate: float


@dataclass(frozen=True)
class StratifiedSquares(Silent):
    """Squared score residuals of all patients, with hazards of each hospital's own."""

    name: ClassVar[str] = "stratified-squares/1"
    partners_only: ClassVar[bool] = True
    table: RiskTableStep
    ties: Ties
    log_hr: float

    def key(self) -> Key:
        """Table and ties; the hazard ratio follows from the trips of `stratified-cox/1`."""
        return (*self.table.key(), str(self.ties))

    def layout(self) -> Layout:
        """Send two reals."""
        return Layout((_squares(self.table),), about=True)

    def local(self, cohort: Cohort) -> Release:
        """Add the squares over this hospital's own table. Run by a hospital."""
        own = self.table.own_table(cohort).compact()
        squares = [residual_squares(own, b, self.ties) for b in (0.0, self.log_hr)]
        return {"squares": np.array(squares)}

    def learn(self, opened: Opened) -> Squares:
        """Name the sums. Run by everyone."""
        return Squares(*(float(square) for square in opened.sums["squares"]))


@dataclass(frozen=True, eq=False)
class ClusteredSquares(Silent):
    """Squares of each hospital's sum of score residuals: patients of a hospital may be alike.

    `residuals` at no effect and at the estimate, shape (2, arm, time, status), follow from the
    open risk table. The squares of fewer than some twenty hospitals say little of a variance.
    """

    name: ClassVar[str] = "clustered-squares/1"
    partners_only: ClassVar[bool] = True
    table: RiskTableStep
    ties: Ties
    residuals: NDArray[np.float64]

    def key(self) -> Key:
        """Table and ties."""
        return (*self.table.key(), str(self.ties))

    def layout(self) -> Layout:
        """Send two reals."""
        return Layout((_squares(self.table),))

    def local(self, cohort: Cohort) -> Release:
        """Square the sums over this hospital's patients. Run by a hospital."""
        found = own_residuals(self.table, self.residuals, cohort)
        return {"squares": found.sum(axis=1) ** 2}

    def learn(self, opened: Opened) -> Squares:
        """Name the sums. Run by everyone."""
        return Squares(*(float(square) for square in opened.sums["squares"]))


def own_residuals(
    table: RiskTableStep, residuals: NDArray[np.float64], cohort: Cohort
) -> NDArray[np.float64]:
    """Look up weight times residual for each of a hospital's patients; 0 for others.

    Returns an array of shape (2, size): at no effect, and at the estimate.
    """
    time, status = event_status(table.plan, table.endpoint, cohort)
    weights = table.population.weights(cohort) * table.level.flags(table.plan, cohort)
    weights = np.where(status >= 0, weights, 0.0)
    cell = time_grid(table.plan, table.endpoint, weighted=table.population.weighted).cell(time)
    event = (status == 1).astype(np.intp)
    found: NDArray[np.float64] = residuals[:, cohort.arm.astype(np.intp), cell, event] * weights
    return found


def _squares(table: RiskTableStep) -> Field:
    most = table.plan.disclosure.max_patients_per_hospital
    weight = MAX_WEIGHT if table.population.weighted else 1.0
    words = "squared score residuals, at no effect and at the estimate"
    return real("squares", (2,), words, float(most) * most * weight * weight)
