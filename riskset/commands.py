"""What the command `riskset` can be asked for. Heavy libraries load only when a study is run."""

import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Protocol, cast

import click
import typer
from typer.core import TyperGroup

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
    "You check a result": (
        "riskset verify bundle.zip",
        "signatures and sums; then `riskset recompute` for every number",
    ),
    "You found a consortium": ("riskset init", "then `riskset invite`, `roster`, `serve`, `run`"),
    "You work at a hospital": (
        "riskset-site data EXTRACT PLAN",
        "what your extract calls things; then `riskset-site check`, `init`, `join`, `serve`",
    ),
}
"""What one might want to do, by role: the command, and what it gives."""


def _plan() -> click.Command:
    from riskset.plan_cli import app as commands  # noqa: PLC0415

    return typer.main.get_command(commands)


def _roster() -> click.Command:
    from riskset.roster_cli import app as commands  # noqa: PLC0415

    return typer.main.get_command(commands)


def _run() -> click.Command:
    from riskset.run_cli import app as commands  # noqa: PLC0415

    return typer.main.get_command(commands)


def _bundle(name: str) -> Callable[[], click.Command]:
    def load() -> click.Command:
        from riskset.bundle_cli import app as commands  # noqa: PLC0415

        group = typer.main.get_command(commands)
        return cast("click.Group", group).commands[name]

    return load


def _centre(name: str) -> Callable[[], click.Command]:
    def load() -> click.Command:
        from riskset.centre_cli import app as commands  # noqa: PLC0415

        group = typer.main.get_command(commands)
        return cast("click.Group", group).commands[name]

    return load


LATER: dict[str, tuple[str, Callable[[], click.Command]]] = {
    "plan": ("Write, check and explain the plan of a study.", _plan),
    "init": ("Found a coordinating centre.", _centre("init")),
    "invite": ("Make an invitation for one hospital.", _centre("invite")),
    "joins": ("List the hospitals that asked to join.", _centre("joins")),
    "accept": ("Accept a hospital whose words were compared.", _centre("accept")),
    "decline": ("Decline a request to join.", _centre("decline")),
    "roster": ("Say who takes part in a study.", _roster),
    "serve": ("Let hospitals dial in, and conduct runs.", _centre("serve")),
    "run": ("Start a run, look at it, end it, let it go on.", _run),
    "verify": ("Check a bundle: signatures, digests, sums added up again.", _bundle("verify")),
    "recompute": ("Work a bundle's numbers out again from its sums.", _bundle("recompute")),
    "compare": ("Put the estimates of two bundles side by side.", _bundle("compare")),
    "report": ("Write an edition of the results, such as for publication.", _bundle("report")),
    "reader": ("Take the form for readers out of a bundle.", _bundle("reader")),
    "backup": ("Copy the journal while the daemon works.", _centre("backup")),
    "restore": ("Put a copy of the journal back.", _centre("restore")),
    "renew": ("Renew the server's certificate.", _centre("renew")),
    "rotate": ("Replace the coordinator's key, on the roster authority's word.", _centre("rotate")),
}
"""Commands whose libraries load only when one of them is asked for: what each does, and how."""


class _Riskset(Commands):
    """Knows all commands by name, and loads few of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *LATER]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in LATER:
            return LATER[cmd_name][1]()
        return super().get_command(ctx, cmd_name)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List all commands in the style of every other help, by a stand-in where one is heavy."""
        told = {name: click.Command(name, help=text) for name, (text, _) in LATER.items()}
        commands = {**self.commands, **told}
        light = TyperGroup(
            name=self.name,
            commands=commands,
            params=self.params,
            help=self.help,
            rich_markup_mode=self.rich_markup_mode,
        )
        light.format_help(ctx, formatter)


app = typer.Typer(
    cls=_Riskset,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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


class _Told(Protocol):
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
    keep: Annotated[
        Path | None, typer.Option(help="Leave the parties' folders, keys and ledgers here.")
    ] = None,
    quiet: Quiet = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Run the seed study over seven hospitals, each a process, whose patients do not exist."""
    from riskset.demo import run_demo  # noqa: PLC0415

    _say(run_demo(out, quiet=quiet, keep=keep), output, quiet=quiet)


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


def _say(found: _Told, output: Format, *, quiet: bool) -> None:
    if output is Format.JSON:
        print_json(found.as_json())
    elif not quiet:
        found.show()
