"""What a run looks like while it goes on: for people, line by line when piped, and for scripts."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from coordinator.journal import RunRow, RunState
from coordinator.status import RunStatus, SiteStatus
from protocol.canonical import Json
from protocol.plan.words import handle
from riskset.progress import OUTCOMES, STAGES

SHOWN = 8
"""Digits of a run's id that people see."""

_SIGNS = {
    RunState.FINISHED: ("●", "green"),
    RunState.REFUSED: ("✗", "red"),
    RunState.FAILED: ("✗", "red"),
    RunState.ABORTED: ("✗", "red"),
}


def short(row: RunRow) -> str:
    """Name a run as people do."""
    return row.run_id.hex()[:SHOWN]


def stage(status: RunStatus) -> str:
    """Say in words what the present trip is for."""
    state = status.row.state
    match state:
        case RunState.QUEUED:
            return "waits for `riskset serve`"
        case RunState.OPENING:
            return "gathers fresh keys"
        case RunState.ASKING:
            first = status.steps[0].partition("/")[0] if status.steps else ""
            return f"{STAGES.get(first, OUTCOMES)} (trip {status.row.trip})"
        case RunState.LOCKED:
            return f"outcomes are locked: riskset run unlock {short(status.row)}"
        case RunState.FINISHING:
            return "hospitals check the last sum and delete their keys"
        case _:
            return str(state)


def waits_for(status: RunStatus, now: datetime) -> str:
    """Say who is waited for, and for how long; nobody where nobody is."""
    if not status.waiting:
        return ""
    if len(status.waiting) == len(status.sites) and all(s.connected for s in status.sites):
        return f"waiting for all {len(status.sites)} hospitals"
    by_site = {site.site: site for site in status.sites}
    told = []
    for waiting in status.waiting:
        site = by_site[waiting.site]
        gone = site.since if site.connected is False else None
        since = f"offline {ago(now, gone)}" if gone else f"for {ago(now, waiting.since)}"
        told.append(f"{waiting.site} ({since})")
    return f"waiting for {', '.join(told)}"


def ago(now: datetime, then: datetime) -> str:
    """Write a duration as its largest unit."""
    seconds = max(0, int((now - then).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def line(status: RunStatus, now: datetime) -> str:
    """Say a run in one plain line."""
    row = status.row
    parts = [f"run {short(row)}", stage(status), waits_for(status, now)]
    if row.reason:
        parts.append(row.reason)
    return " · ".join(part for part in parts if part)


def moved(status: RunStatus) -> tuple[object, ...]:
    """Name all that a new line is worth; time that passes is not."""
    row, connected = status.row, tuple(site.connected for site in status.sites)
    return row.state, row.trip, row.reason, connected, tuple(w.site for w in status.waiting)


def table_rows(status: RunStatus, now: datetime) -> list[tuple[str, ...]]:
    """Lay the hospitals of a run out as rows under `HEADER`."""
    waiting = {waiting.site for waiting in status.waiting}
    return [_row(site, now, waited=site.site in waiting) for site in status.sites]


def decision_lines(status: RunStatus) -> list[str]:
    """Say for each hospital what its operators decided about the plan, as it answered last."""
    return [f"{site.site}: {site.decision or UNTOLD}" for site in status.sites]


UNTOLD = "has not told yet"

HEADER = ("Hospital", "connection", "answered", "now", "sent", "received")


def _row(site: SiteStatus, now: datetime, *, waited: bool) -> tuple[str, ...]:
    match site.answered:
        case None:
            answered = "nothing yet"
        case 0:
            answered = "its key"
        case trip:
            answered = f"trip {trip}"
    doing = site.last_word if site.wrong else ("waited for" if waited else "has answered")
    return (
        site.site,
        _connection(site, now),
        answered,
        doing,
        amount(site.bytes_up),
        amount(site.bytes_down),
    )


def _connection(site: SiteStatus, now: datetime) -> str:
    if site.connected is None:
        return "never seen"
    word = "connected" if site.connected else "offline"
    return f"{word} {ago(now, site.since)}" if site.since else word


def amount(count: int) -> str:
    """Write a number of bytes."""
    for unit, size in (("MB", 1_000_000), ("kB", 1_000)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def screen(status: RunStatus, now: datetime) -> RenderableType:
    """Draw a run for a terminal."""
    row = status.row
    sign, colour = _SIGNS.get(row.state, ("◐", "yellow"))
    head = Text.assemble((f"{sign} ", colour), (f"run {short(row)}", "bold"))
    head.append(f"  {row.study}  {handle(row.plan_digest)}")
    sites = Table(box=None, padding=(0, 2), header_style="dim")
    for name in HEADER:
        sites.add_column(name, justify="right" if name in {"sent", "received"} else "left")
    for cells in table_rows(status, now):
        sites.add_row(*cells)
    told: list[RenderableType] = [head, Text(f"  {stage(status)}"), sites]
    for text, style in ((waits_for(status, now), "yellow"), (row.reason, "red")):
        if text:
            told.append(Text(f"  {text}", style=style))
    return Group(*told)


def as_json(status: RunStatus) -> dict[str, Json]:
    """Say a run for scripts."""
    row = status.row
    return {
        "schema": "riskset:run/1",
        **row_json(row),
        "steps": list(status.steps),
        "waiting": [{"site": w.site, "since": w.since.isoformat()} for w in status.waiting],
        "sites": [_site_json(site) for site in status.sites],
    }


def row_json(row: RunRow) -> dict[str, Json]:
    """Say where a run stands, without its hospitals."""
    return {
        "run": row.run_id.hex(),
        "study": row.study,
        "plan_digest": row.plan_digest.hex(),
        "epoch": row.epoch,
        "state": str(row.state),
        "trip": row.trip,
        "code": row.code,
        "reason": row.reason,
        "created": row.created.isoformat(),
        "changed": row.changed.isoformat(),
        "deadline": row.deadline.isoformat() if row.deadline else None,
    }


def _site_json(site: SiteStatus) -> dict[str, Json]:
    return {
        "site": site.site,
        "name": site.name,
        "connected": site.connected,
        "since": site.since.isoformat() if site.since else None,
        "answered": site.answered,
        "answered_at": site.answered_at.isoformat() if site.answered_at else None,
        "bytes_up": site.bytes_up,
        "bytes_down": site.bytes_down,
        "wrong": site.wrong,
        "decision": site.decision,
    }


def runs_table(rows: Sequence[RunRow], now: datetime) -> list[tuple[str, ...]]:
    """Lay all runs out as rows under `RUNS_HEADER`, the latest first."""
    return [
        (
            short(row),
            row.study,
            handle(row.plan_digest),
            str(row.state),
            str(row.trip),
            ago(now, row.changed),
        )
        for row in rows
    ]


RUNS_HEADER = ("Run", "study", "plan", "state", "trip", "changed")
