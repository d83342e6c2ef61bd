"""What was found, as it may be published: outcomes with and without a time, causes, odds."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TypedDict, TypeVar

from protocol.results.model import Results
from protocol.results.publication.cells import outcome_cell, size_cells
from protocol.results.publication.curves import incidence_curve, shown_quantiles, survival_curve
from protocol.results.publication.groups import SIDES, Cell
from protocol.results.publication.judge import UNSHOWN, Judge
from protocol.results.publication.patients import stratum
from protocol.results.publication.tree import blank, both
from protocol.results.publication.withheld import Withheld
from protocol.results.values.binary import BinaryResult
from protocol.results.values.causes import CauseResult, CompetingResult, IncidencePoint
from protocol.results.values.estimates import Pair
from protocol.results.values.sensitivity import HospitalAgreement, Imputation
from protocol.results.values.strata import CommonOdds, ScoreStratification, StratifiedSurvival
from protocol.results.values.survival import AdjustedResult, LandmarkPoint, SurvivalResult

Point = TypeVar("Point", LandmarkPoint, IncidencePoint)
Outcome = SurvivalResult | BinaryResult


class Counts(TypedDict):
    """The counts of an outcome."""

    patients: Pair[int]
    events: Pair[int]
    unassessed: Pair[int]


def survival(by: Judge, results: Results, found: SurvivalResult) -> SurvivalResult:
    """Reduce an endpoint with a time; with a small count in an arm, no estimate is shown."""
    counts, gone = _counts(by, results, found), few(by, found)

    def hidden(side: str) -> bool:
        return gone or isinstance(getattr(counts["patients"], side), Withheld)

    curves = both(
        lambda side: survival_curve(getattr(found.curves, side), by.floors, hidden=hidden(side))
    )
    if gone:
        reason = f"an arm has fewer than {by.floors.count} patients with or without an event"
        return replace(blank(found), **counts, curves=curves, not_estimable=reason)
    landmarks = both(lambda side: _landmarks(by, getattr(found.landmarks, side)))
    cut = {
        point.time
        for side in SIDES
        for point in getattr(landmarks, side)
        if isinstance(point.survival, Withheld)
    }
    contrasts = tuple(blank(c) if c.time in cut else c for c in found.landmark_contrasts)
    quantiles = both(
        lambda side: shown_quantiles(
            getattr(found.quantiles, side), getattr(found.curves, side), by.floors
        )
    )
    return replace(
        found,
        **counts,
        curves=curves,
        quantiles=quantiles,
        landmarks=landmarks,
        landmark_contrasts=contrasts,
    )


def binary(by: Judge, results: Results, found: BinaryResult) -> BinaryResult:
    """Reduce an outcome without a time; with a small count in an arm, no estimate is shown.

    Nor where Table 1 hides how many are at a level: risk, ratios and tests together tell it.
    """
    sized = by.hides(*(cell for side in SIDES for cell in size_cells(results, found, side)))
    shown = blank(found) if sized or few(by, found) else found
    return replace(shown, **_counts(by, results, found))


def few(by: Judge, found: Outcome) -> bool:
    """Tell whether an arm has too few patients with, or too few without, for an estimate."""
    return by.hides(
        *(outcome_cell(found, what, side) for what in ("events", "without") for side in SIDES)
    )


def _counts(by: Judge, results: Results, found: Outcome) -> Counts:
    """Reduce counts; where it is not known how many were assessed, all of them are hidden."""
    unknown = {side for side in SIDES if _unknown(by, results, found, side)}

    def events(side: str) -> int:
        n: int = getattr(found.events, side)
        if side in unknown:
            return UNSHOWN
        told = by.count(outcome_cell(found, "events", side), n)
        without = by.hides(outcome_cell(found, "without", side))
        return UNSHOWN if without and not isinstance(told, Withheld) else told

    return {
        "patients": both(lambda s: UNSHOWN if s in unknown else getattr(found.patients, s)),
        "events": both(events),
        "unassessed": by.pair(lambda s: outcome_cell(found, "unassessed", s), found.unassessed),
    }


def _unknown(by: Judge, results: Results, found: Outcome, side: str) -> bool:
    """Tell whether how many of an arm were assessed would tell a hidden count.

    That is how many were not, or a level's count in Table 1.
    """
    return by.hides(outcome_cell(found, "unassessed", side), *size_cells(results, found, side))


def untold(by: Judge, results: Results) -> Iterator[Cell]:
    """Name counts of outcomes that are large enough, and not told because of others."""
    assessed = unassessed(by, results)
    for found in _all(results):
        yield from (
            outcome_cell(found, "events", side)
            for side in SIDES
            if _unknown(by, results, found, side)
        )
    inside = results.stratification.odds if results.stratification else ()
    for one in (*results.odds_by_hospital, *inside):
        if one.endpoint in assessed:
            name = (one.strata, one.endpoint, one.population)
            yield from (("odds", "events", *name, side) for side in SIDES)


def unassessed(by: Judge, results: Results) -> frozenset[str]:
    """Name the endpoints of which it is hidden how many were not assessed in a population.

    Whoever learns how many were, of the same patients, knows how many were not.
    """
    whole = (one for one in _all(results) if not one.level)
    return frozenset(
        one.endpoint for one in whole if any(_unknown(by, results, one, side) for side in SIDES)
    )


def _all(results: Results) -> tuple[Outcome, ...]:
    return *results.survival, *results.binary


def _landmarks(by: Judge, points: tuple[Point, ...]) -> tuple[Point, ...]:
    """Hide landmarks at which too few are at risk (P2)."""
    least = by.floors.at_risk
    return tuple(p if math.isnan(p.at_risk) or p.at_risk >= least else blank(p) for p in points)


def competing(by: Judge, results: Results, found: CompetingResult) -> CompetingResult:
    """Reduce each cause; where the endpoint itself is hidden, all of them."""
    place = (found.endpoint, found.population, "")
    whole = [r for r in results.survival if (r.endpoint, r.population, r.level) == place]
    gone = any(few(by, one) for one in whole)
    cut = {side for side in SIDES if any(_unknown(by, results, one, side) for one in whole)}
    return replace(
        found, causes=tuple(_cause(by, found, one, gone=gone, cut=cut) for one in found.causes)
    )


def _cause(
    by: Judge, found: CompetingResult, cause: CauseResult, *, gone: bool, cut: set[str]
) -> CauseResult:
    """Reduce a cause; arms that are `cut` have no curve: it begins with all who were assessed."""

    def cell(side: str) -> Cell:
        return ("cause", found.endpoint, found.population, cause.cause, side)

    gone = gone or by.hides(*map(cell, SIDES))
    landmarks = both(lambda side: _landmarks(by, getattr(cause.landmarks, side)))
    shown = blank(cause) if gone else replace(cause, landmarks=landmarks)
    curves = both(
        lambda side: incidence_curve(
            getattr(cause.curves, side), by.floors, hidden=gone or side in cut
        )
    )
    return replace(shown, events=by.pair(cell, cause.events), curves=curves)


def odds(by: Judge, results: Results, found: CommonOdds) -> CommonOdds:
    """Reduce an odds ratio within strata, with its counts."""
    unknown = Pair(UNSHOWN, UNSHOWN)
    name = (found.strata, found.endpoint, found.population)
    all_of_them = [("odds", what, *name, s) for what in ("events", "without") for s in SIDES]
    events = by.pair(lambda side: ("odds", "events", *name, side), found.events)
    if found.endpoint in unassessed(by, results):
        shown = blank(found) if by.hides(*all_of_them) else found
        return replace(shown, events=unknown, patients=unknown)
    if not by.hides(*all_of_them):
        return found
    return replace(blank(found), events=events, patients=unknown)


def scarce(by: Judge, results: Results) -> frozenset[str]:
    """Name the endpoints that have too few patients with or without an event in a population."""
    return frozenset(one.endpoint for one in _all(results) if not one.level and few(by, one))


def adjusted(by: Judge, results: Results, found: AdjustedResult) -> AdjustedResult:
    """Reduce adjusted hazards: their events are those of both arms together."""
    hidden = found.endpoint in scarce(by, results) or 0 < found.events < by.floors.count
    shown = replace(blank(found), events=UNSHOWN) if hidden else found
    if found.endpoint in unassessed(by, results):
        return replace(shown, patients=UNSHOWN, events=UNSHOWN)
    return shown


def agreement(by: Judge, results: Results, found: HospitalAgreement) -> HospitalAgreement:
    """Reduce the agreement of hospitals: what remains without one is about that one (P4)."""
    shown = replace(found, left_out=None)
    return blank(shown) if found.endpoint in scarce(by, results) else shown


def imputation(by: Judge, results: Results) -> Imputation | None:
    """Reduce imputed estimates, and how many patients miss a covariate."""
    found, hidden = results.imputation, scarce(by, results)
    if found is None:
        return None
    estimates = tuple(blank(e) if e.endpoint in hidden else e for e in found.estimates)
    incomplete = by.pair(lambda side: ("incomplete", side), found.incomplete)
    return replace(found, estimates=estimates, incomplete=incomplete)


def stratification(by: Judge, results: Results) -> ScoreStratification | None:
    """Reduce comparisons within strata of the score."""
    found, hidden = results.stratification, scarce(by, results)
    if found is None:
        return None
    assessed, unknown = unassessed(by, results), Pair(UNSHOWN, UNSHOWN)
    strata = tuple(stratum(by, k, one) for k, one in enumerate(found.strata))
    small = any(
        isinstance(n, Withheld) for s in strata for n in (s.patients.comparator, s.patients.treated)
    )
    return replace(
        found,
        strata=strata,
        balance=blank(found.balance) if small else found.balance,
        survival=tuple(
            replace(one, patients=unknown, events=unknown) if one.endpoint in assessed else one
            for one in (_stratified(by, one, gone=one.endpoint in hidden) for one in found.survival)
        ),
        odds=tuple(
            blank(one) if one.endpoint in hidden else one
            for one in (odds(by, results, one) for one in found.odds)
        ),
    )


def _stratified(by: Judge, found: StratifiedSurvival, *, gone: bool) -> StratifiedSurvival:
    """Reduce an endpoint over all strata; its counts are those of the arms together."""
    pairs = [(getattr(found.patients, side), getattr(found.events, side)) for side in SIDES]
    small = any(0 < n < by.floors.count for all_, e in pairs for n in (e, all_ - e))
    if gone or small:
        return replace(blank(found), events=Pair(UNSHOWN, UNSHOWN))
    landmarks = both(lambda side: _landmarks(by, getattr(found.landmarks, side)))
    return replace(found, landmarks=landmarks)
