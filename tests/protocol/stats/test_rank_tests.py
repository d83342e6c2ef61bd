import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kruskal

from protocol.stats.location import mann_whitney
from protocol.stats.rank_tests import kruskal_wallis


def test_by_hand() -> None:
    # Values 1 2 3 4 of groups a b a b: rank sums 4 and 6; H = 12/20 (16/2 + 36/2) - 15 = 0.6.
    found = kruskal_wallis(np.array([[1, 0], [0, 1], [1, 0], [0, 1]]))
    assert found.statistic == pytest.approx(0.6)
    assert found.df == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), min_size=3))
def test_as_scipy_finds_it_with_ties(rows: list[tuple[int, int, int]]) -> None:
    counts = np.array([(1, 0, 0), (0, 1, 0), (0, 0, 1), *rows])
    groups = [np.repeat(np.arange(len(counts)), counts[:, g]) for g in range(3)]
    expected, found = kruskal(*groups), kruskal_wallis(counts)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.df == 2


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2))
def test_of_two_groups_it_is_mann_whitney_uncorrected(rows: list[tuple[int, int]]) -> None:
    counts = np.array([(1, 0), (0, 1), *rows])
    both = kruskal_wallis(counts).p_value, mann_whitney(counts[:, 1], counts[:, 0]).p_value
    assert both[0] == pytest.approx(both[1], rel=1e-7)


@pytest.mark.parametrize("counts", [[[3, 4]], [[2, 0], [3, 0]], [[0, 0]]])
def test_nothing_to_compare(counts: list[list[int]]) -> None:
    assert math.isnan(kruskal_wallis(np.array(counts)).p_value)
