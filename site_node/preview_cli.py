"""The command `riskset-site preview`: what would leave, on this hospital's own rows.

For the screen alone: nothing of it goes into a log, and a page is written only where it is asked
for, readable by its owner.
"""

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protocol.errors import Exit, FederationError, ProblemsError
from site_node.commands import app
from site_node.options import CONFIG, ConfigOption, Format, FormatOption, say

if TYPE_CHECKING:
    from protocol.cohort import Cohort
    from protocol.disclosure_site import Tighter
    from protocol.plan.model import Plan
    from site_node.config import SiteConfig
    from site_node.preview.items import Item
    from site_node.preview.rehearsal import Rehearsal


class NoItemError(FederationError):
    """There is no item of that number."""

    code = "no-item"
    exit = Exit.USAGE
    fix = "see the numbers in the first column of riskset-site preview PLAN"


@app.command()
def preview(  # noqa: PLR0917 - typer names them all on the command line
    plan: Annotated[Path, typer.Argument(help="The plan of the study.", exists=True)],
    item: Annotated[
        int | None, typer.Argument(help="One item, by its number in the first column.")
    ] = None,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="Show the numbers, without their masks.")
    ] = False,
    show_bytes: Annotated[
        bool, typer.Option("--bytes", help="Show the masked bytes that would leave.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with all of it to this file.")
    ] = None,
    extract: Annotated[
        Path | None, typer.Option(help="The hospital's CSV file; the settings' if left out.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="What the hospital calls columns and levels.")
    ] = None,
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Show what would leave this hospital, on its own rows: in words, as numbers, as bytes."""
    from site_node.plan_file import read_plan_file  # noqa: PLC0415
    from site_node.preview.items import items  # noqa: PLC0415
    from site_node.preview.rehearsal import rehearse  # noqa: PLC0415
    from site_node.preview.text import in_bytes, in_numbers, in_words  # noqa: PLC0415

    study = read_plan_file(plan)
    cohort, own = _cohort(study, extract, mapping, config)
    found = rehearse(study, cohort, os.urandom(32), own)
    chosen = _chosen(items(found), item)
    if html is not None:
        from site_node.preview.page import write_page  # noqa: PLC0415

        write_page(found, cohort, html)
        typer.echo(f"{html}: shows this hospital's own counts; delete it once decided", err=True)
    parts = [] if item is not None or numbers or show_bytes else [in_words(found, cohort)]
    parts += [in_numbers(one) for one in chosen if numbers or (item and not show_bytes)]
    parts += [in_bytes(one) for one in chosen if show_bytes]
    say(output, "\n\n".join(parts), _told(found, chosen))


def own_cohort(study: "Plan", settings: "SiteConfig") -> "tuple[Cohort, Tighter]":
    """Read the hospital's rows for a plan, from the files that its settings name for it.

    Raises
    ------
    FederationError
        If they do not fit the plan or the hospital's own limits.
    OSError
        If they cannot be read.
    """
    from protocol.plan.digest import plan_digest  # noqa: PLC0415

    digest = plan_digest(study)
    named = next((files for files in settings.plans if files.digest == digest), None)
    extract = named.extract if named else settings.extract or Path("extract.csv")
    mapping = named.mapping if named else settings.mapping
    return _enrolled(study, extract, mapping, settings)


def _cohort(
    study: "Plan", extract: Path | None, mapping: Path | None, config: Path
) -> "tuple[Cohort, Tighter]":
    """Read the hospital's rows and its own limits; without settings only the extract counts."""
    from site_node.config import read_config  # noqa: PLC0415

    settings = None
    if extract is None or config.exists():
        settings = read_config(config)
        if extract is None:
            extract, mapping = settings.extract or Path("extract.csv"), mapping or settings.mapping
    return _enrolled(study, extract, mapping, settings)


def _enrolled(
    study: "Plan", extract: Path, mapping: Path | None, settings: "SiteConfig | None"
) -> "tuple[Cohort, Tighter]":
    from protocol.cohort import enrol  # noqa: PLC0415
    from protocol.disclosure_site import Tighter, require_cohort, require_plan  # noqa: PLC0415
    from protocol.ids import site_id  # noqa: PLC0415
    from site_node.data.check import inspect_extract  # noqa: PLC0415
    from site_node.data.mapping import read_mapping  # noqa: PLC0415

    own = settings.tighter if settings else Tighter()
    site = settings.site if settings else site_id("this-hospital")
    names = read_mapping(mapping, study) if mapping else None
    reading = inspect_extract(extract, study, names)
    if reading.problems:
        raise ProblemsError(reading.subject, reading.problems)
    # A secret of the moment: the seals and lottery numbers of a preview are nobody's.
    cohort = enrol(study, site, reading.extract, os.urandom(32))
    require_plan(study, own)
    require_cohort(study, cohort, own)
    if settings is not None:
        _require_patterns(settings.state, study, cohort, own)
    return cohort, own


def _require_patterns(state: Path, study: "Plan", cohort: "Cohort", own: "Tighter") -> None:
    """Hold the plan's cohorts against those that earlier runs released, where there were some."""
    from site_node.folder import StateFolder  # noqa: PLC0415
    from site_node.ledger import Ledger  # noqa: PLC0415
    from site_node.patterns import Patterns  # noqa: PLC0415

    folder = StateFolder(state)
    if not folder.ledger.exists():
        return
    named = replace(cohort, secret=folder.seed(folder.secret))
    # As it is, also beside a running node: nothing is written.
    with closing(Ledger.open(folder.ledger, folder.head, older=True)) as ledger:
        Patterns(folder, ledger).require_planned(study, named, own)


def _chosen(found: "tuple[Item, ...]", number: int | None) -> "tuple[Item, ...]":
    if number is None:
        return found
    chosen = tuple(one for one in found if one.number == number)
    if not chosen:
        raise NoItemError(f"there is no item {number}: items are numbered from 1 to {len(found)}")
    return chosen


def _told(found: "Rehearsal", chosen: "tuple[Item, ...]") -> dict[str, Any]:
    """Make a result for scripts: what the table says, and no number of the hospital's."""
    return {
        "schema": "riskset-site:preview/1",
        "study": found.plan.study.id,
        "items": [
            {
                "item": one.number,
                "step": one.step,
                "what": one.what,
                "trips": one.trips,
                "numbers": one.numbers,
                "bytes": one.bytes,
                "about": one.about,
                "status": one.verdict,
                "why": one.why,
            }
            for one in chosen
        ],
        "not_foretold": list(found.not_foretold),
    }
