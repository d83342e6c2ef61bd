"""The study, as the methods section of its paper would tell it.

A generator that asks steps and decides from their sums what to ask next. Hospitals, coordinator
and auditors replay it. Decisions use whole numbers and + - * / and square roots only, so that
all come to the same question.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from protocol.disclosure import rules, too_many_columns
from protocol.parts.adjusted import adjusted_by_hospital
from protocol.parts.doubly_robust import doubly_robust
from protocol.parts.imputation import Coin, Imputed, impute
from protocol.parts.matching import LeftOut, Made, PooledMatch, match
from protocol.parts.outcomes import outcomes
from protocol.parts.propensity import NoFit, Scores, fit_propensity
from protocol.parts.quantiles import exact_quartiles
from protocol.parts.strata import (
    ScoreStrata,
    cut_scores,
    fine_strata,
    score_bins,
    size_strata,
)
from protocol.plan.adjustment import Design
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from protocol.play import Play, ask, both, tell, together
from protocol.stats.cox import Ties
from protocol.steps.adjusted import Adjustment
from protocol.steps.atoms import Atoms, Membership, permitted
from protocol.steps.coin import CoinTerms, ShowCoin
from protocol.steps.describe import Describe, Description
from protocol.steps.fifths import Stratified
from protocol.steps.flow import Flow, FlowOfPatients
from protocol.steps.level_atoms import LevelAtoms, levels_apart
from protocol.steps.level_sizes import LevelSizes, small_levels
from protocol.steps.local import LocalFit, LocalFits
from protocol.steps.lock import Lock
from protocol.steps.model import Model, propensity_model
from protocol.steps.outcome_table import OutcomeTable
from protocol.steps.overlap import NARROWEST, Bins, Overlap, ScoreHistogram, Strata
from protocol.steps.population import Complete, Everybody, Filtered, Population
from protocol.steps.risk_table import EVERY, Level, RiskTableStep
from protocol.steps.unlock import Unlock
from protocol.steps.weighting import Weighted
from protocol.steps.within import WithinHospital

OVERVIEW = Design(name="score", label="score", method="pooled-quota")
"""Says how the score's histogram is laid for the figure, where no design needs one."""

APART = (
    "with the other levels and populations it would single out a group of patients smaller than "
    "the profile allows (rule D)"
)
"""Why a subgroup level is left out that is large enough by itself."""


@dataclass(frozen=True)
class _Part:
    """A part of the study beside others; `before` says that it knows no outcome."""

    play: Play[Any]
    before: bool = False


@dataclass(frozen=True)
class Findings:
    """What the program itself decided on its way; everything else stands in the record."""

    model: Model | None
    local: LocalFits | None
    scores: Scores | NoFit | None
    designs: tuple[Made, ...]
    populations: tuple[Population, ...]
    members: Membership
    subgroups: Mapping[str, tuple[Level, ...]]
    left_out: tuple[LeftOut, ...]
    imputed: Imputed | None = None
    strata: ScoreStrata | None = None


def study(plan: Plan, roster_digest: bytes) -> Play[Findings]:
    """Ask everything that the plan asks for."""
    extracts = yield from ask(Lock())  # alone and without patient data
    terms = CoinTerms(plan_digest(plan), roster_digest, tuple(extracts.items()))
    flow, pooled = yield from _describe(plan, terms)
    model, local, scores = yield from _propensity(plan, pooled, flow, len(extracts))
    tossed, designs = yield from _designs(plan, scores, pooled, flow, terms)
    bins = yield from score_bins(plan, scores)
    cut = cut_scores(plan, scores, bins)
    weighted, unweighted = _weighted(plan, scores, bins)
    populations, members, left_out = yield from _populations(plan, flow, designs, weighted)
    looked, small = yield from _subgroups(plan, populations, members)
    strata = yield from _strata(plan, cut, populations, members)
    asked: list[_Part] = [
        *(_Part(outcomes(plan, p, size_of(p, members), looked[p.name])) for p in populations),
        *(_Part(_described(plan, p, flow), before=True) for p in populations),
        _Part(exact_quartiles(Complete(plan), pooled), before=True),
        *_within_strata(plan, strata),
        *map(_Part, _adjusted(plan, model)),
        *map(_Part, _doubly_robust(plan, scores)),
    ]
    if plan.study.outcomes_locked:
        yield from together(part.play for part in asked if part.before)
        yield from ask(Unlock())
        asked = [part for part in asked if not part.before]
    # Beside the outcomes: all that must not know them is decided.
    coin, rest = Coin(tossed, terms, flow.coin_commitments), together(part.play for part in asked)
    _, imputed = yield from both(rest, impute(plan, scores, pooled, flow, coin))
    unmade = [one for one in (imputed, strata) if isinstance(one, LeftOut)]
    left_out = (*left_out, *unweighted, *small, *unmade)
    drawn = imputed if isinstance(imputed, Imputed) else None
    shown = strata if isinstance(strata, ScoreStrata) else None
    return Findings(
        model, local, scores, designs, populations, members, looked, left_out, drawn, shown
    )


def size_of(population: Population, members: Membership) -> tuple[int, int]:
    """Count a population's patients by arm; weighted ones are all complete cases."""
    return members.size(_members(population))


def _describe(plan: Plan, terms: CoinTerms) -> Play[tuple[FlowOfPatients, Description]]:
    """Count who is in, and describe complete cases; hospitals commit to the coin."""
    flow, pooled = yield from both(ask(Flow(plan, terms)), ask(Describe(plan, Complete(plan))))
    return flow, pooled


def _propensity(
    plan: Plan, pooled: Description, flow: FlowOfPatients, hospitals: int
) -> Play[tuple[Model | None, LocalFits | None, Scores | NoFit | None]]:
    """Fit the model of who is treated, from the hospitals' own fits to the pooled one.

    Their own fits are asked for only where enough hospitals have both arms (rule S7): out of the
    sums of a few, all the others but two could work out what those two had sent.
    """
    if plan.propensity is None:
        return None, None, None
    if min(pooled.patients) == 0:
        return None, None, NoFit("an arm has no patient without missing covariates")
    model = propensity_model(plan, pooled)
    crowded = too_many_columns(plan, model.size, pooled.patients[0] + pooled.patients[1])
    if crowded:
        return model, None, NoFit(crowded)
    with_both_arms = max(0, flow.hospitals_by_arm[0] + flow.hospitals_by_arm[1] - hospitals)
    local = LocalFits(0, None)
    if with_both_arms >= rules(plan).fit_hospitals:
        local = yield from ask(LocalFit(model))
    scores = yield from fit_propensity(model, local)
    return model, local, scores


def _designs(
    plan: Plan,
    scores: Scores | NoFit | None,
    pooled: Description,
    flow: FlowOfPatients,
    terms: CoinTerms,
) -> Play[tuple[bytes, tuple[Made, ...]]]:
    """Toss the coin and make the matched populations, all before any outcome.

    The coin is empty where no design needs it.
    """
    if scores is None:
        return b"", ()
    if isinstance(scores, NoFit):
        reason = f"there is no propensity score: {scores.reason}"
        return b"", tuple(LeftOut(design.name, reason) for design in plan.designs)
    coin = b""
    if any(design.method == "pooled-quota" for design in plan.designs):
        coin = yield from ask(ShowCoin(terms, flow.coin_commitments))
    else:
        yield from ask(_overview(plan, scores))
    made = yield from together(
        match(design, scores, pooled, coin, terms) for design in plan.designs
    )
    return coin, tuple(made)


def _overview(plan: Plan, scores: Scores) -> Overlap:
    """Lay the score's histogram over all complete cases."""
    width = OVERVIEW.caliper_sd * scores.logit_mean_sd[1] / rules(plan).bins_per_caliper
    return Overlap(OVERVIEW.name, Strata(scores.model, scores.b, Bins(max(width, NARROWEST)), ()))


def _populations(
    plan: Plan, flow: FlowOfPatients, designs: tuple[Made, ...], weighted: tuple[Weighted, ...]
) -> Play[tuple[tuple[Population, ...], Membership, tuple[LeftOut, ...]]]:
    """Count who is in which population, and leave out what would single out a few (rule D).

    Weighted populations are the complete cases, save those that are trimmed.
    """
    filters = [Filtered(plan, spec) for spec in plan.populations]
    made = [design.population for design in designs if not isinstance(design, LeftOut)]
    trimmed = [population for population in weighted if population.members != "complete"]
    candidates = (Complete(plan), Everybody(), *filters, *made, *trimmed)
    members = yield from ask(Atoms(plan, candidates))
    reasons = permitted(plan, members.names, members)
    if not any(flow.incomplete):  # nobody is in one and not in the other
        reasons["complete"] = ""
    elif "all" not in reasons:
        reasons["complete"] = "outcomes are looked at in all patients"
    asked = (*candidates[: len(candidates) - len(trimmed)], *weighted)
    allowed = tuple(_rescaled(p, members) for p in asked if p.name not in reasons)
    told = [LeftOut(name, reason) for name, reason in reasons.items() if name != "complete"]
    unmade = [design for design in designs if isinstance(design, LeftOut)]
    closed = [one for d in designs if isinstance(d, PooledMatch) for one in d.closed]
    return allowed, members, (*unmade, *closed, *told)


def _weighted(
    plan: Plan, scores: Scores | NoFit | None, bins: ScoreHistogram | None
) -> tuple[tuple[Weighted, ...], tuple[LeftOut, ...]]:
    """Weigh the complete cases: the same patients, so no difference of totals is about a few."""
    if not isinstance(scores, Scores):
        reason = "there is no propensity score"
        return (), tuple(LeftOut(one.name, reason) for one in plan.weightings)
    comparator, treated = scores.at_solution.patients
    share = treated / (comparator + treated)
    made = [Weighted(one, scores.model, scores.b, share) for one in plan.weightings]
    return tuple(_strata_or_score(one, scores, bins) for one in made), ()


def _strata_or_score(made: Weighted, scores: Scores, bins: ScoreHistogram | None) -> Weighted:
    """Let fine strata stand for the score where the plan says so; else remember how it was fitted.

    Weights by strata change by jumps with the score, so errors cannot allow for its being fitted.
    """
    number = made.weighting.fine_strata
    if number is None or bins is None:
        return replace(made, information=scores.fit.information)
    return replace(made, fine=fine_strata(bins, number))


def _subgroups(
    plan: Plan, populations: tuple[Population, ...], members: Membership
) -> Play[tuple[dict[str, tuple[Level, ...]], tuple[LeftOut, ...]]]:
    """Choose the subgroup levels to look at in each population, by numbers of patients alone."""
    if not plan.subgroups:
        return {population.name: () for population in populations}, ()
    named = {_members(p): Complete(plan) if _members(p) == "complete" else p for p in populations}
    crossed = LevelAtoms(plan, tuple(named.values()), members.patterns(list(named)))
    sizes = together(ask(LevelSizes(plan, one)) for one in populations)
    asked, groups = yield from both(sizes, ask(crossed))
    small = {p.name: small_levels(plan, own) for p, own in zip(populations, asked, strict=True)}
    wanted = {
        _members(p): [s.level for s in own if str(s.level) not in small[p.name]]
        for p, own in zip(populations, asked, strict=True)
    }
    apart = levels_apart(plan, groups, wanted)
    looked: dict[str, tuple[Level, ...]] = {}
    left_out: list[LeftOut] = []
    for population in populations:
        own, name = _members(population), population.name
        looked[name] = tuple(one for one in wanted[own] if (own, one) not in apart)
        reasons = small[name] | {str(one): APART for one in wanted[own] if (own, one) in apart}
        left_out += [LeftOut(f"{name}, {level}", why) for level, why in reasons.items()]
    return looked, tuple(left_out)


def _strata(
    plan: Plan,
    cut: Stratified | LeftOut | None,
    populations: tuple[Population, ...],
    members: Membership,
) -> Play[ScoreStrata | LeftOut | None]:
    """Count the strata of the score, before any outcome."""
    if not isinstance(cut, Stratified):
        return cut
    named = {_members(p): Complete(plan) if _members(p) == "complete" else p for p in populations}
    patterns = members.patterns(list(named))
    return (yield from size_strata(plan, cut, tuple(named.values()), tuple(patterns)))


def _within_strata(plan: Plan, strata: ScoreStrata | LeftOut | None) -> Iterator[_Part]:
    """Ask the tables of every stratum."""
    if not isinstance(strata, ScoreStrata):
        return
    for population, size in zip(strata.populations, strata.sizes, strict=True):
        yield _Part(tell(Describe(plan, population)), before=True)
        for endpoint in plan.survival:
            yield _Part(tell(RiskTableStep(plan, endpoint, population, EVERY, size)))
        for outcome in plan.binary:
            yield _Part(tell(OutcomeTable(plan, outcome, population, EVERY, size)))


def _adjusted(plan: Plan, model: Model | None) -> Iterator[Play[Any]]:
    """Fit the hazard ratios that the plan wants adjusted, within hospitals."""
    for endpoint in plan.survival if model is not None else ():
        if endpoint.adjusted and model is not None:
            columns = tuple(range(model.size))
            adjustment = Adjustment(model, endpoint, Ties.EFRON, columns)
            yield adjusted_by_hospital(adjustment, rules(plan).strata_hospitals)


def _doubly_robust(plan: Plan, scores: Scores | NoFit | None) -> Iterator[Play[Any]]:
    """Estimate the risks that the plan wants doubly robust, over complete cases."""
    if isinstance(scores, Scores):
        asked = (endpoint for endpoint in plan.binary if endpoint.doubly_robust)
        yield from (doubly_robust(plan, scores, endpoint) for endpoint in asked)


def _members(population: Population) -> str:
    """Name the population with the same patients that is not weighted by the score."""
    return population.members if isinstance(population, Weighted) else population.name


def _rescaled(population: Population, members: Membership) -> Population:
    """Give the weights of a k:1 match within hospitals their scale, now that sizes are known."""
    if isinstance(population, WithinHospital) and population.weighted:
        sizes = members.size(population.name)
        scale = sizes[1 - population.focal] / max(1, sizes[population.focal])
        return replace(population, scale=scale)
    return population


def _described(plan: Plan, population: Population, flow: FlowOfPatients) -> Play[None]:
    """Describe a population for Table 1 and balance; complete cases are described already.

    Rows with missing covariates are described with the others only where no rule forbids it:
    a single variable's missing values may be few.
    """
    everybody = isinstance(population, Everybody)
    if isinstance(population, Complete) or (everybody and not any(flow.incomplete)):
        return
    if not everybody or plan.disclosure.profile == "open":
        here = yield from tell(Describe(plan, population))
        if here is not None:
            yield from exact_quartiles(population, here)
