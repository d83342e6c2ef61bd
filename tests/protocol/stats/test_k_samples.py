import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from protocol.stats.k_samples import k_log_rank
from protocol.stats.log_rank import FAMILY, log_rank
from protocol.stats.table import RiskTable
from tests.protocol.stats.pooled import rows

CELLS = ("squamous", "smallcell", "adeno", "large")


def veteran(keep: NDArray[np.bool_] | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count R's `veteran` by cell type and day."""
    case = rows("veteran")
    days, status = case.number("time").astype(np.intp), case.number("status").astype(np.intp)
    kept = np.ones(len(days), dtype=np.bool_) if keep is None else keep
    group = np.array([CELLS.index(one) for one in case.columns["celltype"].tolist()])
    counts = np.zeros((2, len(CELLS), int(days.max()) + 1), dtype=np.int64)
    np.add.at(counts, (status[kept], group[kept], days[kept]), 1)
    return counts[1], counts[0]


def test_by_hand() -> None:
    # day  n          d          E = n d/n        V = (n-d)/(n-1) d (diag(p) - pp')
    #  10  1 1 1      1 0 0      1/3 1/3 1/3      p = 1/3 each: 2/9 on the diagonal, -1/9 off it
    #  20  0 1 1      0 1 0       0  1/2 1/2      1/4 and -1/4 for the last two
    events = np.array([[1, 0], [0, 1], [0, 0]])
    censored = np.array([[0, 0], [0, 0], [0, 1]])
    found = k_log_rank(events, censored)
    np.testing.assert_allclose(found.difference, [2 / 3, 1 / 6, -5 / 6])
    np.testing.assert_allclose(
        found.covariance,
        [[2 / 9, -1 / 9, -1 / 9], [-1 / 9, 17 / 36, -13 / 36], [-1 / 9, -13 / 36, 17 / 36]],
    )
    # The first two: inverse of [[2/9, -1/9], [-1/9, 17/36]] is 108/10 [[17/36, 1/9], [1/9, 2/9]].
    a, b = 2 / 3, 1 / 6
    statistic = 10.8 * (a * a * 17 / 36 + 2 * a * b / 9 + b * b * 2 / 9)
    assert (found.test.statistic, found.test.df) == pytest.approx((statistic, 2))
    # Scores 1, 2, 3: s'(O - E) = -3/2; s'Vs is the sum over pairs of -V_gh (s_g - s_h)^2.
    spread = 1 / 9 + 4 / 9 + 13 / 36
    trend = found.trend(np.array([1.0, 2.0, 3.0]))
    assert (trend.statistic, trend.df) == pytest.approx((2.25 / spread, 1))


def test_as_r_has_it() -> None:
    """`survdiff(Surv(time, status) ~ celltype, veteran)` of survival 3.5-3 in R 4.2.2."""
    found = k_log_rank(*veteran())
    assert found.observed.tolist() == [31, 45, 26, 26]
    assert found.test.df == 3
    assert found.test.statistic == pytest.approx(25.4037003457854, rel=1e-12)
    # Its trend, from the test's own obs, exp and var: 1, 2, 3, 4 for the levels.
    trend = found.trend(np.arange(4.0))
    assert trend.statistic == pytest.approx(0.546198450969862, rel=1e-12)
    early = k_log_rank(*veteran(), weighting=FAMILY["fleming-harrington-1-0"])
    assert early.test.statistic == pytest.approx(19.7096224580615, rel=1e-12)


def test_strata_add_as_in_r() -> None:
    """`survdiff(Surv(time, status) ~ celltype + strata(trt), veteran)`."""
    arm = rows("veteran").arm
    found = k_log_rank(*veteran(arm == 0)) + k_log_rank(*veteran(arm == 1))
    assert found.test.statistic == pytest.approx(22.7821199353378, rel=1e-12)


def test_groups_that_never_meet_are_not_compared() -> None:
    # Both are at risk on the first day only; in the other table nobody is ever left to compare.
    found = k_log_rank(np.array([[1, 0], [0, 1]]), np.array([[0, 0], [0, 0]]))
    alone = k_log_rank(np.array([[2, 0], [0, 0]]), np.array([[0, 1], [0, 0]]))
    assert found.test.df == 1
    assert alone.test.df == 0
    assert math.isnan(alone.test.p_value)
    assert math.isnan(alone.trend(np.array([0.0, 1.0])).p_value)


counts = st.lists(st.integers(0, 4), min_size=3, max_size=3)


@given(st.lists(counts, min_size=4, max_size=4))
def test_two_groups_are_the_log_rank_test(cells: list[list[int]]) -> None:
    events, censored = np.array(cells[:2]), np.array(cells[2:])
    table = RiskTable(events, censored, np.arange(3.0))
    two, k = log_rank(table), k_log_rank(events, censored)
    np.testing.assert_allclose(k.difference, [-two.difference, two.difference], atol=1e-12)
    assert k.covariance[1, 1] == pytest.approx(two.variance, abs=1e-12)
    if two.variance > 1e-9:
        assert k.test.statistic == pytest.approx(two.chi_square)
        assert k.trend(np.array([0.0, 1.0])).statistic == pytest.approx(two.chi_square)
