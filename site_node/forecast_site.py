"""Foretells small cells: what of the plan has few patients at this hospital, by its own counts.

The rules are on sums over all hospitals, so a small cell here keeps nobody out; it says where the
hospital leans on the others. The counts are for its own screen and in no message.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from protocol.cohort import Cohort, Flags, at_levels, complete_cases, event_status, outcome
from protocol.disclosure import rules
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.model import Plan
from protocol.plan.variables import Category, levels


@dataclass(frozen=True)
class SmallCell:
    """A group of fewer patients than the profile asks of the sum over all hospitals."""

    what: str
    arm: str
    count: int
    floor: int
    rule: str


def small_cells(plan: Plan, cohort: Cohort) -> tuple[SmallCell, ...]:
    """List the arms, levels, subgroups and outcomes that are small here, in the plan's order."""
    cells = [*_arms(plan, cohort), *_levels(plan, cohort), *_subgroups(plan, cohort)]
    cells += _outcomes(plan, cohort)
    return tuple(cell for cell in cells if cell.count < cell.floor)


def _by_arm(
    plan: Plan, cohort: Cohort, flags: Flags, *, what: str, floor: int, rule: str
) -> Iterator[SmallCell]:
    labels = (plan.treatment.comparator_label, plan.treatment.treated_label)
    for arm in (1, 0):
        count = int(np.count_nonzero(flags & (cohort.arm == arm)))
        yield SmallCell(what, labels[arm], count, floor, rule)


def _arms(plan: Plan, cohort: Cohort) -> Iterator[SmallCell]:
    """Arms of this hospital: the one floor that is the hospital's own (S1)."""
    everybody = np.ones(cohort.size, dtype=np.bool_)
    floor = rules(plan).site_arm
    yield from _by_arm(plan, cohort, everybody, what="patients here", floor=floor, rule="S1")


def _levels(plan: Plan, cohort: Cohort) -> Iterator[SmallCell]:
    """Levels with a column of their own in the propensity model (S2)."""
    complete = complete_cases(plan, cohort)
    for covariate in plan.propensity.covariates if plan.propensity else ():
        variable = plan.variable(covariate.variable)
        for level in levels(variable) if isinstance(variable, Category) else ():
            there = complete & at_levels(plan, variable.name, (level,), cohort.values)
            count = int(np.count_nonzero(there))
            yield SmallCell(f"{variable.label}: {level}", "", count, rules(plan).level_floor, "S2")


def _subgroups(plan: Plan, cohort: Cohort) -> Iterator[SmallCell]:
    floor = rules(plan).subgroup_patients
    for variable in (plan.variable(subgroup.variable) for subgroup in plan.subgroups):
        for level in levels(variable):
            there = at_levels(plan, variable.name, (level,), cohort.values)
            what = f"subgroup {variable.label}: {level}"
            yield from _by_arm(plan, cohort, there, what=what, floor=floor, rule="subgroups")


def _outcomes(plan: Plan, cohort: Cohort) -> Iterator[SmallCell]:
    """Patients with the event, against the smallest pooled cell that may be published."""
    floor = rules(plan).published_floor
    for endpoint in plan.endpoints:
        if isinstance(endpoint, TimeToEvent):
            happened = event_status(plan, endpoint, cohort)[1] == 1
        else:
            happened = outcome(plan, endpoint, cohort) == 1
        what = f"{endpoint.label}: events"
        yield from _by_arm(plan, cohort, happened, what=what, floor=floor, rule="publication")
