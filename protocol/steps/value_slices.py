"""Value slices: order statistics by counting, exact to the last bit, in eight trips.

A double's bits, read as a whole number, are in the order of the values. Each trip cuts the slices
still of interest into 256. An order statistic is a patient's value: profile `open` only.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort
from protocol.layout import Layout, Release, count
from protocol.plan.model import Plan
from protocol.question import Key, Opened, Silent
from protocol.steps.model import Model
from protocol.steps.open_only import require_open
from protocol.steps.score import expit
from protocol.steps.weighting import Weighted

BITS = 8
SLICES = 1 << BITS
DEPTHS = 64 // BITS


class Valued(Protocol):
    """A number that each of a hospital's patients has."""

    @property
    def name(self) -> str:
        """What the number is called in the record."""
        ...

    @property
    def plan(self) -> Plan:
        """The study's plan."""
        ...

    def values(self, cohort: Cohort) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
        """Find the numbers and the arms of the patients who have one, both of shape (n,)."""
        ...


@dataclass(frozen=True)
class Propensity:
    """The propensity of each complete case."""

    model: Model
    b: tuple[float, ...]
    name: str = "propensity"

    @property
    def plan(self) -> Plan:
        """The study's plan."""
        return self.model.plan

    def values(self, cohort: Cohort) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
        """Score the hospital's complete cases."""
        return expit(self.model.logit(cohort, self.b)), cohort.arm[self.model.rows(cohort)]


@dataclass(frozen=True)
class Logit:
    """The logit of the propensity of each complete case."""

    model: Model
    b: tuple[float, ...]
    name: str = "logit"

    @property
    def plan(self) -> Plan:
        """The study's plan."""
        return self.model.plan

    def values(self, cohort: Cohort) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
        """Score the hospital's complete cases."""
        return self.model.logit(cohort, self.b), cohort.arm[self.model.rows(cohort)]


@dataclass(frozen=True)
class PatientWeight:
    """The weight of each weighted patient."""

    population: Weighted

    @property
    def name(self) -> str:
        """The population's name."""
        return self.population.name

    @property
    def plan(self) -> Plan:
        """The study's plan."""
        return self.population.model.plan

    def values(self, cohort: Cohort) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
        """Weigh the hospital's complete cases."""
        rows = self.population.model.rows(cohort)
        return self.population.weights(cohort)[rows], cohort.arm[rows]


@dataclass(frozen=True)
class ValueSlices(Silent):
    """Patients by arm in the 256 parts of each slice asked about; slice 0 of depth 0 is all."""

    name: ClassVar[str] = "value-slices/1"
    partners_only: ClassVar[bool] = True
    valued: Valued
    purpose: str
    depth: int
    slices: tuple[int, ...]

    def key(self) -> Key:
        """Value, purpose and depth; the slices follow from the totals before."""
        return self.valued.name, self.purpose, self.depth

    def layout(self) -> Layout:
        """Send 512 counts a slice."""
        most = self.valued.plan.disclosure.max_patients_per_hospital
        shape = (len(self.slices), SLICES, 2)
        return Layout((count("counts", shape, "patients by part and arm", most),), about=True)

    def local(self, cohort: Cohort) -> Release:
        """Count this hospital's patients. Run by a hospital.

        Raises
        ------
        DisclosureError
            Under every profile but `open`.
        """
        require_open(
            self.valued.plan,
            "an order statistic is a patient's own value",
            "read it off the score's histogram",
        )
        values, arm = self.valued.values(cohort)
        ordered = as_ordered(values)
        part = (ordered >> np.uint64(64 - BITS * (self.depth + 1))).astype(np.uint64)
        counts = np.zeros((len(self.slices), SLICES, 2), dtype=np.int64)
        for position, place in enumerate(self.slices):
            inside = part >> np.uint64(BITS) == np.uint64(place)
            cell = (part[inside] & np.uint64(SLICES - 1)).astype(np.intp), arm[inside]
            np.add.at(counts[position], cell, 1)
        return {"counts": counts}

    def learn(self, opened: Opened) -> NDArray[np.int64]:
        """Return the counts, shape (slices, 256, 2). Run by everyone."""
        counts: NDArray[np.int64] = opened.sums["counts"]
        return counts


def as_ordered(values: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Read doubles as whole numbers of the same order; -0 counts as 0."""
    bits = (np.asarray(values, dtype=np.float64) + 0.0).view(np.uint64)
    top = np.uint64(1 << 63)
    return np.where(bits & top, ~bits, bits | top)


def from_ordered(number: int) -> float:
    """Turn such a whole number back into the double that it stands for."""
    top = 1 << 63
    bits = number ^ top if number & top else number ^ (2 * top - 1)
    return float(np.array([bits], dtype=np.uint64).view(np.float64)[0])
