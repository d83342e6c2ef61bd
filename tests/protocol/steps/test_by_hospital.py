"""Tests, effects and residuals by hospital: sums of what each hospital finds by itself."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from protocol.cohort import Cohort
from protocol.parts.by_hospital import agreement, stratified_hazards
from protocol.question import Record
from protocol.stats.competing import CauseTable
from protocol.stats.cox import Ties, fit, fit_strata, residual_squares, score_residuals
from protocol.stats.gray import gray
from protocol.stats.log_rank import FAMILY, log_rank
from protocol.steps.by_hospital import StratifiedFamily, StratifiedGray, StratifiedOutcome
from protocol.steps.clustered import ClusteredSquares, StratifiedSquares
from protocol.steps.effects import HospitalEffects, own_effect
from protocol.steps.population import Everybody, Filtered
from protocol.steps.risk_table import RiskTableStep
from tests.federation.cohorts import (
    ask,
    clinics,
    cohort,
    federations,
    part,
    run_through,
    small_plan,
)

PLAN = small_plan()
(RELAPSE,) = PLAN.survival
TABLE = RiskTableStep(PLAN, RELAPSE, Everybody())
SURVEY = RiskTableStep(PLAN, RELAPSE, Filtered(PLAN, PLAN.populations[0]))


@settings(max_examples=15, deadline=None)
@given(federations())
def test_the_family_adds_the_hospitals_tests(sites: list[Cohort]) -> None:
    found = ask(StratifiedFamily(TABLE, tuple(FAMILY)), sites)
    own = [ask(TABLE, [site]).table.compact() for site in sites]
    for name, weigh in FAMILY.items():
        tests = [log_rank(table, weighting=weigh) for table in own]
        wanted = [sum(values) for values in zip(*(t.observed for t in tests), strict=True)]
        assert found[name].observed == pytest.approx(wanted, abs=1e-9)
        assert found[name].variance == pytest.approx(sum(t.variance for t in tests), abs=1e-9)
        difference = sum(t.difference for t in tests)
        assert found[name].difference == pytest.approx(difference, abs=1e-9)
    single = ask(StratifiedFamily(TABLE, tuple(FAMILY)), sites[:1])["gehan"]
    assert single.variance == pytest.approx(log_rank(own[0], weighting=FAMILY["gehan"]).variance)


def test_no_test_leaves_that_the_plan_does_not_name() -> None:
    few = StratifiedFamily(TABLE, ("gehan",))
    assert few.layout().numbers == 5
    assert list(ask(few, clinics())) == ["gehan"]


def test_weights_of_the_family_are_each_hospitals_own() -> None:
    """With one curve over all hospitals for the weights, rho = 1 would be another test."""
    found = ask(StratifiedFamily(TABLE, tuple(FAMILY)), clinics())["fleming-harrington-1-0"]
    pooled = ask(TABLE, clinics()).table
    assert abs(found.chi_square - log_rank(pooled, rho=1).chi_square) > 1e-3


@settings(max_examples=15, deadline=None)
@given(federations())
def test_gray_adds_the_hospitals_parts(sites: list[Cohort]) -> None:
    for cause in (0, 1):
        found = ask(StratifiedGray(TABLE, cause), sites)
        own = []
        for site in sites:
            events = ask(TABLE, [site])
            table = CauseTable(events.events, events.censored, events.grid.times).compact()
            if min(table.all_causes.patients) and table.events[cause].any():
                own.append(gray(table, cause))
        if math.isnan(found.score):
            assert not all(math.isfinite(part.variance) for part in own)
            continue
        assert found.score == pytest.approx(sum(part.score for part in own), abs=1e-9)
        assert found.variance == pytest.approx(sum(part.variance for part in own), abs=1e-9)


def test_common_odds_by_hand() -> None:
    # A: treated 3 of 5, comparator 1 of 5 have fever; B the same; C has one arm only; D nobody.
    fever = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    sites = [
        cohort("a", [1] * 5 + [0] * 5, fever=fever),
        cohort("b", [1] * 5 + [0] * 5, fever=fever),
        cohort("c", [1, 1], fever=[1, 0]),
        cohort("d", [1, 0], fever=[-1, -1]),
    ]
    found = ask(StratifiedOutcome(PLAN, Everybody(), "fever", ("1",)), sites)
    assert found.hospitals == 2
    assert found.parts.odds_ratio == pytest.approx(6.0)
    assert found.parts.test.statistic == pytest.approx(3.0)
    assert StratifiedOutcome(PLAN, Everybody(), "fever", ("1",)).layout().numbers == 8


@pytest.mark.parametrize("table", [TABLE, SURVEY])
@pytest.mark.parametrize("ties", list(Ties))
def test_stratified_hazards_with_a_robust_error(table: RiskTableStep, ties: Ties) -> None:
    """Trips end where a fit of all hospitals' tables ends, weighted patients too."""
    _, answers, _ = run_through(stratified_hazards(table, ties, squares=True), clinics())
    record = Record([answer for trip in answers for answer in trip])
    last = answers[-2][0]
    wanted = fit_strata([ask(table, [site]).table for site in clinics()], ties)
    assert last.learnt.log_hr == pytest.approx(wanted.log_hr)
    information = last.learnt.terms.information
    squares = record.get("stratified-squares/1", *table.key(), str(ties))
    assert math.sqrt(squares.estimate) / information == pytest.approx(wanted.robust_std_error)
    null = answers[0][0].learnt.terms.score
    assert null**2 / squares.null == pytest.approx(wanted.robust_score_test)


def test_hospitals_without_events_in_both_arms_end_the_search() -> None:
    sites = [cohort("a", [0, 1], status=[0, 0]), cohort("b", [0, 1], status=[0, 1])]
    trips, _, _ = run_through(stratified_hazards(TABLE, Ties.EFRON, squares=True), sites)
    assert [step.name for (step,) in trips] == ["stratified-cox/1"]


def residuals(ties: Ties) -> Any:
    table = ask(TABLE, clinics()).table
    b = fit(table, ties).log_hr
    return np.stack([score_residuals(table, at, ties) for at in (0.0, b)])


def test_clusters_of_one_patient_are_the_usual_sandwich() -> None:
    """And hospitals as clusters are not: residuals are added before they are squared."""
    found = residuals(Ties.EFRON)
    step, table = ClusteredSquares(TABLE, Ties.EFRON, found), ask(TABLE, clinics()).table
    rows = [part(s, f"{s.site}-{k}", np.array([k])) for s in clinics() for k in range(s.size)]
    single = ask(step, rows)
    assert single.estimate == pytest.approx(residual_squares(table, fit(table).log_hr))
    assert single.null == pytest.approx(residual_squares(table, 0.0))
    assert abs(ask(step, clinics()).estimate - single.estimate) > 0.1
    whole = ask(StratifiedSquares(TABLE, Ties.EFRON, 0.3), clinics()[:1])
    own = ask(TABLE, clinics()[:1]).table
    assert whole.estimate == pytest.approx(residual_squares(own, 0.3))


def test_effects_are_powers_of_the_hospitals_own() -> None:
    sites = (*clinics(), cohort("one-arm", [1, 1], status=[1, 1], days=[3, 4]))
    own = [effect for site in sites if (effect := own_effect(ask(TABLE, [site]).table))]
    assert len(own) == 4  # the last has no effect of its own
    for between in (0.0, 0.4):
        found = ask(HospitalEffects(TABLE, between), sites)
        w = np.array([1 / (se * se + between) for _, se in own])
        t = np.array([theta for theta, _ in own])
        wanted = [w, w**2, w**3, w * t, w * t**2, w**2 * t, w**2 * t**2]
        sums = found.sums
        got = [sums.w, sums.w2, sums.w3, sums.wt, sums.wt2, sums.w2t, sums.w2t2]
        assert got == pytest.approx([float(power.sum()) for power in wanted], rel=1e-9)
        assert found.hospitals == 4


def test_agreement_asks_no_more_than_its_profile_allows() -> None:
    """Five contributing hospitals, two trips, and no third powers, unless there are no rules."""
    exact = RiskTableStep(small_plan("exact"), RELAPSE, Everybody())
    trips, _, found = run_through(agreement(exact), clinics(4))
    assert [step.name for (step,) in trips] == ["hospital-count/1"]
    assert found is None  # rule S7
    trips, answers, found = run_through(agreement(exact), clinics(6))
    assert [step.name for (step,) in trips[1:]] == ["effects/1"] * 2
    assert found is not None
    assert found.restricted is None
    first, second = (trip[0].opened.sums["powers"] for trip in answers[1:] if trip[0].opened)
    assert first[[2, 5, 6]].tolist() == [0, 0, 0]
    assert second[[1, 2, 4, 5, 6]].tolist() == [0] * 5
    _, _, free = run_through(agreement(TABLE), clinics(6))
    assert free is not None
    assert free.restricted is not None
    assert free.fixed.estimate == pytest.approx(found.fixed.estimate)
    assert free.moments.estimate == pytest.approx(found.moments.estimate)
