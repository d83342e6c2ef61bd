"""The model's columns: standardised by pooled numbers, and those that cannot be are named."""

import numpy as np
import pytest
from hypothesis import given, settings

from protocol.cohort import Cohort, complete_cases
from protocol.steps.describe import Describe
from protocol.steps.model import Model, propensity_model
from protocol.steps.population import Complete
from tests.federation.cohorts import ask, changed, clinics, cohort, federations, pool, small_plan

PLAN = small_plan()


def model(sites: list[Cohort], profile: str = "open") -> Model:
    plan = small_plan(profile)
    return propensity_model(plan, ask(Describe(plan, Complete(plan)), sites))


def test_columns_are_standardised_by_all_rows() -> None:
    whole, found = pool(clinics()), model(list(clinics()))
    x = np.concatenate([x for x, _ in found.chunks(whole)])
    marker = np.log(whole.values["marker"])
    assert found.names == ("(Intercept)", "age", "log(marker)", "stage=II", "stage=III", "sex")
    np.testing.assert_allclose(x[:, 1:3].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(x[:, 1:3].std(axis=0, ddof=1), 1, rtol=1e-12)
    np.testing.assert_allclose(x[:, 2], (marker - marker.mean()) / marker.std(ddof=1), atol=1e-12)
    assert set(np.unique(x[:, 3:])) == {0.0, 1.0}


@settings(max_examples=20, deadline=None)
@given(federations())
def test_split_equals_pooled(sites: list[Cohort]) -> None:
    apart, together = model(sites), model([pool(sites)])
    assert apart.names == together.names
    assert apart.dropped == together.dropped
    np.testing.assert_allclose(apart.centre, together.centre, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(apart.scale, together.scale, rtol=1e-9)
    whole = pool(sites)
    assert len(apart.rows(whole)) == complete_cases(PLAN, whole).sum()


@pytest.mark.parametrize("age", [60, 61.3, 100])
def test_constant_columns_are_dropped_and_named(age: float) -> None:
    """Also where the sums round: the values are not the plan's centre."""
    ages = [age] * 30
    sites = [cohort("a", [0, 1] * 15, age=ages), cohort("b", [1, 0, 1] * 10, age=ages)]
    found = model(sites)
    reasons = {column.column: column.reason for column in found.dropped}
    assert found.names == ("(Intercept)",)
    assert reasons["age"] == reasons["log(marker)"] == "all patients have the same value"
    assert reasons["stage=II"] == "no patient has this level"


def test_a_level_that_all_have_is_dropped() -> None:
    found = model([cohort("a", [0, 1, 1], sex=[1, 1, 1], age=[50, 60, 70])])
    assert {c.column: c.reason for c in found.dropped}["sex"] == "all patients have this level"


def test_rule_s2_levels_of_few_patients() -> None:
    """In profile `standard` four patients of a level are too few, five are enough."""

    def sites(first: int) -> list[Cohort]:
        counts = {"a": first, "b": 1, "c": 1}
        return [cohort(s, [0, 1] * 15, sex=[1] * n + [0] * (30 - n)) for s, n in counts.items()]

    reason = model(sites(2), "standard").dropped[-1]
    assert (reason.column, reason.reason) == (
        "sex",
        "fewer than 5 patients have this level (rule S2)",
    )
    assert "sex" in model(sites(3), "standard").names


def test_rule_s7_levels_at_few_hospitals() -> None:
    def sites(having: int) -> list[Cohort]:
        return [
            cohort(f"s{k}", [0, 1] * 10, sex=[int(k < having)] * 10 + [0] * 10) for k in range(4)
        ]

    reason = model(sites(2), "exact").dropped[-1]
    assert (reason.column, reason.reason) == (
        "sex",
        "fewer than 3 hospitals have this level (rule S7)",
    )
    assert "sex" in model(sites(3), "exact").names


def test_rules_hold_for_those_who_have_none_of_the_levels() -> None:
    """The intercept's sums less those of all levels are theirs: a reference of one is one."""

    def sites(men: int, at: int = 4) -> list[Cohort]:
        return [
            cohort(f"s{k}", [0, 1] * 10, sex=[int(k >= at or n >= men) for n in range(20)])
            for k in range(4)
        ]

    few, far = model(sites(1), "standard").dropped, model(sites(5, at=2), "exact").dropped
    assert few[-1].reason == "fewer than 5 patients would be left without it (rule S2)"
    assert far[-1].reason == "fewer than 3 hospitals would be left without it (rule S7)"
    assert few[-1].column == far[-1].column == "sex"
    assert "sex" in model(sites(2), "standard").names
    assert "sex" in model(sites(5, at=3), "exact").names
    assert "sex" in model(sites(1), "open").names


def test_a_small_reference_takes_the_smallest_levels_in() -> None:
    """Until there are enough of them; what is merged with it is named."""
    stage = [0] + [1] * 4 + [2] * 15
    found = model([cohort(f"s{k}", [0, 1] * 10, stage=stage) for k in range(4)], "standard")
    assert {c.column: c.reason for c in found.dropped}["stage=II"].endswith("(rule S2)")
    assert "stage=III" in found.names


def test_scores_do_not_depend_on_chunks_or_company(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same patient has the same score to the last bit, alone or among others."""
    found, whole = model(list(clinics())), pool(clinics())
    b = (0.1, -0.7, 0.3, 1.1, 0.013, -2.0)
    every = found.logit(whole, b)
    monkeypatch.setattr("protocol.steps.model.CHUNK", 7)
    np.testing.assert_array_equal(found.logit(whole, b), every)
    apart = np.concatenate([found.logit(site, b) for site in clinics()])
    np.testing.assert_array_equal(apart, every)


def test_a_spline_splits_as_well() -> None:
    assert PLAN.propensity is not None
    spline = PLAN.propensity.covariates[0].model_copy(
        update={"form": "spline", "knots": (45.0, 60.0, 75.0)}
    )
    plan = changed(PLAN, "propensity", covariates=(spline, *PLAN.propensity.covariates[1:]))
    described = ask(Describe(plan, Complete(plan)), clinics())
    found = propensity_model(plan, described)
    assert found.names[1:3] == ("age", "age'1")
    x = np.concatenate([x for x, _ in found.chunks(pool(clinics()))])
    np.testing.assert_allclose(x[:, 1:4].mean(axis=0), 0, atol=1e-12)
