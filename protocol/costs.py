"""What each method of a plan costs: trips, numbers and bytes, from the releases foretold.

Methods share trips, so trips of methods do not add up; a trip is a method's own if nothing of
another travels with it.
"""

from collections.abc import Iterable, Mapping

from protocol.plan.explain import Section, Table
from protocol.run import Asked

METHODS: Mapping[str, str] = {
    "lock": "seal over the extracts",
    "unlock": "seal over the extracts",
    "flow": "flow of patients and Table 1",
    "describe": "flow of patients and Table 1",
    "value-slices": "exact quartiles",
    "rank-counts": "exact quartiles",
    "local-fit": "propensity score",
    "score": "propensity score",
    "overlap": "score's histogram",
    "coin": "lottery of matching",
    "categories": "lottery of matching",
    "slices": "lottery of matching",
    "differences": "lottery of matching",
    "lottery-overlap": "other lotteries",
    "lottery-scores": "other lotteries",
    "atoms": "sizes of populations and subgroups",
    "level-atoms": "sizes of populations and subgroups",
    "level-sizes": "sizes of populations and subgroups",
    "stratum-sizes": "strata of the score",
    "contributors": "comparisons by hospital",
    "stratified-log-rank": "comparisons by hospital",
    "stratified-cox": "comparisons by hospital",
    "stratified-family": "comparisons by hospital",
    "stratified-gray": "comparisons by hospital",
    "stratified-squares": "comparisons by hospital",
    "clustered-squares": "comparisons by hospital",
    "stratified-outcome": "comparisons by hospital",
    "hospital-count": "do hospitals agree?",
    "effects": "do hospitals agree?",
    "left-out": "do hospitals agree?",
    "residuals": "pairs",
    "pair-cells": "pairs",
    "paired-times": "pairs",
    "paired-events": "pairs",
    "set-squares": "pairs",
    "adjusted-by-hospital": "adjusted hazard ratios",
    "adjusted-pooled": "adjusted hazard ratios",
    "assessed-counts": "doubly robust risks",
    "doubly-robust": "doubly robust risks",
    "score-slopes": "errors with the score estimated",
    "stacked-squares": "errors with the score estimated",
    "hazard": "imputation",
    "cross-products": "imputation",
    "completed-balance": "imputation",
}
"""The method of each step, by its kind; outcome tables are told by population."""

TABLES = ("risk-table", "outcome-table")
OTHER = "everything else"
VERSION = "1"
"""Of every step so far."""


def is_step(name: str) -> bool:
    """Tell whether a study can ask a step of that whole name, such as "risk-table/1"."""
    kind, _, version = name.partition("/")
    return (kind in METHODS or kind in TABLES) and version == VERSION


def method_of(asked: Asked) -> str:
    """Name the method for which a release leaves; for outcome tables, with their population."""
    kind = asked.name.partition("/")[0]
    if kind not in TABLES:
        return METHODS.get(kind, OTHER)
    levels = ", subgroups" if asked.key[2] else ""
    return f"outcomes in '{asked.key[1]}'{levels}"


def costs(asked: Iterable[Asked]) -> Section:
    """Lay out what each method costs a hospital, in the order in which methods first leave."""
    releases = tuple(asked)
    methods: dict[str, list[Asked]] = {}
    of_trip: dict[int, set[str]] = {}
    for release in releases:
        method = method_of(release)
        methods.setdefault(method, []).append(release)
        of_trip.setdefault(release.trip, set()).add(method)
    rows = tuple(_row(method, same, of_trip) for method, same in methods.items())
    total = (
        *("everything together", str(len(of_trip)), ""),
        f"{sum(release.numbers for release in releases):,}",
        f"{sum(release.bytes for release in releases):,}",
    )
    sentences = (
        "For each method, the trips in which something of it leaves a hospital, how many of them "
        "carry nothing else, and what one hospital sends. Whatever can share a trip does: leaving "
        "out a method saves its own trips, numbers and bytes.",
    )
    header = ("method", "trips", "of its own", "numbers", "bytes")
    return Section("What each method costs", sentences, Table(header, (*rows, total)))


def _row(method: str, same: list[Asked], of_trip: Mapping[int, set[str]]) -> tuple[str, ...]:
    trips = {release.trip for release in same}
    return (
        method,
        str(len(trips)),
        str(sum(of_trip[trip] == {method} for trip in trips)),
        f"{sum(release.numbers for release in same):,}",
        f"{sum(release.bytes for release in same):,}",
    )
