"""The profiles: who may join, and which differences are too small."""

import pytest

from protocol.disclosure import (
    DisclosureError,
    check_federation,
    check_hospital,
    rules,
    small_difference,
    time_grid,
)
from protocol.errors import Exit
from tests.federation.cohorts import changed, clinics, cohort, small_plan


def test_profiles_grow_stricter_row_by_row() -> None:
    exact, standard = rules(small_plan("exact")), rules(small_plan("standard"))
    strict = rules(changed(small_plan("standard"), "disclosure", profile="strict"))
    for one, other in ((exact, standard), (standard, strict)):
        assert one.min_sites <= other.min_sites
        assert one.site_patients <= other.site_patients
        assert one.site_arm <= other.site_arm
        assert one.level_floor <= other.level_floor
        assert one.difference_floor < other.difference_floor
        assert one.bins_per_caliper > other.bins_per_caliper
        assert one.published_floor <= other.published_floor
    assert exact.min_sites == standard.min_sites == 3
    assert exact.totals_to_sites
    assert not standard.totals_to_sites


def test_too_few_hospitals_are_refused() -> None:
    with pytest.raises(
        DisclosureError, match="2 hospitals: the plan and profile `exact` ask for 3"
    ):
        check_federation(small_plan("exact"), clinics()[:2])
    check_federation(small_plan("exact"), clinics()[:3])
    check_federation(changed(small_plan(), "disclosure", min_sites=1), clinics()[:1])


@pytest.mark.parametrize(("profile", "floor"), [("exact", 10), ("standard", 20)])
def test_small_hospitals_do_not_join(profile: str, floor: int) -> None:
    """Rule S1; the refusal names hospital and rule, and no count of patients."""
    plan = small_plan(profile)
    check_hospital(plan, cohort("ok", [0, 1] * (floor // 2)))
    with pytest.raises(DisclosureError, match=rf"^few: fewer than {floor} patients") as caught:
        check_hospital(plan, cohort("few", [0] * (floor - 1)))
    assert caught.value.exit == Exit.DISCLOSURE
    assert str(floor - 1) not in str(caught.value)


def test_a_small_arm_does_not_join_but_one_arm_alone_may() -> None:
    plan = small_plan("standard")
    with pytest.raises(DisclosureError, match="few: an arm under 5 patients"):
        check_hospital(plan, cohort("few", [0] * 20 + [1] * 4))
    check_hospital(plan, cohort("ok", [0] * 20 + [1] * 5))
    check_hospital(plan, cohort("one-arm", [0] * 20))


def test_more_patients_than_the_plan_bounds_are_refused() -> None:
    with pytest.raises(DisclosureError, match="max_patients_per_hospital"):
        check_hospital(small_plan(), cohort("large", [0] * 401))


@pytest.mark.parametrize(
    ("groups", "small"), [([0, 0], False), ([2], True), ([0, 3], False), ([50, 1], True)]
)
def test_differences(groups: list[int], small: bool) -> None:
    assert small_difference(small_plan("exact"), groups) is small


def test_the_grid_of_each_profile() -> None:
    plan = small_plan("standard")
    assert time_grid(plan, plan.survival[0]).times.tolist() == [0, 30.4375, 60.875]
    plan = small_plan("exact")
    assert time_grid(plan, plan.survival[0]).cells == 61
