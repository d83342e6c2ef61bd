import numpy as np
import pytest
from hypothesis import given, settings

from protocol.stats import km
from protocol.stats.cumulative_incidence import at, cumulative_incidence
from tests.protocol.stats.causes import DAYS, Patients, patients, table_of

SIX: Patients = [(0, 0, 1), (1, 0, 2), (1, 0, 0), (2, 0, 1), (3, 0, 0), (3, 0, 0)]


def test_by_hand() -> None:
    # day  n  d1 d2  S(t-)  F1                   F2   S
    #  10  6   1  0   1     1/6                  0    5/6
    #  20  5   0  1   5/6   1/6                  1/6  2/3
    #  30  3   1  0   2/3   1/6 + 2/9 = 7/18     1/6  4/9
    #  40  2   0  0   4/9   7/18                 1/6  4/9
    first, second = (cumulative_incidence(table_of(SIX), 0, cause) for cause in (0, 1))
    assert first.times.tolist() == [10, 20, 30, 40]
    assert first.at_risk.tolist() == [6, 5, 3, 2]
    assert first.events.tolist() == [1, 0, 1, 0]
    assert first.incidence == pytest.approx([1 / 6, 1 / 6, 7 / 18, 7 / 18])
    assert second.incidence == pytest.approx([0, 1 / 6, 1 / 6, 1 / 6])
    assert first.survival == pytest.approx([5 / 6, 2 / 3, 4 / 9, 4 / 9])


def test_variances_by_hand() -> None:
    # Aalen: S(u-)^2 d/n^2 is 1/36, 1/36, 4/81. At day 30 F has grown by 2/9 since day 10, which
    # the first event cuts by (2/9)/(5/6) and the second by (2/9)/(2/3).
    # Jackknife at day 10: the binomial (1/6)(5/6)/6.
    found = cumulative_incidence(table_of(SIX), 0, 0)
    last = (1 - 4 / 15) ** 2 / 36 + (1 / 3) ** 2 / 36 + 4 / 81
    assert found.std_error**2 == pytest.approx([1 / 36, 1 / 36, last, last])
    assert found.jackknife_std_error[:2] ** 2 == pytest.approx([5 / 216, 5 / 216])


def test_ties_of_one_cause_by_hand() -> None:
    # Two of four: (2/16)(1 - 1/3) by Aalen, (1/2)(1/2)/4 by the jackknife.
    found = cumulative_incidence(table_of([(0, 0, 1), (0, 0, 1), (1, 0, 0), (1, 0, 0)]), 0, 0)
    assert found.std_error[0] ** 2 == pytest.approx(1 / 12)
    assert found.jackknife_std_error[0] ** 2 == pytest.approx(1 / 16)


def test_reading_between_and_beyond() -> None:
    points = at(cumulative_incidence(table_of(SIX), 0, 0), np.array([5.0, 29.0, 30.0, 99.0]))
    assert points.incidence == pytest.approx([0, 1 / 6, 7 / 18, 7 / 18])
    assert points.at_risk.tolist() == [6, 3, 3, 0]
    assert points.std_error[0] == points.jackknife_std_error[0] == 0


def test_limits() -> None:
    # log(-log): F^exp(-+ z s/(F log F)) with F = 1/6 and s = 1/6.
    found = cumulative_incidence(table_of(SIX), 0, 0)
    z = 1.959963984540054
    lower, upper = found.interval()
    spread = z / -np.log(1 / 6)
    assert (lower[0], upper[0]) == pytest.approx(
        ((1 / 6) ** np.exp(spread), (1 / 6) ** np.exp(-spread))
    )
    lower, upper = found.interval("plain", jackknife=True)
    assert (lower[0], upper[0]) == pytest.approx((0.0, 1 / 6 + z * np.sqrt(5 / 216)))


def test_nobody_is_no_estimate() -> None:
    empty = cumulative_incidence(table_of(SIX), 1, 0)
    points = at(empty, DAYS)
    assert len(empty.times) == 0
    assert np.isnan(points.incidence).all()
    assert np.isnan(points.std_error).all()
    assert points.at_risk.tolist() == [0] * 5


@settings(max_examples=60, deadline=None)
@given(patients)
def test_everybody_is_somewhere(group: Patients) -> None:
    """Incidences of all causes and survival add up to 1, whatever is empty, and nothing warns."""
    table = table_of(group)
    first, second = (cumulative_incidence(table, 0, cause) for cause in (0, 1))
    total = first.incidence + second.incidence + first.survival
    np.testing.assert_allclose(total, 1.0, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        first.survival, km.curve(table.all_causes.arm(0)).survival, rtol=0, atol=1e-12
    )
    for found in (first, second):
        assert not np.isnan(found.std_error).any()
        lower, upper = found.interval("plain")
        assert (lower <= upper).all()


@settings(max_examples=60, deadline=None)
@given(patients)
def test_one_cause_is_kaplan_meier(group: Patients) -> None:
    table = table_of([(cell, arm, min(status, 1)) for cell, arm, status in group])
    found, curve = cumulative_incidence(table, 0, 0), km.curve(table.cause(0).arm(0))
    np.testing.assert_allclose(found.incidence, 1 - curve.survival, rtol=0, atol=1e-12)
    greenwood = np.where(curve.survival > 0, curve.std_error, 0.0)
    np.testing.assert_allclose(found.jackknife_std_error, greenwood, rtol=0, atol=1e-7)


@settings(max_examples=60, deadline=None)
@given(patients)
def test_jackknife_is_the_sum_of_squared_influences(group: Patients) -> None:
    """The influence of a patient is how fast F moves with the patient's weight."""
    found = cumulative_incidence(table_of([(c, 0, s) for c, _, s in group]), 0, 0)
    cell, status = np.array([(c, s) for c, _, s in group], dtype=np.intp).reshape(-1, 2).T
    variance = np.zeros(len(DAYS))
    for i in range(len(group)):
        weight = np.ones(len(group), dtype=np.complex128)
        weight[i] += 1e-20j  # the derivative is the imaginary part, without rounding
        variance += (weighted_incidence(cell, status, weight).imag / 1e-20) ** 2
    on_days = np.searchsorted(DAYS, found.times)
    np.testing.assert_allclose(found.jackknife_std_error**2, variance[on_days], rtol=0, atol=1e-12)


def weighted_incidence(cell: np.ndarray, status: np.ndarray, weight: np.ndarray) -> np.ndarray:
    survival, incidence, path = 1.0 + 0j, 0.0 + 0j, []
    for k in range(len(DAYS)):
        n = weight[cell >= k].sum()
        if n:
            here = cell == k
            incidence += survival * weight[here & (status == 1)].sum() / n
            survival *= weight[(cell > k) | (here & (status == 0))].sum() / n
        path.append(incidence)
    return np.array(path)
