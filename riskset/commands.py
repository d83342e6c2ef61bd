"""What the command `riskset` can be asked for. Heavy libraries load only when a study is run."""

import re
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Protocol

import click
import typer

from protocol.canonical import Json
from riskset.terminal import (
    Commands,
    DebugOption,
    Format,
    FormatOption,
    print_json,
    print_lines,
)

DOORS = {
    "You are curious": ("riskset demo", "seven make-believe hospitals, a whole study, its report"),
    "You plan a study": ("riskset plan new", "a commented plan; then `riskset plan check`"),
    "You try a plan": (
        "riskset simulate PLAN --sites DIR --out DIR",
        "the study over one CSV file a hospital, all on this machine",
    ),
    "You review a plan": ("riskset plan explain PLAN", "what it asks for, in plain sentences"),
    "You work at a hospital": ("riskset-site check PLAN EXTRACT", "whether your extract fits"),
}
"""What one might want to do, by role: the command, and what it gives."""


class _Riskset(Commands):
    """Loads the commands on plans only when one of them is asked for."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[:1] == ["plan"]:
            from riskset.plan_cli import app as plan_app  # noqa: PLC0415

            return "plan", typer.main.get_command(plan_app), args[1:]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Riskset,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_plan = typer.Typer(help="Write, check and explain the plan of a study.")


@_plan.callback()
def _plan_listed() -> None:
    """Write, check and explain the plan of a study."""


app.add_typer(_plan, name="plan")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"riskset {version('riskset')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def riskset(
    context: typer.Context,
    debug: DebugOption = False,
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Say the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Run one survival study across many hospitals. No patient row leaves any of them."""
    del debug, show_version  # remembered by the options themselves
    if context.invoked_subcommand is None:
        width = max(len(role) for role in DOORS)
        lines = [f"{role:<{width}}  {run}" for role, (run, _) in DOORS.items()]
        told = [f"{'':<{width}}  {what}" for _, what in DOORS.values()]
        pairs = [line for pair in zip(lines, told, strict=True) for line in pair]
        print_lines("What do you want to do?", [*pairs, "", "All commands: riskset --help"])


class _Run(Protocol):
    """Something that was run and can be told."""

    def as_json(self) -> dict[str, Json]: ...

    def show(self) -> None: ...


Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress, and no text at the end.")]
OUT_HELP = "The folder for the results; new, empty or of an earlier run."


def _seed(text: str | None) -> bytes | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9a-fA-F]{1,64}", text):
        raise typer.BadParameter("give 1 to 64 hexadecimal digits", param_hint="'--seed'")
    return text.lower().encode()


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help=OUT_HELP)] = Path("riskset-demo"),
    quiet: Quiet = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Play the seed study over seven hospitals whose patients do not exist."""
    from riskset.demo import run_demo  # noqa: PLC0415

    _say(run_demo(out, quiet=quiet), output, quiet=quiet)


@app.command()
def simulate(  # noqa: PLR0917 - typer names them all on the command line
    plan: Annotated[Path, typer.Argument(help="The plan's file, TOML or JSON.")],
    sites: Annotated[Path, typer.Option(help="The folder of extracts, one CSV file a hospital.")],
    out: Annotated[Path, typer.Option(help=OUT_HELP)],
    profile: Annotated[
        str | None,
        typer.Option(
            click_type=click.Choice(["open"]),
            help="'open' lifts the plan's disclosure rules: one or two hospitals can be tried.",
        ),
    ] = None,
    seed: Annotated[
        str | None, typer.Option(help="Hexadecimal digits: the same seed repeats a run.")
    ] = None,
    mappings: Annotated[
        Path | None, typer.Option(help="The folder of the hospitals' mapping files, lyon.toml.")
    ] = None,
    quiet: Quiet = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Play a study over a folder of extracts on this machine; the results are marked SIMULATED."""
    from riskset.runs import run_simulation  # noqa: PLC0415

    opened = profile is not None
    found = run_simulation(plan, sites, out, mappings, _seed(seed), opened=opened, quiet=quiet)
    _say(found, output, quiet=quiet)


def _say(found: _Run, output: Format, *, quiet: bool) -> None:
    if output is Format.JSON:
        print_json(found.as_json())
    elif not quiet:
        found.show()
