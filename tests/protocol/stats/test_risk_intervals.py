import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from protocol.stats.risk_intervals import (
    RISK_METHODS,
    agresti_caffo,
    agresti_coull,
    newcombe,
    wald,
    woolf,
)


def test_newcombe_by_hand() -> None:
    # Newcombe (1998), table II: 56/70 - 48/80 by method 10 is 0.0524 to 0.3339.
    low, high = newcombe((48, 56), (80, 70))
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)
    # and 9/10 - 3/10 is 0.1705 to 0.8090, 10/10 - 0/10 is 0.6075 to 1
    assert [round(x, 4) for x in newcombe((3, 9), (10, 10))] == [0.1705, 0.8090]
    assert [round(x, 4) for x in newcombe((0, 10), (10, 10))] == [0.6075, 1.0]


def test_agresti_and_coull_by_hand() -> None:
    # Nearly "add two of each": 0 of 10 is 2/14 -+ 1.96 sqrt(2/14 * 12/14 / 14), less the floor.
    z2 = 1.959963984540054**2
    p = (z2 / 2) / (10 + z2)
    high = p + math.sqrt(z2) * math.sqrt(p * (1 - p) / (10 + z2))
    assert agresti_coull(0, 10) == pytest.approx((0.0, high))
    assert wald(0, 10) == (0.0, 0.0)  # which is why nobody should quote it


@given(st.integers(0, 40), st.integers(0, 40))
def test_any_risk_lies_within_its_limits(events: int, others: int) -> None:
    n = events + others
    for name, method in RISK_METHODS.items():
        low, high = method(events, n, 0.95)
        assert 0 <= low <= (events / n if n else 0.5) + 1e-12, name
        assert (events / n if n else 0.5) - 1e-12 <= high <= 1, name
    if n:
        test = binomtest(events, n)
        score, exact = test.proportion_ci(method="wilson"), test.proportion_ci(method="exact")
        assert RISK_METHODS["wilson"](events, n, 0.95) == pytest.approx(tuple(score))
        assert RISK_METHODS["clopper-pearson"](events, n, 0.95) == pytest.approx(tuple(exact))


@given(*[st.integers(0, 20)] * 4)
def test_any_difference_lies_within_its_limits(a: int, b: int, c: int, d: int) -> None:
    low, high = newcombe((a, b), (a + c, b + d))
    assert low + 1e-12 >= -1
    assert high <= 1 + 1e-12
    if min(a + c, b + d):
        assert low - 1e-12 <= b / (b + d) - a / (a + c) <= high + 1e-12


def test_agresti_and_caffo_by_hand() -> None:
    # 0 and 3 of 10: as if 1 and 4 of 12, 1/4 -+ 1.96 sqrt((1/12 * 11/12 + 1/3 * 2/3)/12).
    half = 1.959963984540054 * math.sqrt((11 / 144 + 2 / 9) / 12)
    assert agresti_caffo((0, 3), (10, 10)) == pytest.approx((1 / 4 - half, 1 / 4 + half))


def test_woolf_as_in_r() -> None:
    """The cross-product of 11/20 against 3/20, by R 4.2.2: exp(log(or) -+ qnorm(.975) se)."""
    found = woolf((3, 11), (20, 20))
    assert found == pytest.approx((6.92592592593, 1.52878764397, 31.37679070129), rel=1e-10)
    assert math.isnan(woolf((0, 3), (10, 10))[0])
