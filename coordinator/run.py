"""Conducts a run from its first request to its results, and from any crash on to the same.

Everything is in the journal before it is sent. A trip's replies, its result, its salts and the
next request are one transaction, so that there is no moment between two of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import sleep

from coordinator.abort import abort
from coordinator.asking import (
    Asker,
    Gathered,
    InterruptedByWishError,
    NoAnswerError,
    Patience,
    gather,
)
from coordinator.carriers import Carrier
from coordinator.journal import (
    STOPPED,
    Event,
    Journal,
    Kind,
    Message,
    MovedError,
    RunRow,
    RunState,
    Wish,
)
from coordinator.judge import Question, RefusedError, answering, ending, opening
from coordinator.points import At, Point, pass_by
from coordinator.resume import (
    JournalError,
    Opened,
    Standing,
    begun,
    closed,
    finished,
    first_standing,
    replay,
    require_asked,
)
from coordinator.store import Store, StoreError
from coordinator.unlock import asks_unlock, locked_events
from protocol.errors import FederationError
from protocol.party import seal_key
from protocol.requests import Advance, Request
from protocol.run import Played
from protocol.secagg.messages import Reply
from protocol.wire.codec import encode_request, encode_result, encode_trip

PATIENCE = Patience()

Publish = Callable[[Played], None]


class FaultError(FederationError):
    """The coordinator's software failed; nothing is lost but time."""

    code = "fault"
    fix = "send the daemon's log to the makers of riskset; `riskset run resume` tries again"


class PublishError(FederationError):
    """The results of a finished run cannot be written."""

    code = "publish"
    fix = "make space or give the right to write there, then `riskset run resume`"


@dataclass(frozen=True)
class Conductor:
    """The coordinator's part in runs, whatever carries the bytes. Serves several runs at once.

    `seed` is the coordinator's identity (32 bytes); `random` gives fresh random bytes; `publish`
    is told of a finished run, and again after a crash; `pause` waits for some seconds.
    """

    store: Store
    carrier: Carrier
    seed: bytes = field(repr=False)
    now: Callable[[], datetime]
    random: Callable[[int], bytes]
    publish: Publish
    at: At = pass_by
    patience: Patience = PATIENCE
    pause: Callable[[float], None] = sleep

    def conduct(self, run_id: bytes, stopped: Callable[[], bool]) -> RunState:
        """Go on with a run until it is over, stopped, or `stopped()` says so.

        Returns where it stands then. What stops a run is written into the journal with its
        reason; only trouble with the journal itself is raised.

        Raises
        ------
        UnknownRunError
            If there is no such run.
        StoreError
            If the journal does not take or give anything; call again when it does.
        """
        journal = Journal(self.store, run_id)
        try:
            self._go_on(journal, stopped)
        except InterruptedByWishError:
            if journal.wish() is Wish.ABORT and not stopped():
                return self.conduct(run_id, stopped)
        except MovedError:
            pass  # somebody else wrote first, such as an abort before the first request
        except StoreError:
            raise
        except FederationError as error:
            self._stop(journal, error)
        return journal.row().state

    def fail(self, run_id: bytes, error: Exception) -> None:
        """Stop a run after an unexpected error; its words stay in the daemon's log."""
        fault = FaultError(f"an unexpected error ({type(error).__name__})")
        self._stop(Journal(self.store, run_id), fault)

    def _go_on(self, journal: Journal, stopped: Callable[[], bool]) -> None:
        """Take up the run where its row says that it stands."""
        row = journal.row()
        asker = self._asker(journal, stopped)
        if row.state is RunState.ABORTING or (row.wish is Wish.ABORT and not _over(row)):
            abort(asker, row, self.seed, self._deadline())
            return
        if row.wish is Wish.RESUME:
            row = self._resume(journal, row)
        if row.wish is Wish.UNLOCK:
            row = self._unlock(journal)
        if row.state is RunState.QUEUED:
            self.at(Point.RUN_CREATED)
            row = self._open(journal)
        if row.state is RunState.FINISHED and row.published is None:
            opened = begun(journal, self.seed)
            self._publish(journal, opened, replay(journal, opened, self.seed))
        elif row.state in (RunState.OPENING, RunState.ASKING, RunState.FINISHING):
            self._play(journal, row, asker)

    def _play(self, journal: Journal, row: RunRow, asker: Asker) -> None:
        """Ask what there is to ask until the study is over."""
        opened = begun(journal, self.seed)
        if row.state is RunState.OPENING:
            standing = self._gather_keys(journal, row, asker, opened)
        else:
            standing = replay(journal, opened, self.seed)
        while not standing.over:
            if asks_unlock(standing) and journal.row().state is RunState.LOCKED:
                return
            standing = self._trip(journal, asker, standing)
        self._finish(journal, asker, standing)
        self._publish(journal, opened, standing)

    def _open(self, journal: Journal) -> RunRow:
        """Sign the request that opens the run."""
        opened, now = begun(journal, self.seed), self.now()
        seal = seal_key(opened.plan, opened.run.run_id, self.seed)
        raw = encode_request(replace(opened.request, seal=seal).sign(self.seed))
        journal.write(
            now,
            was=[RunState.QUEUED],
            messages=[Message(Kind.OPEN, 0, raw)],
            events=[Event(now, "asked", 0, bytes=len(raw), text="open")],
            changes=_state(RunState.OPENING, now, self._deadline()),
        )
        self.at(Point.OPEN_WRITTEN)
        return journal.row()

    def _gather_keys(self, journal: Journal, row: RunRow, asker: Asker, opened: Opened) -> Standing:
        """Ask all hospitals for a fresh key, and make the first trip of them."""
        raw = encode_request(opened.request)
        question = Question("the opening", 0, raw, opening(opened.run), opened.run)
        state = RunState.OPENING
        gathered = gather(asker, question, state, Kind.REPLY, _deadline_of(row))
        self.at(Point.OPENED)
        standing = first_standing(opened, dict(gathered.heard), self.seed)
        self._advance(journal, state, standing, gathered.messages, gathered.events)
        self.at(Point.KEYS_WRITTEN)
        return standing

    def _trip(self, journal: Journal, asker: Asker, standing: Standing) -> Standing:
        """Ask one trip, add up, and write the result together with the next trip."""
        deadline, known = _deadline_of(journal.row()), standing.office.known
        asked = standing.request(deadline)
        require_asked(journal, standing.trip, asked)
        self.at(Point.TRIP_WRITTEN)
        question = Question(
            f"trip {standing.trip}",
            standing.trip,
            encode_request(asked),
            answering(known, self.seed),
            known.view.run,
        )
        gathered = gather(asker, question, RunState.ASKING, Kind.REPLY, deadline)
        self.at(Point.BEFORE_CLOSE)
        return self._close(journal, standing, gathered)

    def _close(self, journal: Journal, standing: Standing, gathered: Gathered[Reply]) -> Standing:
        salts: list[bytes] = []

        def salt() -> bytes:
            salts.append(self.random(32))
            return salts[-1]

        try:
            after, result = closed(standing, dict(gathered.heard), salt)
        except FederationError:
            # Kept for an inquiry: the replies are signed, and no sum came of them.
            journal.write(
                self.now(),
                was=[RunState.ASKING],
                messages=gathered.messages,
                events=gathered.events,
            )
            raise
        self.at(Point.RESULT_COMPUTED)
        made = [Message(Kind.RESULT, standing.trip, encode_result(result))]
        if salts:
            made.append(Message(Kind.SALTS, standing.trip, b"".join(salts)))
        events = (*gathered.events, Event(self.now(), "closed", standing.trip))
        self._advance(journal, RunState.ASKING, after, (*gathered.messages, *made), events)
        self.at(Point.RESULT_WRITTEN)
        return after

    def _advance(
        self,
        journal: Journal,
        was: RunState,
        standing: Standing,
        messages: tuple[Message, ...],
        events: tuple[Event, ...],
    ) -> None:
        """Write what came in, what was made of it, and the request that follows."""
        now, deadline = self.now(), self._deadline()
        if asks_unlock(standing):
            changes = {**_state(RunState.LOCKED, None, None), "trip": standing.trip}
            told = locked_events(standing, now)
            journal.write(
                now,
                was=[was],
                messages=messages,
                events=(*events, *told),
                changes=changes,
                trip=standing.trip - 1,
            )
            return
        request = standing.request(deadline)
        size = len(encode_request(request))
        asked = Event(now, "asked", standing.trip, bytes=size, text=standing.steps)
        state = RunState.FINISHING if standing.over else RunState.ASKING
        journal.write(
            now,
            was=[was],
            messages=(*messages, *_kept(standing, request)),
            events=(*events, asked),
            changes={**_state(state, now, deadline), "trip": standing.trip},
            # Two results of one trip would differ in their salts; the first is the one.
            trip=standing.trip - 1,
        )

    def _finish(self, journal: Journal, asker: Asker, standing: Standing) -> None:
        """Give the last result to all hospitals, and hear from each that its keys are gone."""
        self.at(Point.FINISHING)
        row, known = journal.row(), standing.office.known
        raw = encode_request(standing.request(_deadline_of(row)))
        judge = ending(known.view.run, "finished", known.chain)
        question = Question("the last result", standing.trip, raw, judge, known.view.run)
        told: tuple[Event, ...]
        try:
            gathered = gather(asker, question, RunState.FINISHING, Kind.DONE, _deadline_of(row))
            messages, told = gathered.messages, gathered.events
        except NoAnswerError as error:  # all totals are here: nothing is missing but a word
            messages, told = (), (Event(self.now(), "unconfirmed", standing.trip, text=str(error)),)
        now = self.now()
        events = (*told, Event(now, "finished", standing.trip))
        changes = {**_state(RunState.FINISHED, None, None), "wish": Wish.NONE}
        was = [RunState.FINISHING]
        journal.write(now, was=was, messages=messages, events=events, changes=changes)
        self.at(Point.FINISHED_WRITTEN)

    def _publish(self, journal: Journal, opened: Opened, standing: Standing) -> None:
        """Hand the run over to whoever writes results; once more if that was interrupted."""
        self.at(Point.PUBLISHING)
        try:
            self.publish(finished(standing, journal, opened))
        except OSError as error:
            raise PublishError(f"{error.filename}: {error.strerror}") from error
        now = self.now()
        changes = {"published": now, "code": "", "reason": "", "wish": Wish.NONE}
        event = Event(now, "published", standing.trip)
        journal.write(now, was=[RunState.FINISHED], events=[event], changes=changes)

    def _resume(self, journal: Journal, row: RunRow) -> RunRow:
        """Let a stopped run go on where it stood, with a new deadline."""
        if row.state not in STOPPED:
            return row
        now, deadline = self.now(), self._deadline()
        opened, messages = begun(journal, self.seed), list[Message]()
        if row.before is RunState.ASKING:
            standing = replay(journal, opened, self.seed)
            messages = _kept(standing, standing.request(deadline))
        event = Event(now, "resumed", row.trip, text=f"after: {row.reason}")
        changes = {**_state(row.before, now, deadline), "code": "", "reason": "", "wish": Wish.NONE}
        journal.write(now, was=STOPPED, messages=messages, events=[event], changes=changes)
        return journal.row()

    def _unlock(self, journal: Journal) -> RunRow:
        """Ask the question before the outcomes, as a person gave a reason for it."""
        now, deadline = self.now(), self._deadline()
        standing = replay(journal, begun(journal, self.seed), self.seed)
        request = standing.request(deadline)
        size = len(encode_request(request))
        journal.write(
            now,
            was=[RunState.LOCKED],
            messages=_kept(standing, request),
            events=[Event(now, "asked", standing.trip, bytes=size, text=standing.steps)],
            changes={**_state(RunState.ASKING, now, deadline), "wish": Wish.NONE},
        )
        return journal.row()

    def _stop(self, journal: Journal, error: FederationError) -> None:
        """Write down why a run does not go on by itself."""
        row, now = journal.row(), self.now()
        state, before = RunState.FAILED, row.state
        if row.state is RunState.FINISHED:
            state = row.state  # only its results are not written yet
        elif isinstance(error, RefusedError):
            state = RunState.REFUSED
        if row.state in STOPPED:
            before = row.before
        event = Event(now, "stopped", row.trip, text=f"{error} [{error.code}]")
        said = {"code": error.code, "reason": str(error), "wish": Wish.NONE}
        changes = {**said, "state": state, "before": before}
        journal.write(now, was=[row.state], events=[event], changes=changes)

    def _asker(self, journal: Journal, stopped: Callable[[], bool]) -> Asker:
        tries = self.patience.tries
        return Asker(journal, self.carrier, self.now, self.at, stopped, self.pause, tries)

    def _deadline(self) -> datetime:
        """Count a deadline from now, to the second, as requests have it."""
        return (self.now() + timedelta(hours=self.patience.hours)).replace(microsecond=0)


def _over(row: RunRow) -> bool:
    return row.state in (RunState.FINISHED, RunState.ABORTED)


def _state(
    state: RunState, asked: datetime | None, deadline: datetime | None
) -> dict[str, RunState | datetime | None]:
    return {"state": state, "before": state, "asked": asked, "deadline": deadline}


def _deadline_of(row: RunRow) -> datetime:
    if row.deadline is None:
        raise JournalError("the journal has no deadline for a run that waits")
    return row.deadline


def _kept(standing: Standing, request: Request) -> list[Message]:
    """Say what the journal keeps of a request: all else of it is there already."""
    if isinstance(request, Advance):
        return [Message(Kind.TRIP, standing.trip, encode_trip(request.trip))]
    return []
