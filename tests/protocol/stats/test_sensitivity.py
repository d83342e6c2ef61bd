import math

import pytest

from protocol.stats.sensitivity import e_value, lottery_spread


def test_common_outcome_by_hand() -> None:
    # HR 0.6614: (1 - .5^.81326)/(1 - .5^1.22961) = .430908/.573568 = 0.751277, inverted
    # 1.331068; E = 1.331068 + sqrt(1.331068 * .331068) = 1.994907.
    found = e_value(0.6614, 0.469, 0.932)
    assert found.risk_ratio == pytest.approx(0.751277, abs=3e-6)
    assert found.estimate == pytest.approx(1.994907, abs=1e-5)
    assert found.limit == pytest.approx(1.28, abs=5e-3)


def test_mirrored() -> None:
    found, mirrored = e_value(2.0, 1.5, 3.0), e_value(1 / 2.0, 1 / 3.0, 1 / 1.5)
    assert found.estimate == pytest.approx(mirrored.estimate)
    assert found.limit == pytest.approx(mirrored.limit)


def test_an_interval_that_holds_1() -> None:
    assert e_value(0.9, 0.7, 1.1).limit == 1.0
    assert e_value(1.0, 0.7, 1.1).estimate == 1.0


def test_limits_have_to_hold_the_estimate() -> None:
    with pytest.raises(ValueError, match="limits"):
        e_value(0.9, 0.95, 1.1)


def test_other_lotteries_by_hand() -> None:
    # Scores 1 and -2 at information 10 move b = 0.5 to 0.6 and 0.3; their mean is 0.4667.
    found = lottery_spread(0.5, 10.0, (1.0, -2.0))
    assert (found.lotteries, found.low, found.high) == pytest.approx((3, 0.3, 0.6))
    assert found.std_dev == pytest.approx(
        math.sqrt((0.0333**2 + 0.1333**2 + 0.1667**2) / 2), rel=1e-3
    )


def test_one_lottery_has_no_spread() -> None:
    assert math.isnan(lottery_spread(0.5, 10.0, ()).std_dev)
