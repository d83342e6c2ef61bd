"""Overlap: bins that any score falls into, alike in every hospital."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.cohort import Cohort
from protocol.parts.matching import PooledMatch
from protocol.steps.overlap import CLAMP, NARROWEST, Bins, Overlap, Strata, score_bins
from tests.federation.cohorts import ask, clinics, pool, small_plan, walk, with_design

WIDTHS = st.floats(NARROWEST, 5.0)


@given(WIDTHS, st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_every_score_has_a_bin_that_holds_it(width: float, scores: list[float]) -> None:
    bins, logit = Bins(width), np.array(scores)
    place = bins.place(logit)
    assert ((place >= 0) & (place < bins.number)).all()
    expected = [math.floor(min(max(x, -CLAMP), CLAMP) / width) for x in scores]
    assert [int(p) + bins.lowest for p in place] == expected


@given(WIDTHS)
def test_edges_enclose_the_clamp(width: float) -> None:
    bins = Bins(width)
    edges = bins.edges
    assert len(edges) == bins.number + 1
    assert edges[0] <= -CLAMP < edges[1] + 1e-9
    assert edges[-2] <= CLAMP + 1e-9 < edges[-1] + 2e-9


def test_bins_have_an_edge_at_zero() -> None:
    bins = Bins(0.3)
    assert list(bins.place(np.array([-1e-12, 0.0, 0.29, 0.31]))) == [
        -bins.lowest - 1,
        -bins.lowest,
        -bins.lowest,
        -bins.lowest + 1,
    ]


@pytest.mark.parametrize(
    ("caliper", "per", "width"), [(0.2, 10, 0.02), (0.2, 1, 0.2), (0.0, 10, NARROWEST)]
)
def test_width_is_the_caliper_over_the_bins(caliper: float, per: int, width: float) -> None:
    assert score_bins(caliper, per).width == pytest.approx(width)


def strata() -> Strata:
    """Strata of the small study, with exact matching on stage and sex."""
    walked = walk(with_design(small_plan(), exact=("stage", "sex")), clinics())
    (design,) = walked.findings.designs
    assert isinstance(design, PooledMatch)
    return design.histogram.strata


def test_places_are_category_by_bin() -> None:
    found, whole = strata(), pool(clinics())
    rows = found.model.rows(whole)
    assert len(found.categories) == 6
    assert found.places == 6 * found.bins.number
    category = whole.values["stage"][rows] * 2 + whole.values["sex"][rows]
    bins = found.bins.place(found.model.logit(whole, found.b))
    np.testing.assert_array_equal(found.place(whole), category * found.bins.number + bins)
    for position, (stage, sex) in enumerate(found.categories):
        assert (position // 2, position % 2) == (["I", "II", "III"].index(stage), int(sex))


def test_counts_hold_every_complete_case_once() -> None:
    histogram = ask(Overlap("matched", strata()), clinics())
    whole = pool(clinics())
    assert histogram.counts.shape == (strata().places, 2)
    np.testing.assert_array_equal(histogram.counts.sum(axis=0), np.bincount(whole.arm))
    np.testing.assert_array_equal(histogram.by_bin.sum(axis=0), np.bincount(whole.arm))
    assert histogram.by_bin.shape == (strata().bins.number, 2)


def test_what_leaves() -> None:
    layout = Overlap("matched", strata()).layout()
    (field,) = layout.fields
    assert (field.name, field.shape, layout.width, layout.about) == (
        "counts",
        (strata().places, 2),
        64,
        True,
    )


def lonely_stage(hospitals: int) -> list[Cohort]:
    """Let only the first hospitals have patients of stage III."""
    return [
        replace(s, values={**s.values, "stage": np.where(s.values["stage"] == 2, 1, 0)})
        if k >= hospitals
        else s
        for k, s in enumerate(clinics())
    ]


@pytest.mark.parametrize(("hospitals", "closed"), [(0, ()), (1, (2,)), (3, (2,)), (4, ())])
def test_a_category_of_few_hospitals_is_not_counted(
    hospitals: int, closed: tuple[int, ...]
) -> None:
    """Its histogram of scores would be theirs alone (rule S7)."""
    sites = lonely_stage(hospitals)
    walked = walk(with_design(small_plan("exact"), exact=("stage",)), sites)
    (design,) = walked.findings.designs
    assert isinstance(design, PooledMatch)
    strata, counts = design.histogram.strata, design.histogram.counts
    assert strata.closed == closed
    bins = strata.bins.number
    for category in range(3):
        there = sum(int((site.values["stage"] == category).sum()) for site in sites)
        shown = int(counts[category * bins : (category + 1) * bins].sum())
        assert shown == (0 if category in closed else there)
    told = [left for left in walked.findings.left_out if left.name == "matched, stage=III"]
    assert len(told) == len(closed)
    assert all("rule S7" in left.reason for left in told)
    asked = [name for name, _ in walked.questions]
    assert asked.index("categories/1") < asked.index("overlap/1")


def test_categories_are_counted_where_a_rule_needs_it() -> None:
    for plan in (with_design(small_plan(), exact=("stage",)), small_plan("exact")):
        assert "categories/1" not in [name for name, _ in walk(plan, clinics()).questions]
