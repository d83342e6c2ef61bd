"""Who is looked at: filters, weights, matches within hospitals, and what would single out a few."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from protocol.parts.matching import LocalMatch
from protocol.steps.atoms import Atoms, Membership, permitted
from protocol.steps.population import Complete, Everybody, Filtered, rounded
from protocol.steps.within import WithinHospital, nearest_pairs
from tests.federation.cohorts import ask, clinics, cohort, small_plan, walk

PLAN = small_plan()
Reals = NDArray[np.float64]


def test_membership_by_hand() -> None:
    """Bit 0 is all, bit 1 complete, bit 2 the survey."""
    populations = (Everybody(), Complete(PLAN), Filtered(PLAN, PLAN.populations[0]))
    sites = [
        cohort("a", [0, 0, 1], age=[50, np.nan, 60], weight=[1, 1, np.nan]),
        cohort("b", [1], weight=[0.0]),
    ]
    found = ask(Atoms(PLAN, populations), sites)
    # The patient of weight 0 is in no weighted population.
    assert found.counts.tolist() == [[0, 0], [0, 0], [0, 0], [0, 2], [0, 0], [1, 0], [0, 0], [1, 0]]
    assert found.size("all") == (2, 2)
    assert found.size("complete") == (1, 2)
    assert found.size("survey") == (2, 0)
    assert sorted(found.groups(["all", "survey"])) == [0, 0, 0, 0, 0, 0, 2, 2]


def members(*outside: int) -> Membership:
    """All, and a second population that leaves out some comparators and some treated."""
    comparators, treated = outside
    counts = np.zeros((4, 2), dtype=np.int64)
    counts[1] = comparators, treated
    counts[3] = 50, 50
    return Membership(("all", "part"), counts)


@pytest.mark.parametrize(("profile", "floor"), [("exact", 3), ("standard", 10)])
def test_rule_d_leaves_out_what_would_single_out_a_few(profile: str, floor: int) -> None:
    plan = small_plan(profile)
    for few in range(1, floor):
        for outside in ((few, 0), (0, few), (few, 40)):
            assert set(permitted(plan, ["all", "part"], members(*outside))) == {"part"}
    for outside in ((0, 0), (floor, 0), (0, floor), (floor, floor)):
        assert permitted(plan, ["all", "part"], members(*outside)) == {}
    assert permitted(small_plan("open"), ["all", "part"], members(1, 1)) == {}


def test_rule_d_looks_at_populations_together() -> None:
    """Each differs from all by enough, but the two differ from each other by one patient."""
    counts = np.zeros((8, 2), dtype=np.int64)
    counts[0b001] = 10, 10  # in all only
    counts[0b011] = 1, 0  # in all and the first
    counts[0b111] = 30, 30
    left = permitted(
        small_plan("exact"), ["all", "one", "two"], Membership(("all", "one", "two"), counts)
    )
    assert set(left) == {"two"}
    assert "smaller than profile `exact` allows (rule D)" in left["two"]


def test_weights_are_rounded_to_significant_digits() -> None:
    weights = np.array([0.0, 0.0123456, 1.23456, 9.999, 123.456])
    np.testing.assert_allclose(rounded(weights, 3), [0, 0.0123, 1.23, 10, 123], rtol=1e-12)
    np.testing.assert_allclose(rounded(weights, 2), [0, 0.012, 1.2, 10, 120], rtol=1e-12)
    np.testing.assert_array_equal(rounded(weights, 0), weights)


def by_brute_force(focal: Reals, control: Reals, caliper: float) -> list[int]:
    """Match greedily by looking at all free controls, as the definition says."""
    free, found = set(range(len(control))), [-1] * len(focal)
    for patient in sorted(range(len(focal)), key=lambda k: (-focal[k], k)):
        near = [(abs(focal[patient] - control[k]), k) for k in free]
        if near and min(near)[0] <= caliper:
            found[patient] = min(near)[1]
            free.remove(found[patient])
    return found


SCORES = st.lists(st.integers(-12, 12).map(lambda k: k / 8), max_size=14)


@settings(max_examples=200, deadline=None)
@given(SCORES, SCORES, st.sampled_from([0.0, 0.125, 0.3, 1.0, 9.0]))
def test_nearest_pairs_equal_a_search_of_all(
    focal: list[float], control: list[float], caliper: float
) -> None:
    """With many ties: at equal distance the lower row number is taken."""
    one, other = np.array(focal), np.array(control)
    assert nearest_pairs(one, other, caliper).tolist() == by_brute_force(one, other, caliper)


@pytest.mark.parametrize("ratio", [1, 2])
def test_matches_within_hospitals_keep_to_the_caliper(ratio: int) -> None:
    within = PLAN.designs[1].model_copy(update={"ratio": ratio, "exact": ("sex",)})
    plan = PLAN.model_copy(update={"designs": (within,)})
    walked = walk(plan, clinics())
    (design,) = walked.findings.designs
    assert isinstance(design, LocalMatch)
    population = walked.findings.populations[-1]
    assert isinstance(population, WithinHospital)
    total, controls = np.zeros(2), 0
    for site in clinics():
        logit = dict(
            zip(
                population.strata.model.rows(site),
                population.strata.model.logit(site, population.strata.b),
                strict=True,
            )
        )
        pairs = population.pairs(site)
        used = [row for own in pairs.values() for row in own]
        assert len(used) == len(set(used))
        for row, own in pairs.items():
            assert 1 <= len(own) <= ratio
            for other in own:
                assert abs(logit[row] - logit[other]) <= design.caliper
                assert site.values["sex"][row] == site.values["sex"][other]
                assert (site.arm[row], site.arm[other]) == (population.focal, 1 - population.focal)
        np.add.at(total, site.arm, population.weights(site))
        controls += len(used)
    assert population.weighted == (ratio > 1)
    assert total[1 - population.focal] == pytest.approx(controls, rel=0.01)
