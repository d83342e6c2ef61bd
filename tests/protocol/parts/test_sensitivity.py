"""What a plan may ask beside the main comparison: asked only where it is, and within its rules."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.cohort import Cohort
from protocol.parts.propensity import Scores
from protocol.parts.strata import ScoreStrata, differences, fine_strata, inner_cuts
from protocol.plan.adjustment import Imputation, Stratification, Weighting
from protocol.plan.check import check
from protocol.plan.digest import canonical, plan_digest
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.model import Plan, Sensitivity
from protocol.stats.cox import NotEstimable, fit
from protocol.steps.fifths import StratumGroups
from protocol.steps.left_out import REACH, STEP, STEPS, LeftOutHospitals
from protocol.steps.overlap import Bins, ScoreHistogram, Strata
from protocol.steps.population import Everybody
from protocol.steps.risk_table import RiskTableStep
from protocol.steps.score import expit
from protocol.steps.weighting import FineStrata, Weighted
from tests.federation.cohorts import ask, clinics, federations, small_plan, walk

ALL = Sensitivity(heterogeneity=True, common_odds=True, leave_one_out=True)


def asking(profile: str = "exact", **values: Any) -> Plan:
    """Let the small plan ask for more; without subgroups, which do not go with strata."""
    plan = small_plan(profile)
    more = {"further_tests": ("gehan", "peto-peto"), "adjusted": True}
    endpoints = tuple(
        e.model_copy(update=more) if isinstance(e, TimeToEvent) else e for e in plan.endpoints
    )
    return plan.model_copy(update={"subgroups": (), "endpoints": endpoints} | values)


def test_a_plan_that_asks_for_nothing_more_keeps_its_name() -> None:
    """New keys stand in a plan's name only where they are used."""
    plain = small_plan()
    for key in ("sensitivity", "stratification", "further_tests", "adjusted", "trim", "truncate"):
        assert f'"{key}"'.encode() not in canonical(plain)
    names = {plan_digest(plain), plan_digest(asking()), plan_digest(asking(sensitivity=ALL))}
    assert len(names) == 3


def test_everything_is_asked_where_five_hospitals_can_answer() -> None:
    plan = asking(sensitivity=ALL, stratification=Stratification(strata=2))
    walked = walk(plan, clinics(6))
    names = {name for name, _ in walked.questions}
    assert names >= {
        "stratified-family/1", "effects/1", "left-out/1", "stratified-outcome/1",
        "adjusted-by-hospital/1", "stratum-sizes/1",
    }  # fmt: skip
    assert isinstance(walked.findings.strata, ScoreStrata)
    assert len(walked.trips) <= 30


def test_with_four_hospitals_effects_are_not_asked() -> None:
    walked = walk(asking(sensitivity=ALL), clinics(4))
    names = {name for name, _ in walked.questions}
    assert names >= {"stratified-family/1", "stratified-outcome/1", "adjusted-by-hospital/1"}
    assert not names & {"effects/1", "left-out/1"}  # rule S7: five at least


def test_with_three_hospitals_nothing_stratified_is_asked() -> None:
    walked = walk(asking(sensitivity=ALL), clinics(3))
    names = {name for name, _ in walked.questions}
    assert not names & {"stratified-family/1", "stratified-outcome/1", "adjusted-by-hospital/1"}


@settings(max_examples=5, deadline=None)
@given(federations())
def test_a_study_of_any_federation_comes_to_its_end(sites: list[Cohort]) -> None:
    plan = asking("open", sensitivity=ALL, stratification=Stratification(strata=3))
    walked = walk(plan, sites)
    assert len(set(walked.questions)) == len(walked.questions)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sensitivity": ALL}, "rule L"),
        ({"stratification": Stratification(), "sensitivity": None}, "rule D"),
    ],
)
def test_what_a_profile_forbids_is_refused_with_what_it_permits(
    change: dict[str, Any], said: str
) -> None:
    plan = small_plan("standard").model_copy(update=change)
    (problem,) = check(plan)
    assert said in problem.rule
    assert problem.fix


def test_what_cannot_be_asked_is_refused() -> None:
    alone = asking(propensity=None, designs=(), stratification=Stratification())
    said = " ".join(problem.rule for problem in check(alone))
    assert "no covariates to adjust for" in said
    assert "strata are cut from the propensity score" in said
    trimmed = (Weighting(name="w", target="overlap", trim=0.1),)
    imputed = asking("exact", weightings=trimmed, imputation=Imputation())
    assert any("trimming" in problem.rule for problem in check(imputed))
    twice = asking()
    endpoints = tuple(
        e.model_copy(update={"further_tests": ("gehan", "gehan")})
        if isinstance(e, TimeToEvent) else e for e in twice.endpoints
    )  # fmt: skip
    (problem,) = check(twice.model_copy(update={"endpoints": endpoints}))
    assert problem.rule == "a further test is named twice"


# Leave-one-out


TABLE = RiskTableStep(small_plan(), small_plan().survival[0], Everybody())


@settings(max_examples=15, deadline=None)
@given(federations())
def test_the_range_holds_every_estimate_without_one_hospital(sites: list[Cohort]) -> None:
    found = ask(LeftOutHospitals(TABLE, ask(TABLE, sites)), sites)
    estimates, undefined = [], 0
    for k in range(len(sites)):
        try:
            estimates.append(fit(ask(TABLE, [*sites[:k], *sites[k + 1 :]]).table).log_hr)
        except NotEstimable:
            undefined += 1
    assert found.undefined == undefined
    if not estimates:
        assert math.isnan(found.low)
        return
    inside = [min(max(b, -REACH * STEP), REACH * STEP - 1e-9) for b in estimates]
    assert found.low <= min(inside) < found.low + STEP + 1e-9
    assert found.high - STEP - 1e-9 <= max(inside) <= found.high


def test_marks_say_that_somebody_marked_a_step_and_not_how_many() -> None:
    """Marks differ by hospital and step over many powers of ten, and are drawn again alike."""
    sites = clinics(6)
    step = LeftOutHospitals(TABLE, ask(TABLE, sites))
    marks = [np.asarray(step.local(site)["above"]) for site in sites]
    drawn = np.concatenate([m[m > 0] for m in marks]).astype(np.float64)
    assert np.log10(drawn).std() > 2
    assert drawn.max() <= 2**40
    np.testing.assert_array_equal(marks[0], step.local(sites[0])["above"])
    assert len(marks[0]) == STEPS


# Strata of the score


def histogram(counts: list[int]) -> ScoreHistogram:
    bins = Bins(16 / 8)
    rows = np.zeros((bins.number, 2), dtype=np.int64)
    rows[: len(counts), 0] = counts
    scores = walk(small_plan(), clinics()).findings.scores
    assert isinstance(scores, Scores)
    return ScoreHistogram(Strata(scores.model, scores.b, bins, ()), rows)


def test_cuts_are_the_first_edges_below_which_enough_patients_lie() -> None:
    # Bins of width 2 from -8: 3, 1, 4, 2 of 10 patients; halves: 5 lie below the third's end, -2.
    assert inner_cuts(histogram([3, 1, 4, 2]), 2) == (-2.0,)
    assert inner_cuts(histogram([3, 1, 4, 2]), 3) == (-4.0, -2.0)
    assert inner_cuts(histogram([9, 0, 0, 1]), 3) == (-6.0,)  # too many alike to be cut in three


def groups(*rows: list[int]) -> StratumGroups:
    """Lay out patients of one arm by stratum and pattern."""
    counts = np.zeros((len(rows), len(rows[0]), 2), dtype=np.int64)
    counts[:, :, 0] = rows
    return StratumGroups(counts, (5,) * len(rows))


def test_strata_and_populations_are_added_and_subtracted() -> None:
    exact = small_plan("exact")  # groups of three at least
    assert not differences(exact, groups([20, 10], [10, 20]))
    # Matched patients are all of the first stratum and one of the second: take away the first.
    assert differences(exact, groups([0, 20], [19, 1]))
    assert differences(exact, groups([1, 20], [19, 1]))  # two in all
    assert not differences(exact, groups([0, 20], [20, 0]))
    assert not differences(small_plan("open"), groups([0, 20], [19, 1]))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=2), min_size=2, max_size=3))
def test_no_combination_of_totals_is_about_a_few(rows: list[list[int]]) -> None:
    """Every sum and difference of small multiples, tried one by one."""
    if min(sum(row) for row in rows) < 3:
        return  # a stratum that is too small is left out for that
    counts = np.array(rows)
    smallest = math.inf
    for weights in np.ndindex(*(3,) * len(rows)):
        for population in (-1, 1):
            inside = np.array([0, population]) - (np.array(weights)[:, None] - 1)
            left = int(counts[inside != 0].sum())
            smallest = min(smallest, left or math.inf)
    assert differences(small_plan("exact"), groups(*rows)) == (smallest < 3)


def test_fine_strata_that_lack_an_arm_join_others() -> None:
    def strata(rows: list[tuple[int, int]], number: int) -> FineStrata | None:
        counts = np.zeros((histogram([0]).strata.bins.number, 2), dtype=np.int64)
        counts[: len(rows)] = rows  # bins of width 2 from -8
        return fine_strata(ScoreHistogram(histogram([0]).strata, counts), number)

    fine = strata([(3, 2), (4, 0), (1, 1), (0, 2)], 4)
    # Quarters of 13 end after bins 1, 2 and 3; the second lacks treated, the last comparators.
    assert fine == FineStrata((-6.0,), ((3, 2), (5, 3)))
    logits = np.array([-7.0, -6.0, 3.0])  # closed on the left, as the bins are
    np.testing.assert_allclose(fine.logit(logits), np.log([2 / 3, 3 / 5, 3 / 5]))
    assert strata([(3, 2), (4, 0)], 2) == FineStrata((), ((7, 2),))
    assert strata([(3, 0), (4, 0)], 2) is None


def test_fine_strata_weigh_both_arms_alike_in_each() -> None:
    """Weights to everybody: each arm of a stratum counts for all of its patients."""
    plan = asking("open", weightings=(Weighting(name="w", target="everybody", fine_strata=8),))
    walked = walk(plan, clinics())
    found = next(p for p in walked.findings.populations if isinstance(p, Weighted))
    assert found.fine is not None
    assert len(found.fine.sizes) > 4
    assert found.information == ()
    totals = np.zeros((len(found.fine.sizes), 2))
    for site in clinics():
        rows = found.model.rows(site)
        place = np.searchsorted(
            found.fine.inner_cuts, found.model.logit(site, found.b), side="right"
        )
        np.add.at(totals, (place, site.arm[rows].astype(np.intp)), found.weights(site)[rows])
    sizes = np.array(found.fine.sizes).sum(axis=1)
    np.testing.assert_allclose(totals, np.stack([sizes, sizes], axis=1))
    imputed = asking("exact", weightings=plan.weightings, imputation=Imputation())
    assert any("fine strata" in problem.rule for problem in check(imputed))


# Trimming and truncation


def weights_of(weighting: Weighting) -> tuple[Weighted, np.ndarray[Any, Any]]:
    plan = asking("open", weightings=(weighting,))
    populations = walk(plan, clinics()).findings.populations
    found = next(p for p in populations if isinstance(p, Weighted))
    return found, np.concatenate([found.weights(site) for site in clinics()])


def test_truncated_weights_leave_nobody_out() -> None:
    _, plain = weights_of(Weighting(name="w", target="everybody"))
    found, bounded = weights_of(Weighting(name="w", target="everybody", truncate=2.0))
    np.testing.assert_array_equal(bounded, np.minimum(plain, 2.0))
    assert found.members == "complete"


def test_trimmed_patients_are_out_and_counted_as_a_population() -> None:
    found, kept = weights_of(Weighting(name="w", target="everybody", trim=0.4))
    _, plain = weights_of(Weighting(name="w", target="everybody"))
    assert 0 < (kept > 0).sum() < (plain > 0).sum()
    # 1/e and 1/(1 - e) both lie between 1/0.6 and 1/0.4 for those who stay.
    assert set(plain[kept > 0]) == set(kept[kept > 0])
    assert plain[kept > 0].min() >= 1 / 0.6
    assert plain[kept > 0].max() <= 1 / 0.4
    assert found.members == "w"


def test_a_trimmed_population_that_singles_out_a_few_is_left_out() -> None:
    scores = walk(asking("open"), clinics()).findings.scores
    assert isinstance(scores, Scores)
    e = np.concatenate([expit(scores.model.logit(site, scores.b)) for site in clinics()])
    extremes = np.sort(np.minimum(e, 1 - e))
    one = (extremes[0] + extremes[1]) / 2  # leaves out a single patient
    plan = asking(weightings=(Weighting(name="w", target="overlap", trim=float(one)),))
    findings = walk(plan, clinics()).findings
    assert "rule D" in {each.name: each.reason for each in findings.left_out}["w"]
    assert "w" not in {population.name for population in findings.populations}
