"""Puts the report together as one file that needs no other: no script, no font, no network."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from coordinator.report.blocks import Section
from coordinator.report.figures.sheet import data_uri
from coordinator.report.sections.again import again_section
from coordinator.report.sections.answer import answer
from coordinator.report.sections.balance import balance_section
from coordinator.report.sections.causes import causes_section
from coordinator.report.sections.checks import checks_section
from coordinator.report.sections.controls import controls_section, without_controls
from coordinator.report.sections.curves import curves_section
from coordinator.report.sections.hospitals import hospitals_section
from coordinator.report.sections.imputation import imputation_section
from coordinator.report.sections.methods import (
    conventions_section,
    methods_section,
    reproducibility_section,
)
from coordinator.report.sections.outcomes import survival_section
from coordinator.report.sections.pairs import pairs_section
from coordinator.report.sections.patients import flow_section, table_one_section
from coordinator.report.sections.privacy import left_out_section, privacy_section
from coordinator.report.sections.propensity import propensity_section
from coordinator.report.sections.risks import binary_section
from coordinator.report.sections.strata import strata_section
from protocol.results.model import Results

REPORT = "report.html"
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Page:
    """Everything that the template shows."""

    results: Results
    notice: str
    sections: tuple[Section, ...]


def write_report(results: Results, path: Path, notice: str = "") -> None:
    """Write the report of a study as one self-contained HTML page.

    `notice` is a sentence for the banner, such as that the patients are synthetic.
    """
    path.write_text(report_html(results, notice), encoding="utf-8", newline="\n")


def report_html(results: Results, notice: str = "", edition: tuple[str, ...] = ()) -> str:
    """Draw the report; the same results give the same text to the last letter.

    `edition` are the sentences that a published edition says of itself; none is the consortium's.
    """
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    page = Page(results, notice, sections(results, edition))
    template = _environment().get_template("report.html")
    # The policy allows this one style sheet by its digest, images within the page, and no more.
    return template.render(page=page, style=Markup(style), style_digest=_digest(style))  # noqa: S704


def sections(results: Results, edition: tuple[str, ...] = ()) -> tuple[Section, ...]:
    """List the sections from top to bottom; those with nothing to tell are left out."""
    apart = controls_section(results)
    results = without_controls(results)
    found = (
        answer(results),
        flow_section(results),
        table_one_section(results),
        propensity_section(results),
        balance_section(results),
        curves_section(results),
        causes_section(results),
        survival_section(results),
        binary_section(results),
        apart,
        strata_section(results),
        pairs_section(results),
        again_section(results),
        hospitals_section(results),
        imputation_section(results),
        checks_section(results),
        left_out_section(results),
        privacy_section(results, edition),
        methods_section(results),
        conventions_section(edition),
        reproducibility_section(results, edition),
    )
    return tuple(section for section in found if section is not None)


class _Numbers:
    """Counts figures in the order in which they stand on the page."""

    def __init__(self) -> None:
        self._count = 0

    def next(self) -> int:
        """Give the next number."""
        self._count += 1
        return self._count


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = data_uri
    environment.globals["number"] = _Numbers()
    return environment


def _digest(style: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(style.encode()).digest()).decode()
