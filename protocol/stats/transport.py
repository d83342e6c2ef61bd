"""How many focal patients of each score bin pair with controls of each other bin.

Quotas are a function of the two histograms alone, in whole numbers, with one answer: so every
hospital works them out and none has to be believed. Who of a bin is taken is the lottery's matter.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocol.errors import FederationError
from protocol.stats.table import Counts

MAX_CELLS = 10**9
"""Focal patients x controls: the trace keeps one byte for each."""

_PAIR, _DROP_CONTROL, _DROP_FOCAL = np.uint8(0), np.uint8(1), np.uint8(2)


class MatchingTooLarge(FederationError):  # noqa: N818 - named by what it says
    """The alignment of two arms would need more memory, or larger integers, than is allowed."""

    code = "matching-too-large"
    fix = "match within exact categories, or weight patients (overlap weights) instead"


class FlowCell(NamedTuple):
    """So many pairs between focal patients of one bin and controls of another."""

    focal_bin: int
    control_bin: int
    pairs: int


Flow = tuple[FlowCell, ...]
"""All cells with at least one pair, by ascending focal bin, then control bin."""


def quotas(focal_counts: Counts, control_counts: Counts, reach: int) -> Flow:
    """Pair as many as the caliper allows, as closely as possible.

    Maximises the number of pairs, then minimises the sum of |i - j|, then that of (i - j)^2, over
    pairs of bins i, j with |i - j| <= reach. For such costs some best pairing never crosses, so
    it is an alignment of the two sorted lists of patients, found as for two DNA sequences.

    Parameters
    ----------
    focal_counts, control_counts
        Patients by bin, shape (bins,), whole numbers.
    reach
        Furthest bins that may pair. With bins of caliper / M it is M - 1: then no pair is
        further apart than the caliper.

    Raises
    ------
    MatchingTooLarge
        If there are more than `MAX_CELLS` pairs of patients, or the costs exceed 63 bits.

    References
    ----------
    Needleman and Wunsch (1970), J. Mol. Biol. 48, 443-453; Rosenbaum (1989), J. Am. Stat. Assoc.
    84, 1024-1032 (optimal matching).
    """
    if reach < 0 or (focal_counts < 0).any() or (control_counts < 0).any():
        raise ValueError("counts and reach must not be negative")
    focal, control = _patients(focal_counts), _patients(control_counts)
    if len(focal) * len(control) > MAX_CELLS:
        raise MatchingTooLarge(
            f"{len(focal)} x {len(control)} patients exceed the {MAX_CELLS:,} pairs that one "
            "alignment may weigh"
        )
    if not len(focal) or not len(control):
        return ()
    span = max(focal[-1], control[-1]) - min(focal[0], control[0])
    reach = min(reach, int(span))
    return _trace_back(_alignment(focal, control, reach), focal, control)


def passes(
    focal_counts: Counts, control_counts: Counts, reach: int, ratio: int
) -> tuple[Flow, ...]:
    """Give up to `ratio` controls to each focal patient, one control a pass.

    The first pass gives one to everybody, the second goes over what is left, and so on, as
    MatchIt does. Only patients served in a pass take part in the next: whoever found no free
    control then finds none later.
    """
    flows: list[Flow] = []
    focal, control = focal_counts, control_counts
    for _ in range(ratio):
        flow = quotas(focal, control, reach)
        flows.append(flow)
        focal, taken = used(flow, len(focal_counts), len(control_counts))
        control = control - taken
    return tuple(flows)


def give_up(flow: Flow, left_out: Sequence[int], floor: int) -> Flow:
    """Leave nobody out, or enough: describe minus matched is the sum of those left out.

    Gives up the fewest pairs after which every arm leaves out none or at least `floor` patients:
    the widest first, of these the highest focal bin, of these the highest control bin. Where the
    pairs do not suffice nothing is matched.

    Parameters
    ----------
    left_out
        Patients left out already, for each arm to which a pair given up adds one: both arms for
        pairs, the controls alone for a second or further control.
    floor
        Least number of patients that a difference of two totals may show.
    """
    if all(out == 0 or out >= floor for out in left_out):
        return flow
    # One pair given up touches every arm here, so from now on no arm is all in.
    surplus = floor - min(left_out)
    kept = {}
    for cell in sorted(flow, key=_widest_first):
        given = min(surplus, cell.pairs)
        surplus -= given
        if cell.pairs > given:
            kept[cell] = cell.pairs - given
    if surplus:
        return ()
    return tuple(FlowCell(c.focal_bin, c.control_bin, kept[c]) for c in flow if c in kept)


def used(flow: Flow, focal_bins: int, control_bins: int) -> tuple[Counts, Counts]:
    """Count the focal patients and the controls that a flow takes from each bin."""
    focal = np.zeros(focal_bins, dtype=np.int64)
    control = np.zeros(control_bins, dtype=np.int64)
    for cell in flow:
        focal[cell.focal_bin] += cell.pairs
        control[cell.control_bin] += cell.pairs
    return focal, control


def _patients(counts: Counts) -> Counts:
    """List the bins of all patients, ascending."""
    bins: Counts = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    return bins


def _prices(pairs: int, reach: int) -> tuple[int, int]:
    """Weigh one more pair, and one bin of distance, so that the three aims never mix.

    Any weights that keep the order give the same answer, as it depends only on comparisons. These
    are the smallest: a step of distance outweighs all squares, a pair all distances and squares.
    """
    squares = pairs * reach * reach
    step = squares + 1
    pair = step * pairs * reach + squares + 1
    if pair * pairs >= 2**63:
        raise MatchingTooLarge(
            f"{pairs} pairs of up to {reach} bins apart need costs of more than 63 bits"
        )
    return pair, step


def _alignment(focal: Counts, control: Counts, reach: int) -> NDArray[np.uint8]:
    """Fill the table of best values row by row and keep, of each cell, the move that attains it.

    V[x][y] = max(V[x-1][y], V[x][y-1], V[x-1][y-1] + gain of pairing the x-th focal patient with
    the y-th control). At a tie the pair comes first, then dropping the control, so that there is
    one answer, whatever the machine.
    """
    pair, step = _prices(min(len(focal), len(control)), reach)
    trace = np.empty((len(focal), len(control)), dtype=np.uint8)
    low = np.searchsorted(control, focal - reach, side="left")
    high = np.searchsorted(control, focal + reach, side="right")
    above = np.zeros(len(control) + 1, dtype=np.int64)
    for x, bin_of_focal in enumerate(focal):
        allowed = slice(low[x], high[x])
        apart = np.abs(control[allowed] - bin_of_focal)
        paired = above[:-1][allowed] + (pair - step * apart - apart * apart)
        row = above.copy()
        within = row[1:][allowed]
        np.maximum(within, paired, out=within)
        # A running maximum is V[x][y-1] taken into account for the whole row at once.
        np.maximum.accumulate(row, out=row)
        trace[x] = np.where(row[1:] == row[:-1], _DROP_CONTROL, _DROP_FOCAL)
        trace[x, allowed][row[1:][allowed] == paired] = _PAIR
        above = row
    return trace


def _trace_back(trace: NDArray[np.uint8], focal: Counts, control: Counts) -> Flow:
    moves: list[tuple[int, int]] = []
    x, y = len(focal), len(control)
    while x and y:
        move = trace[x - 1, y - 1]
        if move == _PAIR:
            moves.append((int(focal[x - 1]), int(control[y - 1])))
        x -= move != _DROP_CONTROL
        y -= move != _DROP_FOCAL
    # Neither index ever rises on the way back, so equal pairs stand together.
    return tuple(FlowCell(i, j, len(list(same))) for (i, j), same in groupby(reversed(moves)))


def _widest_first(cell: FlowCell) -> tuple[int, int, int]:
    return (-abs(cell.focal_bin - cell.control_bin), -cell.focal_bin, -cell.control_bin)
