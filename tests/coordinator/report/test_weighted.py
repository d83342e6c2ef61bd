"""Weighted populations on the page: effective sizes, robust errors, no test of whole patients."""

import html
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from coordinator.report.choice import main_population, weighs, weightings
from coordinator.report.figures.kaplan_meier import COUNTS, WEIGHTS, arms_of
from coordinator.report.figures.love import Difference, differences, love
from coordinator.report.page import report_html
from coordinator.report.sections.outcomes import size_line
from coordinator.report.wording import weight
from protocol.results.model import Results
from protocol.results.values.estimates import Pair
from protocol.results.values.propensity import PopulationCard
from tests.coordinator.examples import (
    OVERLAP,
    both,
    competing,
    results,
    study,
    survival,
    weighted,
    weighted_survival,
)


@cache
def text_of(found: Results) -> str:
    """Read a page's words in order, without its marks."""
    page = re.sub(r"<style>.*?</style>", "", report_html(found), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def name(card: PopulationCard | None) -> str:
    return card.name if card else ""


def test_a_design_is_the_main_population_before_a_weighting() -> None:
    assert name(main_population(both())) == "matched"
    assert name(main_population(weighted())) == "overlap"
    assert name(main_population(replace(weighted(), populations=both().populations[:1]))) == "all"


def test_weights_from_a_survey_make_nothing_comparable() -> None:
    survey = replace(OVERLAP, name="survey", estimand="unadjusted comparison")
    found = replace(weighted(), populations=(weighted().populations[0], survey))
    assert weightings(found) == ()
    assert name(main_population(found)) == "all"


def test_the_answer_is_the_weighted_one() -> None:
    text = text_of(weighted())
    answer = text[text.index("Does it work?") : text.index("Rows of the extracts")]
    assert "effective sample sizes of 6.0 and 9.2." in answer
    assert "Counts are of patients; shares, curves, ratios and tests are weighted" in answer
    assert "(95 % CI 0.37 to 0.99; weighted log-rank P = 0.046)" in answer
    assert "weighted shares: P = 0.38 (Wald)" in answer
    assert "χ²" not in answer


def test_effective_sizes_stand_beside_the_counts() -> None:
    text = text_of(both())
    assert "1 / 8 ESS 6.0 3 / 10 ESS 9.2 0.58 0.37 to 0.99 P = 0.046 (weighted)" in text
    assert "New 1 / 8 ESS 6.0" in text
    assert "Intervals of weighted populations are robust." in text
    assert "Weighted to the overlap effect in patients who could have had either arm" in text
    assert "n = 8 ESS 6.0 n = 10 ESS 9.2 0.02" in text


def test_a_part_of_the_population_has_no_effective_size() -> None:
    whole = both().survival[-1]
    assert size_line(both(), whole, "treated") == "\nESS 6.0"
    assert size_line(both(), replace(whole, level="stage=I"), "treated") == ""
    some = replace(whole, unassessed=Pair(3, 0))
    assert size_line(both(), some, "comparator") == ""
    assert size_line(both(), some, "treated") == "\nESS 6.0"


@pytest.mark.parametrize("told", ["ESS", "robust errors", "Xie", "(weighted)", "Wald) "])
def test_a_study_without_weights_does_not_speak_of_them(told: str) -> None:
    page = text_of(results()).partition("How the numbers are defined")[0]
    assert told not in page


def test_weighted_shares_have_a_wald_test_and_no_other() -> None:
    text = text_of(both())
    row = text[text.index("2 / 10 23.4 % ESS 9.2") :].partition("Weighted populations")[0]
    assert "−12.3 −40.0 to 15.4 P = 0.38 (Wald)" in row
    assert "– –" in row
    assert "not estimable" not in row
    assert "counts are of patients, shares are weighted" in text


def test_table_one_shows_weighted_means_and_shares() -> None:
    text = text_of(weighted())
    assert "Patients before and after weighting" in text
    assert "New n = 8 Old n = 12 SMD P New n = 8 ESS 6.0 Old n = 12 ESS 9.2 SMD" in text
    assert "I 5 (50.0 %) 5 (50.0 %) −0.20 50.0 % 50.0 % −0.20" in text
    assert "weighted mean (SD) and weighted share" in text


def test_the_section_is_called_by_what_it_holds() -> None:
    assert "Matching, weights and balance" in text_of(both())
    assert "Weights and balance" in text_of(weighted())
    assert "Matching and balance" in text_of(results())


def test_triangles_are_the_weighted_and_squares_the_matched() -> None:
    one = results().balance[0]
    rows = differences((one,), (replace(one, smd=0.05),), (replace(one, smd=0.02),))
    assert rows == (Difference(one.label, -0.3, 0.05, 0.02),)
    plot = love(rows).figure.axes[1]
    marks = {line.get_marker(): float(np.asarray(line.get_xdata())[0]) for line in plot.lines[-3:]}
    assert marks == {"o": -0.3, "s": 0.05, "^": 0.02}
    told = [text.get_text() for text in love(rows).page.texts]
    assert told == ["before", "after matching", "after weighting", "shaded: within ±0.1"]
    only = love(differences((one,), (), (one,)))
    assert "after matching" not in [text.get_text() for text in only.page.texts]


def test_the_table_below_the_curves_holds_weights() -> None:
    found = weighted_survival()
    assert weighs(found)
    assert not weighs(survival())
    new, old = arms_of(found, study())
    assert (old.rows, arms_of(survival(), study())[1].rows) == (WEIGHTS, COUNTS)
    assert [old.told(old.at_risk(month)) for month in (0.0, 4.0)] == ["5.5", "4.8"]
    assert new.told(8.0) == "8.0"
    assert [weight(value) for value in (0.04, 999.9, 1234.5)] == ["0.0", "999.9", "1,234"]
    assert "sums of weights, rounded to one decimal" in text_of(weighted())


def test_methods_say_what_the_errors_leave_out() -> None:
    text = text_of(both())
    assert "“Weighted to the overlap”, effect in patients who could have had either arm" in text
    assert "take the score as known, which is conservative for weights to everybody" in text
    assert "Xie J, Liu C." in text
    assert "weighted by their propensity score" not in text_of(results())


def test_a_weighted_main_population_has_no_causes() -> None:
    found = replace(weighted(), competing=(competing().competing[0],))
    assert "Sums of weights do not tell causes apart" in text_of(found)
    assert "Sums of weights" not in text_of(competing())
