import math

import numpy as np
import pytest

from protocol.stats.location import mann_whitney, student, welch
from protocol.stats.moments import Moments


def moments(*x: float) -> Moments:
    return Moments(len(x), 0, sum(x), sum(v * v for v in x))


def test_t_by_hand() -> None:
    # 1, 2, 3 v 2, 4, 6, 8: means 2 and 5, variances 1 and 20/3, over n 1/3 and 5/3.
    one, other = moments(1, 2, 3), moments(2, 4, 6, 8)
    assert welch(one, other).t == pytest.approx(-3 / math.sqrt(2))
    assert welch(one, other).df == pytest.approx(4 / (1 / 9 / 2 + 25 / 9 / 3))
    # Pooled variance (2 * 1 + 3 * 20/3) / 5 = 4.4, times 1/3 + 1/4.
    assert student(one, other).std_error == pytest.approx(math.sqrt(4.4 * 7 / 12))
    assert student(one, other).df == 5


def test_too_few_to_compare() -> None:
    assert math.isnan(welch(moments(1.0), moments(2.0, 3.0)).p_value)
    assert math.isnan(student(moments(), moments()).t)
    assert math.isnan(welch(moments(1.0, 1.0), moments(1.0, 1.0)).t)


def test_ranks_by_hand() -> None:
    # Treated 1, 3; comparator 2, 3: pairs won 0 + 1, ties one half: W = 1.5.
    # Ties 1, 1, 2: variance 4/12 (5 - 6/12) = 1.5; W - 2 = -0.5, corrected 0.
    found = mann_whitney(np.array([1, 0, 1]), np.array([0, 1, 1]))
    assert found.w == 1.5
    assert found.p_value == pytest.approx(math.erfc(0.5 / math.sqrt(1.5) / math.sqrt(2)))
    assert found.p_value_corrected == 1.0


def test_ranks_of_equal_or_absent_patients() -> None:
    assert math.isnan(mann_whitney(np.array([3]), np.array([4])).p_value)
    assert math.isnan(mann_whitney(np.array([0, 0]), np.array([1, 2])).p_value)
