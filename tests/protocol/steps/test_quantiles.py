"""Exact quartiles: those of numpy's type 7 on all rows, found by counting over hospitals."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.cohort import Cohort
from protocol.parts.quantiles import exact_quartiles
from protocol.plan.check import check
from protocol.plan.digest import canonical
from protocol.plan.explain import explain
from protocol.plan.model import Plan
from protocol.plan.variables import Number
from protocol.question import Record
from protocol.results.quartiles import exact_quartiles as found_in
from protocol.stats.quantiles import interpolate, type_7
from protocol.steps.describe import Describe
from protocol.steps.plausible import ImpossibleTotalError
from protocol.steps.population import Complete, Everybody, Filtered
from protocol.steps.quantiles import RankCounts, RankSearch, scale
from tests.federation.cohorts import (
    ask,
    changed,
    clinics,
    cohort,
    federations,
    pool,
    run_through,
    small_plan,
    walk,
)


def plan(profile: str = "open", **more: Any) -> Plan:
    """Give the small plan with exact quartiles of its two numbers."""
    here = small_plan(profile)
    numbers = [v.model_copy(update={"quartiles": "exact", **more}) for v in here.variables[:2]]
    return here.model_copy(update={"variables": (*numbers, *here.variables[2:])})


def quartiles(sites: list[Cohort]) -> dict[tuple[str, int], tuple[float, float, float]]:
    here = ask(Describe(plan(), Everybody()), sites)
    _, answers, _ = run_through(exact_quartiles(Everybody(), here), sites)
    record = Record([answer for trip in answers for answer in trip])
    return found_in("all", here, record)


@settings(max_examples=12, deadline=None)
@given(federations())
def test_they_are_type_7_of_all_rows(sites: list[Cohort]) -> None:
    everybody, found = pool(sites), quartiles(sites)
    for name in ("age", "marker"):
        for arm in (0, 1):
            values = everybody.values[name][everybody.arm == arm]
            values = values[~np.isnan(values)]
            if not len(values):
                assert (name, arm) not in found
                continue
            expected = np.quantile(values, (0.25, 0.5, 0.75))
            np.testing.assert_allclose(found[name, arm], expected, rtol=0, atol=1e-8)
            if name == "age":
                assert list(found[name, arm]) == expected.tolist()


def test_decimals_come_back_as_they_were_written() -> None:
    site = cohort("s", [0] * 5, marker=[3.2, 0.7, 12.55, 499.9, 0.1])
    assert quartiles([site])["marker", 0] == (0.7, 3.2, 12.55)


@pytest.mark.parametrize(("n", "q", "expected"), [(1, 0.5, (0, 0, 0.0)), (4, 0.25, (0, 1, 0.75))])
def test_type_7_by_hand(n: int, q: float, expected: tuple[int, int, float]) -> None:
    assert tuple(type_7(n, q)) == expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.floats(0, 1))
def test_type_7_is_numpy_s(values: list[float], q: float) -> None:
    ordered, where = sorted(values), type_7(len(values), q)
    found = interpolate(where, ordered[where.low], ordered[where.high])
    assert found == pytest.approx(float(np.quantile(values, q)), rel=1e-9, abs=1e-6)


def test_a_quantile_of_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a patient"):
        type_7(0, 0.5)


def test_whole_numbers_take_as_few_trips_as_their_range_needs() -> None:
    age, marker = (v for v in plan().variables[:2] if isinstance(v, Number))
    assert (scale(age).trips, scale(marker).trips) == (2, 6)
    wide = age.model_copy(update={"range": (0.0, 300_000.0)})
    assert scale(wide).trips == 4  # 64^3 = 262,144 is not enough


def test_counts_that_contradict_earlier_ones_are_refused() -> None:
    step = RankCounts(plan(), Everybody(), 0, (RankSearch("age", 0, 40),))
    with pytest.raises(ImpossibleTotalError, match="fewer values"):
        ask(step, [cohort("s", [0, 1])])


def test_the_study_searches_every_unweighted_population_beside_its_outcomes() -> None:
    walked = walk(plan("exact"), clinics(5, 60))
    asked = [key for name, key in walked.questions if name == "rank-counts/1"]
    assert {key[0] for key in asked} >= {"complete", "matched"}
    assert "survey" not in {key[0] for key in asked}
    assert max(key[1] for key in asked) == 5
    here = walked.record.get("describe/1", "complete")
    found = found_in("complete", here, walked.record)
    everybody = pool(clinics(5, 60))
    own = Complete(plan()).weights(everybody) > 0
    values = everybody.values["age"][own & (everybody.arm == 1)]
    assert found["age", 1][1] == np.median(values)


def test_a_plan_that_does_not_ask_keeps_its_name_and_is_not_asked() -> None:
    assert b"quartiles" not in canonical(small_plan())
    assert b"quartiles" in canonical(plan())
    assert "rank-counts/1" not in [name for name, _ in walk(small_plan(), clinics()).questions]


def test_ages_counted_year_by_year_need_no_search() -> None:
    walked = walk(plan("exact", bins=100), clinics())
    counts = [s for t in walked.trips for s in t if isinstance(s, RankCounts)]
    assert {search.variable for step in counts for search in step.searches} == {"marker"}


@pytest.mark.parametrize("profile", ["standard", "strict"])
def test_profiles_without_single_values_refuse_it(profile: str) -> None:
    here = changed(plan("exact"), "disclosure", profile=profile)
    found = [p for p in check(here) if p.where.endswith("quartiles")]
    assert len(found) == 2
    assert "no patient's own value" in found[0].rule
    assert 'quartiles = "histogram"' in found[0].fix
    asked = [name for name, _ in walk(here, clinics(5, 60)).questions]
    assert "rank-counts/1" not in asked


def test_reviewers_are_told() -> None:
    told = " ".join(s for section in explain(plan("exact")) for s in section.sentences)
    assert "Quartiles of Age and Marker are found exactly" in told


def test_a_population_that_weighs_is_not_searched() -> None:
    survey = Filtered(plan(), plan().populations[0])
    here = ask(Describe(plan(), survey), clinics())
    trips, _, _ = run_through(exact_quartiles(survey, here), clinics())
    assert trips == []
