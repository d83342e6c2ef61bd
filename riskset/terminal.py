"""Words on a screen: results on stdout, everything else on stderr, errors as sentences.

Errors of the parties become text and exit statuses here and nowhere below. Apps made with
`cls=Commands` never show a traceback, unless `--debug` or RISKSET_DEBUG asks for one.
"""

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, NoReturn

import click
import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text
from typer.core import TyperGroup

from protocol.canonical import Json
from protocol.errors import FederationError, ProblemsError
from site_node.house import STOPPED
from site_node.terminal import error_json, explained

_FORMAT, _DEBUG = "riskset.format", "riskset.debug"


class Format(StrEnum):
    """How a command answers: for people, or for scripts."""

    TEXT = "text"
    JSON = "json"


def _remember_format(ctx: typer.Context, chosen: Format) -> Format:
    ctx.meta[_FORMAT] = chosen
    return chosen


def _remember_debug(ctx: typer.Context, wanted: bool) -> bool:
    ctx.meta[_DEBUG] = wanted or ctx.meta.get(_DEBUG, False)
    return wanted


FormatOption = Annotated[
    Format,
    typer.Option("--format", help="Text for people, JSON for scripts.", callback=_remember_format),
]
"""The option `--format` of every command."""

DebugOption = Annotated[
    bool,
    typer.Option(
        "--debug",
        envvar="RISKSET_DEBUG",
        help="Show the traceback of an unexpected error.",
        callback=_remember_debug,
    ),
]
"""The option `--debug` of an app's callback."""


class Commands(TyperGroup):
    """A group of commands that turns errors into sentences and exit statuses."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; leave click's own exceptions to click."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            console(error=True).print("stopped; nothing half-done is left behind")
            raise typer.Exit(STOPPED) from None
        except FederationError as error:
            fail(error)
        except Exception as error:
            if ctx.meta.get(_DEBUG):
                raise
            fail(explained(error))


def command_group(name: str, help_text: str) -> typer.Typer:
    """Begin a group of commands that takes `--debug` and turns errors into sentences."""
    group = typer.Typer(
        name=name,
        cls=Commands,
        help=help_text,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    group.callback()(_options)
    return group


def _options(debug: DebugOption = False) -> None:
    del debug  # remembered by the option itself


def fail(error: FederationError) -> NoReturn:
    """Say an error on stderr and end the command with its exit status."""
    context = click.get_current_context(silent=True)
    if context is not None and context.meta.get(_FORMAT) is Format.JSON:
        typer.echo(error_json(error), err=True)
    else:
        _say(error)
    raise typer.Exit(int(error.exit))


def _say(error: FederationError) -> None:
    if not isinstance(error, ProblemsError):
        note("error", str(error), error.fix, code=error.code)
        return
    for problem in error.problems:
        note("error", str(problem), problem.fix, code=error.code)
    count = len(error.problems)
    summary = f"{count} {'problem' if count == 1 else 'problems'} in {error.subject}"
    console(error=True).print(Text(summary), soft_wrap=True)


def note(kind: str, message: str, fix: str = "", *, code: str = "", error: bool = True) -> None:
    """Print a word in the margin, a sentence beside it, and what to do below.

    `error` says whether it goes to stderr; `kind` is "error", "warn" or "ok".
    """
    out = console(error=error)
    style = {"error": "bold red", "warn": "bold yellow", "ok": "bold green"}[kind]
    line = Text.assemble((f"{kind:<7}", style), message, f"  [{code}]" if code else "")
    out.print(line, soft_wrap=True)
    if fix:
        out.print(Text.assemble(("fix    ", "bold"), fix), soft_wrap=True)


def console(*, error: bool = False) -> Console:
    """Open stdout or stderr: coloured on a terminal unless NO_COLOR is set, plain when piped."""
    # Made anew each time, because tests and pipes swap the streams.
    return Console(file=sys.stderr if error else sys.stdout, highlight=False, markup=False)


def print_json(value: Json) -> None:
    """Print a result for scripts, on stdout."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_lines(title: str, lines: Sequence[str]) -> None:
    """Print a heading, and sentences indented under it; they wrap on a terminal only."""
    out = console()
    out.print(Text(title, style="bold"), soft_wrap=not out.is_terminal)
    for line in lines:
        if out.is_terminal:
            out.print(Padding(Text(line), (0, 0, 0, 2)))
        else:
            typer.echo(f"  {line}")


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: with lines on a terminal, with tabs between cells when piped."""
    out = console()
    if not out.is_terminal:
        for row in (header, *rows):
            typer.echo("\t".join(row))
        return
    # Folded, because on a narrow screen a cut word could be the one that matters.
    # Six words that two people compare stay on one line.
    table = Table(*(Column(name, overflow="fold", no_wrap=name == "words") for name in header))
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    out.print(table)
