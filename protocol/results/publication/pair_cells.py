"""Counts behind comparisons within pairs, which hide each other: more is known than their sums."""

from collections.abc import Iterator, Mapping

from protocol.results.model import Results
from protocol.results.publication.groups import Cell, Group
from protocol.results.values.pairs import DiscordantPairs, PairsResult
from protocol.results.values.survival import CurvePoints, SurvivalResult


def pair_groups(results: Results) -> Iterator[Group]:
    """List the counts behind comparisons within pairs, each group hidden as a whole."""
    for found in results.pairs:
        if first := first_cells(found):
            yield Group(first, whole=True)
        for whole in results.survival:
            if (whole.endpoint, whole.population, whole.level) == (*_place(found), ""):
                for one in found.discordant:
                    yield Group(_discordant_cells(found, one, whole), whole=True)


def first_cells(found: PairsResult) -> Mapping[Cell, int]:
    """Count who of a pair has the event first, and all other events, by arm.

    They follow from the log-rank test by pair, whose variance is a quarter of the pairs that tell
    and whose O - E is half their difference.
    """
    test = found.log_rank
    if test is None:
        return {}
    apart = test.observed.treated - test.expected.treated
    treated, comparator = 2 * test.variance + apart, 2 * test.variance - apart
    counted = {
        ("treated",): treated,
        ("comparator",): comparator,
        ("others", "treated"): test.observed.treated - treated,
        ("others", "comparator"): test.observed.comparator - comparator,
    }
    return {("first", *name, *_place(found)): _least(n) for name, n in counted.items()}


def _discordant_cells(
    found: PairsResult, one: DiscordantPairs, whole: SurvivalResult
) -> Mapping[Cell, int]:
    """Count pairs by whose event it was by a time: one partner's, both partners', neither's."""
    both = _events(whole.curves.treated, one.time) - one.only_treated
    counted = {
        "treated": one.only_treated,
        "comparator": one.only_comparator,
        "both": both,
        "neither": found.pairs - one.only_treated - one.only_comparator - both,
    }
    return {pair_cell(found, one, what): _least(n) for what, n in counted.items()}


def pair_cell(found: PairsResult, one: DiscordantPairs, what: str) -> Cell:
    """Name a count of pairs by a time: "treated" alone, "comparator" alone, "both", "neither"."""
    return ("pairs", what, found.endpoint, found.population, str(one.time))


def _events(curve: CurvePoints, time: float) -> float:
    return sum(n for at, n in zip(curve.times, curve.events, strict=True) if at <= time)


def _least(n: float) -> int:
    """Give a whole number for an expected one: not more of it, and at least 1 if there is any."""
    return 0 if n < 1e-9 else max(1, int(n + 1e-9))


def _place(found: PairsResult) -> tuple[str, str]:
    return found.endpoint, found.population
