"""Fifths: complete cases by where their propensity lies between cut points (subclassification)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort, Flags
from protocol.steps.model import Model
from protocol.steps.score import expit

FIFTHS = 5


@dataclass(frozen=True)
class Stratified:
    """Cut points of the propensity; strata are closed on the right, the lowest on both sides.

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
        propensity = expit(self.model.logit(cohort, self.b))
        return np.searchsorted(np.array(self.inner_cuts), propensity, side="left")


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
