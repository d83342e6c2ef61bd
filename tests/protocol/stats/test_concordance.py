import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.stats.concordance import Concordance, concordance


def test_c_statistic_by_hand() -> None:
    # Comparator at 1, 2, 2; treated at 2 and 3. Pairs: (2,1) higher, (2,2) twice tied, 3 thrice
    # higher: (4 + 2/2) / 6.
    counts = np.array([[1, 0], [2, 1], [0, 1]])
    assert concordance(counts) == Concordance(4, 0, 2)
    assert concordance(counts).c_statistic == pytest.approx(5 / 6)
    assert concordance(counts).most_error == pytest.approx(1 / 6)
    assert math.isnan(concordance(np.zeros((3, 2), dtype=np.int64)).c_statistic)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 15), st.booleans()), min_size=1, max_size=30))
def test_finer_slices_decide_what_coarse_ones_left(patients: list[tuple[int, bool]]) -> None:
    """Counting pairs one by one finds the same, at once or in two looks."""
    treated = [x for x, t in patients if t]
    control = [x for x, t in patients if not t]
    wanted = Concordance(
        sum(t > c for t in treated for c in control),
        sum(t < c for t in treated for c in control),
        sum(t == c for t in treated for c in control),
    )
    counts = np.zeros((16, 2), dtype=np.int64)
    for x, t in patients:
        counts[x, int(t)] += 1
    assert concordance(counts) == wanted
    coarse, fine = concordance(counts.reshape(4, 4, 2).sum(axis=1)), Concordance(0, 0, 0)
    for own in counts.reshape(4, 4, 2):
        one = concordance(own)
        fine = Concordance(
            fine.higher + one.higher, fine.lower + one.lower, fine.undecided + one.undecided
        )
    assert coarse.refined(fine) == wanted
