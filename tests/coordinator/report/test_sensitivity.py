"""Agreement, adjustment and strata on the page and in the tables."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from coordinator.report.estimates import Cell, estimates
from coordinator.report.sections.checks import checks_section, further_tests
from coordinator.report.sections.hospitals import TOO_FEW, hospitals_section
from coordinator.report.sections.strata import strata_section
from coordinator.results import read_results, write_results
from protocol.results.values.sensitivity import LeftOutLimits
from protocol.results.values.survival import AdjustedResult
from tests.coordinator.examples import both
from tests.coordinator.report.test_weighted import text_of
from tests.protocol.results.test_sensitivity import found


def rows(term: str, method: str) -> list[dict[str, Cell]]:
    table = estimates(found())
    named = [dict(zip(table.header, row, strict=True)) for row in table.rows]
    return [row for row in named if (row["term"], row["method"]) == (term, method)]


def test_a_study_that_did_not_ask_has_no_such_sections() -> None:
    assert hospitals_section(both()) is None
    assert strata_section(both()) is None
    assert not any(further_tests(one) for one in both().survival)
    assert "Further tests" not in text_of(both())


def test_the_page_tells_all_three() -> None:
    text = text_of(found())
    for told in (
        "Hazard ratios of the hospitals together",
        "Endpoints with a time, within strata",
        "Relapse, adjusted for covariates",
        "Further tests of equal hazards",
        "P, Gehan P, Peto-Peto",
        "those of shares Wilson's",
    ):
        assert told in text
    assert checks_section(found()) is not None


def test_the_methods_say_what_was_done_and_cite_it() -> None:
    text = text_of(found())
    for told in (
        "hazards were compared by Gehan's and Peto-Peto's weights, as the plan had named [",
        "within 3 strata of the score [",
        "Cochran's Q, I² [",
        "Odds ratios within hospitals and strata of the score are Mantel and Haenszel's [",
        "DerSimonian R, Laird N.",
        "Gehan EA.",
    ):
        assert told in text
    assert "Tarone RE" not in text
    assert "strata of the score" not in text_of(both())


def test_no_hospital_is_named() -> None:
    """Neither the page's section nor the tables hold a hospital's name."""
    section = hospitals_section(found())
    assert section is not None
    assert not any(f"s{k}" in str(section).split() for k in range(6))


def test_where_too_few_hospitals_have_a_ratio_the_page_says_so() -> None:
    one = replace(found().agreement[0], fixed=None, random=None, hospitals=0, left_out=None)
    assert TOO_FEW in text_of(replace(found(), agreement=(one,)))
    none = replace(found().agreement[0], left_out=LeftOutLimits(math.nan, math.nan, 6))
    assert "not estimable without" not in text_of(replace(found(), agreement=(none,)))
    some = replace(found().agreement[0], left_out=LeftOutLimits(0.9, 1.2, 2))
    assert "0.90 to 1.20 not estimable without 2" in text_of(replace(found(), agreement=(some,)))


def test_why_there_is_no_adjusted_ratio() -> None:
    stopped = AdjustedResult("relapse", "Relapse", 0, 0, (), "the columns fail")
    text = text_of(replace(found(), adjusted=(stopped,)))
    assert "Relapse: there is no adjusted hazard ratio: the columns fail." in text


def test_rows_count_the_patients_they_tell_of() -> None:
    (score,) = rows("hazard ratio", "efron by score")
    stratification = found().stratification
    assert stratification is not None
    (survival,) = stratification.survival
    assert score["n"] == survival.patients.comparator + survival.patients.treated
    assert score["events"] == survival.events.comparator + survival.events.treated
    (adjusted,) = rows("hazard ratio", "efron adjusted by hospital")
    assert (adjusted["n"], adjusted["events"]) == (found().adjusted[0].patients,
                                                   found().adjusted[0].events)  # fmt: skip
    (left_out, *_) = rows("hazard ratio", "leave one out")
    assert math.isnan(float(str(left_out["estimate"])))  # limits alone
    assert float(str(left_out["conf_low"])) < float(str(left_out["conf_high"]))
    assert len(rows("risk", "wilson")) == 2 * len(rows("risk difference", "newcombe"))


def test_results_read_back(tmp_path: Path) -> None:
    write_results(found(), tmp_path / "out")
    again = read_results(tmp_path / "out" / "results.json")
    assert again.agreement[0].spread == found().agreement[0].spread
    assert again.stratification is not None
    assert again.stratification.strata[0].low == -math.inf
    assert again.adjusted == found().adjusted
    assert again.odds_by_hospital[0].odds_ratio.conf_low == pytest.approx(
        found().odds_by_hospital[0].odds_ratio.conf_low
    )
