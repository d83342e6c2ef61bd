"""What a hospital can ask for at its terminal. Results go to stdout, errors to the caller."""

import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from protocol.cohort import enrol
from protocol.errors import ProblemsError
from protocol.ids import site_id
from site_node.config import read_config
from site_node.data.check import inspect_extract
from site_node.data.draft import draft, write_draft
from site_node.data.mapping import read_mapping
from site_node.data.mapping_model import SiteMapping
from site_node.options import CONFIG, ConfigOption, Format, FormatOption
from site_node.plan_file import read_plan_file
from site_node.preflight import Preflight, as_json, as_text

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"riskset-site {version('riskset')}")
        raise typer.Exit


@app.callback()
def riskset_site(
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Say the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Take part in a study as a hospital. Patients' rows stay here."""
    del show_version  # answered by the option itself


@app.command()
def check(  # noqa: PLR0917 - typer names them all on the command line
    plan: Annotated[Path, typer.Argument(help="The plan of the study.", exists=True)],
    extract: Annotated[
        Path | None, typer.Argument(help="The hospital's CSV file; the settings' if left out.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="What the hospital calls columns and levels.")
    ] = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="Show up to 20 row numbers per rule; the header is 1.")
    ] = False,
    config: ConfigOption = CONFIG,
    output: FormatOption = Format.TEXT,
) -> None:
    """Hold an extract against a plan, here and now: nothing is sent."""
    study = read_plan_file(plan)
    if extract is None:
        if not config.exists():
            raise typer.BadParameter("name the CSV file, or the node's settings with --config")
        settings = read_config(config)
        extract, mapping = settings.extract or Path("extract.csv"), mapping or settings.mapping
    names = read_mapping(mapping, study) if mapping else None
    reading = inspect_extract(extract, study, names)
    # A secret of the moment: it keys nothing that is kept.
    here = site_id("this-hospital")
    cohort = None if reading.problems else enrol(study, here, reading.extract, os.urandom(32))
    found = Preflight(study, reading, cohort, names or SiteMapping())
    if output is Format.JSON:
        typer.echo(json.dumps(as_json(found, rows=rows), indent=2, ensure_ascii=False))
    else:
        typer.echo(as_text(found, rows=rows))
    if found.problems:
        raise ProblemsError(reading.subject, found.problems)


@app.command()
def data(  # noqa: PLR0917 - typer names them all on the command line
    extract: Annotated[Path, typer.Argument(help="The hospital's CSV file.")],
    plan: Annotated[Path, typer.Argument(help="The plan of the study.", exists=True)],
    out: Annotated[
        Path | None, typer.Option(help="Write the mapping to this new file, not to the screen.")
    ] = None,
    rows: Annotated[int, typer.Option(help="Show so many rows, on this screen.", min=0)] = 0,
    values: Annotated[
        bool, typer.Option("--values", help="List spellings that have to be decided on.")
    ] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Propose a mapping of an extract to a plan, for a person to complete."""
    found = draft(extract, read_plan_file(plan), rows=rows, values=values)
    if out is not None:
        write_draft(found, out)
    if output is Format.JSON:
        typer.echo(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
        return
    if out is None:
        typer.echo(found.text, nl=False)
    if found.rows:
        typer.echo(found.rows_text())
    left = len(found.decisions)
    told = "1 thing is" if left == 1 else f"{left} things are"
    typer.echo(f"{told} left to decide: look for '# decide:'", err=True)
