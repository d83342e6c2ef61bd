"""Competing causes on the page and in the figure."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from coordinator.report.figures.incidence import HEIGHT, incidence, incidence_ticks
from coordinator.report.figures.sheet import COMPARATOR, TREATED
from coordinator.report.page import report_html
from protocol.results.values.estimates import Pair
from tests.coordinator.examples import causes, competing, results, study
from tests.coordinator.report.test_figures import ENDLESS, LONG, colliding, outside, words
from tests.coordinator.report.test_weighted import text_of

MONTH = 365.25 / 12


def test_one_panel_a_cause_on_the_same_axes() -> None:
    plots = incidence(causes(), study()).figure.axes[1:]
    assert len(plots) == 2
    assert plots[0].get_xlim() == plots[1].get_xlim()
    assert plots[0].get_ylim() == plots[1].get_ylim()
    assert plots[0].get_ylim()[1] >= 0.25 * 1.5  # the highest limit
    assert plots[0].bbox.height == pytest.approx(HEIGHT)


def test_curves_step_up_from_zero() -> None:
    plot = incidence(causes(), study()).figure.axes[1]
    old, new = ([ln for ln in plot.lines if ln.get_color() == c] for c in (COMPARATOR, TREATED))
    expected = [(0, 0), (100 / MONTH, 0.1), (400 / MONTH, 0.25), (400 / MONTH, 0.25)]
    assert old[0].get_xydata() == pytest.approx(np.array(expected))
    assert (old[0].get_linestyle(), new[0].get_linestyle()) == ("--", "-")
    assert incidence_ticks(causes(), study())[-1] >= 400 / MONTH


def test_panels_name_causes_arms_and_tests() -> None:
    told = words(incidence(causes(), study()))
    assert "Overall survival, %" in told
    assert "Death, %" in told
    ratio = "subdistribution hazard ratio 0.82 (95 % CI 0.37 to 0.99)"
    assert f"Gray's test P = 0.40 · {ratio}" in told
    assert "Gray's test P = 0.40" in told  # death has no ratio
    assert told.count("New") == told.count("Old") == 2


@pytest.mark.parametrize("label", ["New", LONG, ENDLESS, "$5 or less$ & <b>"])
def test_every_word_has_its_room(label: str) -> None:
    card = replace(study(), arms=Pair(label, f"{label} as well"))
    named = tuple(replace(cause, label=label) for cause in causes().causes)
    drawn = incidence(replace(causes(), causes=named), card)
    assert not outside(drawn)
    assert not colliding(drawn)
    assert ET.fromstring(drawn.svg()).tag.endswith("svg")  # noqa: S314 - our own drawing


def test_the_section_stands_after_the_curves_and_only_where_there_are_causes() -> None:
    names = re.findall(r'<section id="([^"]+)"', report_html(competing()))
    assert names[names.index("curves") + 1] == "causes"
    assert "Competing causes" not in text_of(results())


def test_tables_tell_incidence_and_both_ratios() -> None:
    text = text_of(competing())
    named = "Matched: effect in the New arm; Overall survival"
    assert f"{named} New 1 / 8 12.5 % 5.0 to 45.0 Old 2 / 10 20.0 %" in text
    assert "All patients: unadjusted comparison; Death" in text
    ratios = "P = 0.40 0.71 0.37 to 0.99 P = 0.046 0.82 0.37 to 0.99 P = 0.046"
    assert f"Overall survival 1 2 {ratios}" in text
    assert "Death 1 2 P = 0.40 – –" in text
    assert "Other causes end a patient's time as censorings do" in text


def test_methods_cite_what_was_used() -> None:
    text = text_of(competing())
    for author in ("Aalen OO, Johansen S.", "Gray RJ.", "Fine JP, Gray RJ."):
        assert author in text
        assert author not in text_of(results())
