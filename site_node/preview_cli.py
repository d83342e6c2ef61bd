"""The command `riskset-site preview`: what would leave, on this hospital's own rows.

For the screen alone: nothing of it goes into a log, and a page is written only where it is asked
for, readable by its owner.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protocol.errors import Exit, FederationError
from site_node.commands import app
from site_node.options import CONFIG, ConfigOption, Format, FormatOption, say

if TYPE_CHECKING:
    from protocol.plan.model import Plan
    from site_node.preview.items import Item
    from site_node.preview.rehearsal import Rehearsal


class NoItemError(FederationError):
    """There is no item of that number."""

    code = "no-item"
    exit = Exit.USAGE
    fix = "see the numbers in the first column of riskset-site preview PLAN"


@app.command()
def preview(  # noqa: PLR0917 - typer names them all on the command line
    plan: Annotated[
        str, typer.Argument(help="The plan's file, or the three words of one that was proposed.")
    ],
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
    from site_node.config import read_config  # noqa: PLC0415
    from site_node.preview.items import items  # noqa: PLC0415
    from site_node.preview.own_rows import own_rows  # noqa: PLC0415
    from site_node.preview.rehearsal import rehearse  # noqa: PLC0415
    from site_node.preview.text import in_bytes, in_numbers, in_words  # noqa: PLC0415

    study = _plan(plan, config)
    settings = read_config(config) if extract is None or config.exists() else None
    snapshot, own = own_rows(study, settings, extract, mapping)
    cohort = snapshot.cohort
    found = rehearse(study, cohort, os.urandom(32), own)
    chosen = _chosen(items(found), item)
    if html is not None:
        from site_node.preview.page import write_page  # noqa: PLC0415

        write_page(found, cohort, html)
        typer.echo(f"{html}: shows this hospital's own counts; delete it once decided", err=True)
    parts = [] if item is not None or numbers or show_bytes else [in_words(found, cohort, plan)]
    parts += [in_numbers(one) for one in chosen if numbers or (item and not show_bytes)]
    parts += [in_bytes(one) for one in chosen if show_bytes]
    say(output, "\n\n".join(parts), _told(found, chosen))


def _plan(text: str, config: Path) -> "Plan":
    """Read a plan's file, or find a plan that was proposed to this hospital."""
    from site_node.config import read_config  # noqa: PLC0415
    from site_node.deciding import all_waiting, find, running_software  # noqa: PLC0415
    from site_node.plan_file import read_plan_file  # noqa: PLC0415

    if Path(text).exists() or not config.exists():
        return read_plan_file(Path(text))
    settings = read_config(config)
    return find(all_waiting(settings, running_software(settings)), text).plan


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
