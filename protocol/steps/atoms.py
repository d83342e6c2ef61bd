"""Atoms: how many patients are in which combination of populations, before any outcome is seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort
from protocol.disclosure import small_difference
from protocol.layout import Layout, Release, count
from protocol.plan.model import Plan
from protocol.question import Key, Opened, Silent
from protocol.steps.plausible import require
from protocol.steps.population import Population


@dataclass(frozen=True, eq=False)
class Membership:
    """Patients by pattern of membership and arm.

    `counts` has shape (2^k, 2) for k populations; bit j of a pattern says whether the patient is
    in population `names[j]`.
    """

    names: tuple[str, ...]
    counts: NDArray[np.int64]

    def size(self, name: str) -> tuple[int, int]:
        """Count a population's patients by arm (comparator, treated)."""
        inside = (np.arange(len(self.counts)) >> self.names.index(name)) & 1 == 1
        comparator, treated = self.counts[inside].sum(axis=0)
        return int(comparator), int(treated)

    def patterns(self, names: Sequence[str]) -> dict[int, tuple[int, int]]:
        """Count patients by arm in every pattern over some of the populations that anybody has."""
        bits = [self.names.index(name) for name in names]
        found: dict[int, tuple[int, int]] = {}
        for pattern, (comparator, treated) in enumerate(self.counts):
            narrow = 0
            for place, bit in enumerate(bits):
                narrow |= ((pattern >> bit) & 1) << place
            before = found.get(narrow, (0, 0))
            found[narrow] = before[0] + int(comparator), before[1] + int(treated)
        return {p: pair for p, pair in sorted(found.items()) if pair != (0, 0)}

    def groups(self, names: Sequence[str]) -> list[int]:
        """Count the patients of every arm and pattern over some of the populations."""
        bits = [self.names.index(name) for name in names]
        found: dict[tuple[int, ...], int] = {}
        for pattern, row in enumerate(self.counts):
            for arm, number in enumerate(row):
                group = (arm, *((pattern >> bit) & 1 for bit in bits))
                found[group] = found.get(group, 0) + int(number)
        return list(found.values())


def permitted(plan: Plan, names: Sequence[str], members: Membership) -> dict[str, str]:
    """Go through populations in the plan's order and leave out what would single out a few.

    The first is always asked. A later one is left out if, with those asked before, it would
    split off a group of patients of one arm that is not empty and below the profile's floor
    (rule D): the difference of two totals would be about that group. Returns the reasons, by
    name of those left out.
    """
    asked: list[str] = list(names[:1])
    left_out: dict[str, str] = {}
    for name in names[1:]:
        if small_difference(plan, members.groups([*asked, name])):
            left_out[name] = (
                f"with {', '.join(asked)} it would single out a group of patients smaller than "
                f"profile `{plan.disclosure.profile}` allows (rule D)"
            )
        else:
            asked.append(name)
    return left_out


@dataclass(frozen=True, eq=False)
class Atoms(Silent):
    """Count patients by arm and by the populations they are in."""

    name: ClassVar[str] = "atoms/1"
    partners_only: ClassVar[bool] = False
    plan: Plan
    populations: tuple[Population, ...]

    def key(self) -> Key:
        """One count a study."""
        return ()

    def layout(self) -> Layout:
        """Send 2^k x 2 counts for k populations."""
        most = self.plan.disclosure.max_patients_per_hospital
        shape = (2 ** len(self.populations), 2)
        return Layout(
            (count("counts", shape, "patients by populations they are in, by arm", most),)
        )

    def local(self, cohort: Cohort) -> Release:
        """Count this hospital's patients. Run by a hospital."""
        pattern = np.zeros(cohort.size, dtype=np.int64)
        for bit, population in enumerate(self.populations):
            pattern |= (population.weights(cohort) > 0).astype(np.int64) << bit
        counts = np.bincount(pattern * 2 + cohort.arm, minlength=2 ** len(self.populations) * 2)
        return {"counts": counts.reshape(-1, 2).astype(np.int64)}

    def learn(self, opened: Opened) -> Membership:
        """Name the counts. Run by everyone."""
        everybody = int(opened.sums["counts"].sum()) == opened.patients
        require(self.name, everybody, "the patterns do not add up to all patients")
        return Membership(tuple(p.name for p in self.populations), opened.sums["counts"])
