from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import coo_array

from protocol.stats import transport
from protocol.stats.table import Counts
from protocol.stats.transport import Flow, FlowCell, MatchingTooLarge, give_up, passes, quotas


def counts(*numbers: int) -> Counts:
    return np.array(numbers, dtype=np.int64)


def aims(flow: Flow) -> tuple[int, int, int]:
    """Pairs, total distance, total squared distance."""
    apart = [abs(cell.focal_bin - cell.control_bin) for cell in flow]
    pairs = [cell.pairs for cell in flow]
    return (
        sum(pairs),
        sum(n * d for n, d in zip(pairs, apart, strict=True)),
        sum(n * d * d for n, d in zip(pairs, apart, strict=True)),
    )


def best_aims(focal: Counts, control: Counts, reach: int) -> tuple[int, int, int]:
    """Ask a linear programme, whose solution at a corner is whole."""
    i, j = np.nonzero(
        (np.abs(np.subtract.outer(np.arange(len(focal)), np.arange(len(control)))) <= reach)
        & (focal[:, None] > 0)
        & (control > 0)
    )
    if not len(i):
        return (0, 0, 0)
    k = np.arange(len(i))
    limits = coo_array(
        (np.ones(2 * len(i)), (np.r_[i, len(focal) + j], np.r_[k, k])),
        shape=(len(focal) + len(control), len(i)),
    )
    apart = np.abs(i - j)
    gain = 1e6 - 1e3 * apart - apart * apart
    found = linprog(-gain, A_ub=limits.toarray(), b_ub=np.r_[focal, control], method="highs")
    assert found.x is not None
    pairs = np.rint(found.x).astype(int)
    return int(pairs.sum()), int((pairs * apart).sum()), int((pairs * apart * apart).sum())


small = st.lists(st.integers(0, 4), min_size=1, max_size=8).map(lambda c: counts(*c))


def test_by_hand() -> None:
    # Focal bins 0 and 2, controls in bins 1 and 2, reach 1. Two pairs are possible only if bin 0
    # takes the control of bin 1: total distance 1.
    flow = quotas(counts(1, 0, 1), counts(0, 1, 1), reach=1)
    assert flow == (FlowCell(0, 1, 1), FlowCell(2, 2, 1))


def test_a_further_pair_is_worth_any_distance() -> None:
    # Bin 5 could have its own control, but then bin 3, whose reach ends at 5, would have none.
    flow = quotas(counts(0, 0, 0, 1, 0, 1), counts(0, 0, 0, 0, 0, 1, 0, 1), reach=2)
    assert flow == (FlowCell(3, 5, 1), FlowCell(5, 7, 1))


def test_even_distances_are_preferred_at_the_same_total() -> None:
    # Focal 2 and 3 to controls 3 and 5: 1 + 2 (squares 1 + 4) beats 3 + 0 (squares 9).
    flow = quotas(counts(0, 0, 1, 1), counts(0, 0, 0, 1, 0, 1), reach=3)
    assert flow == (FlowCell(2, 3, 1), FlowCell(3, 5, 1))


def test_tie_goes_to_the_higher_control() -> None:
    # Controls in bins 0 and 2 are equally near to bin 1; the way back takes a pair as
    # soon as it can, so the higher one.
    assert quotas(counts(0, 1, 0), counts(1, 0, 1), reach=1) == (FlowCell(1, 2, 1),)


@settings(max_examples=60, deadline=None)
@given(small, small, st.integers(0, 4))
def test_agrees_with_a_linear_programme(focal: Counts, control: Counts, reach: int) -> None:
    flow = quotas(focal, control, reach)
    assert aims(flow) == best_aims(focal, control, reach)
    taken_focal, taken_control = transport.used(flow, len(focal), len(control))
    assert (taken_focal <= focal).all()
    assert (taken_control <= control).all()
    assert all(abs(cell.focal_bin - cell.control_bin) <= reach for cell in flow)
    assert list(flow) == sorted(set(flow))


def test_nobody_to_pair() -> None:
    assert quotas(counts(0, 0), counts(3, 1), reach=2) == ()
    assert quotas(counts(1), counts(0), reach=0) == ()


def test_beyond_reach() -> None:
    assert quotas(counts(1, 0, 0), counts(0, 0, 1), reach=1) == ()


def test_refuses_by_name_what_does_not_fit() -> None:
    with pytest.raises(MatchingTooLarge, match="1,000,000,000"):
        quotas(counts(40_000), counts(40_000), reach=0)
    far = np.zeros(10**6, dtype=np.int64)
    far[[0, -1]] = 1_500
    with pytest.raises(MatchingTooLarge, match="63 bits"):
        quotas(far, far, reach=10**6)


def test_negative_counts_are_a_slip() -> None:
    with pytest.raises(ValueError, match="negative"):
        quotas(counts(-1), counts(1), reach=0)


def test_passes_by_hand() -> None:
    # Two focal patients and three controls in a bin: both get one, one gets a second.
    assert passes(counts(2), counts(3), reach=0, ratio=2) == (
        (FlowCell(0, 0, 2),),
        (FlowCell(0, 0, 1),),
    )


@settings(max_examples=40, deadline=None)
@given(small, small, st.integers(0, 3), st.integers(1, 3))
def test_passes_never_take_a_control_twice(
    focal: Counts, control: Counts, reach: int, ratio: int
) -> None:
    flows = passes(focal, control, reach, ratio)
    taken = [transport.used(flow, len(focal), len(control)) for flow in flows]
    assert (sum(controls for _, controls in taken) <= control).all()
    served = [focal, *(patients for patients, _ in taken)]
    assert all((b <= a).all() for a, b in pairwise(served))


FLOW = (FlowCell(0, 2, 3), FlowCell(4, 4, 5), FlowCell(5, 3, 2), FlowCell(6, 5, 4))


def test_all_in_or_enough_out_is_left_alone() -> None:
    assert give_up(FLOW, (0, 3), floor=3) == FLOW
    assert give_up(FLOW, (4, 140), floor=3) == FLOW


def test_gives_up_the_widest_pairs_from_the_top() -> None:
    # Width 2: bins 5-3 (2 pairs) before 0-2 (3 pairs). 1 + 4 = 5 given up makes floor 5.
    assert give_up(FLOW, (1, 50), floor=5) == (
        FlowCell(0, 2, 1), FlowCell(4, 4, 5), FlowCell(6, 5, 4),
    )  # fmt: skip


def test_an_arm_that_was_all_in_has_to_reach_the_floor_too() -> None:
    # 2 controls out, floor 3: one pair would do for them, but then one focal patient is out.
    assert sum(cell.pairs for cell in give_up(FLOW, (0, 2), floor=3)) == 14 - 3


def test_too_few_pairs_to_give_up() -> None:
    assert give_up((FlowCell(0, 0, 2),), (1, 1), floor=10) == ()


@settings(max_examples=60, deadline=None)
@given(small, small, st.integers(0, 3), st.integers(1, 6))
def test_give_up_leaves_nobody_or_enough(
    focal: Counts, control: Counts, reach: int, floor: int
) -> None:
    flow = quotas(focal, control, reach)
    patients = int(focal.sum()), int(control.sum())
    pairs = sum(cell.pairs for cell in flow)
    kept_flow = give_up(flow, [n - pairs for n in patients], floor)
    kept = sum(cell.pairs for cell in kept_flow)
    out = [n - kept for n in patients]
    assert not kept or all(n == 0 or n >= floor for n in out)
    # Fewest: with one pair more some arm would show a small remainder.
    assert kept == pairs or any(0 < n - 1 < floor for n in out) or kept == 0
