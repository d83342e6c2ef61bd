"""Every method that a report can name has a page, and every page says what a reviewer asks."""

import re
from functools import cache
from pathlib import Path

import pytest

from coordinator.report.estimates import estimates
from coordinator.report.page import report_html
from coordinator.report.sections.pages import FOLDER, METHODS, PAGES, TERMS, page_of, pages_of
from protocol.plan.adjustment import Design, Stratification, Weighting
from protocol.results import Results, results
from protocol.run import play
from tests.coordinator.examples import both, competing, imputed, nothing
from tests.federation.cohorts import clinics, small_plan
from tests.protocol.parts.test_sensitivity import ALL, asking

ROOT = Path(__file__).parents[3]
HEADINGS = (
    "What leaves each hospital",
    "What is computed",
    "Conventions",
    "What it assumes",
    "When not to use it",
    "Sources",
)
SIMULATED = {"README", "operating-characteristics", "missing-data-simulated"}
"""Files of the folder that are no method's page."""


@cache
def played() -> Results:
    """Play a study with one of everything: matching, weights, strata, causes, risks, subgroups."""
    everything = {
        "weightings": (Weighting(name="overlap", target="overlap"),),
        "subgroups": small_plan().subgroups,
        "stratification": Stratification(strata=2),
        "sensitivity": ALL,
    }
    plan = asking("open", **everything)
    designs = tuple(d.model_copy(update={"pairs": True}) for d in plan.designs)
    plan = plan.model_copy(update={"designs": designs})
    return results(play(plan, clinics(), b"pages".ljust(32, b"\0")))


def text(page: str) -> str:
    return (ROOT / FOLDER / f"{page}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_answers_what_a_reviewer_asks(page: str) -> None:
    parts = re.split(r"^## ", text(page), flags=re.MULTILINE)
    assert parts[0].startswith("# ")
    assert tuple(part.split("\n", 1)[0] for part in parts[1:]) == HEADINGS
    assert all(len(part.split("\n", 1)[1].strip()) > 20 for part in parts[1:])


def test_folder_index_and_list_agree() -> None:
    files = {path.stem for path in (ROOT / FOLDER).glob("*.md")}
    assert files - SIMULATED == PAGES.keys()
    listed = re.findall(r"^\| \[[\w-]+\]\(([\w-]+)\.md\)", text("README"), flags=re.MULTILINE)
    assert set(listed) == PAGES.keys()


def test_links_between_pages_lead_somewhere() -> None:
    for path in (ROOT / FOLDER).glob("*.md"):
        for link in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / link).is_file(), f"{path.name}: {link}"


def test_every_estimate_of_a_study_has_a_page() -> None:
    table = estimates(played())
    term, method = table.header.index("term"), table.header.index("method")
    found = {page_of(str(row[term]), str(row[method])) for row in table.rows}
    assert found <= PAGES.keys()
    assert {"pair-robust", "cox", "kaplan-meier", "risks", "competing-risks"} <= found
    assert {*TERMS.values(), *METHODS.values()} <= PAGES.keys()


def test_every_design_of_a_plan_has_a_page() -> None:
    methods = Design.model_fields["method"].annotation.__args__  # type: ignore[union-attr]
    assert {METHODS[method] for method in methods} <= PAGES.keys()


def test_a_method_without_a_page_is_an_error() -> None:
    with pytest.raises(KeyError):
        page_of("something new")


def _step_names() -> set[str]:
    """Read the names of all kinds of steps off their modules."""
    modules = (ROOT / "protocol" / "steps").glob("*.py")
    found = (re.findall(r'name: ClassVar\[str\] = "([a-z0-9/-]+)"', m.read_text()) for m in modules)
    return {name for names in found for name in names}


def test_steps_that_pages_name_exist() -> None:
    """A page names the step by which something leaves; a name of no step would mislead."""
    kinds = {name.partition("/")[0] for name in _step_names()}
    for page in PAGES:
        leaves = re.split(r"^## ", text(page), flags=re.MULTILINE)[1]
        named = set(re.findall(r"[Ss]teps? `([a-z-]+)`", leaves))
        assert named <= kinds, f"{page}: {named - kinds}"


def test_the_report_names_the_pages_of_what_it_used() -> None:
    used = pages_of(both())
    assert {"quota-matching", "weighting", "cox", "kaplan-meier", "risks"} <= set(used)
    assert "imputation" not in used
    assert "imputation" in pages_of(imputed())
    assert "competing-risks" in pages_of(competing())
    assert "docs/methods/cox.md" in report_html(both())
    assert "docs/methods/cox.md" not in report_html(nothing())
