"""Weighted risks by hand, and against plain ones where all weights are equal."""

import math

import pytest

from protocol.stats.tables import two_by_two
from protocol.stats.weighted_risks import weighted_risks


def test_weighted_risks_by_hand() -> None:
    # treated: weights 2 (event), 1, 1; comparator: weights 1 (event), 3
    found = weighted_risks((1.0, 2.0), (4.0, 4.0), (1.0, 4.0), (10.0, 6.0))
    assert found.risk == (0.25, 0.5)
    # variances: (4 x .25 + 2 x .25) / 16 = .09375; (1 x .5625 + 9 x .0625) / 16 = .0703125
    half = 1.959963984540054 * math.sqrt(0.09375 + 0.0703125)
    assert found.risk_difference.estimate == 0.25
    assert found.risk_difference.lower == pytest.approx(0.25 - half)
    assert found.risk_ratio.estimate == 2.0
    assert found.odds_ratio.estimate == pytest.approx(3.0)


def test_equal_weights_give_the_plain_difference_and_ratio() -> None:
    plain = two_by_two((15, 5), (255, 103))
    found = weighted_risks((30.0, 10.0), (510.0, 206.0), (60.0, 20.0), (1020.0, 412.0))
    for mine, theirs in (
        (found.risk_difference, plain.risk_difference),
        (found.risk_ratio, plain.risk_ratio),
    ):
        assert mine.estimate == pytest.approx(theirs.estimate, rel=1e-12)
        assert mine.lower == pytest.approx(theirs.lower, rel=1e-12)
        assert mine.upper == pytest.approx(theirs.upper, rel=1e-12)


def test_no_event_in_an_arm_leaves_no_ratio() -> None:
    found = weighted_risks((0.0, 2.0), (4.0, 4.0), (0.0, 4.0), (10.0, 6.0))
    assert math.isnan(found.risk_ratio.estimate)
    assert math.isnan(found.odds_ratio.lower)
    assert found.risk_difference.estimate == 0.5


def test_risks_that_do_not_vary_differ_without_limits() -> None:
    found = weighted_risks((0.0, 9.0), (8.0, 9.0), (0.0, 20.0), (15.0, 20.0)).risk_difference
    assert found.estimate == 1.0
    assert math.isnan(found.lower)
    assert math.isnan(found.upper)


def test_an_empty_arm_has_no_risk() -> None:
    found = weighted_risks((0.0, 2.0), (0.0, 4.0), (0.0, 4.0), (0.0, 6.0))
    assert math.isnan(found.risk[0])
    assert math.isnan(found.risk_difference.estimate)
