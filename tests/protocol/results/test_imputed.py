"""Completed data sets are pooled as Rubin says, and nothing of them is shown one by one."""

import math
from functools import cache

import pytest

from protocol.results import Results, results
from protocol.results.imputed import HAZARD, RISK, RISK_RATIO, SURVIVAL
from protocol.results.survival import survival_result
from protocol.results.values.sensitivity import Imputation, ImputedEstimate
from protocol.run import Played, play
from protocol.stats.rubin import pool
from tests.protocol.parts.test_imputation import plan, sites

SEED = b"imputed".ljust(32, b"\0")


@cache
def played() -> Played:
    return play(plan("exact"), sites(), SEED)


@cache
def found() -> Results:
    return results(played())


def drawn() -> Imputation:
    here = found().imputation
    assert here is not None
    return here


def estimate(term: str, endpoint: str) -> ImputedEstimate:
    return next(e for e in drawn().estimates if (e.term, e.endpoint) == (term, endpoint))


def test_the_hazard_ratio_is_pooled_over_data_sets() -> None:
    endpoint = plan().survival[0]
    each = [survival_result(endpoint, f"overlap#{k}", "", played().record) for k in (1, 2, 3)]
    robust = [next(h for h in r.hazard_ratios if h.method == "efron robust") for r in each if r]
    events = each[0].events.comparator + each[0].events.treated if each[0] else 0
    expected = pool([h.log_hr for h in robust], [h.std_error**2 for h in robust], events - 1)
    here = estimate(HAZARD, "relapse")
    assert here.estimate == pytest.approx(expected.estimate, rel=1e-12)
    assert here.std_error == pytest.approx(expected.std_error, rel=1e-12)
    assert (here.conf_low, here.conf_high) == pytest.approx(expected.interval())
    assert here.df == pytest.approx(expected.df)
    assert here.df < events
    assert 0 < here.missing_information < 1


def test_all_patients_are_compared() -> None:
    patients, complete = drawn().patients, found().flow.complete
    assert patients == found().flow.patients
    assert drawn().incomplete.treated == patients.treated - complete.treated
    assert drawn().variables == ("Age", "Marker", "Stage")
    for k in (1, 2, 3):
        here = survival_result(plan().survival[0], f"overlap#{k}", "", played().record)
        assert here is not None
        told = here.patients.comparator + here.unassessed.comparator
        assert told == patients.comparator


def test_other_estimates_are_there_with_their_errors() -> None:
    for term, endpoint in ((SURVIVAL, "relapse"), (RISK, "fever"), (RISK_RATIO, "fever")):
        one = estimate(term, endpoint)
        assert one.conf_low < one.estimate < one.conf_high
        assert 0 < one.p_value < 1
    assert estimate(SURVIVAL, "relapse").time == 30
    assert math.isnan(estimate(RISK, "fever").time)


def test_overlap_weights_balance_every_completed_data_set_exactly() -> None:
    """A check of the whole chain: only exact weights of the completed covariates can do it."""
    model = found().propensity
    assert model is not None
    fitted = {c.term for c in model.coefficients}
    checked = [b for b in drawn().balance if b.column in fitted]
    assert len(checked) >= 4
    for column in checked:
        assert column.largest < 2e-3  # weights have three digits in profile `exact`
        assert abs(column.smd) <= column.largest


def test_single_data_sets_are_in_no_list_of_results() -> None:
    assert not [one for one in found().survival if "#" in one.population]
    assert not [one for one in found().populations if "#" in one.name]
    assert [one.name for one in found().left_out if one.name == "imputed"] == []


def test_where_nothing_was_imputed_there_is_nothing() -> None:
    untouched = results(play(plan(imputation=None), sites(), SEED))
    assert untouched.imputation is None
