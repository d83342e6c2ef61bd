"""Impute missing covariates: chained models over sums, then weights and outcomes in each data set.

All data sets travel side by side, so that ten cost the trips of one: one for the outcomes' hazard,
one a covariate and sweep, those of the propensity fit, and one for tables and balance. Values are
foretold from outcomes too, so this is asked only after every choice that must not know them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from protocol.disclosure import rules, small_difference, too_many_columns
from protocol.ids import SiteId
from protocol.parts.matching import LeftOut
from protocol.parts.propensity import NoFit, Scores, firth, newton
from protocol.plan.model import Plan
from protocol.play import Play, ask, tell, together
from protocol.question import AnyStep
from protocol.steps.coin import CoinTerms, ShowCoin
from protocol.steps.completion import (
    CompletedModel,
    Completion,
    KeyedTickets,
    Recipe,
    targets,
)
from protocol.steps.describe import Description
from protocol.steps.flow import FlowOfPatients
from protocol.steps.hazard import Hazard
from protocol.steps.imputation import CompletedBalance, CrossProducts
from protocol.steps.outcome_table import OutcomeTable
from protocol.steps.risk_table import EVERY, RiskTableStep
from protocol.steps.weighting import Weighted

NAME = "imputed"
"""How the report calls the analysis where it says why it was left out."""


@dataclass(frozen=True, eq=False)
class Coin:
    """The public coin, empty if it was not tossed yet, and what it takes to toss it."""

    tossed: bytes
    terms: CoinTerms
    commitments: Mapping[SiteId, bytes]


@dataclass(frozen=True, eq=False)
class Imputed:
    """What was drawn: by weighting of the plan, one weighted population a completed data set."""

    variables: tuple[str, ...]
    sweeps: int
    populations: Mapping[str, tuple[Weighted, ...]]


def impute(
    plan: Plan, scores: Scores | NoFit | None, pooled: Description, flow: FlowOfPatients, coin: Coin
) -> Play[Imputed | LeftOut | None]:
    """Impute and analyse as the plan says, or say why not; None if the plan does not ask for it."""
    if plan.imputation is None:
        return None
    reason = why_not(plan, scores, flow)
    if reason or not isinstance(scores, Scores):
        return LeftOut(NAME, reason)
    key = coin.tossed or (yield from ask(ShowCoin(coin.terms, coin.commitments)))
    prognosis = yield from ask(Hazard(plan))
    drawn = targets(plan, missing_covariates(plan, flow), pooled)
    tickets, sweeps = KeyedTickets(key, coin.terms), plan.imputation.cycles
    recipe = Recipe(plan, scores.model, drawn, prognosis, tickets, sweeps)
    crowded = too_crowded(recipe, flow)
    if crowded:
        return LeftOut(NAME, crowded)
    made = yield from complete(recipe, plan.imputation.imputations, key)
    return (yield from analyse(scores, made, flow.patients))


def why_not(plan: Plan, scores: Scores | NoFit | None, flow: FlowOfPatients) -> str:
    """Say why nothing is imputed; "" if it is.

    Models and weights take in everybody, and the other fits complete cases only: the difference
    is about those who miss a covariate (rule D).
    """
    if not isinstance(scores, Scores):
        return "there is no propensity score"
    if not rules(plan).totals_to_sites:
        return f"profile `{plan.disclosure.profile}` withholds from hospitals what they need for it"
    if not missing_covariates(plan, flow):
        return "no patient misses a covariate"
    if small_difference(plan, list(flow.incomplete)):
        return "so few patients miss a covariate that sums would be about them (rule D)"
    return ""


def missing_covariates(plan: Plan, flow: FlowOfPatients) -> tuple[str, ...]:
    """Name the covariates that some patient misses, in the plan's order."""
    covariates = plan.propensity.covariates if plan.propensity else ()
    return tuple(c.variable for c in covariates if flow.missing[c.variable] != (0, 0))


def too_crowded(recipe: Recipe, flow: FlowOfPatients) -> str:
    """Say why a covariate's model has too few patients for its columns; "" if none has (S3)."""
    patients = flow.patients[0] + flow.patients[1]
    for target in recipe.targets:
        columns = recipe.columns(target) + max(1, target.levels)
        reason = too_many_columns(recipe.plan, columns, patients)
        if reason:
            return f"to impute {target.name} {reason}"
    return ""


def complete(recipe: Recipe, imputations: int, coin: bytes) -> Play[tuple[Completion, ...]]:
    """Draw the models, covariate by covariate and sweep by sweep: a Gibbs sampler.

    A model is drawn given all values, imputed ones among them, and the values given the model.
    What the start has wrong shrinks by about the share of missing information each sweep.

    References
    ----------
    Tanner and Wong (1987), J. Am. Stat. Assoc. 82, 528-540 (data augmentation); van Buuren and
    Groothuis-Oudshoorn (2011), J. Stat. Softw. 45(3) (chained equations); White and Royston
    (2009), Stat. Med. 28, 1982-1998 (event and cumulative hazard as predictors).
    """
    made = tuple(Completion(recipe, number) for number in range(1, imputations + 1))
    for sweep in range(1, recipe.sweeps + 1):
        for target in recipe.targets:
            models = yield from ask(CrossProducts(made, target, sweep, coin))
            made = tuple(one.then(draw) for one, draw in zip(made, models, strict=True))
    return made


def analyse(
    scores: Scores, made: tuple[Completion, ...], size: tuple[int, int]
) -> Play[Imputed | LeftOut]:
    """Fit the score in each completed data set, weigh everybody, and ask for outcomes."""
    fits = yield from together(_fit(scores, completion) for completion in made)
    done: list[Scores] = []
    for found in fits:
        if isinstance(found, NoFit):
            return LeftOut(NAME, f"in a completed data set {found.reason}")
        done.append(found)
    recipe = made[0].recipe
    populations = {w.name: tuple(_weighted(done, w.name)) for w in recipe.plan.weightings}
    steps = [
        step
        for weighted in populations.values()
        for population, completion in zip(weighted, made, strict=True)
        for step in _tables(recipe.plan, population, completion, size)
    ]
    yield from together(_told(step) for step in steps)
    return Imputed(tuple(t.name for t in recipe.targets), recipe.sweeps, populations)


def _fit(before: Scores, completion: Completion) -> Play[Scores | NoFit]:
    """Fit the model to one completed data set, as complete cases were fitted."""
    m, specification = before.model, before.model.plan.propensity
    model = CompletedModel(m.plan, m.columns, m.centre, m.scale, m.spread, m.dropped, completion)
    if before.fit.penalty == "firth":
        return (yield from firth(model))
    if before.fit.penalty == "ridge" and specification is not None:
        ridge = 1.0 / (specification.ridge_prior_sd * specification.ridge_prior_sd)
        return (yield from newton(model, before.b, "ridge", ridge))
    return (yield from newton(model, before.b))


def _weighted(fits: list[Scores], name: str) -> Iterator[Weighted]:
    """Weigh every completed data set by one of the plan's weightings."""
    for number, one in enumerate(fits, start=1):
        weighting = next(w for w in one.model.plan.weightings if w.name == name)
        own = weighting.model_copy(update={"name": f"{name}#{number}"})
        comparator, treated = one.at_solution.patients
        yield Weighted(own, one.model, one.b, treated / (comparator + treated))


def _tables(
    plan: Plan, population: Weighted, completion: Completion, size: tuple[int, int]
) -> Iterator[AnyStep]:
    """List what is asked of one weighted completed data set."""
    yield CompletedBalance(plan, population, completion)
    for endpoint in plan.survival:
        yield RiskTableStep(plan, endpoint, population, EVERY, size)
    for outcome in plan.binary:
        yield OutcomeTable(plan, outcome, population, EVERY, size)


def _told(step: AnyStep) -> Play[None]:
    yield from tell(step)
