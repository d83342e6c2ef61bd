"""The rules at one hospital: tightening never allows more, and who binds is named."""

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.disclosure import DisclosureError
from protocol.disclosure_site import (
    GRIDS,
    LESS_IS_TIGHTER,
    Tighter,
    Verdict,
    bound_by,
    groups_to_name,
    judge,
    require_cohort,
    require_plan,
    site_rules,
    strictest,
    verdict_of,
)
from protocol.layout import Layout, count, real
from protocol.plan.model import Plan
from tests.federation.cohorts import changed, cohort, small_plan

PROFILES = ("exact", "standard", "strict")
LAYOUT = Layout(
    (
        count("known", (3,), "patients with a value", 400),
        real("total", (3,), "sums", 1e6),
        count("hospitals", (2,), "whether the hospital has it", 1, "hospitals"),
    )
)


@cache
def plan_of(profile: str) -> Plan:
    """Take the small plan under a profile, whatever else that profile asks of a plan."""
    return changed(small_plan("exact"), "disclosure", profile=profile)


def tighter() -> st.SearchStrategy[Tighter]:
    floors = st.none() | st.integers(1, 60)
    rows: dict[str, st.SearchStrategy[Any]] = {f.name: floors for f in fields(Tighter)}
    rows["grid_step"] = st.sampled_from([None, "month", "quarter"])
    return st.builds(Tighter, **rows)


def released(known: list[int]) -> Mapping[str, Any]:
    return {"known": np.array(known), "total": np.ones(3), "hospitals": np.array([0, 1])}


@given(st.sampled_from(PROFILES), tighter(), tighter())
def test_every_row_only_ever_tightens(profile: str, first: Tighter, second: Tighter) -> None:
    before = site_rules(plan_of(profile), first)
    after = strictest(before, second)
    for row in (f.name for f in fields(Tighter)):
        old, new = getattr(before, row), getattr(after, row)
        if row == "grid_step":
            assert GRIDS.index(new) >= GRIDS.index(old)
        elif row in LESS_IS_TIGHTER:
            assert new <= old
        else:
            assert new >= old
    assert strictest(after, first) == after == strictest(after, second)


@given(
    st.sampled_from(PROFILES),
    tighter(),
    tighter(),
    st.lists(st.integers(0, 70), min_size=3, max_size=3),
)
def test_tightening_never_lets_a_release_through(
    profile: str, first: Tighter, second: Tighter, known: list[int]
) -> None:
    order, plan = list(Verdict), plan_of(profile)
    loose = site_rules(plan, first)
    for step in ("describe/1", "level-sizes/1", "atoms/1"):
        before = verdict_of(judge(loose, step, LAYOUT, released(known), 99))
        after = verdict_of(judge(strictest(loose, second), step, LAYOUT, released(known), 99))
        assert order.index(after) >= order.index(before)


def admits(profile: str, own: Tighter, arms: tuple[int, int]) -> bool:
    plan, here = plan_of(profile), cohort("A", [0] * arms[0] + [1] * arms[1])
    try:
        require_plan(plan, own)
        require_cohort(plan, here, own)
    except DisclosureError:
        return False
    return True


@settings(max_examples=50)
@given(
    st.sampled_from(PROFILES),
    tighter(),
    st.sampled_from([f.name for f in fields(Tighter)]),
    st.tuples(st.integers(0, 70), st.integers(0, 70)),
)
def test_tightening_never_admits_more(
    profile: str, own: Tighter, dropped: str, arms: tuple[int, int]
) -> None:
    values = {f.name: getattr(own, f.name) for f in fields(Tighter)}
    looser = Tighter(**{**values, dropped: None})
    if admits(profile, own, arms):
        assert admits(profile, looser, arms)


def test_who_binds_is_named() -> None:
    plan = changed(plan_of("standard"), "disclosure", min_sites=4)
    who = bound_by(plan, Tighter(site_patients=25, site_arm=2))
    assert (who["min_sites"], who["site_patients"], who["site_arm"]) == (
        "plan",
        "hospital",
        "profile",
    )


def test_refusals_name_the_rule_and_who_asked() -> None:
    plan, here = plan_of("exact"), cohort("A", [0] * 12 + [1] * 3)
    require_cohort(plan, here, Tighter())
    with pytest.raises(DisclosureError, match=r"fewer than 20 patients \(rule S1, \[limits\]"):
        require_cohort(plan, here, Tighter(site_patients=20))
    with pytest.raises(DisclosureError, match=r"an arm under 5 patients \(rule S1, \[limits\]"):
        require_cohort(plan, here, Tighter(site_arm=5))
    with pytest.raises(DisclosureError, match="grid_step = unit, and this hospital's settings ask"):
        require_plan(plan, Tighter(grid_step="month"))
    require_plan(plan, Tighter(difference_floor=50))  # held by the hospital alone


def test_smallest_groups_by_hand() -> None:
    rules = site_rules(plan_of("exact"), Tighter())
    known, total, hospitals = judge(rules, "describe/1", LAYOUT, released([0, 3, 12]), 99)
    # Zeros are nobody's; behind the sums stand those who have a value.
    assert (known.smallest, known.verdict, known.small) == (3, Verdict.REVIEW, 1)
    assert (total.smallest, total.rule, total.floor) == (3, "publication", 5)
    assert (hospitals.smallest, hospitals.verdict) == (None, Verdict.PASS)
    assert known.why == "1 number is about fewer than 5 patients here (publication)"


def test_what_a_step_held_back_is_blocked() -> None:
    layout = Layout(
        (
            count("patients", (2,), "patients, by arm", 400),
            count("refused", (), "whether its sums are held back", 1, "hospitals"),
            real("score", (2,), "score", 1e6),
        )
    )
    sums = {"patients": np.array([40, 40]), "refused": np.array(1), "score": np.zeros(2)}
    rules = site_rules(plan_of("exact"), Tighter())
    found = judge(rules, "score/1", layout, sums, 80)
    assert verdict_of(found) is Verdict.BLOCK
    assert "rule S4" in found[2].why
    sums["refused"] = np.array(0)
    assert verdict_of(judge(rules, "score/1", layout, sums, 80)) is Verdict.PASS


def test_groups_of_three_to_nine_are_named() -> None:
    groups = {"in all and not in complete": 9, "in none": 10, "left out": 2, "apart": 3}
    named = groups_to_name(site_rules(plan_of("exact"), Tighter()), groups)
    assert named == ("9 patients in all and not in complete", "3 patients apart")
    assert groups_to_name(site_rules(plan_of("strict"), Tighter()), groups) == ()
