"""Make the arms comparable: quotas and lottery across hospitals, or each hospital on its own."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from protocol.disclosure import rules
from protocol.errors import FederationError
from protocol.parts.propensity import Scores
from protocol.plan.adjustment import Design
from protocol.play import Play, ask
from protocol.steps.categories import Categories
from protocol.steps.coin import CoinTerms
from protocol.steps.describe import Description
from protocol.steps.lottery import (
    MAX_DEPTH,
    Choice,
    Differences,
    LotteryError,
    Search,
    Slices,
    border_searches,
    quota_searches,
    with_thresholds,
)
from protocol.steps.overlap import BinsError, Overlap, ScoreHistogram, Strata, score_bins
from protocol.steps.quota import Draw, Matched, Quotas, decide_quotas
from protocol.steps.within import WithinHospital


@dataclass(frozen=True)
class LeftOut:
    """A population that was not made, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class PooledMatch:
    """A matched population with how it came about."""

    population: Matched
    histogram: ScoreHistogram
    quotas: Quotas
    choice: Choice
    caliper: float

    @property
    def closed(self) -> tuple[LeftOut, ...]:
        """The categories in which nobody is matched, as too few hospitals have them (S7)."""
        strata = self.histogram.strata
        demand = rules(strata.model.plan).strata_hospitals
        why = f"fewer than {demand} hospitals have such patients (rule S7): nobody is matched there"
        return tuple(LeftOut(f"{self.population.name}, {one}", why) for one in strata.closed_names)


@dataclass(frozen=True)
class LocalMatch:
    """A population matched within each hospital."""

    population: WithinHospital
    caliper: float


Made = PooledMatch | LocalMatch | LeftOut


def caliper_of(scores: Scores, design: Design) -> float:
    """Turn the plan's caliper in SDs into one on the logit; infinite where there is none."""
    return math.inf if design.caliper == "none" else _caliper_width(scores, design)


def _caliper_width(scores: Scores, design: Design) -> float:
    return design.caliper_sd * scores.logit_mean_sd[1]


def strata_of(scores: Scores, design: Design) -> Strata:
    """Lay bins and categories for a design."""
    bins = score_bins(_caliper_width(scores, design), rules(scores.model.plan).bins_per_caliper)
    return Strata(scores.model, scores.b, bins, design.exact)


def match(
    design: Design, scores: Scores, before: Description, coin: bytes, terms: CoinTerms
) -> Play[Made]:
    """Make one design's population, or say why it cannot be made."""
    try:
        strata = strata_of(scores, design)
    except BinsError as refusal:
        return LeftOut(design.name, f"{refusal}; {refusal.fix}")
    caliper = caliper_of(scores, design)
    if design.method == "within-hospital":
        comparator, treated = scores.at_solution.patients
        focal = 1 if treated <= comparator else 0
        return LocalMatch(WithinHospital(design, strata, caliper, focal), caliper)
    if design.exact and rules(scores.model.plan).strata_hospitals > 1:
        closed = yield from ask(Categories(design.name, strata))
        strata = replace(strata, closed=closed)
    histogram = yield from ask(Overlap(design.name, strata))
    try:
        quotas = decide_quotas(histogram, design)
    except FederationError as refusal:
        return LeftOut(design.name, f"{refusal}; {refusal.fix}")
    if min(quotas.matched) == 0:
        return LeftOut(design.name, "no pair lies within the caliper")
    keys = range(1, design.lottery_keys + 1)
    draws = {key: Draw(strata, quotas, coin, terms, key) for key in keys}
    population, choice = yield from _best_lottery(design, draws, before)
    return PooledMatch(population, histogram, quotas, choice, caliper)


def _best_lottery(
    design: Design, draws: Mapping[int, Draw], before: Description
) -> Play[tuple[Matched, Choice]]:
    """Find who is taken under every key, and keep the key with the best balance."""
    found = yield from search_thresholds(design.name, draws, quota_searches(draws))
    draws = {key: with_thresholds(draw, found) for key, draw in draws.items()}
    choice = yield from ask(Differences(design.name, draws, before))
    chosen = draws[choice.key_number]
    if design.ratio > 1:  # weights of controls need their flow cells
        chosen = yield from with_borders(design.name, chosen)
    rivals = tuple(draw for number, draw in draws.items() if number != choice.key_number)
    return Matched(design, chosen, rivals), choice


def with_borders(name: str, draw: Draw) -> Play[Draw]:
    """Find the thresholds that tell a taken patient its flow cell."""
    draws = {draw.key_number: draw}
    found = yield from search_thresholds(f"{name} cells", draws, border_searches(draw))
    return with_thresholds(draw, found)


def search_thresholds(
    name: str, draws: Mapping[int, Draw], searches: tuple[Search, ...]
) -> Play[dict[Search, int]]:
    """Find, for every search, the lottery number below which exactly its rank lies.

    Each trip cuts a slice into 64; two or three trips tell apart all patients but a tie.
    """
    found: dict[Search, int] = {}
    origin = {search: search for search in searches}
    depth = 0
    while searches:
        if depth == MAX_DEPTH:
            raise LotteryError("two patients of a group drew the same lottery number")
        answers = yield from ask(Slices(name, depth, draws, searches))
        still_open = []
        for asked, (narrowed, threshold) in zip(searches, answers, strict=True):
            first = origin[asked]
            if threshold is None:
                origin[narrowed] = first
                still_open.append(narrowed)
            else:
                found[first] = threshold
        searches, depth = tuple(still_open), depth + 1
    return found
