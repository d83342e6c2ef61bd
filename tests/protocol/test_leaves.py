"""What every reader of a plan is told of what leaves and who sees it."""

import pytest

from protocol.leaves import RECIPIENT, SOLVABLE, seen, told
from protocol.plan.model import Plan, Sensitivity
from tests.federation.cohorts import small_plan


def asking(**sums: bool) -> Plan:
    return small_plan("exact").model_copy(update={"sensitivity": Sensitivity(**sums)})


def test_the_centre_is_said_to_see_every_total_uncut() -> None:
    assert seen(small_plan("exact").model_copy(update={"sensitivity": None})).sentences == RECIPIENT
    assert "recipient of unsuppressed pooled sums" in RECIPIENT[0]


@pytest.mark.parametrize("asked", [True, False])
def test_what_all_but_two_hospitals_could_solve_is_said_where_it_is_asked(asked: bool) -> None:
    """Rule S7: four sums of two unknown hospitals are solved for both."""
    plan = asking(heterogeneity=asked, common_odds=True)
    assert (SOLVABLE in seen(plan).sentences) is asked


def test_two_readers_are_told_the_same() -> None:
    first, second = told(small_plan("exact")), told(small_plan("exact"))
    assert first == second
    assert [section.title for section in first[-3:]] == [
        "What each method costs",
        "What will leave each hospital",
        "What the coordinating centre will see",
    ]
