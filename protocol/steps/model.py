"""The propensity model as everybody agrees on it after `describe`: its columns, standardised."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort, column, complete_cases
from protocol.disclosure import Rules, rules
from protocol.plan.columns import Column, model_columns
from protocol.plan.model import Plan
from protocol.plan.variables import levels
from protocol.steps.describe import Description

CHUNK = 16_384
"""Patients whose columns are in memory at once: few enough to stay in the processor's cache."""


@dataclass(frozen=True)
class Dropped:
    """A column that the model cannot hold, and why."""

    column: str
    reason: str


@dataclass(frozen=True)
class Model:
    """A logistic model of being treated.

    Numeric columns are centred and scaled by the pooled mean and SD, 0/1 columns stay as they
    are; the intercept stands first. `spread` is each coefficient's pooled SD of its column as it
    stands in the model (1 for the intercept): times it, a coefficient is in SD units.
    """

    plan: Plan
    columns: tuple[Column, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    spread: tuple[float, ...]
    dropped: tuple[Dropped, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients, intercept first."""
        return ("(Intercept)", *(what.name for what in self.columns))

    @property
    def size(self) -> int:
        """How many coefficients there are, p."""
        return 1 + len(self.columns)

    @property
    def variant(self) -> str:
        """Tell fits of the same columns to other rows apart; nothing for complete cases."""
        return ""

    def rows(self, cohort: Cohort) -> NDArray[np.intp]:
        """Find the hospital's complete cases, in the order of its rows."""
        return np.flatnonzero(complete_cases(self.plan, cohort))

    def chunks(self, cohort: Cohort) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Yield (X, y) of the complete cases, CHUNK at a time: X (n, p) standardised, y 0 or 1."""
        rows = self.rows(cohort)
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            yield self.matrix(cohort, part), cohort.arm[part].astype(np.float64)

    def logit(self, cohort: Cohort, b: tuple[float, ...]) -> NDArray[np.float64]:
        """Score the complete cases: x'b, shape (complete,), in the order of `rows`.

        Columns are added in one order without BLAS, so that a rerun puts nobody in another bin.
        """
        scores = [self.predictor(x, b) for x, _ in self.chunks(cohort)]
        return np.concatenate(scores) if scores else np.empty(0)

    def matrix(self, cohort: Cohort, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Compute the standardised columns of some patients, (len(rows), p), intercept first."""
        x = np.ones((len(rows), self.size), order="F")  # filled and read column by column
        for position, what in enumerate(self.columns):
            values = column(self.plan, what, cohort, rows)
            x[:, position + 1] = (values - self.centre[position]) / self.scale[position]
        return x

    @staticmethod
    def predictor(x: NDArray[np.float64], b: tuple[float, ...]) -> NDArray[np.float64]:
        """Compute x'b, column by column, for a matrix of standardised columns."""
        score = np.zeros(len(x))
        for position, weight in enumerate(b):
            score += weight * x[:, position]
        return score


def propensity_model(plan: Plan, pooled: Description) -> Model:
    """Standardise the plan's columns by pooled means and SDs; drop what cannot be told apart.

    A level with nobody (or fewer than the profile asks, S2, or at too few hospitals, S7) and a
    number without spread are dropped and named; so are levels beside which too few patients would
    be left at the reference. Only + - * / and square roots: all replay it.
    """
    kept, centres, scales, spread, dropped = [], [], [], [1.0], []
    for what, reason in _judged(plan, pooled).items():
        if reason:
            dropped.append(Dropped(what.name, reason))
            continue
        mean, sd = _pooled_mean_sd(what, pooled)
        kept.append(what)
        centres.append(0.0 if what.indicator else mean)
        scales.append(1.0 if what.indicator else sd)
        spread.append(sd if what.indicator else 1.0)
    return Model(plan, tuple(kept), tuple(centres), tuple(scales), tuple(spread), tuple(dropped))


def _judged(plan: Plan, pooled: Description) -> dict[Column, str]:
    """Say of every column of the plan why the model cannot hold it, "" if it can."""
    reasons = {what: _unfit(plan, what, pooled) for what in model_columns(plan)}
    for variable in dict.fromkeys(what.variable for what in reasons if what.indicator):
        own = [what for what in reasons if what.variable == variable]
        while kept := [what for what in own if not reasons[what]]:
            reason = _unfit_rest(plan, variable, [what.level for what in kept], pooled)
            if not reason:
                break
            reasons[min(kept, key=lambda what: _at_level(what, pooled))] = reason
    return reasons


def _unfit_rest(plan: Plan, name: str, kept: Sequence[str], pooled: Description) -> str:
    """Apply S2 and S7 to those who have none of a variable's columns.

    The intercept's sums less those of all the columns are theirs, whatever the fit.
    """
    variable, demands = plan.variable(name), rules(plan)
    patients, hospitals = 0, 0
    for level in (level for level in levels(variable) if level not in kept):
        patients += pooled.level(variable, level, 0) + pooled.level(variable, level, 1)
        # Hospitals of two levels may be the same ones.
        hospitals = max(hospitals, pooled.hospitals(variable, level))
    if 0 < patients < demands.level_floor:
        return f"fewer than {demands.level_floor} patients would be left without it (rule S2)"
    if patients > 0 and hospitals < demands.level_hospitals:
        return f"fewer than {demands.level_hospitals} hospitals would be left without it (rule S7)"
    return ""


def _at_level(what: Column, pooled: Description) -> int:
    variable = pooled.plan.variable(what.variable)
    return pooled.level(variable, what.level, 0) + pooled.level(variable, what.level, 1)


def _unfit(plan: Plan, what: Column, pooled: Description) -> str:
    demands = rules(plan)
    if what.indicator:
        return _unfit_level(plan, what, pooled, demands)
    _, sd = _pooled_mean_sd(what, pooled)
    return "" if sd > 0 else "all patients have the same value"


def _unfit_level(plan: Plan, what: Column, pooled: Description, demands: Rules) -> str:
    variable = plan.variable(what.variable)
    at_level = _at_level(what, pooled)
    if at_level == 0:
        return "no patient has this level"
    if at_level == pooled.patients[0] + pooled.patients[1]:
        return "all patients have this level"
    if at_level < demands.level_floor:
        return f"fewer than {demands.level_floor} patients have this level (rule S2)"
    if pooled.hospitals(variable, what.level) < demands.level_hospitals:
        return f"fewer than {demands.level_hospitals} hospitals have this level (rule S7)"
    return ""


def _pooled_mean_sd(what: Column, pooled: Description) -> tuple[float, float]:
    both = pooled.moments(what, 0) + pooled.moments(what, 1)
    if both.n < 2:
        return both.centre, 0.0
    shift = both.total / both.n
    squares = both.squares - both.total * shift
    # Rounding can leave a constant column a hair above zero.
    if not squares > 1e-12 * both.squares:
        return both.centre + shift, 0.0
    return both.centre + shift, math.sqrt(squares / (both.n - 1))
