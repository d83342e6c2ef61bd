import math

import pytest
from hypothesis import given, settings

from protocol.stats.gray import GrayParts, gray
from protocol.stats.log_rank import log_rank
from tests.protocol.stats.causes import Patients, patients, table_of

FOUR: Patients = [(0, 1, 1), (1, 0, 2), (2, 0, 1), (2, 1, 0)]


def test_by_hand() -> None:
    # day  n0 n1  event          S0-  S1-  1-F1-  h0 h1  R0 R1  E    F0   c    r0   r1
    #  10   2  2  treated, own    1    1    1      2  2   2  2  1/2  1/4  1/3  3/4  3/2
    #  20   2  1  control, other  1   1/2  1/2     2  2              1/4  1/3  3/2  3/2
    #  30   1  1  control, own   1/2  1/2  1/2     2  2   2  1  1/3  1/2   0    0    1
    # c: u is 1 throughout, steps u d/(h (1 - F0-)) are 1/4 on day 10, 1/3 on day 30.
    # V: (1/8) ((1 + 1/4 * 1/3)^2 + (1 - 1/2 * 1/3)^2) + 1/4 (3/2 * 1/3)^2 + (1/8) (1 + 1).
    found = gray(table_of(FOUR), 0)
    assert found.score == pytest.approx(1 / 2 - 1 / 3)
    assert found.variance == pytest.approx((169 / 144 + 25 / 36 + 2) / 8 + 1 / 16)
    assert found.test.statistic == pytest.approx((1 / 36) / (629 / 1152))


def test_strata_add() -> None:
    one = gray(table_of(FOUR), 0)
    twice = one + one
    assert twice.test.statistic == pytest.approx(2 * one.test.statistic)
    assert one + GrayParts(0.0, 0.0) == one


def test_only_one_arm_or_one_cause_is_no_test() -> None:
    alone = gray(table_of([(cell, 1, status) for cell, _, status in FOUR]), 0)
    assert (alone.score, alone.variance) == (0.0, 0.0)
    assert math.isnan(alone.test.p_value)
    unseen = gray(table_of([(cell, arm, 2 * (status > 0)) for cell, arm, status in FOUR]), 0)
    assert (unseen.score, unseen.variance) == (0.0, 0.0)


def test_a_pooled_incidence_of_one_has_no_variance() -> None:
    # Nine of each arm. Day 10: 6 controls, F0 = 6/18. Day 20: 2 of the 3 left are censored, so that
    # h0 is 1/(1/3). Day 30: 8 treated, F0 = 1/3 + 8/(9 + 3) = 1, with one left in each arm.
    group: Patients = [(0, 0, 1)] * 6 + [(1, 0, 0)] * 2 + [(2, 1, 1)] * 8
    asked = gray(table_of([*group, (3, 0, 1), (4, 1, 0)]), 0)
    assert math.isnan(asked.variance)
    assert math.isnan(asked.test.p_value)
    unasked = gray(table_of([*group, (3, 0, 0), (4, 1, 0)]), 0)  # no event follows
    assert math.isfinite(unasked.variance)


def test_ties_in_a_tiny_stratum_can_cost_more_than_there_is() -> None:
    # Day 10: one of two controls; u = 1, c = 1, r = 3/2 and 3/4: (1/8)((1/2)^2 + (5/4)^2) = 29/128.
    # Day 20: the other and both treated, 3 of 1 + 2/2 seen from the controls: the correction is
    # 1 - 2/1 there and 1 - 2/3 from the treated, each on 3/8: -1/4.
    found = gray(table_of([(0, 0, 1), (1, 0, 1), (1, 1, 1), (1, 1, 1)]), 0)
    assert found.variance == pytest.approx(-3 / 128)
    assert math.isnan(found.test.p_value)


@settings(max_examples=80, deadline=None)
@given(patients)
def test_any_two_arms(group: Patients) -> None:
    """Whatever is empty or tied: arms mirror each other, and nothing warns."""
    found = gray(table_of(group), 0)
    mirrored = gray(table_of([(cell, 1 - arm, status) for cell, arm, status in group]), 0)
    assert mirrored.score == pytest.approx(-found.score, abs=1e-12)
    assert mirrored.variance == pytest.approx(found.variance, abs=1e-12, nan_ok=True)
    statistic = found.test.statistic
    assert math.isnan(statistic) or statistic >= 0


@settings(max_examples=80, deadline=None)
@given(patients)
def test_one_cause_has_the_score_of_the_log_rank_test(group: Patients) -> None:
    table = table_of([(cell, arm, min(status, 1)) for cell, arm, status in group])
    assert gray(table, 0).score == pytest.approx(log_rank(table.cause(0)).difference, abs=1e-9)
