"""Rule D between runs: what two runs together single out, by hand and for all data."""

import re
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.patterns import Marks, asked, planned, singles_out
from protocol.plan.patients import Condition, Eligibility
from protocol.steps.describe import Describe
from protocol.steps.population import Complete, Everybody
from protocol.steps.risk_table import Level, RiskTableStep
from protocol.steps.stratified import StratifiedLogRank
from tests.federation.cohorts import clinics, small_plan

FLOOR = 3


def marks(cohorts: Mapping[str, range | list[int]], patients: int = 30, first: int = 0) -> Marks:
    """Mark patients, all in one arm, by their numbers."""
    names = [f"{first + k:04}".encode() for k in range(patients)]
    flags = {name: np.isin(np.arange(patients), list(who)) for name, who in cohorts.items()}
    return Marks(np.array(names), np.zeros(patients, dtype=np.int8), flags)


def bare(name: str) -> str:
    """Drop the definition from a cohort's name."""
    return re.sub("@[0-9a-f]{64}", "", name)


def apart(before: Marks, now: Marks, floor: int = FLOOR) -> bool:
    return singles_out((before,), (now,), floor)


@pytest.mark.parametrize(
    ("before", "now", "refused"),
    [
        (range(30), range(30), False),  # the same patients again
        (range(30), range(28), True),  # two fewer: the difference is about them
        (range(28), range(30), True),  # two more
        (range(27), range(30), False),  # three more
        (range(20), range(18, 30), True),  # two in both
        (range(10), range(10, 30), False),  # nobody in both
        ([5], range(30), True),  # uncut here, but who knows where else it is cut
    ],
)
def test_two_cohorts_by_hand(
    before: range | list[int], now: range | list[int], refused: bool
) -> None:
    found = apart(marks({"all": before}), marks({"all": now}))
    assert found is refused


def test_two_runs_with_the_same_cohorts_add_nothing() -> None:
    """Small groups that a run has by itself were for its own program to judge."""
    whole = marks({"all": range(30)})
    run = marks({"all": range(30), "complete": range(29), "matched": range(7, 29)})
    assert not apart(run, run, floor=100)
    assert not apart(whole, run)
    assert not apart(run, whole)
    assert apart(run, marks({"all": range(30), "matched": range(6, 29)}))


def test_a_refreshed_extract_is_another_cohort() -> None:
    before = marks({"all": range(30)})
    assert apart(before, marks({"all": range(30)}, first=2))  # two left, two came
    assert not apart(before, marks({"all": range(30)}, first=5))


def test_arms_are_cohorts_of_their_own() -> None:
    before, now = marks({"all": range(30)}), marks({"all": range(30)})
    other = np.where(np.arange(30) < 2, 1, 0).astype(np.int8)
    assert not apart(before, now)
    # Two patients changed arms: with the earlier totals they are known.
    both = marks({"all": range(30)})
    first = Marks(both.patients, np.where(np.arange(30) < 15, 1, 0).astype(np.int8), both.cohorts)
    second = Marks(both.patients, np.where(np.arange(30) < 13, 1, 0).astype(np.int8), both.cohorts)
    assert apart(first, second)
    assert apart(before, Marks(now.patients, other, now.cohorts))


def test_levels_of_one_variable_are_nested_and_of_two_are_not_crossed() -> None:
    everybody = {"all": range(30)}
    women = marks({**everybody, "all|sex=1": range(15)})
    old = marks({**everybody, "all|age=old": range(14, 30)})
    assert not apart(women, old)  # one woman is old, and no table of the two runs shows it
    assert apart(women, marks({**everybody, "all|sex=1": range(14)}))
    # Levels are held against all populations.
    assert apart(marks({**everybody, "matched": range(14, 30)}), women)


def test_three_runs_are_taken_together() -> None:
    first, second = marks({"all": range(20)}), marks({"all": range(10, 30)})
    third = marks({"all": range(18)})
    assert not singles_out((second,), (first,), FLOOR)
    assert singles_out((first, second), (third,), FLOOR)


@given(
    st.lists(st.sets(st.integers(0, 29)), min_size=1, max_size=3),
    st.sets(st.integers(0, 29), min_size=1),
    st.integers(1, 12),
    st.integers(1, 12),
)
def test_a_larger_floor_never_allows_more(
    before: list[set[int]], now: set[int], floor: int, more: int
) -> None:
    past = tuple(marks({"all": sorted(one)}) for one in before)
    new = (marks({"all": sorted(now)}),)
    if singles_out(past, new, floor):
        assert singles_out(past, new, floor + more)


@given(st.sets(st.integers(0, 29), min_size=1), st.sets(st.integers(0, 29), min_size=1))
def test_what_two_cohorts_single_out(first: set[int], second: set[int]) -> None:
    """Refused exactly if they differ, and one of the three parts is small."""
    parts = [first - second, second - first, first & second]
    small = first != second and any(0 < len(part) < FLOOR for part in parts)
    found = apart(marks({"one": sorted(first)}), marks({"two": sorted(second)}))
    assert found is small


def test_a_small_group_is_let_through_where_one_run_has_judged_it_or_both_have_it() -> None:
    """Of this hospital's patients both populations below have the same one."""
    whole, oldest = {"all": range(30)}, {"97 to 99": [4]}
    assert not apart(marks(whole), marks({**whole, **oldest}))
    assert not apart(marks({**whole, **oldest}), marks(whole))
    assert not apart(marks({**whole, **oldest}), marks({**whole, "97 to 100": [4]}))
    # Elsewhere there may be one who is in one of them only; there it shows.
    assert apart(marks({**whole, **oldest}), marks({**whole, "98 to 100": []}))
    assert apart(marks({**whole, "97 to 99": []}), marks({**whole, "97 to 100": [4]}))
    # A study of its own with other patients judges nothing of this one's.
    assert apart(marks({**whole, **oldest}), marks({**whole, "women": range(15)}))


def test_one_choice_of_patients_has_one_name_and_another_has_another() -> None:
    plan, here = small_plan("exact"), clinics()[0]
    names = set(planned(plan, here))
    (survey,) = plan.populations
    shorter = plan.model_copy(update={"endpoints": plan.endpoints[:1], "designs": ()})
    assert set(planned(shorter, here)) == names
    old = Condition(variable="age", rule="at-least", value=65)
    filtered = plan.model_copy(
        update={"populations": (survey.model_copy(update={"conditions": (old,)}),)}
    )
    changed = names ^ set(planned(filtered, here))
    assert {name.partition("@")[0] for name in changed} == {"survey"}
    eligible = Eligibility(variable="age", rule="at-most", value=99, reason="too old")
    other = plan.model_copy(update={"eligibility": (eligible,)})
    assert not names & set(planned(other, here))


def test_the_cohorts_of_a_plan_and_of_steps() -> None:
    plan, here = small_plan("exact"), clinics()[0]
    fixed = planned(plan, here)
    by_name = {bare(name): flags for name, flags in fixed.items()}
    assert {"all", "complete", "survey", "all|sex=0", "complete|sex=1"} <= by_name.keys()
    assert by_name["all"].all()
    assert by_name["all|sex=0"].sum() + by_name["all|sex=1"].sum() == here.size
    table = RiskTableStep(plan, plan.survival[0], Everybody(), Level("sex", "1"))
    steps = (Describe(plan, Complete(plan)), table, StratifiedLogRank(table))
    found = {bare(name): flags for name, flags in asked(plan, steps, here, ()).items()}
    assert found.keys() == {"complete", "all|sex=1"}
    np.testing.assert_array_equal(found["all|sex=1"], by_name["all|sex=1"])
    assert not asked(plan, steps, here, fixed)
