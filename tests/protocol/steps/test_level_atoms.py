"""Level atoms: subgroup tables can be subtracted, and what is left must not be a few patients."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.cohort import Cohort
from protocol.disclosure import rules
from protocol.plan.model import Plan
from protocol.steps.level_atoms import Cell, LevelAtoms, LevelGroups, levels_apart
from protocol.steps.plausible import ImpossibleTotalError
from protocol.steps.population import Complete, Everybody
from protocol.steps.risk_table import Level
from protocol.steps.weighting import Weighted
from tests.federation.cohorts import Walked, ask, clinics, cohort, opened, small_plan, walk

MEN, WOMEN = Level("sex", "0"), Level("sex", "1")
EXACT = small_plan("exact")
BOTH = {"all": [MEN, WOMEN]}


def groups(men: tuple[int, int], women: tuple[int, int], unknown: tuple[int, int]) -> LevelGroups:
    """Make one population of men, women and patients of unknown sex, by arm."""
    whole = men[0] + women[0] + unknown[0], men[1] + women[1] + unknown[1]
    at_level = {
        MEN: {Cell(1, arm): men[arm] for arm in (0, 1)},
        WOMEN: {Cell(1, arm): women[arm] for arm in (0, 1)},
    }
    return LevelGroups(EXACT, ("all",), {1: whole}, at_level)


@pytest.mark.parametrize(
    ("unknown", "left_out"),
    [((0, 0), set()), ((1, 0), {("all", WOMEN)}), ((0, 2), {("all", WOMEN)}), ((3, 0), set())],
)
def test_a_whole_less_all_its_levels_is_those_of_unknown_level(
    unknown: tuple[int, int], left_out: set[tuple[str, Level]]
) -> None:
    assert levels_apart(EXACT, groups((30, 30), (20, 20), unknown), BOTH) == left_out


def test_a_level_that_is_left_out_must_not_be_the_difference() -> None:
    """Two patients are neither men nor looked at as women: the whole less the men is these two."""
    found = groups((30, 30), (1, 0), (1, 0))
    assert levels_apart(EXACT, found, {"all": [MEN]}) == {("all", MEN)}
    assert levels_apart(small_plan(), found, {"all": [MEN]}) == set()


def nested(unmatched_men: int) -> LevelGroups:
    """All patients, and matched ones among them: few men are not matched."""
    patterns = {0b01: (unmatched_men + 10, 10), 0b11: (50, 50)}
    men = {Cell(1, 0): unmatched_men, Cell(1, 1): 5, Cell(3, 0): 25, Cell(3, 1): 25}
    women = {Cell(1, 0): 10, Cell(1, 1): 5, Cell(3, 0): 25, Cell(3, 1): 25}
    return LevelGroups(EXACT, ("all", "matched"), patterns, {MEN: men, WOMEN: women})


def test_a_level_of_two_populations_may_differ_by_a_few() -> None:
    """All men less the matched men would be the two who are not matched."""
    wanted = {"all": [MEN, WOMEN], "matched": [MEN, WOMEN]}
    assert levels_apart(EXACT, nested(5), wanted) == set()
    assert levels_apart(EXACT, nested(2), wanted) == {("all", MEN), ("all", WOMEN)}
    # The matched ones alone are large enough, however the others are spread.
    assert levels_apart(EXACT, nested(2), {"all": [], "matched": [MEN, WOMEN]}) == set()


def test_level_atoms_by_hand() -> None:
    sites = [
        cohort("a", [0, 0, 1, 1], sex=[1, 0, 1, -1], age=[50, np.nan, 60, 70]),
        cohort("b", [1, 1], sex=[1, 1], age=[np.nan, 50]),
    ]
    patterns = {1: (1, 1), 3: (1, 3)}
    found = ask(LevelAtoms(EXACT, (Everybody(), Complete(EXACT)), patterns), sites)
    assert found.names == ("all", "complete")
    assert found.at_level[MEN] == {Cell(1, 0): 1, Cell(1, 1): 0, Cell(3, 0): 0, Cell(3, 1): 0}
    assert found.at_level[WOMEN] == {Cell(1, 0): 0, Cell(1, 1): 1, Cell(3, 0): 1, Cell(3, 1): 2}
    assert found.within("complete", WOMEN) == {Cell(3, 0): 1, Cell(3, 1): 2}


def test_more_patients_at_levels_than_there_are_is_a_lie() -> None:
    step = LevelAtoms(EXACT, (Everybody(),), {1: (80, 79)})
    honest = opened(step, [cohort("a", [0, 1] * 80)])
    with pytest.raises(ImpossibleTotalError, match="sex has more patients than there are"):
        step.learn(honest)


def singled_out(walked: Walked, plan: Plan, sites: Sequence[Cohort]) -> list[int]:
    """Count, from the rows, every group that tables of populations and levels tell apart."""
    found: Counter[tuple[object, ...]] = Counter()
    for site in sites:
        members = {p.name: p.weights(site) > 0 for p in walked.findings.populations}
        for row in range(site.size):
            sex = int(site.values["sex"][row])
            inside = tuple(name for name, flags in members.items() if flags[row])
            if not inside:
                continue  # in no table at all
            shown = tuple(
                name for name in inside if Level("sex", str(sex)) in walked.findings.subgroups[name]
            )
            found[(int(site.arm[row]), inside, shown, sex if shown else None)] += 1
    floor = rules(plan).difference_floor
    return [number for number in found.values() if number < floor]


def without_sex(sites: Sequence[Cohort], missing: int) -> list[Cohort]:
    """Let the first patients of the first hospital have no known sex."""
    sex = sites[0].values["sex"].copy()
    sex[:missing] = -1
    return [replace(sites[0], values={**sites[0].values, "sex": sex}), *sites[1:]]


PLANS: Mapping[str, Plan] = {
    "designs": EXACT,
    "plain": EXACT.model_copy(update={"propensity": None, "designs": (), "populations": ()}),
}


@settings(max_examples=6, deadline=None)
@given(st.sampled_from(sorted(PLANS)), st.sampled_from([20, 40, 60]), st.integers(0, 4))
def test_no_combination_of_tables_is_about_a_few(which: str, size: int, missing: int) -> None:
    """Groups that are told apart by the tables asked: nobody is in one smaller than the floor."""
    plan, sites = PLANS[which], without_sex(clinics(4, size, missing), missing)
    assert singled_out(walk(plan, sites), plan, sites) == []


def test_one_patient_of_unknown_sex_is_not_the_difference_of_tables() -> None:
    sites = without_sex(clinics(), 1)
    findings = walk(PLANS["plain"], sites).findings
    assert findings.subgroups["all"] == (MEN,)
    (left,) = findings.left_out
    assert left.name == "all, sex=1"
    assert "rule D" in left.reason


def test_weighted_tables_are_about_the_complete_cases() -> None:
    """All men less the complete ones, whom the weights show: two, who miss another value."""
    plan = EXACT.model_copy(update={"designs": (), "populations": ()})
    weighting = {"name": "overlap", "target": "overlap"}
    plan = Plan.model_validate({**plan.model_dump(), "weightings": [weighting]})
    first = clinics()[0]
    rows = np.flatnonzero(first.arm == 1)
    few = [*rows[first.values["sex"][rows] == 0][:1], *rows[first.values["sex"][rows] == 1][:3]]
    age = first.values["age"].copy()
    age[few] = np.nan
    sites = [replace(first, values={**first.values, "age": age}), *clinics()[1:]]
    walked = walk(plan, sites)
    assert isinstance(walked.findings.populations[-1], Weighted)
    assert {p.name for p in walked.findings.populations} == {"all", "overlap"}
    assert singled_out(walked, plan, sites) == []
    assert walked.findings.subgroups == {"all": (), "overlap": (MEN, WOMEN)}
