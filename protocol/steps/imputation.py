"""Imputation: sums that models of missing covariates are drawn from, and completed covariates."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.canonical import lp
from protocol.cohort import Cohort, column
from protocol.layout import Layout, Release, count, real
from protocol.plan.columns import Column, balance_columns
from protocol.plan.model import Plan
from protocol.question import Key, Opened, Silent
from protocol.stats.distributions import ratio
from protocol.stats.draws import normal, uniforms
from protocol.stats.imputation import Draw, draw_levels, draw_linear, numbers_needed
from protocol.stats.logistic import full_matrix
from protocol.stats.moments import Moments
from protocol.steps.completion import Completion, Target
from protocol.steps.describe import MAX_WEIGHT, centre, reach
from protocol.steps.plausible import require, require_information, require_moments
from protocol.steps.score import REACH
from protocol.steps.weighting import Weighted

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class CrossProducts(Silent):
    """Sums of z z' over all patients, by completed data set.

    z holds one covariate (1 at its level; or 1 and, last, the number), the arm, the other ones and
    the outcomes, all as completed so far. What is summed hangs on no coefficient, so nobody can
    steer what it speaks of; and it is always of everybody, so no difference of two sums is about
    those who miss this covariate or that.
    """

    name: ClassVar[str] = "cross-products/1"
    partners_only: ClassVar[bool] = False
    completions: tuple[Completion, ...]
    target: Target
    sweep: int
    coin: bytes = field(repr=False)

    def key(self) -> Key:
        """Name the covariate and how often it was asked before."""
        return self.target.name, self.sweep

    def layout(self) -> Layout:
        """Send a triangle of (z, z) reals a completed data set."""
        most = self.completions[0].recipe.plan.disclosure.max_patients_per_hospital
        shape = (len(self.completions), self._size * (self._size + 1) // 2)
        words = "products of a covariate, the arm, the others and outcomes, by completed data set"
        return Layout((real("products", shape, words, most * REACH * REACH),), about=True)

    def local(self, cohort: Cohort) -> Release:
        """Sum over this hospital's patients, each data set completed anew. Run by a hospital."""
        recipe = self.completions[0].recipe
        outcomes, rows = recipe.prognosis.matrix(cohort), np.arange(cohort.size)
        upper = np.triu_indices(self._size)
        found = []
        for completion in self.completions:
            full = completion.of(cohort)
            z = self._with_value(full, recipe.predictors(full, outcomes, self.target, rows))
            found.append((z.T @ z)[upper])
        return {"products": np.array(found)}

    def learn(self, opened: Opened) -> tuple[Draw, ...]:
        """Draw one model a data set from its posterior, by the public coin. Run by everyone.

        Raises
        ------
        ImpossibleTotalError
            If products are of more or fewer patients than there are, or no sums of squares.
        """
        drawn: list[Draw] = []
        for completion, row in zip(self.completions, opened.sums["products"], strict=True):
            products = full_matrix([float(value) for value in row], self._size)
            require_information(self.name, products)
            self._require_everybody(products, opened.patients)
            normals = self._normals(completion.number)
            if self.target.levels:
                drawn.append(draw_levels(products, self.target.levels, normals))
            else:
                drawn.append(draw_linear(products, normals))
        return tuple(drawn)

    def _require_everybody(self, products: Sequence[Sequence[float]], patients: int) -> None:
        """Refuse products whose ones (or levels) do not add up to all patients."""
        counted = 0.0
        for at in range(max(1, self.target.levels)):
            counted += products[at][at]
        apart = counted - patients
        require(self.name, -0.5 < apart < 0.5, "the products are not those of all patients")

    @property
    def _size(self) -> int:
        return self.completions[0].recipe.columns(self.target) + (self.target.levels or 2)

    def _with_value(self, cohort: Cohort, x: Reals) -> Reals:
        """Put the covariate itself beside the columns that foretell it."""
        target, plan = self.target, self.completions[0].recipe.plan
        own = cohort.values[target.name]
        if target.levels:
            return np.column_stack([own[:, None] == np.arange(target.levels), x]).astype(np.float64)
        if target.column is None:
            raise TypeError(f"{target.name} has neither levels nor a column")
        value = (column(plan, target.column, cohort, slice(None)) - target.centre) / target.scale
        return np.column_stack([np.ones(cohort.size), x, value])

    def _normals(self, imputation: int) -> Iterator[float]:
        """Draw this model's normal numbers from the coin, the same for everybody."""
        words = 8 * numbers_needed(
            self.completions[0].recipe.columns(self.target), self.target.levels
        )
        seed = lp(
            "imputation model",
            self.coin,
            self.target.name,
            self.sweep.to_bytes(4, "little"),
            imputation.to_bytes(4, "little"),
        )
        return map(normal, uniforms(hashlib.shake_256(seed).digest(words)))


@dataclass(frozen=True, eq=False)
class BalanceSums:
    """Sums of completed columns over everybody, about the plan's centres; by column and arm.

    Weighted sums are over the same patients.
    """

    plan: Plan
    opened: Opened

    def before(self, what: Column, arm: int) -> Moments:
        """Count, sum and squares of a column in one arm."""
        at, sums = balance_columns(self.plan).index(what), self.opened.sums
        total, squares = float(sums["total"][at, arm]), float(sums["squares"][at, arm])
        return Moments(int(sums["patients"][arm]), 0, total, squares, centre(self.plan, what))

    def weighted_mean(self, what: Column, arm: int) -> float:
        """Weighted mean of a column in one arm; NaN without a weight."""
        at, sums = balance_columns(self.plan).index(what), self.opened.sums
        total, weight = float(sums["weighted_total"][at, arm]), float(sums["weight"][arm])
        return centre(self.plan, what) + ratio(total, weight)


@dataclass(frozen=True)
class CompletedBalance(Silent):
    """Sums of every balance column of a completed data set, plain and weighted, over everybody.

    Covariates only: of another variable a single patient may miss the value, whom the description
    of complete cases would then tell apart (rule D).
    """

    name: ClassVar[str] = "completed-balance/1"
    partners_only: ClassVar[bool] = False
    plan: Plan
    population: Weighted
    completion: Completion

    def key(self) -> Key:
        """One balance a weighting and data set."""
        return (self.population.name,)

    def layout(self) -> Layout:
        """Send two counts, two sums of weights and three sums a column and arm."""
        most, columns = self.plan.disclosure.max_patients_per_hospital, balance_columns(self.plan)
        furthest, shape = max([1.0, *(reach(self.plan, c) for c in columns)]), (len(columns), 2)
        heavy, per = most * MAX_WEIGHT, "of completed covariates, by column and arm"
        return Layout(
            (
                count("patients", (2,), "patients, by arm", most),
                real("weight", (2,), "sums of weights, by arm", heavy),
                real("total", shape, f"sums {per}", most * furthest),
                real("squares", shape, f"sums of squares {per}", most * furthest * furthest),
                real("weighted_total", shape, f"weighted sums {per}", heavy * furthest),
            ),
            about=True,
        )

    def local(self, cohort: Cohort) -> Release:
        """Sum over this hospital's patients, missing covariates filled. Run by a hospital."""
        full, columns = self.completion.of(cohort), balance_columns(self.plan)
        weights = self.population.weights(cohort)
        values = [column(self.plan, c, full, slice(None)) - centre(self.plan, c) for c in columns]
        x = np.array(values, dtype=np.float64).reshape(len(columns), cohort.size)
        arms = np.stack([cohort.arm == 0, cohort.arm == 1], axis=1).astype(np.float64)
        return {
            "patients": np.bincount(cohort.arm, minlength=2).astype(np.int64),
            "weight": weights @ arms,
            "total": x @ arms,
            "squares": (x * x) @ arms,
            "weighted_total": (x * weights) @ arms,
        }

    def learn(self, opened: Opened) -> BalanceSums:
        """Read the sums. Run by everyone.

        Raises
        ------
        ImpossibleTotalError
            If sums are larger than their squares allow.
        """
        sums = opened.sums
        patients = np.zeros_like(sums["total"], dtype=np.int64) + sums["patients"]
        require_moments(self.name, patients, sums["total"], sums["squares"])
        return BalanceSums(self.plan, opened)
