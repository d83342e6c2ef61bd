"""Results on whether hazard ratios differ between the levels of a subgroup."""

from collections.abc import Iterator

from protocol.plan.endpoints import TimeToEvent
from protocol.results.balance import test
from protocol.results.values.strata import Interaction
from protocol.run import Played
from protocol.stats.cox import NotEstimable
from protocol.stats.interaction import interaction, spread_of_levels
from protocol.stats.table import RiskTable
from protocol.steps.population import Population
from protocol.steps.risk_table import Events, Level


def interactions(played: Played) -> Iterator[Interaction]:
    """Test every subgroup of which two levels at least are looked at."""
    for endpoint in played.plan.survival:
        for population in played.findings.populations:
            for subgroup in played.plan.subgroups:
                found = _interaction(played, endpoint, population, subgroup.variable)
                if found is not None:
                    yield found


def _interaction(
    played: Played, endpoint: TimeToEvent, population: Population, variable: str
) -> Interaction | None:
    looked = played.findings.subgroups[population.name]
    levels = tuple(level for level in looked if level.variable == variable)
    tables = _tables(played, endpoint, population.name, levels)
    if len(tables) < 2:
        return None
    weighted = population.weighted
    try:
        found = spread_of_levels(tables) if weighted else interaction(tables)
    except NotEstimable:
        return None
    method = "difference of levels, robust" if weighted else "arm by level"
    names = tuple(str(level) for level in levels)
    return Interaction(
        endpoint.name, endpoint.label, population.name, variable, names, method, test(found)
    )


def _tables(
    played: Played, endpoint: TimeToEvent, population: str, levels: tuple[Level, ...]
) -> list[RiskTable]:
    keys = ((endpoint.name, population, str(level)) for level in levels)
    found: list[Events | None] = [played.record.get("risk-table/1", *key) for key in keys]
    return [events.table for events in found if events is not None]
