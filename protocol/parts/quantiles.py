"""Search a population's quartiles by counting, all variables and arms in the same trips."""

from protocol.disclosure import rules
from protocol.play import Play, ask
from protocol.steps.describe import Description
from protocol.steps.population import Population
from protocol.steps.quantiles import RankCounts, quartile_searches


def exact_quartiles(population: Population, here: Description) -> Play[None]:
    """Find the quartiles that the plan wants exact; nothing where patients weigh.

    Where the profile withholds totals from hospitals they could not say what to ask next.
    """
    plan = here.plan
    if population.weighted or not rules(plan).totals_to_sites:
        return
    searches, depth = quartile_searches(here), 0
    while searches:
        found = yield from ask(RankCounts(plan, population, depth, searches))
        searches = tuple(one.search for one in found if one.value is None)
        depth += 1
