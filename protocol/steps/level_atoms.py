"""Level atoms: which subgroup levels of which populations may be looked at side by side.

The level sizes say whether a subgroup is large enough by itself. Differences are another matter:
all patients less the matched ones, both at one level, or a whole less all its levels, may be one
patient. So patients are counted by level and pattern of populations, before any outcome.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from protocol.cohort import Cohort
from protocol.disclosure import small_difference
from protocol.layout import Layout, Release, count
from protocol.plan.model import Plan
from protocol.question import Key, Opened, Silent
from protocol.steps.level_sizes import subgroup_levels
from protocol.steps.plausible import require
from protocol.steps.population import Population
from protocol.steps.risk_table import Level

Patterns = Mapping[int, tuple[int, int]]
"""Patients by arm of every pattern that anybody has; bit j stands for the j-th population."""


class Cell(NamedTuple):
    """The patients of one pattern and arm."""

    pattern: int
    arm: int


@dataclass(frozen=True, eq=False)
class LevelGroups:
    """Patients by level, pattern of populations and arm; `names` are those of the populations."""

    plan: Plan
    names: tuple[str, ...]
    patterns: Patterns
    at_level: Mapping[Level, Mapping[Cell, int]]

    def everybody(self) -> dict[Cell, int]:
        """Count each pattern's patients by arm, whatever their level."""
        return {Cell(p, arm): n[arm] for p, n in self.patterns.items() for arm in (0, 1)}

    def within(self, name: str, level: Level) -> dict[Cell, int]:
        """Count the patients of a population at a level, by pattern and arm."""
        bit = self.names.index(name)
        return {c: n for c, n in self.at_level[level].items() if (c.pattern >> bit) & 1}


def levels_apart(
    plan: Plan, groups: LevelGroups, wanted: Mapping[str, Sequence[Level]]
) -> set[tuple[str, Level]]:
    """Choose the levels, of which population, that would single out a few patients (rule D).

    Tables of populations, and of levels within them, can be added and subtracted. Whatever comes
    out weighs all patients alike who share arm, pattern of populations and, where it is shown in
    one of these, level. Goes through populations and levels in the plan's order and leaves out
    what would make such a group not empty and smaller than the floor; patients of a pattern whose
    levels are not shown, or not known, are one such group. Each variable is taken by itself.
    """
    left_out: set[tuple[str, Level]] = set()
    for subgroup in plan.subgroups:
        rest, shown = groups.everybody(), set[tuple[Level, Cell]]()
        for name, chosen in wanted.items():
            for level in (one for one in chosen if one.variable == subgroup.variable):
                inside = groups.within(name, level)
                new = {c: n for c, n in inside.items() if (level, c) not in shown}
                after = {c: rest[c] - n for c, n in new.items()}
                if small_difference(plan, [*new.values(), *after.values()]):
                    left_out.add((name, level))
                else:
                    rest.update(after)
                    shown.update((level, c) for c in new)
    return left_out


@dataclass(frozen=True, eq=False)
class LevelAtoms(Silent):
    """Count patients by subgroup level, by the populations they are in, and by arm.

    `patterns` are those that the populations' own count has found; nobody has another.
    """

    name: ClassVar[str] = "level-atoms/1"
    partners_only: ClassVar[bool] = False
    plan: Plan
    populations: tuple[Population, ...]
    patterns: Patterns

    def key(self) -> Key:
        """One count a study."""
        return ()

    def layout(self) -> Layout:
        """Send two counts a level and pattern; which patterns there are follows from totals."""
        most = self.plan.disclosure.max_patients_per_hospital
        shape = (len(self._levels), len(self.patterns), 2)
        words = "patients by subgroup level, populations they are in, and arm"
        return Layout((count("counts", shape, words, most),), about=True)

    def local(self, cohort: Cohort) -> Release:
        """Count this hospital's patients. Run by a hospital."""
        pattern = np.zeros(cohort.size, dtype=np.int64)
        for bit, population in enumerate(self.populations):
            pattern |= (population.weights(cohort) > 0).astype(np.int64) << bit
        counts = np.zeros((len(self._levels), len(self.patterns), 2), dtype=np.int64)
        for row, level in enumerate(self._levels):
            own = level.flags(self.plan, cohort)
            for place, one in enumerate(self.patterns):
                counts[row, place] = np.bincount(cohort.arm[own & (pattern == one)], minlength=2)
        return {"counts": counts}

    def learn(self, opened: Opened) -> LevelGroups:
        """Name the counts. Run by everyone.

        Raises
        ------
        ImpossibleTotalError
            If a pattern has more patients at its levels than it has.
        """
        at_level: dict[Level, dict[Cell, int]] = {}
        for level, row in zip(self._levels, opened.sums["counts"], strict=True):
            pairs = zip(self.patterns, row, strict=True)
            at_level[level] = {Cell(p, arm): int(n[arm]) for p, n in pairs for arm in (0, 1)}
        found = LevelGroups(self.plan, self._names, self.patterns, at_level)
        for subgroup in self.plan.subgroups:
            rest = found.everybody()
            for level in (one for one in self._levels if one.variable == subgroup.variable):
                rest = {cell: number - at_level[level][cell] for cell, number in rest.items()}
            possible = min(rest.values(), default=0) >= 0
            require(self.name, possible, f"{subgroup.variable} has more patients than there are")
        return found

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(population.name for population in self.populations)

    @property
    def _levels(self) -> tuple[Level, ...]:
        return subgroup_levels(self.plan)
