"""Comparisons within pairs and of lotteries, as they may be published.

Of pairs more is known than their number: by how much the discordant ones differ is by how much
the arms' events differ, which curves tell. So where any count of them is small, all are hidden,
with every test that is made of them.
"""

from collections.abc import Iterator
from dataclasses import replace

from protocol.results.model import Results
from protocol.results.publication.groups import Cell
from protocol.results.publication.judge import Judge
from protocol.results.publication.outcomes import few
from protocol.results.publication.pair_cells import first_cells, pair_cell
from protocol.results.publication.tree import blank
from protocol.results.publication.withheld import NOT_SHOWN
from protocol.results.values.pairs import DiscordantPairs, PairsResult
from protocol.results.values.sensitivity import LotteryResult
from protocol.results.values.strata import Interaction
from protocol.results.values.survival import SurvivalResult


def pairs(by: Judge, results: Results) -> Iterator[PairsResult]:
    """Reduce comparisons within pairs."""
    for found in results.pairs:
        whole = _whole(results, found)
        gone = whole is None or few(by, whole)
        times = by.hides(*first_cells(found)) or gone
        yield replace(
            found,
            discordant=tuple(
                _discordant(by, found, one, gone=gone or _late(by, whole, one.time))
                for one in found.discordant
            ),
            log_rank=blank(found.log_rank) if times else found.log_rank,
            hazard_ratio=blank(found.hazard_ratio) if times else found.hazard_ratio,
        )


def untold(by: Judge, results: Results) -> Iterator[Cell]:
    """Name counts of pairs that are large enough, and not told because of the endpoint's own."""
    for found in results.pairs:
        whole = _whole(results, found)
        gone = whole is None or few(by, whole)
        if gone:
            yield from first_cells(found)
        for one in found.discordant:
            if gone or _late(by, whole, one.time):
                yield from (pair_cell(found, one, what) for what in ("treated", "comparator"))


def _discordant(
    by: Judge, found: PairsResult, one: DiscordantPairs, *, gone: bool
) -> DiscordantPairs:
    hidden = by.hides(*(pair_cell(found, one, what) for what in ("treated", "comparator")))
    return blank(one) if gone or hidden else one


def _late(by: Judge, whole: SurvivalResult | None, time: int) -> bool:
    """Tell whether too few are at risk at a time for anything to be shown there (P2)."""
    if whole is None:
        return True
    points = (*whole.landmarks.comparator, *whole.landmarks.treated)
    return any(point.time == time and point.at_risk < by.floors.at_risk for point in points)


def lotteries(by: Judge, results: Results) -> Iterator[LotteryResult]:
    """Reduce what other lotteries would have found: shown where the endpoint's own ratio is."""
    for found in results.lotteries:
        whole = _whole(results, found)
        gone = whole is None or few(by, whole)
        yield replace(blank(found), share=NOT_SHOWN) if gone else found


def interactions(by: Judge, results: Results) -> Iterator[Interaction]:
    """Show whether ratios differ between levels where no level's own result is hidden."""
    for found in results.interactions:
        own = ("", *found.levels)
        here = [r for r in results.survival if _place(r) == _place(found) and r.level in own]
        yield blank(found) if any(few(by, one) for one in here) else found


def _whole(results: Results, found: PairsResult | LotteryResult) -> SurvivalResult | None:
    here = [r for r in results.survival if _place(r) == _place(found) and not r.level]
    return here[0] if here else None


def _place(
    found: PairsResult | LotteryResult | Interaction | SurvivalResult,
) -> tuple[str, str]:
    return found.endpoint, found.population
