"""Who is looked at: frozen values that flag or weigh a hospital's own patients."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort, Flags, complete_cases, fulfils, known
from protocol.disclosure import rules
from protocol.plan.model import Plan
from protocol.plan.patients import Population as Filter


class Population(Protocol):
    """A choice of patients that every hospital applies to its own rows."""

    @property
    def name(self) -> str:
        """The population's name in the record."""
        ...

    @property
    def weighted(self) -> bool:
        """Whether weights differ from 1."""
        ...

    def weights(self, cohort: Cohort) -> NDArray[np.float64]:
        """Weigh the hospital's patients, shape (size,); 0 leaves a patient out."""
        ...


@dataclass(frozen=True)
class Everybody:
    """All patients of the study, those with missing covariates included."""

    name: str = "all"
    weighted: bool = False

    def weights(self, cohort: Cohort) -> NDArray[np.float64]:
        """Weigh all patients alike."""
        return np.ones(cohort.size)


@dataclass(frozen=True)
class Complete:
    """The patients whom the propensity model can score."""

    plan: Plan
    name: str = "complete"
    weighted: bool = False

    def weights(self, cohort: Cohort) -> NDArray[np.float64]:
        """Leave out who misses a covariate."""
        return complete_cases(self.plan, cohort).astype(np.float64)


@dataclass(frozen=True)
class Filtered:
    """The patients who fulfil the conditions of one of the plan's populations."""

    plan: Plan
    filter: Filter

    @property
    def name(self) -> str:
        """The name that the plan gives it."""
        return self.filter.name

    @property
    def weighted(self) -> bool:
        """Whether the plan names a weight."""
        return self.filter.weight is not None

    def members(self, cohort: Cohort) -> Flags:
        """Flag the patients who fulfil every condition and have a weight if one is needed."""
        flags = np.ones(cohort.size, dtype=np.bool_)
        for condition in self.filter.conditions:
            flags &= fulfils(self.plan, condition, cohort.values)
        if self.filter.weight is not None:
            flags &= known(self.plan, self.filter.weight, cohort.values)
        return flags

    def weights(self, cohort: Cohort) -> NDArray[np.float64]:
        """Weigh by the plan's weight variable, rounded as the profile says, or by 1."""
        flags = self.members(cohort)
        if self.filter.weight is None:
            return flags.astype(np.float64)
        given = np.where(flags, cohort.values[self.filter.weight], 0.0)
        return rounded(given, rules(self.plan).weight_digits)


def rounded(weights: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    """Round to significant digits, so that a weight is not a patient's signature; 0 keeps all."""
    if digits == 0:
        return weights
    size = np.floor(np.log10(np.where(weights > 0, weights, 1.0)))
    scale = 10.0 ** (digits - 1 - size)
    return np.round(weights * scale) / scale
