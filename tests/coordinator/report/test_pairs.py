"""Pairs, lotteries and interactions on the page and in the tables."""

import math
from dataclasses import replace
from functools import cache

from coordinator.report.estimates import Cell, estimates
from coordinator.report.sections.pairs import pairs_section
from protocol.results import Results, results
from protocol.run import play
from tests.coordinator.examples import both
from tests.coordinator.report.test_weighted import text_of
from tests.federation.cohorts import small_plan
from tests.protocol.parts.test_pairs import PLAN, SITES


@cache
def found() -> Results:
    plan = PLAN.model_copy(update={"subgroups": small_plan().subgroups})
    return results(play(plan, SITES, b"p" * 32))


def rows(term: str) -> list[dict[str, Cell]]:
    table = estimates(found())
    named = [dict(zip(table.header, row, strict=True)) for row in table.rows]
    return [row for row in named if row["term"] == term]


def test_a_study_that_did_not_ask_has_no_such_section() -> None:
    assert pairs_section(both()) is None


def test_the_page_tells_of_pairs_and_lotteries() -> None:
    text = text_of(found())
    for told in (
        "Who of a pair has the event first",
        "Discordant pairs and hidden bias",
        "(expected by cell)",
        "Expected by cell: partners are at different hospitals",
        "What another lottery would have found",
    ):
        assert told in text


def test_every_estimate_within_pairs_stands_under_its_estimand() -> None:
    text = text_of(found())
    section = text[text.index("Within matched pairs") :]
    assert section.count("as far as it could be matched") >= 4


def test_the_tables_say_what_is_only_expected() -> None:
    methods = {str(row["method"]): row["population"] for row in rows("McNemar's test")}
    assert methods == {
        "uncorrected": "within", "corrected": "within", "exact": "within",
        "uncorrected by cell": "matched", "corrected by cell": "matched",
        "exact by cell": "matched",
    }  # fmt: skip
    assert len(rows("Rosenbaum's bound")) == 10
    assert {row["method"] for row in rows("hazard ratio")} >= {"efron by pair", "other lotteries"}


def test_interactions_stand_under_the_forest_of_subgroups() -> None:
    text = text_of(found())
    assert "Hazard ratios across subgroups" in text
    assert text.index("Hazard ratios across subgroups") < text.index("Do subgroups differ?")
    (here,) = [row for row in rows("interaction test") if row["population"] == "all"]
    assert here["method"] == "sex: arm by level"
    assert 0 < float(str(here["p_value"])) < 1


def test_designs_stand_side_by_side_with_their_calipers() -> None:
    text = text_of(found())
    table = text[text.index("Sensitivity to the caliper and the design") :]
    assert "0.20 SD" in table[:900]
    free = replace(found().designs[1], caliper=math.inf)
    told = text_of(replace(found(), designs=(found().designs[0], free)))
    assert "any distance, without a caliper" in told
    table = told[told.index("Sensitivity to the caliper and the design") :]
    assert "none" in table[:900]
    assert "Sensitivity to the caliper" not in text_of(
        replace(found(), designs=found().designs[:1])
    )


def test_ratios_of_hospitals_and_causes_stand_under_their_estimand() -> None:
    text = text_of(found())
    causes = text[text.index("Death") :]
    assert "Matched within hospitals: effect in the" in causes
