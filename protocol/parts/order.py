"""Order statistics and the c-statistic of a value, by ever finer counts (profile `open` only)."""

import math
from collections.abc import Sequence

import numpy as np

from protocol.play import Play, ask
from protocol.stats.concordance import Concordance, concordance
from protocol.stats.table import Counts
from protocol.steps.value_slices import DEPTHS, SLICES, Valued, ValueSlices, from_ordered

BOTH_ARMS = slice(0, 2)


def order_statistics(
    valued: Valued, ranks: Sequence[int], arms: slice = BOTH_ARMS
) -> Play[tuple[float, ...]]:
    """Find the values of some ranks, counted from 1 in ascending order, to the last bit.

    Parameters
    ----------
    arms
        Whose values are ranked: slice(0, 1) the comparator's, slice(1, 2) the treated arm's.

    Raises
    ------
    ValueError
        If a rank is below 1 or beyond the number of patients.
    """
    searched = [(0, rank) for rank in ranks]
    for depth in range(DEPTHS):
        slices = tuple(sorted({place for place, _ in searched}))
        name = f"{arms.start}-{arms.stop} ranks"
        counts = yield from ask(ValueSlices(valued, name, depth, slices))
        by_slice = dict(zip(slices, counts[:, :, arms].sum(axis=2), strict=True))
        searched = [_narrowed(place, rank, by_slice[place]) for place, rank in searched]
    return tuple(from_ordered(place) for place, _ in searched)


def type_seven(valued: Valued, shares: Sequence[float], patients: int) -> Play[tuple[float, ...]]:
    """Find quantiles by R's type 7: between the ranks around (n - 1) q, linearly.

    References
    ----------
    Hyndman and Fan (1996), Am. Stat. 50, 361-365.
    """
    places = [1 + (patients - 1) * q for q in shares]  # rounded as R does: no fuzz
    ranks = sorted({rank for place in places for rank in (math.floor(place), math.ceil(place))})
    found = yield from order_statistics(valued, ranks)
    value = dict(zip(ranks, found, strict=True))
    return tuple(
        _between(value[math.floor(place)], value[math.ceil(place)], place - math.floor(place))
        for place in places
    )


def c_statistic(valued: Valued) -> Play[Concordance]:
    """Compare all pairs of a treated and a comparator patient, ties counting a half."""
    slices: tuple[int, ...] = (0,)
    found = Concordance(0, 0, 0)
    for depth in range(DEPTHS):
        counts = yield from ask(ValueSlices(valued, "pairs", depth, slices))
        within = [concordance(own) for own in counts]
        finer = Concordance(
            sum(c.higher for c in within),
            sum(c.lower for c in within),
            sum(c.undecided for c in within),
        )
        found = finer if depth == 0 else found.refined(finer)
        mixed = np.argwhere((counts > 0).all(axis=2)).tolist()
        slices = tuple(slices[at] * SLICES + part for at, part in mixed)
        if not slices:
            break
    return found


def _narrowed(place: int, rank: int, counts: Counts) -> tuple[int, int]:
    """Choose the part of a slice that holds a rank, and the rank within it."""
    below = 0
    for part, number in enumerate(counts.tolist()):
        if below + number >= rank >= 1:
            return place * SLICES + part, rank - below
        below += number
    raise ValueError(f"there is no rank {rank} among {below} values")


def _between(low: float, high: float, share: float) -> float:
    return low if low == high else (1 - share) * low + share * high
