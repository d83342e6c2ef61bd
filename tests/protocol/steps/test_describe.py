"""Describe: sums by hand, and what is read off them."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from protocol.plan.columns import Column, number_column
from protocol.plan.variables import Number, levels
from protocol.steps.describe import (
    Describe,
    Description,
    described,
    edges,
    level_columns,
    number_columns,
    unit,
    weighted_columns,
)
from protocol.steps.population import Complete, Everybody, Filtered
from tests.federation.cohorts import ask, clinics, cohort, opened, pool, small_plan

PLAN = small_plan()
AGE = PLAN.variable("age")
STAGE = PLAN.variable("stage")
SURVEY = Filtered(PLAN, PLAN.populations[0])
SITES = [
    cohort("a", [0, 0, 1], age=[50, np.nan, 60], stage=[0, 1, 1], weight=[2, 1, 4]),
    cohort("b", [1, 0], age=[65, 70], stage=[2, -1], weight=[np.nan, 1]),
]


def age() -> Column:
    assert isinstance(AGE, Number)
    return number_column(AGE)


def test_moments_by_hand() -> None:
    """About the plan's centre 60: comparators -10, +10 and one missing; treated 0, +5."""
    found = ask(Describe(PLAN, Everybody()), SITES)
    comparator, treated = found.moments(age(), 0), found.moments(age(), 1)
    assert found.patients == (3, 2)
    assert (comparator.n, comparator.missing, comparator.total, comparator.squares) == (
        2,
        1,
        0,
        200,
    )
    assert (treated.n, treated.missing, treated.total, treated.squares) == (2, 0, 5, 25)
    assert (comparator.mean, treated.mean, treated.variance) == (60, 62.5, 12.5)


def test_levels_and_hospitals_by_hand() -> None:
    found = ask(Describe(PLAN, Everybody()), SITES)
    counts = {level: [found.level(STAGE, level, arm) for arm in (0, 1)] for level in levels(STAGE)}
    assert counts == {"I": [1, 0], "II": [1, 1], "III": [0, 1]}
    assert [found.hospitals(STAGE, level) for level in levels(STAGE)] == [1, 1, 1]
    second = Column("stage=II", "stage", "", "level", "II")
    moments = found.moments(second, 0)
    assert (moments.n, moments.missing, moments.total) == (2, 1, 1)


def test_complete_cases_leave_out_who_misses_a_covariate() -> None:
    assert ask(Describe(PLAN, Complete(PLAN)), SITES).patients == (1, 2)


def test_weighted_moments_by_hand() -> None:
    """Ages 50 (weight 2) and 70 (weight 1) among comparators; the treated without weight is out."""
    found = ask(Describe(PLAN, SURVEY), SITES)
    assert found.patients == (3, 1)
    comparator = found.weighted(age(), 0)
    assert comparator is not None
    assert (comparator.sum_w, comparator.sum_w2) == (3, 5)
    assert comparator.mean == pytest.approx(170 / 3, rel=1e-15)
    assert ask(Describe(PLAN, Everybody()), SITES).weighted(age(), 0) is None


def test_quantiles_of_ages_are_right_to_a_bin() -> None:
    whole = pool(clinics())
    found = ask(Describe(PLAN, Everybody()), clinics())
    assert isinstance(AGE, Number)
    width = edges(PLAN, AGE)[1] - edges(PLAN, AGE)[0]
    for arm in (0, 1):
        values = whole.values["age"][whole.arm == arm]
        for q in (0.25, 0.5, 0.75):
            assert abs(found.quantile(AGE, arm, q) - np.quantile(values, q)) <= width


def test_histograms_hold_everybody_with_a_value() -> None:
    found = ask(Describe(PLAN, Everybody()), SITES).opened.sums
    numbers = [v for v in described(PLAN) if isinstance(v, Number)]
    assert found["histogram"].sum() == sum(
        int((~np.isnan(site.values[v.name])).sum()) for v in numbers for site in SITES
    )


def test_the_lowest_and_the_highest_value_are_in_the_histogram() -> None:
    ends = [cohort("a", [0, 1], age=[18, 100], marker=[0.1, 500.0])]
    counts = ask(Describe(PLAN, Everybody()), ends).opened.sums["histogram"]
    assert counts[:, 0].nonzero()[0][0] == 0
    assert counts.sum() == 4


def test_bins_of_a_logarithm_have_equal_ratios() -> None:
    marker = PLAN.variable("marker")
    assert isinstance(marker, Number)
    borders = edges(PLAN, marker)
    ratios = {round(high / low, 9) for low, high in pairwise(borders)}
    assert len(ratios) == 1
    assert (borders[0], borders[-1]) == (0.1, 500)


def test_what_leaves() -> None:
    """Counts and sums by arm; weighted sums only where patients weigh."""
    plain, weighted = Describe(PLAN, Everybody()).layout(), Describe(PLAN, SURVEY).layout()
    shapes = {field.name: field.shape for field in weighted.fields}
    numbers, marked = len(number_columns(PLAN)), len(level_columns(PLAN))
    assert (numbers, marked) == (3, 5)  # age, marker and its logarithm; stage and sex
    assert shapes["total"] == shapes["squares"] == shapes["known"] == (numbers, 2)
    assert shapes["levels"] == (marked, 2)
    assert shapes["histogram"] == (17 + 10, 2)
    assert shapes["weighted_known"] == (len(weighted_columns(PLAN)), 2, 2)
    assert {f.name for f in weighted.fields} - {f.name for f in plain.fields} == {
        "weight",
        "weighted_known",
        "weighted_total",
        "weighted_squares",
    }
    assert plain.width == weighted.width == 128


def test_the_ends_of_every_range_stay_within_the_bounds() -> None:
    """A hospital as large as the plan allows, all at one end, can still send its sums."""
    most = PLAN.disclosure.max_patients_per_hospital
    for end, marker in ((18, 0.1), (100, 500.0)):
        ends = cohort("a", [0] * most, age=[end] * most, marker=[marker] * most)
        assert opened(Describe(PLAN, Everybody()), [ends]).sums["members"][0] == most


def test_who_has_a_role_elsewhere_is_not_described() -> None:
    assert [v.name for v in described(PLAN)] == ["age", "marker", "stage", "sex"]
    assert math.isnan(
        Description(PLAN, opened(Describe(PLAN, Everybody()), [])).moments(age(), 0).mean
    )


@pytest.mark.parametrize(("scale", "per"), [(1.0, 1.0), (2.0**30, 2.0**36), (2.0**-30, 2.0**-24)])
def test_extreme_ranges_travel_in_powers_of_two(scale: float, per: float) -> None:
    """Nothing overflows, no digit is lost, and what is learnt is in the variable's own unit."""
    assert isinstance(AGE, Number)
    assert AGE.range == (18.0, 100.0)
    scaled = AGE.model_copy(
        update={
            "type": "number",
            "range": (18 * scale, 100 * scale),
            "centre": 60 * scale,
        }
    )
    others = tuple(scaled if v.name == "age" else v for v in PLAN.variables)
    plan = PLAN.model_copy(update={"variables": others})
    sites = [replace(s, values={**s.values, "age": s.values["age"] * scale}) for s in SITES]
    what = number_column(scaled)
    assert unit(plan, what) == per
    found = ask(Describe(plan, Everybody()), sites)
    assert found.moments(what, 0).squares == 200 * scale * scale
    assert found.moments(what, 1).mean == 62.5 * scale
    weighted = ask(Describe(plan, Filtered(plan, plan.populations[0])), sites).weighted(what, 0)
    plain = ask(Describe(PLAN, SURVEY), SITES).weighted(age(), 0)
    assert weighted is not None
    assert plain is not None
    assert weighted.mean == plain.mean * scale
    assert weighted.variance == plain.variance * scale * scale
