"""The program's own choices: what is asked of whom, in which order, and what is left out."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from protocol.cohort import Cohort
from protocol.parts.matching import LeftOut, LocalMatch, PooledMatch
from protocol.parts.propensity import Scores, fit_propensity
from protocol.plan.model import Plan
from protocol.steps.local import LocalFits
from protocol.steps.within import WithinHospital
from tests.federation.cohorts import (
    changed,
    clinics,
    cohort,
    pool,
    run_through,
    small_plan,
    walk,
    with_design,
)


def names(plan: Plan, sites: tuple[Cohort, ...] = clinics()) -> list[str]:
    return [name for name, _ in walk(plan, sites).questions]


def populations(plan: Plan, sites: tuple[Cohort, ...]) -> list[str]:
    return [p.name for p in walk(plan, sites).findings.populations]


def with_missing(patients: int) -> tuple[Cohort, ...]:
    """Let the first patients of each arm of a hospital miss a covariate."""
    first = clinics()[0]
    age = first.values["age"].copy()
    for arm in (0, 1):
        age[np.flatnonzero(first.arm == arm)[:patients]] = np.nan
    return (replace(first, values={**first.values, "age": age}), *clinics()[1:])


def test_without_a_model_there_is_no_score_and_no_match() -> None:
    plan = small_plan().model_copy(update={"propensity": None, "designs": ()})
    asked = names(plan)
    assert not {"local-fit/1", "score/1", "coin/1", "overlap/1", "slices/1"} & set(asked)
    assert asked[:3] == ["lock/1", "flow/1", "describe/1"]
    assert walk(plan, clinics()).findings.scores is None


def test_a_model_without_a_pooled_design_shows_the_score_but_no_coin() -> None:
    plan = small_plan().model_copy(update={"designs": small_plan().designs[1:]})
    questions = walk(plan, clinics()).questions
    assert ("overlap/1", ("score",)) in questions
    assert "coin/1" not in [name for name, _ in questions]
    assert isinstance(walk(plan, clinics()).findings.designs[0], LocalMatch)


@pytest.mark.parametrize(
    ("hospitals", "one_armed", "asked"), [(4, 0, False), (5, 0, True), (5, 1, False)]
)
def test_the_hospitals_own_fits_are_summed_over_enough_of_them(
    hospitals: int, one_armed: int, asked: bool
) -> None:
    """Rule S7: of the sums of few, all but two could work out what those two had sent."""
    sites = [
        replace(s, arm=np.zeros_like(s.arm)) if k < one_armed else s
        for k, s in enumerate(clinics(hospitals))
    ]
    walked = walk(small_plan("exact"), sites)
    assert ("local-fit/1" in [name for name, _ in walked.questions]) is asked
    assert isinstance(walked.findings.scores, Scores)
    assert "local-fit/1" in names(small_plan("open"), tuple(sites))


def test_the_fit_does_not_hang_on_where_it_starts() -> None:
    """Five hospitals start it from their own fits, or from zero as four would."""
    found = walk(small_plan("exact"), clinics(5)).findings
    assert found.model is not None
    _, _, alone = run_through(fit_propensity(found.model, LocalFits(0, None)), clinics(5))
    assert isinstance(alone, Scores)
    assert isinstance(found.scores, Scores)
    assert alone.b == pytest.approx(found.scores.b, abs=1e-9)


def test_endpoints_are_optional() -> None:
    plan = small_plan().model_copy(update={"endpoints": ()})
    assert not [n for n in names(plan) if n.startswith(("risk", "outcome", "strat", "resid"))]


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        (0, ["all", "survey", "matched", "within"]),
        (2, ["complete"]),
        (5, ["all", "survey"]),
    ],
)
def test_rows_with_missing_covariates_are_a_population_of_their_own(
    missing: int, expected: list[str]
) -> None:
    """Few of them would show as the difference of all and complete: then all is left out."""
    found = populations(small_plan("exact"), with_missing(missing))
    assert [name for name in found if name in expected] == expected
    assert ("all" in found) == ("all" in expected)
    assert ("complete" in found) == (missing == 2)


def test_every_population_is_asked_or_left_out_with_a_reason() -> None:
    for profile in ("open", "exact", "standard"):
        for missing in (0, 2, 5):
            findings = walk(small_plan(profile), with_missing(missing)).findings
            told = {left.name for left in findings.left_out}
            made = {p.name for p in findings.populations}
            assert not told & made
            assert told | made >= {"all", "survey", "matched", "within"}
            assert all(len(left.reason) > 15 for left in findings.left_out)


def test_no_pair_within_the_caliper() -> None:
    """Two lumps of patients without overlap: the design is left out, the study goes on."""
    sites = tuple(
        cohort(
            f"s{k}",
            [0] * 19 + [1] + [1] * 19 + [0],
            first_id=100 * k,
            age=[50] * 20 + [70] * 20,
        )
        for k in range(3)
    )
    plan = changed(small_plan(), "disclosure", min_sites=3)
    found = walk(with_design(plan, caliper_sd=0.01, exact=("fever",)), sites).findings
    assert isinstance(found.designs[0], PooledMatch)
    apart = tuple(replace(s, values={**s.values, "fever": s.arm.copy()}) for s in sites)
    left = walk(with_design(plan, exact=("fever",)), apart).findings.designs[0]
    assert left == LeftOut("matched", "no pair lies within the caliper")


def test_weights_of_sets_within_hospitals_sum_to_their_number() -> None:
    within: dict[str, Any] = {"ratio": 2}
    plan = small_plan().model_copy(
        update={"designs": (small_plan().designs[1].model_copy(update=within),)}
    )
    found = walk(plan, clinics()).findings.populations[-1]
    assert isinstance(found, WithinHospital)
    weight = np.concatenate([found.weights(site) for site in clinics()])
    controls = (pool(clinics()).arm != found.focal) & (weight > 0)
    assert weight[controls].sum() == pytest.approx(controls.sum(), rel=1e-9)


def test_one_hospital_with_all_rows_is_asked_the_same() -> None:
    """What is asked follows from totals, but for searches whose length is chance or rounding."""
    plan = small_plan().model_copy(update={"designs": small_plan().designs[:1]})
    searches = ("slices/1", "score/1", "stratified-cox/1", "stratified-log-rank/1")
    apart, together = names(plan), names(plan, (pool(clinics()),))
    assert [n for n in apart if n not in searches] == [n for n in together if n not in searches]
