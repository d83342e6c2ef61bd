"""What every step has to hold, on any federation: the release fits, and split equals pooled."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.cohort import Cohort
from protocol.question import AnyStep
from protocol.steps.atoms import Atoms
from protocol.steps.describe import Describe
from protocol.steps.flow import Flow
from protocol.steps.level_atoms import LevelAtoms
from protocol.steps.level_sizes import LevelSizes
from protocol.steps.outcome_table import OutcomeTable
from protocol.steps.overlap import Overlap
from protocol.steps.population import Complete, Everybody, Filtered
from protocol.steps.risk_table import Level, RiskTableStep
from protocol.steps.score import Score
from tests.federation.cohorts import (
    clinics,
    federations,
    opened,
    part,
    pool,
    small_plan,
    spread,
    terms_of,
    walk,
)

OWN = {
    "flow/1": {"hospitals"},
    "describe/1": {"hospitals"},
    "score/1": {"hospital", "preference"},
    "level-sizes/1": {"hospitals"},
}
"""Fields that count hospitals, or are about one hospital's whole: they differ by design."""

APART = ("local-fit/1", "contributors/1", "stratified-log-rank/1", "stratified-cox/1")
"""Steps that add up what each hospital finds by itself."""

LOTTERY = ("slices/1", "differences/1", "residuals/1")
"""Steps about who is drawn, which hangs on the hospital's secret."""


def simple_steps(sites: list[Cohort]) -> Iterator[AnyStep]:
    """List the steps that can be asked of any federation, without a model."""
    plan = small_plan()
    (relapse,), (fever,) = plan.survival, plan.binary
    survey = Filtered(plan, plan.populations[0])
    populations = (Everybody(), Complete(plan), survey)
    yield Flow(plan, terms_of(plan, sites))
    atoms = Atoms(plan, populations)
    yield atoms
    names = [population.name for population in populations]
    yield LevelAtoms(plan, populations, atoms.learn(opened(atoms, sites)).patterns(names))
    yield LevelSizes(plan, Everybody())
    for population in populations:
        yield Describe(plan, population)
        yield RiskTableStep(plan, relapse, population)
        yield RiskTableStep(plan, relapse, population, Level("sex", "1"))
        yield OutcomeTable(plan, fever, population)


def asked_steps(sites: list[Cohort]) -> list[AnyStep]:
    """List the steps that a whole study asks of a federation."""
    return [step for trip in walk(small_plan(), sites).trips for step in trip]


def same_sums(apart: dict[str, Any], together: dict[str, Any], but: set[str]) -> None:
    for name in apart.keys() - but:
        if apart[name].dtype.kind == "i":
            np.testing.assert_array_equal(apart[name], together[name], err_msg=name)
        else:
            np.testing.assert_allclose(
                apart[name], together[name], rtol=1e-9, atol=1e-9, err_msg=name
            )


@settings(max_examples=20, deadline=None)
@given(federations())
def test_split_equals_pooled(sites: list[Cohort]) -> None:
    """However patients are spread over hospitals, the sums are the same."""
    for step in simple_steps(sites):
        apart, together = opened(step, sites), opened(step, [pool(sites)])
        assert apart.patients == together.patients == sum(site.size for site in sites)
        same_sums(dict(apart.sums), dict(together.sums), OWN.get(step.name, set()))


@settings(max_examples=10, deadline=None)
@given(federations(), st.integers(1, 7), st.integers(0, 999))
def test_another_spread_gives_the_same_sums(sites: list[Cohort], hospitals: int, seed: int) -> None:
    moved = spread(pool(sites), hospitals, seed)
    for step in simple_steps(sites):
        apart, again = opened(step, sites), opened(step, moved)
        same_sums(
            dict(apart.sums), dict(again.sums), OWN.get(step.name, set()) | {"rows", "excluded"}
        )


@settings(max_examples=8, deadline=None)
@given(federations(), st.integers(0, 999))
def test_the_order_of_rows_counts_for_nothing(sites: list[Cohort], seed: int) -> None:
    """Ties have no order, and a hospital may sort its extract as it likes."""
    draw = np.random.default_rng(seed)
    sorted_anew = [part(site, site.site, draw.permutation(site.size)) for site in sites]
    for step in simple_steps(sites):
        first, second = opened(step, sites), opened(step, sorted_anew)
        same_sums(dict(first.sums), dict(second.sums), {"rows", "excluded"})


@settings(max_examples=4, deadline=None)
@given(federations(), st.randoms(use_true_random=False))
def test_the_order_of_hospitals_counts_for_nothing(sites: list[Cohort], random: Any) -> None:
    """Not even in the last bit: sums are of whole numbers, and of reals in fixed point."""
    shuffled = list(sites)
    random.shuffle(shuffled)
    for step in asked_steps(sites):
        first, second = opened(step, sites), opened(step, shuffled)
        for name, total in first.sums.items():
            np.testing.assert_array_equal(total, second.sums[name], err_msg=step.name)


@settings(max_examples=8, deadline=None)
@given(federations())
def test_a_whole_study_of_any_federation_comes_to_its_end(sites: list[Cohort]) -> None:
    """Hospitals with one arm, one patient, no event or nothing but ties stop nothing.

    Every release on the way fits its layout, and every step is told from every other.
    """
    walked = walk(small_plan(), sites)
    questions = walked.questions
    assert len(set(questions)) == len(questions)
    assert all(type(part) in (str, int) for _, key in questions for part in key)  # never a float
    assert questions[0] == ("lock/1", ())
    assert ("risk-table/1", ("relapse", "all", "")) in questions


def test_a_model_based_step_splits_as_well() -> None:
    """The study's own scores and histogram, asked of the hospitals and of all rows at once."""
    sites = clinics()
    asked = [s for s in asked_steps(list(sites)) if isinstance(s, Score | Overlap)]
    assert {step.name for step in asked} == {"score/1", "overlap/1"}
    for step in asked:
        apart, together = opened(step, sites), opened(step, [pool(sites)])
        same_sums(dict(apart.sums), dict(together.sums), OWN.get(step.name, set()))


def test_every_kind_of_step_is_looked_at_here() -> None:
    """A new step has to say whether it splits; this study asks all kinds there are."""
    names = {step.name for step in asked_steps(list(clinics()))}
    split = {step.name for step in simple_steps(list(clinics()))} | {"score/1", "overlap/1"}
    assert names == split | set(APART) | set(LOTTERY) | {"lock/1", "coin/1"}


@pytest.mark.parametrize("profile", ["exact", "standard", "open"])
def test_layouts_say_in_words_what_leaves(profile: str) -> None:
    walked = walk(small_plan(profile), clinics())
    for trip in walked.trips:
        for step in trip:
            layout = step.layout()
            assert len({field.name for field in layout.fields}) == len(layout.fields)
            assert all(field.what and field.bound > 0 for field in layout.fields)
            whole = all(field.kind == "count" for field in layout.fields)
            assert layout.width == (64 if whole else 128)
