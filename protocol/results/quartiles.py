"""Quartiles that were searched exactly, put together from the trips of the search."""

from protocol.plan.columns import number_column
from protocol.question import Record
from protocol.stats.quantiles import interpolate, type_7
from protocol.steps.describe import Description
from protocol.steps.quantiles import QUARTILES, Narrowed, searched

Quartiles = dict[tuple[str, int], tuple[float, float, float]]
"""Lower quartile, median and upper quartile by variable and arm."""


def exact_quartiles(population: str, here: Description, record: Record) -> Quartiles:
    """Work out the quartiles of a population that were searched; nothing for others."""
    values: dict[tuple[str, int, int], float] = {}
    depth = 0
    while (found := record.get("rank-counts/1", population, depth)) is not None:
        values |= _ended(found)
        depth += 1
    quartiles: Quartiles = {}
    for variable in searched(here.plan):
        for arm in (0, 1):
            patients = here.moments(number_column(variable), arm).n
            if not patients or (variable.name, arm, type_7(patients, 0.5).low) not in values:
                continue
            lower, median, upper = (
                interpolate(
                    where,
                    values[variable.name, arm, where.low],
                    values[variable.name, arm, where.high],
                )
                for where in (type_7(patients, q) for q in QUARTILES)
            )
            quartiles[variable.name, arm] = lower, median, upper
    return quartiles


def _ended(found: tuple[Narrowed, ...]) -> dict[tuple[str, int, int], float]:
    return {
        (one.search.variable, one.search.arm, one.search.rank): one.value
        for one in found
        if one.value is not None
    }
