"""The adjusted hazard ratio: by hospital it adds, pooled it splits, and shows only where it may."""

from dataclasses import replace

import numpy as np
import pytest

from protocol.disclosure import DisclosureError
from protocol.parts.adjusted import NotAdjusted, adjusted_by_hospital, adjusted_pooled
from protocol.plan.model import Plan
from protocol.stats.adjusted import AdjustedFit, adjusted_terms, risk_sums
from protocol.stats.cox import Ties
from protocol.steps.adjusted import Adjustment, PooledAdjusted, StratifiedAdjusted
from protocol.steps.describe import Describe
from protocol.steps.model import propensity_model
from protocol.steps.population import Complete
from tests.federation.cohorts import ask, clinics, cohort, pool, run_through, small_plan, spread

CELLS = tuple(range(61))


def adjustment(plan: Plan, ties: Ties = Ties.EFRON) -> Adjustment:
    model = propensity_model(plan, ask(Describe(plan, Complete(plan)), clinics()))
    return Adjustment(model, plan.survival[0], ties, tuple(range(model.size)))


ASKED = adjustment(small_plan())
B = (0.2, -0.3, 0.1, 0.4, -0.2, 0.3)


def test_pooled_sums_split() -> None:
    """However patients are spread over hospitals, the sums are the same."""
    whole = pool(clinics())
    plan = small_plan()
    step = PooledAdjusted(ASKED, B, "", 0, CELLS)
    found, once = ask(step, clinics()), ask(step, [whole])
    again = ask(step, spread(whole, 6, seed=3))
    for other in (once, again):
        assert found.terms.score == pytest.approx(other.terms.score, rel=1e-9)
        assert found.terms.log_likelihood == pytest.approx(other.terms.log_likelihood)
        np.testing.assert_allclose(found.terms.information, other.terms.information, rtol=1e-9)
        assert (found.patients, found.events) == (other.patients, other.events)
    assert plan.disclosure.max_patients_per_hospital > whole.size


@pytest.mark.parametrize("ties", list(Ties))
def test_by_hospital_it_is_the_sum_of_the_hospitals_terms(ties: Ties) -> None:
    asked = replace(ASKED, ties=ties)
    found = ask(StratifiedAdjusted(asked, B, "", 0), clinics())
    own = []
    for site in clinics():
        x, cell, event = asked.rows(site)
        own.append(adjusted_terms(risk_sums(x, cell, event, B, 61), ties))
    assert found.hospitals == 4
    assert found.terms.score == pytest.approx(np.sum([t.score for t in own], axis=0).tolist())
    np.testing.assert_allclose(found.terms.information, np.sum([t.information for t in own], 0))
    single = ask(PooledAdjusted(asked, B, "", 0, CELLS), clinics()[:1])
    alone = ask(StratifiedAdjusted(asked, B, "", 0), clinics()[:1])
    assert single.terms.log_likelihood == pytest.approx(alone.terms.log_likelihood)


def test_the_fit_has_a_score_of_zero_and_another_with_one_hazard() -> None:
    _, _, apart = run_through(adjusted_by_hospital(ASKED, 4), clinics())
    _, _, pooled = run_through(adjusted_pooled(ASKED, CELLS), clinics())
    assert isinstance(apart, AdjustedFit)
    assert isinstance(pooled, AdjustedFit)
    assert apart.names[0] == "timing"
    for found in (apart, pooled):
        assert max(map(abs, found.terms.score)) < 1e-7
        assert found.trips < 9
    assert abs(apart.b[0] - pooled.b[0]) > 1e-4


def test_too_few_hospitals_have_information() -> None:
    sites = (*clinics()[:3], cohort("z", [1, 1]))
    trips, _, found = run_through(adjusted_by_hospital(ASKED, 4), sites)
    assert len(trips) == 1
    assert found == NotAdjusted("fewer than 4 hospitals have information (rule S7)")


def test_a_column_of_hospitals_is_left_out_where_hospitals_are_strata() -> None:
    """Women in one hospital, men in the others: no risk set holds both."""
    sites = [
        replace(site, values={**site.values, "sex": np.full(site.size, int(k == 0), dtype="i1")})
        for k, site in enumerate(clinics())
    ]
    plan = small_plan()
    model = propensity_model(plan, ask(Describe(plan, Complete(plan)), sites))
    asked = Adjustment(model, plan.survival[0], Ties.EFRON, tuple(range(model.size)))
    assert "sex" in asked.names
    _, _, found = run_through(adjusted_by_hospital(asked, 1), sites)
    assert isinstance(found, AdjustedFit)
    assert "sex" not in found.names
    assert len(found.names) == len(asked.names) - 1


def test_pooled_risk_sets_are_refused_by_the_hospital() -> None:
    exact = adjustment(small_plan("exact"))
    with pytest.raises(DisclosureError, match="risk sets of a few patients"):
        PooledAdjusted(exact, B, "", 0, CELLS).local(clinics()[0])
    assert StratifiedAdjusted(exact, B, "", 0).local(clinics()[0])["events"] > 0
