import math

import numpy as np
import pytest
from hypothesis import given, settings

from protocol.stats.cox import NotEstimable, Ties, fit
from protocol.stats.fine_gray import FineGray, fine_gray
from protocol.stats.table import RiskTable
from tests.protocol.stats.causes import DAYS, Patients, patients, table_of

FOUR: Patients = [(0, 1, 1), (1, 0, 2), (2, 0, 1), (2, 1, 0)]


def test_by_hand() -> None:
    # day  event    R0     R1   score
    #  10  treated  2      2    1 - 2t/(2 + 2t)
    #  30  control  1 + 1  1    0 - t/(2 + t): the control with the other cause on day 20 stays.
    # 1 = t/(1 + t) + t/(2 + t) where t^2 = 2.
    found = fine_gray(table_of(FOUR), 0)
    assert found.hazard_ratio == pytest.approx(math.sqrt(2))
    assert (found.patients, found.events) == (4, 2)


def test_censoring_wears_off_weights_by_hand() -> None:
    # A third treated patient is censored on day 20, one of four then at risk: the control with the
    # other cause counts 3/4 on day 30. 1 = 3t/(2 + 3t) + t/(7/4 + t) where 3t^2 = 7/2.
    found = fine_gray(table_of([*FOUR, (1, 1, 0)]), 0)
    assert found.hazard_ratio == pytest.approx(math.sqrt(7 / 6))


def test_limits_and_p_value() -> None:
    found = FineGray(0.5, 0.25, -10.0, 20, 10)
    half = 1.959963984540054 * 0.25
    assert found.interval() == pytest.approx((math.exp(0.5 - half), math.exp(0.5 + half)))
    assert found.p_value == pytest.approx(math.erfc(2 / math.sqrt(2)))
    assert FineGray(0.0, 1e6, -1.0, 2, 2).interval()[1] < math.inf


@pytest.mark.parametrize(
    "group",
    [
        [],
        [(cell, 1, status) for cell, _, status in FOUR],
        [(cell, arm, 0) for cell, arm, _ in FOUR],
        [(cell, arm, 2 * (status > 0)) for cell, arm, status in FOUR],
    ],
    ids=["nobody", "one arm", "all censored", "other cause only"],
)
def test_no_effect_to_estimate(group: Patients) -> None:
    with pytest.raises(NotEstimable, match="both arms are at risk"):
        fine_gray(table_of(group), 0)


def agrees_with_cox(found: FineGray, table: RiskTable) -> None:
    cox = fit(table, Ties.BRESLOW)
    assert found.log_hr == pytest.approx(cox.log_hr, abs=1e-9)
    assert found.std_error == pytest.approx(cox.robust_std_error, abs=1e-9)
    assert found.log_likelihood == pytest.approx(cox.log_likelihood)


@settings(max_examples=60, deadline=None)
@given(patients)
def test_without_competing_events_it_is_cox(group: Patients) -> None:
    table = table_of([(cell, arm, min(status, 1)) for cell, arm, status in group])
    try:
        found = fine_gray(table, 0)
    except NotEstimable:
        with pytest.raises(NotEstimable):
            fit(table.cause(0), Ties.BRESLOW)
        return
    agrees_with_cox(found, table.cause(0))


@settings(max_examples=60, deadline=None)
@given(patients)
def test_without_censoring_the_others_stay_for_ever(group: Patients) -> None:
    """It is then Cox's model of times that are endless for patients with another cause."""
    dying = [(cell, arm, max(status, 1)) for cell, arm, status in group]
    days = np.append(DAYS, 1e9)
    endless = table_of([(c if s == 1 else 5, a, s % 2) for c, a, s in dying], days)
    try:
        found = fine_gray(table_of(dying), 0)
    except NotEstimable:
        with pytest.raises(NotEstimable):
            fit(endless.cause(0), Ties.BRESLOW)
        return
    agrees_with_cox(found, endless.cause(0))


@settings(max_examples=60, deadline=None)
@given(patients)
def test_arms_mirror_each_other(group: Patients) -> None:
    mirrored = [(cell, 1 - arm, status) for cell, arm, status in group]
    try:
        found = fine_gray(table_of(group), 0)
    except NotEstimable:
        with pytest.raises(NotEstimable):
            fine_gray(table_of(mirrored), 0)
        return
    other = fine_gray(table_of(mirrored), 0)
    assert other.log_hr == pytest.approx(-found.log_hr, abs=1e-8)
    assert other.std_error == pytest.approx(found.std_error, rel=1e-6, abs=1e-9)
