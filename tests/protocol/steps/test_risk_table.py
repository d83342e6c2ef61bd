"""Risk table: every patient once, at the grid time that the profile gives."""

import numpy as np
import pytest

from protocol.disclosure import time_grid
from protocol.stats.table import tabulate
from protocol.steps.population import Everybody, Filtered
from protocol.steps.risk_table import Level, RiskTableStep
from tests.federation.cohorts import ask, clinics, cohort, pool, small_plan

PLAN = small_plan()
(RELAPSE,) = PLAN.survival
STEP = RiskTableStep(PLAN, RELAPSE, Everybody())
SURVEY = Filtered(PLAN, PLAN.populations[0])
SITES = [
    # relapse at 3, death at 3, alive at 60, relapse at 0; treated: relapse at 3
    cohort(
        "a", [0, 0, 0, 0, 1], days=[3, 3, 60, 0, 3], status=[1, 2, 0, 1, 1], weight=[2, 1, 1, 1, 3]
    ),
    # treated: no time, no status, alive at 0
    cohort("b", [1, 1, 1], days=[-1, 5, 0], status=[1, -1, 0], sex=[1, 1, 1]),
]


def cells(array: np.ndarray) -> dict[tuple[int, ...], int]:
    return {tuple(int(i) for i in at): int(array[tuple(at)]) for at in np.argwhere(array)}


def test_table_by_hand() -> None:
    found = ask(STEP, SITES)
    # cause, arm, day
    assert cells(found.events) == {(0, 0, 0): 1, (0, 0, 3): 1, (1, 0, 3): 1, (0, 1, 3): 1}
    assert cells(found.censored) == {(0, 60): 1, (1, 0): 1}
    assert found.unassessed == (0, 2)
    assert found.weights is None


def test_competing_causes_are_censorings_of_the_table() -> None:
    table = ask(STEP, SITES).table
    assert cells(table.events) == {(0, 0): 1, (0, 3): 1, (1, 3): 1}
    assert cells(table.censored) == {(0, 3): 1, (0, 60): 1, (1, 0): 1}
    assert [int(n) for n in table.patients] == [4, 2]


def test_weights_by_hand() -> None:
    found = ask(RiskTableStep(PLAN, RELAPSE, SURVEY), SITES)
    assert found.weights is not None
    assert found.weights.events[0, 3] == 2
    assert found.weights.events_squared[0, 3] == 4
    assert found.weights.events[1, 3] == 3
    assert found.weights.censored[0, 3] == 1  # the competing death
    assert found.weights.censored[0, 60] == 1


def test_a_level_counts_its_own() -> None:
    level = RiskTableStep(PLAN, RELAPSE, Everybody(), Level("sex", "1"))
    found = ask(level, SITES)
    assert cells(found.events) == {}
    assert cells(found.censored) == {(1, 0): 1}
    assert found.unassessed == (0, 2)
    assert level.key() == ("relapse", "all", "sex=1")


def test_levels_add_up_to_the_whole() -> None:
    parts = [
        ask(RiskTableStep(PLAN, RELAPSE, Everybody(), Level("sex", s)), clinics()) for s in "01"
    ]
    whole = ask(STEP, clinics())
    np.testing.assert_array_equal(parts[0].events + parts[1].events, whole.events)
    np.testing.assert_array_equal(parts[0].censored + parts[1].censored, whole.censored)


def test_pooled_rows_give_the_same_table() -> None:
    """By the tabulation that the statistics themselves use, on all rows at once."""
    whole, found = pool(clinics()), ask(STEP, clinics())
    expected = tabulate(
        time_grid(PLAN, RELAPSE).times,
        whole.values["days"].astype(np.int64),
        whole.arm.astype(np.intp),
        (whole.values["status"] == 1).astype(np.intp),
        None,
    )
    np.testing.assert_array_equal(found.table.events, expected.events)
    np.testing.assert_array_equal(found.table.censored, expected.censored)


@pytest.mark.parametrize(
    ("profile", "times", "weighted_times"),
    [("exact", 61, 61), ("standard", 3, 2), ("open", 61, 61)],  # months, but weights by quarters
)
def test_every_time_of_the_grid_is_sent(profile: str, times: int, weighted_times: int) -> None:
    plan = small_plan(profile)
    layout = RiskTableStep(plan, plan.survival[0], Everybody()).layout()
    shapes = {field.name: field.shape for field in layout.fields}
    assert shapes == {"events": (2, 2, times), "censored": (2, times), "unassessed": (2,)}
    assert layout.width == 64
    weighted = RiskTableStep(plan, plan.survival[0], Filtered(plan, plan.populations[0])).layout()
    assert weighted.fields[-1].shape == (4, 2, weighted_times)
    assert weighted.width == 128


def test_coarse_times_round_up() -> None:
    """Day 30 falls in the first month, which ends at 30.4; day 31 in the second."""
    plan = small_plan("standard")
    step = RiskTableStep(plan, plan.survival[0], Everybody())
    found = ask(step, [cohort("a", [0, 0, 0], days=[0, 30, 31], status=[1, 1, 1])])
    assert cells(found.events) == {(0, 0, 0): 1, (0, 0, 1): 1, (0, 0, 2): 1}
