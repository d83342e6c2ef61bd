"""The outcomes' columns: Nelson-Aalen by hand, and the same however patients are spread."""

import numpy as np
import pytest
from hypothesis import given, settings

from protocol.cohort import Cohort
from protocol.steps.hazard import Hazard, nelson_aalen
from tests.federation.cohorts import ask, cohort, federations, pool, small_plan


def test_nelson_aalen_by_hand() -> None:
    # Five patients: an event of 5, one leaves, two events of 3, the last stays to the end.
    found = nelson_aalen(np.array([1, 0, 2, 0]), np.array([0, 1, 0, 1]))
    assert found == pytest.approx([1 / 5, 1 / 5, 1 / 5 + 2 / 3, 1 / 5 + 2 / 3])


def test_nobody_has_no_hazard() -> None:
    assert nelson_aalen(np.zeros(3, np.int64), np.zeros(3, np.int64)).tolist() == [0, 0, 0]


def test_a_patient_s_columns_are_event_and_hazard_at_the_own_time() -> None:
    site = cohort(
        "s", [0, 1, 0, 1], days=[10, 20, 30, -1], status=[1, 0, 1, 1], fever=[1, 0, -1, 0]
    )
    found = ask(Hazard(small_plan()), [site])
    first, both = 1 / 3, 1 / 3 + 1
    expected = [[1, first, 1], [0, first, 0], [1, both, np.nan], [np.nan, np.nan, 0]]
    np.testing.assert_allclose(found.matrix(site), expected)
    # Means over the patients whose outcome is known: 2 of 3, hazards 1/3, 1/3, 4/3, 1 of 3.
    assert found.means == pytest.approx((2 / 3, 2 / 3, 1 / 3))


@settings(max_examples=15, deadline=None)
@given(federations())
def test_split_equals_pooled(sites: list[Cohort]) -> None:
    apart, together = ask(Hazard(small_plan()), sites), ask(Hazard(small_plan()), [pool(sites)])
    assert apart.means == together.means
    for name, hazard in apart.hazards.items():
        np.testing.assert_array_equal(hazard, together.hazards[name])
