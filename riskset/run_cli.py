"""The commands `riskset run`: start a study's run, look at it, end it, let it go on.

They write into the journal and read from it; the daemon does the rest, and need not be running.
"""

import os
import time
from collections.abc import Iterator
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live

from coordinator.config import CoordinatorConfig
from coordinator.control import Start, request_abort, request_resume, start_run
from coordinator.journal import ACTIVE, RunState, all_runs
from coordinator.publish import ResultsFolder
from coordinator.status import RunStatus, find_run, run_status
from coordinator.store import Store
from coordinator.unlock import request_unlock, told_balance
from protocol.canonical import Json
from protocol.errors import Exit, FederationError
from protocol.governance.signed import Consent
from protocol.ids import SiteId
from protocol.plan.words import handle
from protocol.secagg.transcript import RUN_ID_SIZE
from riskset.centre_cli import SETTINGS, ConfigOption, opened
from riskset.roster_cli import read_consents
from riskset.rotation import register_of
from riskset.run_view import (
    HEADER,
    RUNS_HEADER,
    as_json,
    decision_lines,
    line,
    moved,
    row_json,
    runs_table,
    screen,
    short,
    table_rows,
)
from riskset.serving import utc_now
from riskset.terminal import (
    Format,
    FormatOption,
    command_group,
    console,
    note,
    print_json,
    print_lines,
    print_table,
)
from site_node.plan_file import read_plan_file

app = command_group("run", "Start a study's run, look at it, end it, let it go on.")

LOOK_SECONDS = 0.5

RunArgument = Annotated[str, typer.Argument(help="The run, by the beginning of its id.")]


class CarrierName(StrEnum):
    """What carries requests to hospitals."""

    GRPC = "grpc"
    FLOWER = "flower"


class CarrierError(FederationError):
    """The daemon would carry a run another way than was asked for."""

    code = "carrier"
    exit = Exit.USAGE


EXITS = {
    RunState.REFUSED: Exit.NOT_APPROVED,
    RunState.FAILED: Exit.CHECK_FAILED,
    RunState.ABORTED: Exit.CHECK_FAILED,
}
"""What `watch` ends with where a run did not come to its end."""


@app.command()
def start(  # noqa: PLR0917 - typer names them all on the command line
    plan: Annotated[Path, typer.Argument(help="The plan's file.")],
    replaces: Annotated[
        str | None,
        typer.Option(help="An aborted run whose next epoch this is."),
    ] = None,
    consent: Annotated[
        list[Path] | None, typer.Option(help="The consent of a hospital that left; repeatable.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay and look until it is over.")] = False,
    carrier: Annotated[
        CarrierName | None,
        typer.Option(help="What has to carry it; refused if the settings say otherwise."),
    ] = None,
    config: ConfigOption = SETTINGS,
    output: FormatOption = Format.TEXT,
) -> None:
    """Start a run of a plan over the roster in force."""
    study = read_plan_file(plan)
    with opened(config) as (settings, store):
        _require_carrier(settings, carrier)
        folder = config.absolute().parent
        register = register_of(folder, settings, store, study.study.id)
        register.in_force(utc_now())
        asked = Start(
            run_id=os.urandom(RUN_ID_SIZE),
            plan=study,
            rosters=register.chain,
            consents=_consents(consent or [], study.study.id),
            replaces=find_run(store, replaces) if replaces else None,
        )
        row = start_run(store, asked, now=utc_now(), software=version("riskset"))
        if output is Format.JSON and not watch:
            print_json({"schema": "riskset:run-start/1", **row_json(row)})
        elif not watch:
            note(
                "ok",
                f"run {short(row)} of {handle(row.plan_digest)} is in the journal",
                error=False,
            )
            print_lines("Next", [f"riskset run watch {short(row)}"])
        if watch:
            _watch(store, settings, row.run_id, output)


def _require_carrier(settings: CoordinatorConfig, wanted: CarrierName | None) -> None:
    """Refuse a run that the daemon would send another way than somebody thinks."""
    used = CarrierName.GRPC if settings.flower is None else CarrierName.FLOWER
    if wanted not in (None, used):
        raise CarrierError(
            f"the coordinator's settings let {used} carry runs, not {wanted}",
            f'set carrier = "{wanted}" in coordinator.toml and restart the daemon',
        )


def _consents(files: list[Path], study: str) -> tuple[Consent, ...]:
    return tuple(
        Consent(SiteId(said["site"]), bytes.fromhex(said["signature"]))
        for said in sorted(read_consents(files, study), key=lambda said: said["site"])
    )


@app.command()
def status(
    run: Annotated[str | None, typer.Argument(help="The run; all runs if left out.")] = None,
    config: ConfigOption = SETTINGS,
    output: FormatOption = Format.TEXT,
) -> None:
    """Tell where a run stands: who is connected, who has answered, who is waited for."""
    with opened(config) as (_, store):
        if run is None:
            _all(store, output)
            return
        found = run_status(store, find_run(store, run))
    if output is Format.JSON:
        print_json(as_json(found))
        return
    out = console()
    if out.is_terminal:
        out.print(screen(found, utc_now()))
    else:
        typer.echo(line(found, utc_now()))
        print_table(HEADER, table_rows(found, utc_now()))
    print_lines("Decisions", decision_lines(found))


def _all(store: Store, output: Format) -> None:
    rows = all_runs(store)
    if output is Format.JSON:
        listed: list[Json] = [row_json(row) for row in rows]
        print_json({"schema": "riskset:runs/1", "runs": listed})
    elif rows:
        print_table(RUNS_HEADER, runs_table(rows, utc_now()))
    else:
        print_lines("No run yet", ["riskset run start PLAN"])


@app.command()
def watch(
    run: RunArgument, config: ConfigOption = SETTINGS, output: FormatOption = Format.TEXT
) -> None:
    """Look at a run until it is over; Ctrl-C ends the looking only."""
    with opened(config) as (settings, store):
        _watch(store, settings, find_run(store, run), output)


def _watch(store: Store, settings: CoordinatorConfig, run_id: bytes, output: Format) -> None:
    *_, last = _looks(store, run_id, live=output is Format.TEXT)
    row, folder = last.row, ResultsFolder(settings.out).of(run_id)
    if output is Format.JSON:
        print_json({**as_json(last), "results": str(folder) if row.published else None})
    elif row.state is RunState.FINISHED:
        note("ok", f"run {short(row)} is finished: {folder}", error=False)
    elif row.state is RunState.LOCKED:
        note("warn", line(last, utc_now()), error=False)
    else:
        note("error", f"run {short(row)} is {row.state}: {row.reason}", code=row.code)
    if row.state in EXITS:
        raise typer.Exit(int(EXITS[row.state]))


def _looks(store: Store, run_id: bytes, *, live: bool) -> Iterator[RunStatus]:
    """Look again and again until a run moves no more: drawn on a terminal, else told by lines."""
    out = console(error=True)
    drawn = Live(console=out, auto_refresh=False) if live and out.is_terminal else None
    told: tuple[object, ...] = ()
    if drawn:
        drawn.start()
    try:
        while True:
            found, now = run_status(store, run_id), utc_now()
            yield found
            if drawn:
                drawn.update(screen(found, now), refresh=True)
            elif live and moved(found) != told:
                typer.echo(line(found, now), err=True)
                told = moved(found)
            if _over(found):
                return
            time.sleep(LOOK_SECONDS)
    finally:
        if drawn:
            drawn.stop()


def _over(found: RunStatus) -> bool:
    row = found.row
    if row.state is RunState.FINISHED:
        return row.published is not None or bool(row.code)
    return row.state not in ACTIVE


@app.command()
def unlock(
    run: RunArgument,
    reason: Annotated[
        str | None, typer.Option(help="Why the design is finished; without it only look.")
    ] = None,
    config: ConfigOption = SETTINGS,
    output: FormatOption = Format.TEXT,
) -> None:
    """Let a locked run go on to its outcomes, once the balance was looked at."""
    with opened(config) as (_, store):
        run_id = find_run(store, run)
        if reason is None:
            _tell_balance(run_id.hex(), told_balance(store, run_id), output)
            return
        state = request_unlock(store, run_id, reason, utc_now())
    _asked(output, run_id, state, "is to go on to its outcomes")


def _tell_balance(run: str, lines: tuple[str, ...], output: Format) -> None:
    if output is Format.JSON:
        print_json({"schema": "riskset:run-balance/1", "run": run, "balance": list(lines)})
    elif lines:
        print_lines("Balance, before any outcome", lines)
        print_lines("Next", [f'riskset run unlock {run[:8]} --reason "why the design is finished"'])
    else:
        print_lines("Nothing is locked", ["riskset run status"])


@app.command()
def abort(
    run: RunArgument, config: ConfigOption = SETTINGS, output: FormatOption = Format.TEXT
) -> None:
    """End a run before its end. Hospitals delete its keys; a new run can be started."""
    with opened(config) as (_, store):
        run_id = find_run(store, run)
        state = request_abort(store, run_id, utc_now())
    _asked(output, run_id, state, "is to be aborted")


@app.command()
def resume(
    run: RunArgument, config: ConfigOption = SETTINGS, output: FormatOption = Format.TEXT
) -> None:
    """Let a stopped run go on where it stood."""
    with opened(config) as (_, store):
        run_id = find_run(store, run)
        state = request_resume(store, run_id, utc_now())
    _asked(output, run_id, state, "is to go on")


def _asked(output: Format, run_id: bytes, state: RunState, what: str) -> None:
    if output is Format.JSON:
        print_json({"schema": "riskset:run-wish/1", "run": run_id.hex(), "state": str(state)})
    else:
        note("ok", f"run {run_id.hex()[:8]} {what}", error=False)
