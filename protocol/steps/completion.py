"""Completion: a hospital's rows with their missing covariates drawn from pooled models.

Models are drawn by everybody from the public coin, values by the hospital from numbers that only
it can compute. Nothing is stored: a completed data set is worked out from the models so far
whenever it is needed, and comes out the same in every run.
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from protocol.canonical import lp
from protocol.cohort import Cohort, column, known
from protocol.plan.columns import Column, model_columns, number_column
from protocol.plan.model import Plan
from protocol.plan.variables import Number, levels
from protocol.stats.imputation import (
    Draw,
    LevelDraw,
    LinearDraw,
    impute_levels,
    impute_numbers,
)
from protocol.steps.coin import CoinTerms
from protocol.steps.describe import Description
from protocol.steps.hazard import Prognosis
from protocol.steps.model import Model

Reals = NDArray[np.float64]
Rows = NDArray[np.intp]


class Tickets(Protocol):
    """Where a hospital's own random numbers come from."""

    def uniforms(self, cohort: Cohort, rows: Rows, imputation: int, count: int) -> Reals:
        """Draw `count` numbers between 0 and 1 for each of some patients, (len(rows), count)."""
        ...


@dataclass(frozen=True)
class KeyedTickets:
    """Numbers by the public coin and the hospital's secret, as those of the lottery (SPEC 8).

    A stream a patient and imputation, from HMAC(K, lp("imputation", number, site, v)) with
    v = HMAC(p_i, patient id). A rerun redraws nothing, and nobody can choose what is drawn.
    """

    coin: bytes = field(repr=False)
    terms: CoinTerms = field(repr=False)

    def uniforms(self, cohort: Cohort, rows: Rows, imputation: int, count: int) -> Reals:
        """Draw the numbers of some patients, (len(rows), count)."""
        secret, number = self.terms.patients_key(cohort), imputation.to_bytes(4, "little")
        words = np.empty((len(rows), count), dtype=np.uint64)
        for position, row in enumerate(rows):
            hidden = hmac.digest(secret, bytes(cohort.ids[row]), "sha256")
            seed = hmac.digest(self.coin, lp("imputation", number, cohort.site, hidden), "sha256")
            stream = hashlib.shake_256(seed).digest(8 * count)
            words[position] = np.frombuffer(stream, dtype=">u8")
        halves = (words >> np.uint64(12)).astype(np.float64)
        return (2.0 * halves + 1.0) / 2.0**53


@dataclass(frozen=True)
class Target:
    """A covariate with missing values, and the scale that it is drawn on.

    A number is drawn on the plan's own scale (logarithms where the model takes them), less
    `centre` and over `scale`; `start` holds the shares of levels among complete cases.
    """

    name: str
    column: Column | None
    centre: float
    scale: float
    start: tuple[float, ...]

    @property
    def levels(self) -> int:
        """How many levels there are; 0 for a number."""
        return len(self.start)


@dataclass(frozen=True, eq=False)
class Recipe:
    """What all completed data sets have in common."""

    plan: Plan
    model: Model
    targets: tuple[Target, ...]
    prognosis: Prognosis
    tickets: Tickets
    sweeps: int

    def columns(self, target: Target) -> int:
        """Count the columns that a target is foretold from: arm, other covariates, outcomes."""
        others = [c for c in self.model.columns if c.variable != target.name]
        return 1 + len(others) + self.prognosis.columns

    def predictors(self, cohort: Cohort, outcomes: Reals, target: Target, rows: Rows) -> Reals:
        """Compute these columns for some patients of a completed cohort, (len(rows), columns).

        An outcome that is missing stands at its mean.
        """
        x = np.empty((len(rows), self.columns(target)), order="F")
        x[:, 0] = cohort.arm[rows]
        at = 1
        for what, centre, scale in zip(
            self.model.columns, self.model.centre, self.model.scale, strict=True
        ):
            if what.variable != target.name:
                x[:, at] = (column(self.plan, what, cohort, rows) - centre) / scale
                at += 1
        own = outcomes[rows]
        x[:, at:] = np.where(np.isnan(own), self.prognosis.means, own)
        return x


@dataclass(frozen=True, eq=False)
class Completion:
    """One completed data set: a recipe, its number from 1, and the models drawn so far.

    `draws` go through the targets in order, sweep by sweep.
    """

    recipe: Recipe
    number: int
    draws: tuple[Draw, ...] = ()

    def then(self, draw: Draw) -> "Completion":
        """Add the next target's model."""
        return replace(self, draws=(*self.draws, draw))

    def of(self, cohort: Cohort) -> Cohort:
        """Fill the hospital's missing values. Run by a hospital; the copy never leaves."""
        recipe = self.recipe
        missing = [~known(recipe.plan, t.name, cohort.values) for t in recipe.targets]
        rows = np.flatnonzero(np.logical_or.reduce(missing))
        if not len(rows):
            return cohort
        count = len(recipe.targets) * (recipe.sweeps + 1)
        drawn = recipe.tickets.uniforms(cohort, rows, self.number, count)
        small = _taken(cohort, rows)
        outcomes, own = recipe.prognosis.matrix(small), [flags[rows] for flags in missing]
        for at, (target, flags) in enumerate(zip(recipe.targets, own, strict=True)):
            where = np.flatnonzero(flags)
            _put(recipe.plan, small, target, where, _first(target, drawn[where, at]))
        for at, draw in enumerate(self.draws):
            target = recipe.targets[at % len(own)]
            where = np.flatnonzero(own[at % len(own)])
            x = recipe.predictors(small, outcomes, target, where)
            values = _drawn(draw, x, drawn[where, len(own) + at])
            _put(recipe.plan, small, target, where, values)
        return _with(cohort, rows, {t.name: small.values[t.name] for t in recipe.targets})


def targets(plan: Plan, missing: tuple[str, ...], pooled: Description) -> tuple[Target, ...]:
    """Describe the covariates to be drawn, in the plan's order, by complete cases."""
    return tuple(_target(plan, name, pooled) for name in missing)


def _target(plan: Plan, name: str, pooled: Description) -> Target:
    variable = plan.variable(name)
    if isinstance(variable, Number):
        logs = (c for c in model_columns(plan) if c.variable == name and c.form == "log")
        what = next(logs, number_column(variable))
        both = pooled.moments(what, 0) + pooled.moments(what, 1)
        return Target(name, what, both.mean, both.sd if both.sd > 0 else 1.0, ())
    both_arms = [
        pooled.level(variable, level, 0) + pooled.level(variable, level, 1)
        for level in levels(variable)
    ]
    patients = pooled.patients[0] + pooled.patients[1]
    return Target(name, None, 0.0, 1.0, tuple(n / patients for n in both_arms))


def _first(target: Target, uniform: Reals) -> Reals:
    """Begin with draws from the complete cases' own distribution, whatever the patient is like."""
    nothing = np.empty((len(uniform), 0))
    if not target.levels:
        return impute_numbers(LinearDraw((0.0,), 1.0), nothing, uniform)
    with np.errstate(divide="ignore"):  # a level without patients is never drawn
        shares = tuple(np.log(np.array(target.start)))
    return _drawn(LevelDraw(shares, ((),) * target.levels), nothing, uniform)


def _drawn(draw: Draw, x: Reals, uniform: Reals) -> Reals:
    match draw:
        case LinearDraw():
            return impute_numbers(draw, x, uniform)
        case LevelDraw():
            return impute_levels(draw, x, uniform).astype(np.float64)


def _put(plan: Plan, cohort: Cohort, target: Target, rows: Rows, drawn: Reals) -> None:
    """Write drawn values into a cohort of our own, within the variable's range."""
    variable = plan.variable(target.name)
    if isinstance(variable, Number):
        raw = target.centre + target.scale * drawn
        if target.column is not None and target.column.form == "log":
            raw = np.exp(np.clip(raw, *np.log(variable.range)))
        drawn = np.clip(raw, *variable.range)
    cohort.values[target.name][rows] = drawn


def _taken(cohort: Cohort, rows: Rows) -> Cohort:
    """Copy some rows of a cohort."""
    return replace(
        cohort,
        ids=cohort.ids[rows],
        arm=cohort.arm[rows],
        values={name: array[rows] for name, array in cohort.values.items()},
    )


def _with(cohort: Cohort, rows: Rows, filled: dict[str, NDArray[np.generic]]) -> Cohort:
    """Copy a cohort with some variables' values replaced in some rows."""
    values = dict(cohort.values)
    for name, array in filled.items():
        values[name] = cohort.values[name].copy()
        values[name][rows] = array
    return replace(cohort, values=values)


@dataclass(frozen=True)
class CompletedModel(Model):
    """The propensity model over everybody, missing covariates filled by one completion."""

    completion: Completion

    @property
    def variant(self) -> str:
        """Tell the fits of several completed data sets apart."""
        return f" imputation {self.completion.number}"

    def rows(self, cohort: Cohort) -> NDArray[np.intp]:
        """Everybody, as nobody misses a covariate any more."""
        return np.arange(cohort.size)

    def chunks(self, cohort: Cohort) -> Iterator[tuple[Reals, Reals]]:
        """Yield (X, y) of everybody, by completed covariates."""
        yield from super().chunks(self.completion.of(cohort))
