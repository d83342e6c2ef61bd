"""The commands `riskset plan`: begin a plan, check it, have it explained, get its schema."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from protocol.canonical import Json
from protocol.errors import Exit, FederationError, Problem, ProblemsError
from protocol.leaves import told
from protocol.plan.check import warnings
from protocol.plan.digest import plan_digest
from protocol.plan.explain import Section
from protocol.plan.model import Plan
from protocol.plan.schema import schema_text
from protocol.plan.words import handle
from riskset.plans import EDITOR_SCHEMA, Builtin, read_builtin, read_schema
from riskset.propose_cli import decisions_on, propose_plan
from riskset.terminal import (
    Format,
    FormatOption,
    command_group,
    note,
    print_json,
    print_lines,
    print_table,
)
from site_node.plan_file import read_plan_file

app = command_group("plan", "Write, check and explain the plan of a study.")

PlanPath = Annotated[Path, typer.Argument(help="The plan's file, TOML or JSON.", metavar="PATH")]


class Template(StrEnum):
    """What a new plan begins with."""

    BLANK = "blank"
    CRLM = "crlm"


_TEMPLATES: dict[Template, Builtin] = {Template.BLANK: "template", Template.CRLM: "crlm"}


class PlanExistsError(FederationError):
    """A file stands where the new plan would go."""

    code = "would-overwrite"
    exit = Exit.USAGE
    fix = "give another path, or move the file away"


app.command("propose")(propose_plan)
app.command("decisions")(decisions_on)


@app.command()
def new(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("plan.toml"),
    template: Annotated[
        Template, typer.Option(help="Every key with comments, or the seven-hospital study.")
    ] = Template.BLANK,
    output: FormatOption = Format.TEXT,
) -> None:
    """Begin a plan: write a commented template, and beside it the schema for the editor."""
    try:
        _write_new(path, read_builtin(_TEMPLATES[template]))
    except FileExistsError:
        raise PlanExistsError(f"{path}: is there already; nothing is overwritten") from None
    schema = path.with_name(EDITOR_SCHEMA)
    if not schema.exists():
        _write_new(schema, read_schema(editor=True))
    if output is Format.JSON:
        print_json({"schema": "riskset:plan-new/1", "path": str(path), "editor": str(schema)})
    else:
        note("ok", f"{path} is written; edit it, then run: riskset plan check {path}", error=False)


def _write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet, whole or not at all."""
    file = path.open("x", encoding="utf-8", newline="\n")
    try:
        with file:
            file.write(text)
    except BaseException:
        path.unlink()
        raise


@app.command()
def check(path: PlanPath, output: FormatOption = Format.TEXT) -> None:
    """Check a plan, and name it by three words and eight digits."""
    try:
        plan = read_plan_file(path)
    except ProblemsError as error:
        if output is Format.TEXT:
            raise
        print_json(_verdict(None, error.problems))
        raise typer.Exit(int(error.exit)) from None
    if output is Format.JSON:
        print_json(_verdict(plan, ()))
        return
    found = warnings(plan)
    for warning in found:
        note("warn", str(warning), warning.fix, error=False)
    count = {0: "", 1: ", with 1 warning"}.get(len(found), f", with {len(found)} warnings")
    note("ok", f"{path}: {handle(plan_digest(plan))}{count}", error=False)


@app.command("explain")
def explain_plan(path: PlanPath, output: FormatOption = Format.TEXT) -> None:
    """Say a plan in plain sentences, for reviewers and statisticians."""
    plan = read_plan_file(path)
    sections = told(plan)
    if output is Format.JSON:
        said = [asdict(section) for section in sections]
        print_json({"schema": "riskset:plan-explain/1", **_name(plan), "sections": said})
        return
    for section in sections:
        _print_section(section)


@app.command()
def schema(
    editor: Annotated[
        bool, typer.Option("--editor", help="The older draft that editors of TOML understand.")
    ] = False,
    output: FormatOption = Format.JSON,
) -> None:
    """Print the JSON Schema of plans; both formats are JSON."""
    del output
    typer.echo(schema_text(editor), nl=False)


def _name(plan: Plan) -> dict[str, Json]:
    digest = plan_digest(plan)
    return {"handle": handle(digest), "digest": digest.hex()}


def _verdict(plan: Plan | None, problems: tuple[Problem, ...]) -> dict[str, Json]:
    name: dict[str, Json] = {"handle": None, "digest": None} if plan is None else _name(plan)
    return {
        "schema": "riskset:plan-check/1",
        "ok": plan is not None,
        **name,
        "problems": [asdict(problem) for problem in problems],
        "warnings": [] if plan is None else [asdict(warning) for warning in warnings(plan)],
    }


def _print_section(section: Section) -> None:
    print_lines(section.title, section.sentences)
    if section.table is not None:
        print_table(section.table.header, section.table.rows)
    typer.echo()
