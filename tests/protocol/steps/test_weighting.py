"""Weights by hand, what they balance, and the tables that they make over hospitals."""

from typing import get_args

import numpy as np
import pytest

from protocol.cohort import Cohort
from protocol.parts.matching import LeftOut
from protocol.parts.propensity import Scores
from protocol.plan.adjustment import Target, Weighting
from protocol.plan.check import check
from protocol.plan.columns import balance_columns
from protocol.plan.model import Plan
from protocol.steps.weighting import Weighted, propensity_weights
from tests.federation.cohorts import Walked, changed, clinics, pool, small_plan, walk

TARGETS: tuple[Target, ...] = get_args(Target)


def weighed(profile: str = "open") -> Plan:
    entries = tuple(Weighting(name=f"to-{t}".replace("-", "_"), target=t) for t in TARGETS)
    return small_plan(profile).model_copy(update={"designs": (), "weightings": entries})


def test_weights_by_hand() -> None:
    # e = 0.8 for one treated and one comparator, 0.25 likewise; a third of all is treated
    logit = np.log(np.array([4.0, 4.0, 1 / 3, 1 / 3]))
    treated = np.array([True, False, True, False])
    expected = {
        "everybody": [1 / 0.8, 1 / 0.2, 1 / 0.25, 1 / 0.75],
        "everybody-stabilised": [1 / 2.4, 2 / 0.6, 1 / 0.75, 2 / 2.25],
        "treated": [1, 0.8 / 0.2, 1, 0.25 / 0.75],
        "comparator": [0.2 / 0.8, 1, 0.75 / 0.25, 1],
        "overlap": [0.2, 0.8, 0.75, 0.25],
        "matchable": [0.2 / 0.8, 0.2 / 0.2, 0.25 / 0.25, 0.25 / 0.75],
    }
    for target in TARGETS:
        found = propensity_weights(target, treated, logit, 1 / 3)
        np.testing.assert_allclose(found, expected[target], rtol=1e-12)


@pytest.fixture(scope="module")
def walked() -> Walked:
    return walk(weighed(), clinics())


def population(walked: Walked, target: Target) -> Weighted:
    found = [p for p in walked.findings.populations if isinstance(p, Weighted)]
    return next(p for p in found if p.weighting.target == target)


def test_overlap_weights_balance_every_model_column_exactly(walked: Walked) -> None:
    """Li, Morgan and Zaslavsky (2018), theorem 3: a free check of the whole chain."""
    here = walked.record.get("describe/1", "to_overlap")
    for what in balance_columns(weighed()):
        treated, comparator = here.weighted(what, 1), here.weighted(what, 0)
        assert treated.mean == pytest.approx(comparator.mean, abs=1e-9)


def test_a_weighted_table_is_that_of_pooled_rows(walked: Walked) -> None:
    everybody = pool(clinics())
    for target in TARGETS:
        chosen = population(walked, target)
        events = walked.record.get("risk-table/1", "relapse", chosen.name, "")
        weights = chosen.weights(everybody)
        days, status = everybody.values["days"], everybody.values["status"]
        for arm in (0, 1):
            own = (everybody.arm == arm) & (days >= 0) & (status == 1)
            summed = np.bincount(days[own], weights=weights[own], minlength=61)
            np.testing.assert_allclose(events.weights.events[arm], summed, rtol=1e-12, atol=1e-15)
            squared = np.bincount(days[own], weights=weights[own] ** 2, minlength=61)
            found = events.weights.events_squared[arm]
            np.testing.assert_allclose(found, squared, rtol=1e-12, atol=1e-15)


def test_the_effective_size_is_kishs(walked: Walked) -> None:
    everybody = pool(clinics())
    for target in TARGETS:
        chosen = population(walked, target)
        weights = chosen.weights(everybody)
        found = walked.record.get("describe/1", chosen.name).effective
        for arm in (0, 1):
            own = weights[everybody.arm == arm]
            assert found[arm] == pytest.approx(own.sum() ** 2 / (own**2).sum(), rel=1e-12)


@pytest.mark.parametrize(("profile", "digits"), [("exact", 3), ("standard", 2)])
def test_weights_leave_rounded(profile: str, digits: int) -> None:
    """No patient's weight is a signature of the covariates."""
    found = walk(weighed(profile), clinics())
    for target in TARGETS:
        weights = population(found, target).weights(pool(clinics()))
        shown = np.array([float(f"{w:.{digits - 1}e}") for w in weights])
        np.testing.assert_allclose(weights, shown, rtol=1e-12)


def test_without_a_score_there_are_no_weights() -> None:
    """One arm only: nothing to weigh by, and the reason is told."""
    plan = changed(weighed(), "propensity", fallback="stop")
    sites: list[Cohort] = [
        Cohort(s.site, s.ids, np.zeros_like(s.arm), s.values, s.excluded, s.rows, s.secret)
        for s in clinics()
    ]
    found = walk(plan, sites).findings
    assert not [p for p in found.populations if isinstance(p, Weighted)]
    assert {one.name for one in found.left_out} >= {w.name for w in plan.weightings}
    assert all(isinstance(one, LeftOut) and one.reason for one in found.left_out)


def test_a_plan_that_weighs_needs_a_model_and_a_profile_that_shows_weights() -> None:
    strict = weighed().model_copy(
        update={"disclosure": weighed().disclosure.model_copy(update={"profile": "strict"})}
    )
    assert "weightings" in {p.where for p in check(strict)}
    modelless = weighed().model_copy(update={"propensity": None})
    assert "weightings" in {p.where for p in check(modelless)}


def test_the_treated_share_is_that_of_complete_cases(walked: Walked) -> None:
    scores = walked.findings.scores
    assert isinstance(scores, Scores)
    comparator, treated = scores.at_solution.patients
    share = population(walked, "everybody-stabilised").treated_share
    assert share == pytest.approx(treated / (treated + comparator))
