"""Grids, levels and negative controls on the page, in the tables, and in a published edition."""

from dataclasses import replace

from coordinator.report.estimates import estimates
from coordinator.report.page import sections
from coordinator.report.sections.controls import controls_section, without_controls
from coordinator.report.wording import p_phrase
from protocol.results.fold import results
from protocol.results.publication import publish
from tests.coordinator.examples import both
from tests.coordinator.report.test_weighted import text_of
from tests.protocol.parts.test_stacked import played
from tests.protocol.results.test_further import found


def test_controls_stand_apart_and_say_what_a_difference_means() -> None:
    names = [section.name for section in sections(found())]
    assert "controls" in names
    assert "binary" not in names  # the only outcome without a time is a control
    assert controls_section(both()) is None
    plain = both()
    assert without_controls(plain) is plain
    text = text_of(found())
    assert "the treatment cannot act on these endpoints" in text
    assert "docs/methods/negative-controls.md" in text


def test_further_comparisons_stand_on_the_page() -> None:
    text = text_of(found())
    for told in (
        "Relapse on coarser grids: All patients",
        "as in the results",
        "half-year",
        "Do levels fare differently?",
        "P, trend over levels",
    ):
        assert told in text
    assert "coarser grids" not in text_of(both())


def test_every_estimate_has_a_row() -> None:
    table = estimates(found())
    term, method = table.header.index("term"), table.header.index("method")
    rows = {(row[term], row[method]) for row in table.rows}
    assert rows >= {
        ("hazard ratio", "efron by quarter"),
        ("hazard ratio", "efron robust by year"),
        ("survival", "by month"),
        ("trend over levels", "log-rank by arm"),
        ("Gray's test", "by hospital"),
        ("log-rank test", "log-rank survey"),
    }


def test_the_methods_say_what_a_coarse_grid_does() -> None:
    monthly = replace(found(), study=replace(found().study, profile="standard"))
    text = text_of(monthly)
    assert "Times were counted by month, at its end; of weighted patients by quarter." in text
    assert "Breslow's is nearer to 1 than it should be" in text
    assert "Times were counted by" not in text_of(found())


def test_a_published_edition_shows_no_survival_on_other_grids() -> None:
    """Who knows how many are at risk at a time is the endpoint's own result (P2)."""
    closed = replace(found(), study=replace(found().study, profile="standard"))
    made = publish(closed).results
    assert made.negative_controls == found().negative_controls
    shares = [s for one in made.time_grids for g in one.grids for s in g.survival.treated]
    assert shares
    assert {str(share) for share in shares} == {"not shown"}
    assert publish(found()).results.time_grids[0].grids[0].survival.treated[0] > 0


def test_errors_with_the_score_estimated_stand_beside_the_others() -> None:
    text = text_of(results(played()))
    assert "Weighted ratios with the score estimated" in text
    assert "Weighted ratios with the score estimated" not in text_of(found())


def test_grays_test_by_hospital_stands_below_the_plain_one() -> None:
    within = next(r for r in found().competing if r.population == "matched").causes[0]
    assert within.gray_by_hospital is not None
    assert f"{p_phrase(within.gray_by_hospital.p_value)} by hospital" in text_of(found())
