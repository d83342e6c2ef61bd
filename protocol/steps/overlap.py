"""Overlap: patients by bin of the logit score, arm and exact-matching category."""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort
from protocol.errors import FederationError
from protocol.layout import Layout, Release, count
from protocol.plan.model import Plan
from protocol.plan.variables import levels
from protocol.question import Key, Opened, Silent
from protocol.steps.model import Model

CLAMP = 8.0
"""Logit scores beyond this, 1 in 3,000, lie in no bin, so that no extreme shows."""
NARROWEST = 2.0**-12
"""No bin is narrower: a model that tells nobody apart would otherwise need endless bins."""


class BinsError(FederationError):
    """The score has no spread to put bins on."""

    code = "no-spread"
    fix = "match on a model that tells patients apart, or compare all patients"

    def __init__(self) -> None:
        super().__init__("the scores lie too close together for bins within the caliper")


@dataclass(frozen=True)
class Bins:
    """Bins of the logit score: bin of x is floor(x / width), origin 0, so no range shows."""

    width: float

    @property
    def lowest(self) -> int:
        """The bin of -CLAMP."""
        return math.floor(-CLAMP / self.width)

    @property
    def number(self) -> int:
        """How many bins there are."""
        return math.floor(CLAMP / self.width) - self.lowest + 1

    @property
    def edges(self) -> NDArray[np.float64]:
        """Lower edge of every bin, and the upper edge of the last, shape (number + 1,)."""
        return (self.lowest + np.arange(self.number + 1, dtype=np.float64)) * self.width

    def place(self, logit: NDArray[np.float64]) -> NDArray[np.int64]:
        """Find the bins of scores, counted from 0."""
        bins = np.floor(np.clip(logit, -CLAMP, CLAMP) / self.width).astype(np.int64)
        return bins - self.lowest


def score_bins(caliper: float, per_caliper: int) -> Bins:
    """Lay `per_caliper` bins on one caliper's width; one bin where all scores are equal.

    Raises
    ------
    BinsError
        If bins would be too narrow: pairs of wider ones could exceed the caliper.
    """
    width = caliper / per_caliper
    if 0 < width < NARROWEST:
        raise BinsError
    return Bins(max(width, NARROWEST))


@dataclass(frozen=True)
class Strata:
    """Bins within categories: everything that says who may be paired with whom.

    A place is category * bins + bin, or -1 for a patient whose exact variable is missing, whose
    category is `closed` (rule S7: too few hospitals have it), or whose score lies beyond the bins:
    partners there could be further apart than the caliper.
    """

    model: Model
    b: tuple[float, ...]
    bins: Bins
    exact: tuple[str, ...]
    closed: tuple[int, ...] = ()

    @cached_property
    def categories(self) -> tuple[tuple[str, ...], ...]:
        """All combinations of levels of the exact variables."""
        plan = self.model.plan
        return tuple(product(*(levels(plan.variable(name)) for name in self.exact)))

    @property
    def closed_names(self) -> tuple[str, ...]:
        """Name the closed categories by their levels."""
        chosen = [self.categories[place] for place in self.closed]
        pairs = [zip(self.exact, category, strict=True) for category in chosen]
        return tuple(" and ".join(f"{name}={level}" for name, level in pair) for pair in pairs)

    @property
    def places(self) -> int:
        """How many places there are."""
        return len(self.categories) * self.bins.number

    def category(self, cohort: Cohort) -> NDArray[np.int64]:
        """Find the categories of the complete cases, in the order of the model's rows; or -1."""
        rows = self.model.rows(cohort)
        category = np.zeros(len(rows), dtype=np.int64)
        unknown = np.zeros(len(rows), dtype=np.bool_)
        for name in self.exact:
            position = cohort.values[name][rows].astype(np.int64)
            unknown |= position < 0
            category = category * len(levels(self.model.plan.variable(name))) + position
        return np.where(unknown, -1, category)

    def place(self, cohort: Cohort) -> NDArray[np.int64]:
        """Find the places of the complete cases, in the order of the model's rows; or -1."""
        category, logit = self.category(cohort), self.model.logit(cohort, self.b)
        nowhere = (category < 0) | np.isin(category, self.closed) | (np.abs(logit) > CLAMP)
        return np.where(nowhere, -1, category * self.bins.number + self.bins.place(logit))


@dataclass(frozen=True, eq=False)
class ScoreHistogram:
    """Patients by place and arm, shape (places, 2), and where the places are."""

    strata: Strata
    counts: NDArray[np.int64]

    @property
    def by_bin(self) -> NDArray[np.int64]:
        """Patients by bin and arm over all categories, shape (bins, 2)."""
        number = self.strata.bins.number
        by_bin: NDArray[np.int64] = self.counts.reshape(-1, number, 2).sum(axis=0)
        return by_bin


@dataclass(frozen=True)
class Overlap(Silent):
    """Count complete cases by place and arm: what quotas are made of."""

    name: ClassVar[str] = "overlap/1"
    partners_only: ClassVar[bool] = False
    design: str
    strata: Strata

    def key(self) -> Key:
        """One histogram a design."""
        return (self.design,)

    def layout(self) -> Layout:
        """Send two counts a place; the number of bins follows from the score's spread."""
        most = self._plan.disclosure.max_patients_per_hospital
        per = (
            "patients by score bin, category and arm"
            if self.strata.exact
            else ("patients by score bin and arm")
        )
        return Layout((count("counts", (self.strata.places, 2), per, most),), about=True)

    def local(self, cohort: Cohort) -> Release:
        """Count this hospital's complete cases. Run by a hospital."""
        place = self.strata.place(cohort)
        there, arm = place >= 0, cohort.arm[self.strata.model.rows(cohort)]
        cell = place[there] * 2 + arm[there]
        counts = np.bincount(cell, minlength=2 * self.strata.places).reshape(-1, 2)
        return {"counts": counts.astype(np.int64)}

    def learn(self, opened: Opened) -> ScoreHistogram:
        """Name the counts. Run by everyone."""
        return ScoreHistogram(self.strata, opened.sums["counts"])

    @property
    def _plan(self) -> Plan:
        return self.strata.model.plan
