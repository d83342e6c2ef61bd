"""Further comparisons, as they may be published: coarser grids, levels, doubly robust risks."""

from collections.abc import Iterator
from dataclasses import replace

from protocol.results.model import Results
from protocol.results.publication.groups import SIDES
from protocol.results.publication.judge import UNSHOWN, Judge
from protocol.results.publication.outcomes import few
from protocol.results.publication.tree import blank
from protocol.results.values.binary import DoublyRobust
from protocol.results.values.estimates import Pair
from protocol.results.values.sensitivity import TimeGrids
from protocol.results.values.strata import LevelComparison


def time_grids(by: Judge, results: Results) -> Iterator[TimeGrids]:
    """Show ratios and tests where the endpoint's own are shown.

    Survival is left to the endpoint itself, which knows how many are at risk at each time (P2).
    """
    for found in results.time_grids:
        gone = _few(by, results, found, "")
        if by.floors.count <= 1 and not gone:
            yield found
            continue
        shown = (blank(one) if gone else one for one in found.grids)
        yield replace(
            found, grids=tuple(replace(one, survival=blank(one.survival)) for one in shown)
        )


def levels(by: Judge, results: Results) -> Iterator[LevelComparison]:
    """Show tests between levels where no level's own result is hidden."""
    for found in results.levels:
        own = [f"{found.variable}={level}" for level in found.levels]
        gone = any(_few(by, results, found, level) for level in ("", *own))
        yield blank(found) if gone else found


def _few(by: Judge, results: Results, found: TimeGrids | LevelComparison, level: str) -> bool:
    place = (found.endpoint, found.population, level)
    whole = [r for r in results.survival if (r.endpoint, r.population, r.level) == place]
    return any(few(by, one) for one in whole)


def doubly_robust(by: Judge, found: DoublyRobust) -> DoublyRobust:
    """Show estimates without their counts, which differ from those of others by a few patients."""
    floor = by.floors.count
    if floor <= 1:
        return found
    counts = [getattr(found.events, side) for side in SIDES]
    counts += [getattr(found.patients, side) - getattr(found.events, side) for side in SIDES]
    shown = blank(found) if any(0 < n < floor for n in counts) else found
    return replace(shown, patients=Pair(UNSHOWN, UNSHOWN), events=Pair(UNSHOWN, UNSHOWN))
