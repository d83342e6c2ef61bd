"""What a run does just now, for people to watch: who has answered, whom it waits for since when.

Reads the journal only, so that watching disturbs nothing and needs no daemon.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from coordinator.bundle.approvals import sentence
from coordinator.journal import (
    Event,
    Journal,
    Kind,
    RunRow,
    RunState,
    UnknownRunError,
    all_runs,
)
from coordinator.members import Presence, kept_presence
from coordinator.proposals import kept_approvals
from coordinator.resume import JournalError
from coordinator.store import Store
from protocol.governance.roster import Member, Roster
from protocol.ids import SiteId
from protocol.requests import OpenRun
from protocol.wire.codec import decode_request, decode_trip

_AWAITED = {
    RunState.OPENING: Kind.REPLY,
    RunState.ASKING: Kind.REPLY,
    RunState.FINISHING: Kind.DONE,
    RunState.ABORTING: Kind.ENDED,
}
WAITING = tuple(_AWAITED)
"""States in which hospitals are asked for something."""


@dataclass(frozen=True)
class SiteStatus:
    """One hospital in a run.

    `connected` is None where no carrier ever told of it, `since` when that last changed;
    `answered` is the last trip that it answered (0: its fresh key, None: nothing); `wrong`
    counts replies that were no answer; `bytes_up` is what it sent, `bytes_down` what each is sent;
    `decision` says what its operators decided about the plan, as it answered last.
    """

    site: SiteId
    name: str
    connected: bool | None
    since: datetime | None
    answered: int | None
    answered_at: datetime | None
    bytes_up: int
    bytes_down: int
    wrong: int
    last_word: str
    decision: str = ""


@dataclass(frozen=True)
class Waiting:
    """A hospital that is waited for."""

    site: SiteId
    since: datetime


@dataclass(frozen=True)
class RunStatus:
    """A run and its hospitals. `steps` names what the present trip asks."""

    row: RunRow
    steps: tuple[str, ...]
    sites: tuple[SiteStatus, ...]
    waiting: tuple[Waiting, ...]

    @property
    def bytes_up(self) -> int:
        """Bytes that all hospitals sent."""
        return sum(site.bytes_up for site in self.sites)


def run_status(store: Store, run_id: bytes) -> RunStatus:
    """Read where a run stands.

    Raises
    ------
    UnknownRunError
        If there is no such run.
    """
    journal = Journal(store, run_id)
    row, told = journal.row(), [event for _, event in journal.events()]
    down = sum(event.bytes for event in told if event.kind == "asked")
    there = kept_presence(store)
    roster = _roster(journal)
    said = {s.site: sentence(s) for s in kept_approvals(store, row.plan_digest, roster.digest)}
    found = (
        _site(member, there.get(member.id), down, [e for e in told if e.site == member.id])
        for member in roster.members
    )
    sites = tuple(replace(one, decision=said.get(one.site, "")) for one in found)
    waiting: tuple[Waiting, ...] = ()
    if row.state in WAITING and row.asked is not None:
        have = journal.bodies(_AWAITED[row.state], row.trip)
        waiting = tuple(Waiting(s.site, row.asked) for s in sites if s.site not in have)
    return RunStatus(row, _steps(journal, row), sites, waiting)


def find_run(store: Store, text: str) -> bytes:
    """Find a run by the beginning of its id, as people type it.

    Raises
    ------
    UnknownRunError
        If none or several begin so.
    """
    found = [row.run_id for row in all_runs(store) if row.run_id.hex().startswith(text.lower())]
    if len(found) != 1 or not text:
        how = "several runs begin" if found and text else "no run begins"
        raise UnknownRunError(f"{how} with {text!r}")
    return found[0]


def _roster(journal: Journal) -> Roster:
    request = decode_request(journal.body(Kind.OPEN) or b"")
    if not isinstance(request, OpenRun):
        raise JournalError("the journal has no request that opened the run")
    return Roster.from_bytes(request.rosters[-1].payload)


def _steps(journal: Journal, row: RunRow) -> tuple[str, ...]:
    """Name what the present trip asks, each kind once."""
    raw = journal.body(Kind.TRIP, row.trip)
    return () if raw is None else tuple(dict.fromkeys(kind for _, kind in decode_trip(raw).steps))


def _site(member: Member, there: Presence | None, down: int, told: Sequence[Event]) -> SiteStatus:
    answers = [event for event in told if event.kind == "answered"]
    wrong = [event for event in told if event.kind == "ignored"]
    last = max(answers, key=lambda event: event.trip, default=None)
    return SiteStatus(
        site=member.id,
        name=member.name,
        connected=None if there is None else there.connected,
        since=None if there is None else there.since,
        answered=None if last is None else last.trip,
        answered_at=None if last is None else last.time,
        bytes_up=sum(event.bytes for event in told),
        bytes_down=down,
        wrong=len(wrong),
        last_word=wrong[-1].text if wrong else "",
    )
