"""The populations that outcomes are compared in: how each came about, and whom it stands for."""

import math

from protocol.parts.matching import LeftOut as Unmade
from protocol.parts.matching import Made, PooledMatch
from protocol.parts.propensity import Scores
from protocol.plan.adjustment import Target, Weighting
from protocol.program import size_of
from protocol.results.values.estimates import Pair
from protocol.results.values.propensity import MatchedDesign, PopulationCard
from protocol.run import Played
from protocol.steps.describe import Description
from protocol.steps.population import Population
from protocol.steps.weighting import Weighted

NAN = math.nan


def design(played: Played, made: Made) -> MatchedDesign:
    """Write how a matched population came about, or why it did not."""
    name = made.name if isinstance(made, Unmade) else made.population.name
    asked = next(d for d in played.plan.designs if d.name == name)
    reasons = {one.name: one.reason for one in played.findings.left_out}
    scores = played.findings.scores
    size = played.findings.members.size
    complete = size("complete")
    matched = (0, 0) if isinstance(made, Unmade) else size(name)
    arms = played.plan.treatment
    focal = scores.at_solution.patients if isinstance(scores, Scores) else complete
    pooled = made if isinstance(made, PooledMatch) else None
    return MatchedDesign(
        name=name,
        label=asked.label,
        method=asked.method,
        ratio=asked.ratio,
        caliper_sd=asked.caliper_sd,
        caliper=NAN if isinstance(made, Unmade) else made.caliper,
        focal=arms.treated_label if focal[1] <= focal[0] else arms.comparator_label,
        matched=Pair(*matched),
        left_out=Pair(complete[0] - matched[0], complete[1] - matched[1]),
        key_number=pooled.choice.key_number if pooled else 0,
        imbalance_by_key=tuple(pooled.choice.imbalance.values()) if pooled else (),
        reason=reasons.get(name, ""),
    )


_TARGETS: dict[Target, str] = {
    "overlap": "effect in patients who could have had either arm (overlap weights)",
    "treated": "effect in the {treated} arm (ATT weights)",
    "comparator": "effect in the {comparator} arm (ATC weights)",
    "everybody": "effect in all patients (ATE weights)",
    "everybody-stabilised": "effect in all patients (stabilised ATE weights)",
    "matchable": "effect in patients whom a one-to-one match would take (matching weights)",
}


def population_card(played: Played, population: Population) -> PopulationCard:
    """Write a population's names and sizes, and the effect that it estimates."""
    plan, name = played.plan, population.name
    labels = {"all": "all patients", "complete": "all patients with complete covariates"}
    labels |= {one.name: one.label for one in plan.populations}
    labels |= {one.name: one.label for one in plan.designs}
    labels |= {one.name: one.label for one in plan.weightings}
    size = Pair(*size_of(population, played.findings.members))
    estimand = _estimand(played, population)
    return PopulationCard(name, labels[name], estimand, size, _effective(played, name))


def _estimand(played: Played, population: Population) -> str:
    arms = played.plan.treatment
    if isinstance(population, Weighted):
        text = _TARGETS[population.weighting.target]
        told = text.format(treated=arms.treated_label, comparator=arms.comparator_label)
        return told + _by_strata(population) + _bounded(population.weighting)
    for made in played.findings.designs:
        if _name(made) == population.name:
            return f"effect in the {design(played, made).focal} arm, as far as it could be matched"
    return "unadjusted comparison"


def _by_strata(population: Weighted) -> str:
    """Say how many fine strata stand for the score, after those that lack an arm have joined."""
    fine = population.fine
    return "" if fine is None else f", by {len(fine.sizes)} fine strata of the score"


def _bounded(weighting: Weighting) -> str:
    """Say whom trimming leaves, and where weights are cut off."""
    said = ""
    if weighting.trim is not None:
        said += f", of those with a propensity of {weighting.trim:g} to {1 - weighting.trim:g}"
    if weighting.truncate is not None:
        said += f", weights above {weighting.truncate:g} counting as {weighting.truncate:g}"
    return said


def _effective(played: Played, name: str) -> Pair[float] | None:
    here: Description | None = played.record.get("describe/1", name)
    sizes = here.effective if here is not None else None
    return None if sizes is None else Pair(*sizes)


def _name(made: Made) -> str:
    return made.name if isinstance(made, Unmade) else made.population.name
