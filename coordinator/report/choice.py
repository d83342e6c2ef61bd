"""Which results stand in front: the main population, its endpoints, and the tests to quote.

The main population is the first one that a design made, in the plan's order; where there is
none, the first one weighted by the propensity score, then the first population that the plan
looked at. That choice is the plan's, made before any outcome was seen.
"""

from coordinator.report.wording import p_phrase
from protocol.results.model import Results
from protocol.results.values.binary import BinaryResult
from protocol.results.values.causes import CompetingResult
from protocol.results.values.estimates import HazardRatio, LogRankTest, Pair
from protocol.results.values.propensity import PopulationCard
from protocol.results.values.survival import SurvivalResult

UNADJUSTED = ("all", "complete")
"""Names of the populations that hold every patient."""
NOT_COMPARABLE = "unadjusted comparison"
"""The estimand of populations whose arms nothing made comparable."""
WEIGHTED_TEST = "log-rank weighted"


def main_population(results: Results) -> PopulationCard | None:
    """Find the population that the study's answer is about; None if nothing was looked at."""
    cards = {card.name: card for card in results.populations}
    made = [cards[design.name] for design in results.designs if design.name in cards]
    return next(iter([*made, *weightings(results), *results.populations]), None)


def weightings(results: Results) -> tuple[PopulationCard, ...]:
    """List the populations that the propensity score weighs, in the plan's order."""
    return tuple(c for c in results.populations if c.effective and c.estimand != NOT_COMPARABLE)


def weighted_populations(results: Results) -> tuple[PopulationCard, ...]:
    """List all populations whose patients weigh, by the score or by a variable of the plan."""
    return tuple(card for card in results.populations if card.effective)


def effective(results: Results, name: str) -> Pair[float] | None:
    """Find the effective sample size of both arms; None where patients count alike."""
    return next((card.effective for card in results.populations if card.name == name), None)


def unadjusted_population(results: Results) -> PopulationCard | None:
    """Find the population of all patients, all of them before those with complete covariates."""
    cards = {card.name: card for card in results.populations}
    return next((cards[name] for name in UNADJUSTED if name in cards), None)


def population_label(results: Results, name: str) -> str:
    """Call a population as the report does, with a capital."""
    labels = {card.name: card.label for card in results.populations}
    labels |= {design.name: design.label for design in results.designs if design.name not in labels}
    plain = {"all": "all patients", "complete": "patients with complete covariates"}
    label = labels.get(name) or plain.get(name, name)
    return label[:1].upper() + label[1:]


def level_label(results: Results, level: str) -> str:
    """Call a subgroup such as "sex=female" as Table 1 does: "Sex: female"."""
    labels = {row.variable: row.label for table in results.table_one for row in table.rows}
    variable, _, value = level.partition("=")
    return f"{labels.get(variable, variable)}: {value}"


def survival_of(results: Results, population: str, level: str = "") -> tuple[SurvivalResult, ...]:
    """Find the endpoints with a time of one population, in the plan's order."""
    return tuple(r for r in results.survival if (r.population, r.level) == (population, level))


def binary_of(results: Results, population: str, level: str = "") -> tuple[BinaryResult, ...]:
    """Find the binary outcomes of one population, in the plan's order."""
    return tuple(r for r in results.binary if (r.population, r.level) == (population, level))


def competing_of(results: Results, population: str) -> tuple[CompetingResult, ...]:
    """Find the endpoints with several causes in one population, in the plan's order."""
    return tuple(found for found in results.competing if found.population == population)


def hazard_ratio(found: SurvivalResult, *methods: str) -> HazardRatio | None:
    """Find the hazard ratio of the first of these methods that there is.

    Without methods, the one to report first: model-based where patients count alike, robust
    where they weigh.
    """
    by_method = {one.method: one for one in found.hazard_ratios}
    wanted = methods or (("efron",) if plain(found) else ("efron robust",))
    return next((by_method[name] for name in wanted if name in by_method), None)


def plain(found: SurvivalResult) -> bool:
    """Tell whether patients count alike: only then is there a plain log-rank test."""
    return any(one.name == "log-rank" for one in found.log_rank)


def weighs(found: SurvivalResult) -> bool:
    """Tell whether the curves are those of weighted patients."""
    return any(one.name == WEIGHTED_TEST for one in found.log_rank)


def log_rank_p(test: LogRankTest) -> str:
    """Write a log-rank test's P value for a cell: "P = 0.016", "P = 0.016 (weighted)"."""
    told = p_phrase(test.test.p_value)
    return f"{told} (weighted)" if test.name == WEIGHTED_TEST else told


def log_rank_phrase(test: LogRankTest) -> str:
    """Write the test in a sentence: "log-rank P = 0.016", "weighted log-rank P = 0.016"."""
    kind = "weighted log-rank" if test.name == WEIGHTED_TEST else "log-rank"
    return f"{kind} {p_phrase(test.test.p_value)}"


def log_rank(found: SurvivalResult, *, by_hospital: bool = False) -> LogRankTest | None:
    """Find the log-rank test, weighted where patients weigh, or the one stratified by hospital."""
    wanted = ("log-rank by hospital",) if by_hospital else ("log-rank", WEIGHTED_TEST)
    return next((one for one in found.log_rank if one.name in wanted), None)
