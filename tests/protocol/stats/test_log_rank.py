import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines.statistics import logrank_test

from protocol.stats.log_rank import LogRank, log_rank, xie_liu
from protocol.stats.table import RiskTable, tabulate
from tests.protocol.stats.pooled import rows

DAYS = np.array([10.0, 20.0, 30.0])


def table() -> RiskTable:
    # day  n0 n1  d0 d1   E = d*n1/n   V = d*(n1/n)*(n0/n)*(n-d)/(n-1)
    #  10   3  3   0  1      1/2          1/4
    #  20   3  2   1  0      2/5          6/25
    #  30   2  2   0  1      1/2          1/4
    return RiskTable(
        events=np.array([[0, 1, 0], [1, 0, 1]]),
        censored=np.array([[0, 0, 2], [0, 0, 1]]),
        times=DAYS,
    )


def test_by_hand() -> None:
    found = log_rank(table())
    assert found.observed == (1.0, 2.0)
    assert found.expected == pytest.approx((1.6, 1.4))
    assert found.variance == pytest.approx(0.74)
    assert found.chi_square == pytest.approx(0.36 / 0.74)


def test_early_weights_by_hand() -> None:
    # S(t-) = 1, 5/6, 2/3: O = 1 + 2/3, E = 1/2 + (5/6)(2/5) + (2/3)(1/2) = 7/6.
    found = log_rank(table(), rho=1.0)
    assert found.observed[1] == pytest.approx(5 / 3)
    assert found.expected[1] == pytest.approx(7 / 6)
    assert found.variance == pytest.approx(1 / 4 + 25 / 36 * 6 / 25 + 4 / 9 / 4)


def test_the_last_patient_has_no_variance() -> None:
    alone = RiskTable(np.array([[0], [1]]), np.array([[0], [0]]), DAYS[:1])
    found = log_rank(alone)
    assert (found.difference, found.variance) == (0.0, 0.0)
    assert math.isnan(found.chi_square)
    assert math.isnan(found.p_value)


def test_strata_add() -> None:
    twice = log_rank(table()) + log_rank(table())
    assert twice.chi_square == pytest.approx(2 * log_rank(table()).chi_square)


def test_a_weighted_table_is_not_taken_for_a_plain_one() -> None:
    one = np.ones(1, dtype=np.intp)
    weighted = tabulate(DAYS, one, one, one, np.ones(1))
    with pytest.raises(ValueError, match="xie_liu"):
        log_rank(weighted)
    with pytest.raises(ValueError, match="log_rank"):
        xie_liu(table())


patients = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 1)), max_size=30)


def tables(group: list[tuple[int, int, int]]) -> tuple[RiskTable, RiskTable]:
    cell, arm, event = np.array(group, dtype=np.intp).reshape(-1, 3).T
    weight = np.ones(len(group))
    return tabulate(DAYS, cell, arm, event), tabulate(DAYS, cell, arm, event, weight)


@settings(max_examples=60, deadline=None)
@given(patients)
def test_any_two_arms(group: list[tuple[int, int, int]]) -> None:
    """Whatever is empty: arms mirror each other, unit weights are none, and nothing warns."""
    plain, weighted = tables(group)
    found, same = log_rank(plain), xie_liu(weighted)
    assert sum(found.observed) == pytest.approx(sum(found.expected), abs=1e-12)
    assert same.difference == pytest.approx(found.difference, abs=1e-12)
    # Xie and Liu's variance with unit weights is (n-d)/(n-1) d n0 n1/n^2 as well.
    assert same.variance == pytest.approx(found.variance, abs=1e-12)
    assert math.isnan(found.p_value) == (found.variance == 0)


def test_lifelines_agrees() -> None:
    pooled = rows("veteran")
    z, days, event = pooled.arm == 1, pooled.number("time"), pooled.number("status")
    theirs = logrank_test(days[z], days[~z], event[z], event[~z])
    assert log_rank(pooled.table("os")).chi_square == pytest.approx(theirs.test_statistic)


def test_additive_identity() -> None:
    nothing = LogRank((0.0, 0.0), (0.0, 0.0), 0.0)
    assert log_rank(table()) + nothing == log_rank(table())
