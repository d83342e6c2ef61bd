"""Who is in the study: arms, exclusions by the first reason that fits, columns, outcomes."""

from typing import Any

import numpy as np
import pytest

from protocol.cohort import (
    Cohort,
    Extract,
    column,
    complete_cases,
    enrol,
    event_status,
    fulfils,
    known,
    outcome,
    reasons,
)
from protocol.ids import site_id
from protocol.plan.columns import Column
from protocol.plan.patients import Condition, Eligibility
from tests.federation.cohorts import cohort, key, small_plan

PLAN = small_plan().model_copy(
    update={
        "eligibility": (
            Eligibility(variable="age", rule="at-most", value=80, reason="Older than 80"),
            Eligibility(variable="stage", rule="none-of", levels=("III",), reason="Stage III"),
        )
    }
)


def extract(**values: Any) -> Extract:
    """Make rows of which nothing is odd but what is given."""
    rows = len(next(iter(values.values())))
    ordinary = cohort("x", [0] * rows, **{n: v for n, v in values.items() if n != "invalid"})
    invalid = np.array(values.get("invalid", [False] * rows))
    return Extract(ordinary.ids, ordinary.values, invalid)


def enrolled(**values: Any) -> Cohort:
    return enrol(PLAN, site_id("x"), extract(**values), key("x"))


def test_each_row_is_excluded_once_for_the_first_reason() -> None:
    found = enrolled(
        #        fine early | invalid, old | no timing | never | old, III | III | fine late
        timing=[0, 0, -1, 2, 1, 1, 1],
        age=[60, 90, 60, 60, 90, 60, 80],
        stage=[0, 0, 0, 0, 2, 2, 0],
        invalid=[False, True, False, False, False, False, False],
    )
    assert found.excluded == (1, 1, 1, 1, 1)
    assert len(found.excluded) == len(reasons(PLAN))
    assert reasons(PLAN)[-2:] == ("Older than 80", "Stage III")
    assert found.rows == 7
    assert found.arm.tolist() == [1, 0]
    assert found.ids.tolist() == [b"p0", b"p6"]
    assert found.values["age"].tolist() == [60, 80]


def test_a_missing_value_fulfils_no_condition() -> None:
    found = enrolled(age=[np.nan, 60], stage=[0, -1])
    assert found.excluded == (0, 0, 0, 1, 1)
    assert found.size == 0


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition(variable="age", rule="known"), [1, 1, 1, 0]),
        (Condition(variable="age", rule="at-least", value=60), [0, 1, 1, 0]),
        (Condition(variable="age", rule="at-most", value=60), [1, 1, 0, 0]),
        (Condition(variable="age", rule="between", between=(50, 60)), [1, 1, 0, 0]),
        (Condition(variable="stage", rule="one-of", levels=("I", "III")), [1, 0, 1, 0]),
        (Condition(variable="stage", rule="none-of", levels=("I",)), [0, 1, 1, 0]),
    ],
    ids=lambda value: value.rule if isinstance(value, Condition) else "",
)
def test_conditions(condition: Condition, expected: list[int]) -> None:
    site = cohort("x", [0] * 4, age=[50, 60, 70, np.nan], stage=[0, 1, 2, -1])
    assert fulfils(PLAN, condition, site.values).astype(int).tolist() == expected


def test_times_and_status() -> None:
    """1 relapse, 2 death, 0 alive, -1 unknown if either is missing."""
    site = cohort("x", [0] * 5, days=[5, 6, 7, -1, 8], status=[1, 2, 0, 1, -1])
    time, status = event_status(PLAN, PLAN.survival[0], site)
    assert status.tolist() == [1, 2, 0, -1, -1]
    assert time.tolist() == [5, 6, 7, 0, 0]


def test_binary_outcomes() -> None:
    assert outcome(PLAN, PLAN.binary[0], cohort("x", [0] * 3, fever=[1, 0, -1])).tolist() == [
        1,
        0,
        -1,
    ]


def test_complete_cases_know_every_covariate() -> None:
    site = cohort("x", [0] * 4, age=[50, np.nan, 50, 50], stage=[0, 0, -1, 0], fever=[-1] * 4)
    assert complete_cases(PLAN, site).tolist() == [True, False, False, True]
    assert known(PLAN, "stage", site.values).tolist() == [True, True, False, True]


def test_columns() -> None:
    site = cohort("x", [0] * 3, marker=[1.0, np.e, np.nan], stage=[0, 1, -1])
    rows = slice(None)
    log = column(PLAN, Column("log(marker)", "marker", "", "log"), site, rows)
    level = column(PLAN, Column("stage=II", "stage", "", "level", "II"), site, rows)
    np.testing.assert_allclose(log, [0, 1, np.nan])
    np.testing.assert_array_equal(level, [0, 1, np.nan])


def test_a_spline_is_linear_beyond_its_knots() -> None:
    """Restricted cubic: no curvature outside, cubic inside, 0 below the first knot."""
    knots = (40.0, 60.0, 80.0)
    ages = np.array([20.0, 30, 40, 50, 60, 70, 80, 85, 90, 95])
    site = cohort("x", [0] * 10, age=ages)
    term = column(PLAN, Column("age'1", "age", "", "spline", "", knots, 1), site, slice(None))
    np.testing.assert_allclose(term[:3], 0)
    np.testing.assert_allclose(np.diff(term[6:], 2), 0, atol=1e-12)
    by_hand = (10.0**3) / (80 - 40) ** 2  # at 50 only the first knot counts
    assert term[3] == pytest.approx(by_hand)
    linear = column(PLAN, Column("age", "age", "", "spline", "", knots, 0), site, slice(None))
    np.testing.assert_array_equal(linear, ages)


def test_secrets_and_rows_do_not_show_in_a_repr() -> None:
    shown = repr(cohort("x", [0, 1], age=[61, 62]))
    assert "61" not in shown
    assert "p0" not in shown
    assert str(key("x")) not in shown
