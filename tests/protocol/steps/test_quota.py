"""Quotas, who fills them, and in which cell: exactly, for every lottery and any spread."""

from collections import Counter
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from protocol.cohort import Cohort
from protocol.disclosure import rules
from protocol.parts.matching import PooledMatch, with_borders
from protocol.plan.model import Plan
from protocol.steps.quota import Draw, Group, Matched
from tests.federation.cohorts import (
    clinics,
    federations,
    pool,
    run_through,
    small_plan,
    spread,
    walk,
    with_design,
)


def matched(plan: Plan, sites: list[Cohort]) -> PooledMatch | None:
    design = walk(plan, sites).findings.designs[0]
    return design if isinstance(design, PooledMatch) else None


def one(plan: Plan | None = None) -> PooledMatch:
    return made(PLANS.index(plan or PLANS[0]))


@cache
def made(number: int) -> PooledMatch:
    found = matched(PLANS[number], list(clinics()))
    assert found is not None
    return found


def with_cells(found: PooledMatch, sites: list[Cohort]) -> Draw:
    _, _, draw = run_through(with_borders("matched", found.population.draw), sites)
    return draw


PLANS = [
    small_plan(),
    small_plan("exact"),
    small_plan("standard"),
    with_design(small_plan(), ratio=2, lottery_keys=2),
    with_design(small_plan(), exact=("sex",), lottery_keys=2),
    with_design(small_plan("exact"), ratio=3, lottery_keys=1, exact=("stage",)),
]
NAMES = ["open", "exact", "standard", "2:1", "exact sex", "3:1 exact stage"]


@pytest.mark.parametrize("plan", PLANS, ids=NAMES)
def test_exactly_the_quota_is_taken_of_every_group(plan: Plan) -> None:
    """Over all hospitals, by arm and place, whatever each hospital has of it."""
    found = one(plan)
    draw, quotas = found.population.draw, found.quotas
    taken = np.zeros_like(quotas.taken)
    for site in clinics():
        rows, place = draw.strata.model.rows(site), draw.strata.place(site)
        own = draw.taken(site)[rows]
        np.add.at(taken, (place[own], site.arm[rows][own]), 1)
    np.testing.assert_array_equal(taken, quotas.taken)
    assert (quotas.taken <= quotas.available).all()
    assert quotas.matched[quotas.focal] > 10


@pytest.mark.parametrize("plan", PLANS, ids=NAMES)
def test_no_pair_of_a_cell_is_further_apart_than_the_caliper(plan: Plan) -> None:
    """Every taken focal patient of a cell's bin against every control of the cell, in logits."""
    found = one(plan)
    draw = with_cells(found, list(clinics()))
    focal: dict[int, list[float]] = {}
    controls: dict[int, list[float]] = {}
    for site in clinics():
        cell, rows = draw.cells(site), draw.strata.model.rows(site)
        logit = draw.strata.model.logit(site, draw.strata.b)
        for row, place, score in zip(rows, draw.strata.place(site), logit, strict=True):
            if cell[row] < 0:
                continue
            if site.arm[row] == draw.quotas.focal:
                focal.setdefault(int(place), []).append(float(score))
            else:
                controls.setdefault(int(cell[row]), []).append(float(score))
    assert len(controls) == len(draw.quotas.all_passes) > 5
    for position, flow in enumerate(draw.quotas.all_passes):
        gaps = np.abs(np.subtract.outer(focal[flow.focal_bin], controls[position]))
        assert gaps.size > 0
        assert (gaps <= found.caliper).all()


@pytest.mark.parametrize("plan", PLANS, ids=NAMES)
def test_cells_are_as_large_as_the_flow_says(plan: Plan) -> None:
    found = one(plan)
    draw, quotas = with_cells(found, list(clinics())), found.quotas
    counted = {0: Counter[int](), 1: Counter[int]()}
    for site in clinics():
        cell = draw.cells(site)
        np.testing.assert_array_equal(cell >= 0, draw.taken(site))
        for side in (0, 1):
            chosen = cell[(cell >= 0) & ((site.arm != quotas.focal) == bool(side))]
            counted[side].update(int(c) for c in chosen)
    flows = list(enumerate(quotas.all_passes))
    assert counted[1] == {k: cell.pairs for k, cell in flows}
    position = {(c.focal_bin, c.control_bin): k for k, c in flows}
    first = {position[c.focal_bin, c.control_bin]: c.pairs for c in quotas.first}
    assert counted[0] == first


@settings(max_examples=5, deadline=None)
@given(federations(most=25), st.integers(2, 6), st.integers(0, 99))
def test_quotas_do_not_depend_on_the_spread(sites: list[Cohort], hospitals: int, seed: int) -> None:
    """Who is drawn does, through each hospital's secret; how many does not."""
    apart = matched(small_plan(), sites)
    moved = spread(pool(sites), hospitals, seed)
    again = matched(small_plan(), moved)
    assume(apart is not None)
    assert apart is not None
    assert again is not None
    np.testing.assert_array_equal(apart.quotas.taken, again.quotas.taken)
    assert apart.quotas.all_passes == again.quotas.all_passes
    assert apart.quotas.focal == again.quotas.focal
    numbers = [
        sum(m.population.draw.taken(s).sum() for s in at)
        for m, at in ((apart, sites), (again, moved))
    ]
    assert numbers[0] == numbers[1] == sum(apart.quotas.matched)


@pytest.mark.parametrize("profile", ["exact", "standard"])
def test_all_are_in_or_enough_are_out(profile: str) -> None:
    """Rule D: describe minus matched is the sum over those left out."""
    plan = small_plan(profile)
    floor = rules(plan).difference_floor
    seen = set()
    for seed in range(1, 6):
        found = matched(plan, list(clinics(seed=seed)))
        if found is not None:
            left = found.quotas.left_out
            assert all(out == 0 or out >= floor for out in left)
            seen.add(left)
    assert len(seen) > 2


def test_the_smaller_arm_is_the_focal_one() -> None:
    quotas = one().quotas
    comparators, treated = quotas.available.sum(axis=0)
    assert quotas.focal == int(treated <= comparators)
    assert quotas.matched[0] == quotas.matched[1]


def test_the_flow_of_a_group_adds_up() -> None:
    quotas = one(PLANS[3]).quotas
    for place, arm in np.argwhere(quotas.taken > 0):
        group = Group(int(arm), int(place))
        assert sum(share for _, share in quotas.cells(group)) == quotas.taken[place, arm]


def test_weights_of_controls_sum_to_their_number() -> None:
    found = one(PLANS[3])
    weights = [found.population.weights(site) for site in clinics()]
    arms = [site.arm for site in clinics()]
    weight, arm = np.concatenate(weights), np.concatenate(arms)
    focal = found.quotas.focal
    assert found.population.weighted
    assert set(weight[(arm == focal) & (weight > 0)]) == {1.0}
    assert weight[arm != focal].sum() == pytest.approx(found.quotas.matched[1 - focal], rel=1e-12)
    assert (weight[arm != focal] > 0).sum() == found.quotas.matched[1 - focal]


def test_pairs_are_not_weighted() -> None:
    population = one().population
    assert isinstance(population, Matched)
    assert not population.weighted
    for site in clinics():
        assert set(population.weights(site)) <= {0.0, 1.0}
