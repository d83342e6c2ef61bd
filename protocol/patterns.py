"""Which cohorts a run releases, and whether with those of earlier runs they single out a few.

Rule D across runs, on one hospital's own rows. Inside a run the rule is a part of the program,
which judges sums over all hospitals; between runs only the hospital can tell who was in what.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.canonical import canonical_json, digest
from protocol.cohort import Cohort, Flags
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from protocol.play import Trip
from protocol.steps.level_sizes import subgroup_levels
from protocol.steps.population import Complete, Everybody, Filtered, Population
from protocol.steps.risk_table import EVERY, Level
from protocol.steps.weighting import Weighted

Labels = NDArray[np.int64]
"""One number a patient: equal for patients of one pattern, 0 for those in no cohort."""


@dataclass(frozen=True, eq=False)
class Marks:
    """Who was in the cohorts of one release: `patients` names them, `arm` is 0 or 1 of each.

    `cohorts` flags them by cohort, named "population@definition"; levels of a variable are named
    "population@definition|variable=level". Equal names are one choice of patients everywhere.
    """

    patients: NDArray[np.bytes_]
    arm: NDArray[np.int8]
    cohorts: Mapping[str, Flags]


def planned(plan: Plan, cohort: Cohort) -> dict[str, Flags]:
    """Flag the cohorts that a plan fixes before any total is known, levels included."""
    populations: list[Population] = [Everybody(), Complete(plan)]
    populations += [Filtered(plan, one) for one in plan.populations]
    chosen = (EVERY, *subgroup_levels(plan))
    return {
        _name(plan, population, level): _flags(plan, population, level, cohort)
        for population in populations
        for level in chosen
    }


def asked(plan: Plan, steps: Trip, cohort: Cohort, known: Collection[str]) -> dict[str, Flags]:
    """Flag the cohorts of a trip's steps that are not among the known ones."""
    found: dict[str, Flags] = {}
    for step in steps:
        about = _cohort_of(step)
        if about is not None and _name(plan, *about) not in (*known, *found):
            found[_name(plan, *about)] = _flags(plan, *about, cohort)
    return found


def singles_out(before: Sequence[Marks], now: Sequence[Marks], floor: int) -> bool:
    """Tell whether the cohorts of this run, with those of earlier runs, single out a few.

    Patients who share their arm and all their cohorts cannot be told apart by differences of
    totals. Such a group is too small if it is not empty and below the floor. Two are let through:
    one that both sides have, as nothing new is told of it; and one that is not cut by the other
    side anywhere, since the cohorts of that side are all among this one's: its own program judged
    it, on sums over all hospitals. A small group that is merely uncut here is not let through, for
    it may be cut at another hospital: of patients aged 97 to 99 and 97 to 100 this hospital may
    have the same one, and another the difference.

    Levels of several variables are not crossed, as their tables are not: each variable is taken by
    itself.
    """
    whole = [mark for mark in (*before, *now) if len(mark.patients)]
    if floor <= 1 or not whole:
        return False
    everybody = np.unique(np.concatenate([mark.patients for mark in whole]))
    families = {_family(name) for mark in whole for name in mark.cohorts}
    return any(_few(before, now, everybody, one, floor) for one in families)


def _few(
    before: Sequence[Marks],
    now: Sequence[Marks],
    everybody: NDArray[np.bytes_],
    family: str,
    floor: int,
) -> bool:
    """Look for a small group of one family that neither side is trusted to have judged."""
    sides = _labels(before, everybody, family), _labels(now, everybody, family)
    pairs, sizes = np.unique(np.stack(sides), axis=1, return_counts=True)
    uncut = [
        (pair > 0) & (sizes == np.bincount(side)[pair])
        for pair, side in zip(pairs, sides, strict=True)
    ]
    told, tells = _choices(before, family), _choices(now, family)
    judged = uncut[0] & uncut[1]
    if told <= tells:
        judged |= uncut[1]
    if tells <= told:
        judged |= uncut[0]
    in_some = (pairs > 0).any(axis=0)
    return bool(((sizes < floor) & in_some & ~judged).any())


def _choices(marks: Sequence[Marks], family: str) -> frozenset[tuple[str | bytes, ...]]:
    """List a family's cohorts by name and by whom they have here, each once."""
    return frozenset(
        (name, mark.patients.tobytes(), mark.arm.tobytes(), flags.tobytes())
        for mark in marks
        for name, flags in mark.cohorts.items()
        if _family(name) in ("", family)
    )


def _labels(marks: Sequence[Marks], everybody: NDArray[np.bytes_], family: str) -> Labels:
    """Give a number to each pattern of a family's cohorts and of whole populations."""
    labels = np.zeros(len(everybody), dtype=np.int64)
    inside = np.zeros(len(everybody), dtype=np.bool_)
    for mark in marks:
        place = np.searchsorted(everybody, mark.patients)
        for name, flags in mark.cohorts.items():
            if _family(name) in ("", family):
                side = np.zeros(len(everybody), dtype=np.int64)
                side[place[flags]] = 1 + mark.arm[flags]
                inside |= side > 0
                labels = np.unique(labels * 3 + side, return_inverse=True)[1].reshape(-1)
    return np.where(inside, 1 + labels, 0)


def _cohort_of(step: Any) -> tuple[Population, Level] | None:
    """Say of whom a step tells, if it tells of one population."""
    inner = getattr(step, "step", None)
    if inner is not None and not isinstance(inner, int):
        return _cohort_of(inner)
    population = getattr(step, "population", None)
    return None if population is None else (population, getattr(step, "level", EVERY))


def _flags(plan: Plan, population: Population, level: Level, cohort: Cohort) -> Flags:
    return (population.weights(cohort) > 0) & level.flags(plan, cohort)


def _name(plan: Plan, population: Population, level: Level) -> str:
    name = f"{_members(population)}@{_definition(plan, population).hex()}"
    return f"{name}|{level}" if str(level) else name


def _members(population: Population) -> str:
    """Name the population with the same patients that is not weighted by the score."""
    return population.members if isinstance(population, Weighted) else population.name


def _definition(plan: Plan, population: Population) -> bytes:
    """Tell apart, in 32 bytes, choices of patients that may differ at any hospital."""
    study = plan.model_dump(mode="json", include={"variables", "eligibility", "treatment"})
    match population:
        case Everybody():
            how: bytes | str = "all"
        case Filtered(filter=chosen):
            how = canonical_json(chosen.model_dump(mode="json", include={"conditions", "weight"}))
        case _ if _members(population) == "complete":
            covariates = () if plan.propensity is None else plan.propensity.covariates
            how = canonical_json(sorted({one.variable for one in covariates}))
        case _:  # by score or lottery
            how = plan_digest(plan)
    return digest("cohort", canonical_json(study), how)


def _family(name: str) -> str:
    """Name the variable of a level; nothing for a whole population."""
    return name.partition("|")[2].partition("=")[0]
