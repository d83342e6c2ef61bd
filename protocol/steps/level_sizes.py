"""Level sizes: are a subgroup's levels large enough to be looked at? Asked before any outcome."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort
from protocol.disclosure import rules
from protocol.layout import Layout, Release, count
from protocol.plan.model import Plan
from protocol.plan.variables import levels
from protocol.question import Key, Opened, Silent
from protocol.steps.population import Population
from protocol.steps.risk_table import Level


def subgroup_levels(plan: Plan) -> tuple[Level, ...]:
    """List every level of every subgroup variable, in the plan's order."""
    return tuple(
        Level(group.variable, level)
        for group in plan.subgroups
        for level in levels(plan.variable(group.variable))
    )


@dataclass(frozen=True)
class LevelSize:
    """A level in one population: patients by arm (comparator, treated), hospitals that have it."""

    level: Level
    patients: tuple[int, int]
    hospitals: int


@dataclass(frozen=True, eq=False)
class LevelSizes(Silent):
    """Count a population's patients by subgroup level and arm, and the hospitals at each level."""

    name: ClassVar[str] = "level-sizes/1"
    partners_only: ClassVar[bool] = False
    plan: Plan
    population: Population

    def key(self) -> Key:
        """One count a population."""
        return (self.population.name,)

    def layout(self) -> Layout:
        """Send three counts a level."""
        most = self.plan.disclosure.max_patients_per_hospital
        number = len(subgroup_levels(self.plan))
        return Layout(
            (
                count("patients", (number, 2), "patients at each subgroup level, by arm", most),
                count("hospitals", (number,), "whether the hospital has the level", 1, "hospitals"),
            )
        )

    def local(self, cohort: Cohort) -> Release:
        """Count this hospital's patients. Run by a hospital."""
        members = self.population.weights(cohort) > 0
        found = [
            self._count(cohort, members & level.flags(self.plan, cohort)) for level in self._levels
        ]
        patients = np.array(found, dtype=np.int64).reshape(-1, 2)
        return {"patients": patients, "hospitals": (patients.sum(axis=1) > 0).astype(np.int64)}

    def learn(self, opened: Opened) -> tuple[LevelSize, ...]:
        """Name the counts. Run by everyone."""
        found = zip(self._levels, opened.sums["patients"], opened.sums["hospitals"], strict=True)
        return tuple(LevelSize(lv, (int(p[0]), int(p[1])), int(h)) for lv, p, h in found)

    @property
    def _levels(self) -> tuple[Level, ...]:
        return subgroup_levels(self.plan)

    @staticmethod
    def _count(cohort: Cohort, flags: NDArray[np.bool_]) -> NDArray[np.intp]:
        return np.bincount(cohort.arm[flags], minlength=2)


def small_levels(plan: Plan, sizes: Sequence[LevelSize]) -> dict[str, str]:
    """Choose the levels that are not looked at, with the reason of each.

    A level needs the profile's patients in each arm and enough hospitals (rule S7). Where one
    level of a variable alone is left out, the total less the others would give it away, so the
    next smallest goes too (complementary suppression).
    """
    demands, left_out = rules(plan), dict[str, str]()
    for group in plan.subgroups:
        own = [size for size in sizes if size.level.variable == group.variable]
        small = [size for size in own if _too_small(plan, size)]
        for size in small:
            left_out[str(size.level)] = (
                f"fewer than {demands.subgroup_patients} patients in an arm, or fewer than "
                f"{demands.strata_hospitals} hospitals (rule S7)"
            )
        rest = [size for size in own if size not in small]
        if len(small) == 1 and rest:
            next_one = min(rest, key=lambda size: size.patients[0] + size.patients[1])
            left_out[str(next_one.level)] = "the total would otherwise give the small level away"
    return left_out


def _too_small(plan: Plan, size: LevelSize) -> bool:
    demands = rules(plan)
    if size.hospitals < demands.strata_hospitals and demands.strata_hospitals > 1:
        return True
    return min(size.patients) < demands.subgroup_patients
