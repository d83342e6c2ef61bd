"""Every threshold in force is named with who bound, and no hospital is."""

from dataclasses import fields

import pytest

from protocol.disclosure import rules
from protocol.disclosure_site import Tighter
from protocol.results.thresholds import thresholds
from tests.federation.cohorts import changed, small_plan


@pytest.mark.parametrize("profile", ["exact", "standard", "strict"])
def test_every_row_of_the_table_is_told(profile: str) -> None:
    plan = changed(small_plan("exact"), "disclosure", profile=profile, min_sites=5)
    found = {one.rule: one for one in thresholds(plan)}
    assert set(found) == {f.name for f in fields(Tighter)} | {"max_patients_per_hospital"}
    for rule, one in found.items():
        if one.by == "profile" and one.value != plan.study.time_unit:
            assert one.value == str(getattr(rules(plan), rule))
    assert found["max_patients_per_hospital"].by == "plan"
    grids = {"exact": plan.study.time_unit, "standard": "month", "strict": "quarter"}
    assert found["grid_step"].value == grids[profile]


def test_the_strictest_binds_and_is_named() -> None:
    plan = changed(small_plan("standard"), "disclosure", min_sites=4)
    told = {one.rule: (one.value, one.by) for one in thresholds(plan, Tighter(site_patients=30))}
    assert told["min_sites"] == ("4", "plan")
    assert told["site_patients"] == ("30", "hospital")
    assert told["site_arm"] == ("5", "profile")
    looser = {one.rule: one.by for one in thresholds(plan, Tighter(min_sites=3, site_patients=1))}
    assert (looser["min_sites"], looser["site_patients"]) == ("plan", "profile")


def test_a_profile_without_rules_has_no_threshold() -> None:
    assert thresholds(changed(small_plan("exact"), "disclosure", profile="open")) == ()
