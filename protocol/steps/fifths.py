"""Fifths: complete cases by where their propensity lies between cut points (subclassification)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort, Flags
from protocol.layout import Layout, Release, count
from protocol.plan.model import Plan
from protocol.question import Key, Opened, Silent
from protocol.steps.model import Model
from protocol.steps.population import Population

FIFTHS = 5


@dataclass(frozen=True)
class Stratified:
    """Cut points of the logit score; strata are closed on the right, the lowest on both sides.

    References
    ----------
    Rosenbaum and Rubin (1984), J. Am. Stat. Assoc. 79, 516-524; Cochran (1968), Biometrics 24,
    295-313 (five strata remove nine tenths of the bias).
    """

    model: Model
    b: tuple[float, ...]
    inner_cuts: tuple[float, ...]

    @property
    def number(self) -> int:
        """How many strata there are."""
        return len(self.inner_cuts) + 1

    def stratum(self, cohort: Cohort) -> NDArray[np.int64]:
        """Find the stratum, from 0, of each complete case, in the order of the model's rows."""
        return np.searchsorted(self.inner_cuts, self.model.logit(cohort, self.b), side="left")


@dataclass(frozen=True)
class Fifth:
    """The complete cases of one stratum of the propensity."""

    strata: Stratified
    place: int

    weighted = False

    @property
    def name(self) -> str:
        """The stratum's name in the record, counted from 1."""
        return f"fifth {self.place + 1}"

    def members(self, cohort: Cohort) -> Flags:
        """Flag the hospital's patients of the stratum, shape (size,)."""
        flags = np.zeros(cohort.size, dtype=np.bool_)
        rows = self.strata.model.rows(cohort)
        flags[rows] = self.strata.stratum(cohort) == self.place
        return flags

    def weights(self, cohort: Cohort) -> NDArray[np.float64]:
        """Weigh the stratum's patients alike."""
        return self.members(cohort).astype(np.float64)


@dataclass(frozen=True)
class MarginalMean:
    """Complete cases weighed so that each arm is spread over the strata as all patients are.

    A patient of arm a in stratum s weighs n_s / n_sa; `sizes` are n_sa, (strata, arms).

    References
    ----------
    Hong (2010), J. Educ. Behav. Stat. 35, 499-531 (marginal mean weighting).
    """

    strata: Stratified
    sizes: tuple[tuple[int, int], ...]
    name: str = "marginal-mean"

    weighted = True

    def weights(self, cohort: Cohort) -> NDArray[np.float64]:
        """Weigh the hospital's complete cases; others get 0."""
        rows = self.strata.model.rows(cohort)
        factor = np.array([[sum(n) / own if own else 0.0 for own in n] for n in self.sizes])
        weights = np.zeros(cohort.size)
        weights[rows] = factor[self.strata.stratum(cohort), cohort.arm[rows].astype(np.intp)]
        return weights


@dataclass(frozen=True, eq=False)
class StratumGroups:
    """Patients by stratum, pattern of populations and arm; and hospitals by stratum."""

    counts: NDArray[np.int64]
    hospitals: tuple[int, ...]

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Patients of each stratum by arm (comparator, treated)."""
        return tuple((int(c), int(t)) for c, t in self.counts.sum(axis=1).tolist())


@dataclass(frozen=True, eq=False)
class StratumSizes(Silent):
    """Count complete cases by stratum, by the populations they are in, and by arm.

    `patterns` are those that the populations' own count has found; nobody has another.
    """

    name: ClassVar[str] = "stratum-sizes/1"
    partners_only: ClassVar[bool] = False
    plan: Plan
    strata: Stratified
    populations: tuple[Population, ...]
    patterns: tuple[int, ...]

    def key(self) -> Key:
        """One count a study."""
        return ()

    def layout(self) -> Layout:
        """Send two counts a stratum and pattern, and one a stratum."""
        most, strata = self.plan.disclosure.max_patients_per_hospital, self.strata.number
        words = "patients by stratum of the score, populations they are in, and arm"
        shown = "whether the hospital has patients of the stratum"
        return Layout(
            (
                count("counts", (strata, len(self.patterns), 2), words, most),
                count("hospitals", (strata,), shown, 1, "hospitals"),
            ),
            about=True,
        )

    def local(self, cohort: Cohort) -> Release:
        """Count this hospital's complete cases. Run by a hospital."""
        pattern = np.zeros(cohort.size, dtype=np.int64)
        for bit, population in enumerate(self.populations):
            pattern |= (population.weights(cohort) > 0).astype(np.int64) << bit
        counts = np.zeros((self.strata.number, len(self.patterns), 2), dtype=np.int64)
        for stratum in range(self.strata.number):
            own = Fifth(self.strata, stratum).members(cohort)
            for place, one in enumerate(self.patterns):
                arms = cohort.arm[own & (pattern == one)]
                counts[stratum, place] = np.bincount(arms, minlength=2)
        there = np.asarray(counts.any(axis=(1, 2))).astype(np.int64)
        return {"counts": counts, "hospitals": there}

    def learn(self, opened: Opened) -> StratumGroups:
        """Name the counts. Run by everyone."""
        hospitals = tuple(int(n) for n in opened.sums["hospitals"])
        return StratumGroups(opened.sums["counts"], hospitals)
