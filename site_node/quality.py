"""How good an extract's columns are: what is usable, missing and broken, and odd units.

All is counted from the hospital's own rows, for its own screen.
"""

from dataclasses import dataclass

import numpy as np

from protocol.cohort import known
from protocol.plan.model import Plan
from protocol.plan.variables import Number, Time
from site_node.data.check import Reading
from site_node.data.mapping_model import SiteMapping
from site_node.data.units import (
    Suspicion,
    far_from_centre,
    named_otherwise,
    time_named_otherwise,
)
from site_node.data.values import AnyVariable, Rule


@dataclass(frozen=True)
class VariableQuality:
    """Rows of one variable: with a usable value, with none, and with one that breaks a rule.

    The three add up to the rows of the extract.
    """

    variable: str
    column: str
    usable: int
    missing: int
    broken: int


def qualities(plan: Plan, mapping: SiteMapping, reading: Reading) -> tuple[VariableQuality, ...]:
    """Count every variable's rows, in the plan's order."""
    missing = {
        found.variable: found.count for found in reading.counts if found.rule == Rule.MISSING.words
    }
    found = []
    for name in (variable.name for variable in plan.variables):
        usable = int(known(plan, name, reading.extract.values).sum())
        absent = missing.get(name, 0)
        broken = reading.extract.rows - usable - absent
        found.append(VariableQuality(name, _column(mapping, name), usable, absent, broken))
    return tuple(found)


def _column(mapping: SiteMapping, name: str) -> str:
    """Say in the hospital's words what a variable is read from."""
    if days := mapping.days.get(name):
        return f"{days.start} to {days.end}"
    return mapping.column(name)


def odd_units(plan: Plan, mapping: SiteMapping, reading: Reading) -> tuple[Suspicion, ...]:
    """List the variables that may be in another unit: one suspicion each, the surest."""
    told = {suspicion.variable: suspicion for suspicion in reading.suspicions}
    found = (
        told.get(variable.name) or _suspicion(plan, variable, mapping, reading)
        for variable in plan.variables
    )
    return tuple(suspicion for suspicion in found if suspicion)


def _suspicion(
    plan: Plan, variable: AnyVariable, mapping: SiteMapping, reading: Reading
) -> Suspicion | None:
    column, stated = mapping.column(variable.name), mapping.units.get(variable.name)
    match variable:
        case Number():
            return named_otherwise(variable, column, stated) or _median(variable, stated, reading)
        case Time() if variable.name not in mapping.days:
            return time_named_otherwise(variable, plan.study.time_unit, column, stated)
        case _:
            return None


def _median(variable: Number, stated: float | None, reading: Reading) -> Suspicion | None:
    values = reading.extract.values[variable.name]
    # Whoever stated a factor has looked at the unit; a few patients have no typical value.
    if stated is not None or np.count_nonzero(~np.isnan(values)) < 10:
        return None
    return far_from_centre(variable, float(np.nanmedian(values)))
