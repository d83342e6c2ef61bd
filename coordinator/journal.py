"""One run's page in the journal: its state, its messages, and who answered what when.

A run resumes from here after any crash. Replies are masked words; nothing of one hospital is ever
here in the clear.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, insert, or_, select, update

from coordinator.store import Store
from coordinator.tables import events, messages, runs
from protocol.errors import Exit, FederationError
from protocol.ids import SiteId

OFFICE = SiteId("")
"""Stands for the coordinator where a message or event is no hospital's."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    OPENING = "opening"
    """Hospitals are asked to join with a fresh key."""
    ASKING = "asking"
    LOCKED = "locked"
    """Outcomes come next, and wait for a person to unlock them."""
    FINISHING = "finishing"
    """All totals are here; hospitals check the last and delete their keys."""
    FINISHED = "finished"
    REFUSED = "refused"
    """A hospital said no; a person may ask it again."""
    ABORTING = "aborting"
    """The end is decided; hospitals are told."""
    ABORTED = "aborted"
    FAILED = "failed"
    """Stopped for a reason that is written down; a person may have it go on."""


ACTIVE = (RunState.QUEUED, RunState.OPENING, RunState.ASKING, RunState.FINISHING, RunState.ABORTING)
"""States in which the daemon has something to do."""

STOPPED = (RunState.REFUSED, RunState.FAILED)
"""States from which a run can be resumed or aborted."""

RESTING = (*STOPPED, RunState.LOCKED)
"""States in which a run waits for a person."""


class Wish(StrEnum):
    """What a person asked for while a run went on."""

    NONE = ""
    ABORT = "abort"
    RESUME = "resume"
    UNLOCK = "unlock"


class Kind(StrEnum):
    """Kinds of messages in the journal."""

    OPEN = "open"
    REPLY = "reply"
    TRIP = "trip"
    RESULT = "result"
    SALTS = "salts"
    DONE = "done"
    ENDED = "ended"
    """A hospital's reply to an abort."""


UNLOCKED = "unlocked"
"""The kind of the event that a person unlocked outcomes: its text is the reason."""


class UnknownRunError(FederationError):
    """There is no such run."""

    code = "unknown-run"
    exit = Exit.USAGE
    fix = "see `riskset run status` for the runs there are"


class MovedError(FederationError):
    """A run changed its state while something was being written for the state before."""

    code = "run-moved"
    fix = "look at the run's status, and ask again"


@dataclass(frozen=True)
class Message:
    """Bytes of a run: a reply as it came, or what the coordinator made. Trip 0 is the set-up."""

    kind: Kind
    trip: int
    body: bytes
    site: SiteId = OFFICE


@dataclass(frozen=True)
class Event:
    """What happened: `bytes` up from a hospital, or down to each where the coordinator asked."""

    time: datetime
    kind: str
    trip: int = 0
    site: SiteId = OFFICE
    bytes: int = 0
    text: str = ""


@dataclass(frozen=True)
class RunRow:
    """A run as the journal's first page has it."""

    run_id: bytes
    study: str
    plan_digest: bytes
    program: str
    software: str
    epoch: int
    state: RunState
    before: RunState
    code: str
    reason: str
    wish: Wish
    trip: int
    created: datetime
    changed: datetime
    asked: datetime | None
    deadline: datetime | None
    published: datetime | None


@dataclass(frozen=True)
class Journal:
    """A run's page."""

    store: Store
    run_id: bytes

    @property
    def _run(self) -> str:
        return self.run_id.hex()

    def row(self) -> RunRow:
        """Read where the run stands.

        Raises
        ------
        UnknownRunError
            If there is no such run.
        """
        with self.store.read() as connection:
            found = connection.execute(select(runs).where(runs.c.run == self._run)).one_or_none()
        if found is None:
            raise UnknownRunError(f"no run has the id {self._run}")
        return _row(found)

    def wish(self) -> Wish:
        """Read what a person asked for."""
        with self.store.read() as connection:
            query = select(runs.c.wish).where(runs.c.run == self._run)
            return Wish(connection.execute(query).scalar_one())

    def body(self, kind: Kind, trip: int = 0) -> bytes | None:
        """Read a message of the coordinator's own."""
        return self.bodies(kind, trip).get(OFFICE)

    def bodies(self, kind: Kind, trip: int = 0) -> dict[SiteId, bytes]:
        """Read the messages of one kind and trip, by hospital."""
        chosen = and_(messages.c.run == self._run, messages.c.kind == kind, messages.c.trip == trip)
        query = select(messages.c.site, messages.c.body).where(chosen).order_by(messages.c.site)
        with self.store.read() as connection:
            return {SiteId(site): body for site, body in connection.execute(query)}

    def events(self, after: int = 0) -> list[tuple[int, Event]]:
        """Read what happened, numbered, beginning behind a number."""
        chosen = and_(events.c.run == self._run, events.c.number > after)
        query = select(events).where(chosen).order_by(events.c.number)
        with self.store.read() as connection:
            return [
                (r.number, Event(r.time, r.kind, r.trip, SiteId(r.site), r.bytes, r.text))
                for r in connection.execute(query)
            ]

    def write(
        self,
        time: datetime,
        *,
        was: Sequence[RunState],
        messages: Sequence[Message] = (),
        events: Sequence[Event] = (),
        changes: Mapping[str, Any] = NOTHING,
        trip: int | None = None,
    ) -> None:
        """Write messages and events and change the run's row, in one transaction.

        Parameters
        ----------
        was
            The states in which this may happen.
        changes
            New values of columns of the table `runs`.
        trip
            The trip at which the run has to stand for it, where that matters.

        Raises
        ------
        MovedError
            If the run stands elsewhere by now; nothing is written then.
        """
        with self.store.write() as connection:
            chosen = and_(runs.c.run == self._run, runs.c.state.in_(was))
            if trip is not None:
                chosen = and_(chosen, runs.c.trip == trip)
            moved = update(runs).where(chosen).values(**changes, changed=time)
            if connection.execute(moved).rowcount != 1:
                raise MovedError(f"run {self._run[:8]} is not {' or '.join(was)} any more")
            _put(connection, self._run, messages)
            _tell(connection, self._run, events)

    def create(self, row: RunRow, message: Message, event: Event) -> None:
        """Write a new run."""
        columns = {name: value for name, value in vars(row).items() if name != "run_id"}
        columns["plan_digest"] = row.plan_digest.hex()
        with self.store.write() as connection:
            connection.execute(insert(runs).values(run=self._run, **columns))
            _put(connection, self._run, [message])
            _tell(connection, self._run, [event])


def all_runs(store: Store) -> tuple[RunRow, ...]:
    """Read all runs, the oldest first."""
    with store.read() as connection:
        return tuple(map(_row, connection.execute(select(runs).order_by(runs.c.created))))


def due_runs(store: Store) -> tuple[RunRow, ...]:
    """Read the runs with something to do: active, at rest with a wish, or not yet published."""
    unpublished = and_(runs.c.state == RunState.FINISHED, runs.c.published.is_(None))
    wished = and_(runs.c.state.in_(RESTING), runs.c.wish != Wish.NONE)
    query = select(runs).where(or_(runs.c.state.in_(ACTIVE), wished, unpublished))
    with store.read() as connection:
        return tuple(map(_row, connection.execute(query.order_by(runs.c.created))))


def _row(found: Row[Any]) -> RunRow:
    columns = dict(found._mapping)
    columns["run_id"] = bytes.fromhex(columns.pop("run"))
    columns["plan_digest"] = bytes.fromhex(columns["plan_digest"])
    for name, kind in (("state", RunState), ("before", RunState), ("wish", Wish)):
        columns[name] = kind(columns[name])
    return RunRow(**columns)


def _put(connection: Connection, run: str, written: Sequence[Message]) -> None:
    """Write messages. A request of the coordinator's own replaces the one before it.

    Of everything else there is one, ever: a second is a fault, and refused by the database.
    """
    for one in written:
        if one.kind in (Kind.OPEN, Kind.TRIP):
            same = and_(
                messages.c.run == run, messages.c.kind == one.kind, messages.c.trip == one.trip
            )
            connection.execute(delete(messages).where(same))
    if written:
        connection.execute(insert(messages), [{"run": run, **vars(one)} for one in written])


def _tell(connection: Connection, run: str, told: Sequence[Event]) -> None:
    if told:
        connection.execute(insert(events), [{"run": run, **vars(event)} for event in told])
