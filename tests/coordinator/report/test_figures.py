"""Figures: the right numbers in the right places, every word on the sheet, none on another."""

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.container import BarContainer
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from coordinator.report.figures.arms import last_month, ticks_of
from coordinator.report.figures.flow import flow
from coordinator.report.figures.forest import ForestRow, forest
from coordinator.report.figures.kaplan_meier import arms_of, kaplan_meier
from coordinator.report.figures.love import Difference, differences, love
from coordinator.report.figures.overlap import MOST_BARS, merged, overlap
from coordinator.report.figures.sheet import (
    COMPARATOR,
    TREATED,
    Sheet,
    own_settings,
    shortened,
    text_width,
    wrap,
)
from protocol.results.model import Results
from protocol.results.values.estimates import Pair
from protocol.results.values.propensity import Histogram
from protocol.results.values.survival import SurvivalResult
from tests.coordinator.examples import EMPTY, nothing, results, study, survival

LONG = "A very long label of an arm for which no figure was made, with many words"
ENDLESS = "Antineutrophilcytoplasmicantibodyassociatedvasculitistreatment"


def texts(sheet: Sheet) -> dict[Text, Bbox]:
    """Measure every text that is drawn, in points, with the renderer that writes the SVG."""
    drawn = [text for axes in sheet.figure.axes for text in axes.texts]
    for axes in sheet.figure.axes[1:]:  # the first is the invisible page
        drawn += [*axes.get_xticklabels(), *axes.get_yticklabels()]
        drawn += [axes.xaxis.label, axes.yaxis.label]
    with own_settings():
        sheet.figure.draw_without_rendering()
        return {text: text.get_window_extent() for text in drawn if text.get_text().strip()}


def words(sheet: Sheet) -> list[str]:
    return [text.get_text() for text in texts(sheet)]


def outside(sheet: Sheet) -> list[str]:
    """List the words that reach beyond the sheet by more than a hair."""
    whole = Bbox.from_bounds(0, 0, *sheet.figure.bbox.size).padded(0.6)
    return [
        text.get_text()
        for text, box in texts(sheet).items()
        if not (whole.contains(*box.min) and whole.contains(*box.max))
    ]


def colliding(sheet: Sheet) -> list[tuple[str, str]]:
    """List pairs of words that touch: boxes are cut by a little, as they hold empty edges."""
    found = []
    for (one, a), (two, b) in combinations(texts(sheet).items(), 2):
        if a.padded(-0.6).overlaps(b.padded(-0.6)):
            found.append((one.get_text(), two.get_text()))
    return found


def curve(sheet: Sheet, colour: str) -> Line2D:
    """Find the curve of an arm, which is the line of its colour on the axes of the plot."""
    plot = sheet.figure.axes[1]
    (line,) = (line for line in plot.lines if line.get_color() == colour)
    return line


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
    drawn = kaplan_meier(survival(), study())
    old, new = curve(drawn, COMPARATOR), curve(drawn, TREATED)
    assert (old.get_linestyle(), new.get_linestyle()) == ("--", "-")  # apart without colour
    assert old.get_drawstyle() == new.get_drawstyle() == "steps-post"
    month = 365.25 / 12
    # One event of eight at 200 days; followed to 600.
    assert new.get_xydata() == pytest.approx(
        np.array([(0, 1), (200 / month, 0.875), (600 / month, 0.875)])
    )
    assert np.asarray(old.get_ydata()) == pytest.approx([1, 0.9, 0.8, 2 / 3, 2 / 3])


def test_bands_hold_the_limits() -> None:
    plot = kaplan_meier(survival(), study()).figure.axes[1]
    corners = [np.asarray(band.get_paths()[0].vertices) for band in plot.collections]
    levels = [{round(level, 2) for level in points[:, 1].tolist()} for points in corners]
    assert levels == [{1.0, 0.99, 0.47, 0.95, 0.41, 0.88, 0.28}, {1.0, 0.98, 0.39}]


def test_curves_name_arms_and_tests() -> None:
    told = words(kaplan_meier(survival(), study()))
    assert "Overall survival, %" in told
    assert "Log-rank P = 0.046 · hazard ratio 0.61 (95 % CI 0.37 to 0.99)" in told
    assert told.count("New") == told.count("Old") == 2  # at the line's end, and over its table
    assert told.count("At risk") == 2


def test_the_risk_table_stands_below_its_ticks() -> None:
    drawn = kaplan_meier(survival(), study())
    found, plot = texts(drawn), drawn.figure.axes[1]
    ticks = [found[label].x0 + found[label].x1 for label in plot.get_xticklabels()]
    numbers = [box for text, box in found.items() if text in drawn.page.texts]
    centred = [box for text, box in zip(drawn.page.texts, numbers, strict=True)
               if text.get_horizontalalignment() == "center"]  # fmt: skip
    assert [box.x0 + box.x1 for box in centred] == pytest.approx(ticks * 3 * 2, abs=1)


def test_an_empty_arm_and_no_ratio() -> None:
    drawn = kaplan_meier(_empty_arm(), study())
    assert "Hazard ratio not estimable" in words(drawn)
    assert not outside(drawn)
    assert not colliding(drawn)


def _empty_arm() -> SurvivalResult:
    return replace(
        survival(),
        patients=Pair(0, 8),
        curves=Pair(EMPTY, survival().curves.treated),
        log_rank=(),
        hazard_ratios=(),
        not_estimable="the comparator has no patient",
    )


@pytest.mark.parametrize("level", [1.0, 0.5, 0.0])
def test_names_of_curves_that_end_together_stand_apart(level: float) -> None:
    one = survival().curves.treated
    same = replace(one, survival=(level, level), conf_low=(level, level), conf_high=(level, level))
    card = replace(study(), arms=Pair(LONG, f"{LONG} as well"))
    drawn = kaplan_meier(replace(survival(), curves=Pair(same, same)), card)
    assert not outside(drawn)
    assert not colliding(drawn)


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


def test_the_histogram_tells_arms_apart_by_hatch_and_side() -> None:
    drawn = overlap(Histogram((-1.0, 0.0, 1.0), Pair((3, 0), (1, 2))), Pair("Old", "New"))
    up, down = (c for c in drawn.figure.axes[1].containers if isinstance(c, BarContainer))
    assert [(bar.get_x(), bar.get_height(), bar.get_hatch()) for bar in up] == [
        (-1, 1, None),
        (0, 2, None),
    ]
    assert [(bar.get_x(), bar.get_height()) for bar in down] == [(-1, -3)]
    assert all(bar.get_hatch() for bar in down)
    told = words(drawn)
    assert told.count("n = 3") == 2
    assert "50 %" in told  # logit 0
    assert "−1" not in told  # counts have no sign below the line either


def test_the_largest_difference_is_on_top() -> None:
    before = results().balance[0]
    rows = tuple(
        replace(before, column=name, label=name, smd=smd)
        for name, smd in (("a", 0.1), ("b", -0.5), ("c", math.nan), ("d", 0.3))
    )
    after = (replace(before, column="b", smd=0.02),)
    found = differences(rows, after)
    assert [row.label for row in found] == ["b", "d", "a", "c"]
    assert (found[0].label, found[0].before, found[0].matched) == ("b", -0.5, 0.02)
    drawn = love(found)
    plot = drawn.figure.axes[1]
    hollow, filled = (line for line in plot.lines if line.get_marker() in ("o", "s"))
    assert np.asarray(hollow.get_xdata()) == pytest.approx([-0.5, 0.3, 0.1, math.nan], nan_ok=True)
    assert np.asarray(filled.get_xdata())[0] == 0.02
    assert plot.get_ylim()[0] > plot.get_ylim()[1]  # the first row on top
    assert "after matching" in words(drawn)
    assert "after matching" not in words(love(differences(rows, ())))


def test_intervals_that_leave_the_axis_end_in_arrows() -> None:
    wide = ForestRow("wide", "1 / 9", 1.0, 0.0001, 10_000.0, 4.0)
    open_ended = ForestRow("open", "1 / 9", 1.0, 0.5, math.inf, 1.0)
    drawn = forest((ForestRow("E", heading=True), wide, open_ended), "New", "Old")
    plot = drawn.figure.axes[1]
    arrows = [line for line in plot.lines if line.get_marker() in ("<", ">")]
    assert [tuple(np.asarray(line.get_xdata())) for line in arrows] == [(0.05,), (20.0,)]
    assert "1.00 (0.50 to no limit)" in words(drawn)
    none = forest((ForestRow("none", "0 / 9", reason="no event"),), "New", "Old")
    assert "not estimable" in words(none)


def test_the_flow_counts() -> None:
    told = words(flow(results()))
    assert {"n = 25", "n = 5", "n = 20", "n = 12", "n = 11", "n = 10"} <= {*told}
    assert "Too young: 5" in told
    assert "not matched: 2" in told


def test_what_was_not_made_is_dashed() -> None:
    left_out = replace(results().designs[0], reason="no pair lies within the caliper")

    def dashed(sheet: Sheet) -> int:
        boxes = [p for p in sheet.page.patches if isinstance(p, FancyBboxPatch)]
        return sum(box.get_linestyle() not in ("solid", "-") for box in boxes)

    assert dashed(flow(replace(results(), designs=(left_out,)))) == 2
    assert dashed(flow(results())) == 0


HISTOGRAM = Histogram((-2.0, 0.0, 2.0), Pair((400_000, 2), (30, 4)))
ROWS = (
    ForestRow("Overall survival", heading=True),
    ForestRow("wide", "12,000 / 20,000", 1.0, 0.0001, 10_000.0, 4.0),
    ForestRow("none", "0 / 9", reason="no event"),
)


def _forest(name: str) -> Sheet:
    row = ForestRow(name, "12 / 20", 0.61, 0.37, 0.99, 0.25, minor=True)
    return forest((*ROWS, row), name, f"{name} as well")


def _love(name: str) -> Sheet:
    row = replace(results().balance[0], label=name)
    return love(differences((row, results().balance[0]), results().balance[1:]))


def _card(name: str) -> Results:
    card = replace(study(), arms=Pair(name, f"{name} as well"))
    designs = [replace(results().designs[0], label=name, reason=why) for why in ("", "no pair")]
    return replace(results(), study=card, designs=tuple(designs))


def _curves(name: str, **size: float) -> Sheet:
    many = replace(survival().curves.treated, at_risk=(123_456.0, 7.5), censored=(0.0, 98_765.5))
    found = replace(survival(), label=name, curves=Pair(survival().curves.comparator, many))
    return kaplan_meier(found, _card(name).study, **size)


DRAWINGS: dict[str, Callable[[str], Sheet]] = {
    "curves": _curves,
    "small curves": lambda name: _curves(name, width=392, height=138),
    "overlap": lambda name: overlap(HISTOGRAM, Pair(name, f"{name} as well")),
    "flow": lambda name: flow(_card(name)),
    "flow of nothing": lambda name: flow(replace(nothing(), study=_card(name).study)),
    "forest": _forest,
    "love": _love,
    "love of one": lambda name: love((Difference(name, 0.1, 3.5),)),
}


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS.keys())
@pytest.mark.parametrize("name", ["New", LONG, ENDLESS, "$5 or less$ & <b>", "新しい治療"])
def test_every_word_is_on_the_sheet_and_none_on_another(
    draw: Callable[[str], Sheet], name: str
) -> None:
    drawn = draw(name)
    assert not outside(drawn)
    assert not colliding(drawn)
    assert ET.fromstring(drawn.svg()).tag.endswith("svg")  # noqa: S314 - our own drawing


def test_a_word_beyond_the_sheet_or_on_another_is_found() -> None:
    with own_settings():
        sheet = Sheet(100, 50)
        sheet.text(10, 20, "one")
        sheet.text(12, 20, "two")
        sheet.text(95, 40, "three")
    assert outside(sheet) == ["three"]
    assert colliding(sheet) == [("one", "two")]


def test_words_wrap_and_are_cut() -> None:
    assert wrap("aa bb cc", text_width("aa bb")) == ["aa bb", "cc"]
    pieces = wrap(f"of {ENDLESS}", 40)
    assert "".join(pieces) == f"of{ENDLESS}"
    assert all(text_width(piece) <= 40 for piece in pieces)
    assert wrap("aa bb cc dd", text_width("bb …"), most=2) == ["aa", "bb …"]
    assert wrap("", 40) == [""]
    assert shortened("aa bb", 100) == "aa bb"
    assert shortened(LONG, 60).endswith(" …")
    assert text_width(shortened(LONG, 60)) <= 60


def test_the_same_figure_is_the_same_text_whatever_the_users_settings() -> None:
    first = _forest("New").svg()
    with mpl.rc_context({"font.size": 30, "axes.grid": True, "svg.fonttype": "none"}):
        assert _forest("New").svg() == first
        assert mpl.rcParams["font.size"] == 30
    assert mpl.rcParams["font.size"] != 30


def test_a_figure_asks_for_nothing_from_elsewhere() -> None:
    for draw in DRAWINGS.values():
        drawn = draw("New").svg()
        assert drawn.startswith("<svg ")
        assert "<text" not in drawn  # outlines: no font of the reader's is needed
        assert "<image" not in drawn
        assert len(drawn) < 100_000
        root = ET.fromstring(drawn)  # noqa: S314 - our own drawing
        links = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href")]
        assert links
        assert all(link.startswith("#") for link in links)


def test_nobody_pays_for_matplotlib_before_drawing() -> None:
    code = "import coordinator.report.page, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
