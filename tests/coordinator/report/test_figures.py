"""Figures: the right numbers in the right places, and every word on the sheet."""

import math
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from coordinator.report.figures.canvas import Canvas, text_width, wrap
from coordinator.report.figures.flow import flow
from coordinator.report.figures.forest import ForestRow, forest
from coordinator.report.figures.kaplan_meier import arms_of, kaplan_meier, last_month, ticks_of
from coordinator.report.figures.love import Difference, differences, love
from coordinator.report.figures.overlap import MOST_BARS, merged, overlap
from protocol.results.model import Histogram, Pair
from tests.coordinator.examples import EMPTY, nothing, results, study, survival

SVG = "{http://www.w3.org/2000/svg}"
LONG = "A very long label of an arm for which no figure was made, with many words"


def texts(svg: str) -> list[ET.Element]:
    return list(ET.fromstring(svg).iter(f"{SVG}text"))  # noqa: S314 - our own drawing


def words(svg: str) -> list[str]:
    return [element.text or "" for element in texts(svg)]


def outside(svg: str) -> list[str]:
    """List the words that reach beyond the sheet."""
    sheet = ET.fromstring(svg)  # noqa: S314
    width, height = float(sheet.attrib["width"]), float(sheet.attrib["height"])
    found = []
    for element in texts(svg):
        told, size = element.text or "", float(element.attrib["font-size"])
        wide = text_width(told, size, bold="font-weight" in element.attrib)
        x, y = float(element.attrib["x"]), float(element.attrib["y"])
        start = {"start": x, "middle": x - wide / 2, "end": x - wide}[element.attrib["text-anchor"]]
        # The bound on a text's width is generous; a twelfth of it may stick out.
        if start < -wide / 12 or start + wide > width * 1.01 + wide / 12 or not 0 < y <= height:
            found.append(told)
    return found


def test_at_risk_is_just_before_and_rows_add_up() -> None:
    new, old = arms_of(survival(), study())
    months = [day / (365.25 / 12) for day in (0, 100, 101, 300, 501)]
    # Comparator: events at 100, 200, 400; two leave at 300, five at 500.
    assert [old.at_risk(month) for month in months] == [10, 10, 9, 8, 0]
    assert [old.before(old.curve.events, month) for month in months] == [0, 0, 1, 2, 3]
    assert [old.before(old.curve.censored, month) for month in months] == [0, 0, 0, 0, 7]
    for month in (0.0, 1.0, 5.0, 9.9, 12.0, 30.0):
        for arm in (new, old):
            seen = arm.before(arm.curve.events, month) + arm.before(arm.curve.censored, month)
            assert seen + arm.at_risk(month) == arm.patients


def test_the_axis_ends_where_few_are_left() -> None:
    arms = arms_of(survival(), study())
    # 7 of 18 are at risk at 600 days, so all is drawn; a later landmark is drawn as well.
    assert last_month(arms, []) == pytest.approx(600 / (365.25 / 12))
    assert last_month(arms, [60.0]) == 60.0
    ticks = ticks_of(arms, [])
    assert ticks[0] == 0.0
    assert ticks[-1] >= last_month(arms, [])
    assert len(ticks) <= 11


def test_the_curve_steps_through_survival() -> None:
    drawn = ET.fromstring(kaplan_meier(survival(), study()))  # noqa: S314
    lines = [p for p in drawn.iter(f"{SVG}path") if p.attrib["stroke-width"] == "2.2"]
    old, new = lines
    assert old.attrib["stroke-dasharray"]  # told apart without colour
    assert "stroke-dasharray" not in new.attrib
    points = [tuple(map(float, p.split(","))) for p in new.attrib["d"][1:].split(" ")]
    top, bottom = points[0][1], points[-1][1]
    # One event of eight: the line falls by an eighth of the plot's height, once.
    assert {y for _, y in points} == {top, bottom}
    assert bottom - top == pytest.approx(300 / 8)


def test_curves_name_arms_and_tests() -> None:
    told = words(kaplan_meier(survival(), study()))
    assert "Overall survival, %" in told
    assert "Log-rank P = 0.046 · hazard ratio 0.61 (95 % CI 0.37 to 0.99)" in told
    assert told.count("New") == told.count("Old") == 2  # at the line's end, and over its table
    assert told.count("At risk") == 2


def test_an_empty_arm_and_no_ratio() -> None:
    found = replace(
        survival(),
        patients=Pair(0, 8),
        curves=Pair(EMPTY, survival().curves.treated),
        log_rank=(),
        hazard_ratios=(),
        not_estimable="the comparator has no patient",
    )
    told = words(kaplan_meier(found, study()))
    assert "Hazard ratio not estimable" in told


def test_bins_merge_and_nobody_is_lost() -> None:
    bins = 281
    edges = tuple(-3 + k / 50 for k in range(bins + 1))
    old, new = tuple(k % 7 for k in range(bins)), tuple(k % 3 for k in range(bins))
    shown = merged(Histogram(edges, Pair(old, new)))
    assert len(shown.edges) - 1 == len(shown.patients.treated) <= MOST_BARS
    assert (shown.edges[0], shown.edges[-1]) == (edges[0], edges[-1])
    assert sum(shown.patients.comparator) == sum(old)
    assert sum(shown.patients.treated) == sum(new)
    few = Histogram((0.0, 1.0), Pair((2,), (3,)))
    assert merged(few) == few


def test_the_histogram_tells_arms_apart_by_hatch() -> None:
    drawn = overlap(Histogram((-1.0, 0.0, 1.0), Pair((3, 1), (1, 2))), Pair("Old", "New"))
    assert drawn.count("url(#hatch)") == 2
    assert "n = 4" in words(drawn)
    assert "50 %" in words(drawn)  # logit 0


def test_the_largest_difference_is_on_top() -> None:
    before = results().balance[0]
    rows = tuple(
        replace(before, column=name, label=name, smd=smd)
        for name, smd in (("a", 0.1), ("b", -0.5), ("c", math.nan), ("d", 0.3))
    )
    after = (replace(before, column="b", smd=0.02),)
    found = differences(rows, after)
    assert [row.label for row in found] == ["b", "d", "a", "c"]
    assert found[0] == Difference("b", -0.5, 0.02)
    drawn = love(found)
    assert (drawn.count("<circle"), words(drawn).count("after matching")) == (3 + 1, 1)
    assert "after matching" not in words(love(differences(rows, ())))


def test_intervals_that_leave_the_axis_end_in_arrows() -> None:
    wide = ForestRow("wide", "1 / 9", 1.0, 0.0001, 10_000.0, 4.0)
    open_ended = ForestRow("open", "1 / 9", 1.0, 0.5, math.inf, 1.0)
    drawn = forest((ForestRow("E", heading=True), wide, open_ended), "New", "Old")
    assert drawn.count("<path") == 2
    assert "1.00 (0.50 to no limit)" in words(drawn)
    none = forest((ForestRow("none", "0 / 9", reason="no event"),), "New", "Old")
    assert "not estimable" in words(none)


def test_the_flow_counts() -> None:
    told = words(flow(results()))
    assert {"n = 25", "n = 5", "n = 20", "n = 12", "n = 11", "n = 10"} <= {*told}
    assert "Too young: 5" in told
    assert "not matched: 2" in told
    left_out = replace(results().designs[0], reason="no pair lies within the caliper")
    assert "stroke-dasharray" in flow(replace(results(), designs=(left_out,)))


@pytest.mark.parametrize("label", ["New", LONG])
def test_every_word_is_on_the_sheet(label: str) -> None:
    arms = Pair(label, f"{label} as well")
    card = replace(study(), arms=arms)
    whole = replace(results(), study=card)
    histogram = Histogram((-2.0, 0.0, 2.0), Pair((400_000, 2), (30, 4)))
    row = ForestRow(label, "12 / 20", 0.61, 0.37, 0.99, 0.25)
    drawn = [
        kaplan_meier(survival(), card),
        kaplan_meier(survival(), card, width=600, height=210),
        overlap(histogram, arms),
        flow(whole),
        flow(nothing()),
        forest((row,), arms.treated, arms.comparator),
        love(differences(results().balance[:1], results().balance[1:])),
    ]
    assert [outside(svg) for svg in drawn] == [[] for _ in drawn]


def test_words_wrap_and_are_escaped() -> None:
    assert wrap("aa bb cc", text_width("aa bb")) == ["aa bb", "cc"]
    assert wrap("unbreakable", 1) == ["unbreakable"]
    canvas = Canvas(10)
    canvas.text(0, 0, "<script>&")
    assert words(canvas.svg(10)) == ["<script>&"]
