import math

import numpy as np
import pytest

from protocol.stats.cox import NotEstimable, fit
from protocol.stats.table import RiskTable, tabulate
from protocol.stats.zph import Transform, zph

DAYS = np.array([0.0, 20.0, 50.0])


def table(events: list[list[int]]) -> RiskTable:
    return RiskTable(np.array(events), np.array([[0, 0, 1], [0, 0, 1]]), DAYS)


def test_by_hand() -> None:
    # Events of arm 1 at 0 and of arm 0 at 20, one of each arm left. At b: shares 2r/(2r+2) and
    # r/(r+2), residuals opposite at the fit, r = sqrt 2. With g = -1/2, 1/2 (or any two times):
    # slope = -(1 - m1)/2 - m2/2 and m1 + m2 = 1, so slope = -m2.
    # V1 = V2 = m1 m2 = V: spread V/2, less 0; chi-square = m2^2 / (m1 m2 / 2) = 2 m2 / m1.
    fitted = table([[0, 1, 0], [1, 0, 0]])
    r = math.sqrt(2)
    m1, m2 = r / (r + 1), r / (r + 2)
    for transform in (Transform.RANK, Transform.IDENTITY, Transform.KM):
        found = zph(fitted, fit(fitted).log_hr, transform=transform)
        assert found.statistic == pytest.approx(2 * m2 / m1, rel=1e-12)


def test_an_event_on_day_0_has_no_logarithm() -> None:
    with pytest.raises(NotEstimable, match="day 0"):
        zph(table([[0, 1, 0], [1, 0, 0]]), 0.0, transform="log")


def test_a_censoring_on_day_0_does_no_harm() -> None:
    later = RiskTable(np.array([[0, 1, 0], [0, 0, 1]]), np.array([[1, 0, 1], [1, 1, 0]]), DAYS)
    found = zph(later, fit(later).log_hr, transform=Transform.LOG)
    assert found.statistic >= 0


def test_one_day_of_events_cannot_show_a_trend() -> None:
    assert math.isnan(zph(table([[0, 1, 0], [0, 1, 0]]), 0.0).p_value)


def test_no_events() -> None:
    assert math.isnan(zph(table([[0, 0, 0], [0, 0, 0]]), 0.0).statistic)


def test_weighted_patients_are_refused() -> None:
    one = np.ones(1, dtype=np.intp)
    with pytest.raises(ValueError, match="unweighted"):
        zph(tabulate(DAYS, one, one, one, np.ones(1)), 0.0)
