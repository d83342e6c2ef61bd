"""What people ask of runs: start one, look at it, end it, let it go on.

The journal is the only channel: whoever may write to it commands the daemon, and looking at a run
disturbs nothing.
"""

from dataclasses import dataclass
from datetime import datetime

from coordinator.journal import (
    ACTIVE,
    RESTING,
    STOPPED,
    Event,
    Journal,
    Kind,
    Message,
    RunRow,
    RunState,
    Wish,
)
from coordinator.resume import require_program
from coordinator.store import Store
from protocol import PROGRAM_VERSION
from protocol.disclosure import check_roster
from protocol.errors import Exit, FederationError
from protocol.governance.roster import Roster
from protocol.governance.signed import Consent, SignedRoster
from protocol.plan.digest import canonical, plan_digest
from protocol.plan.model import Plan
from protocol.requests import OpenRun
from protocol.secagg.messages import SCHEME, SUITE_X25519
from protocol.secagg.transcript import RUN_ID_SIZE
from protocol.wire.codec import encode_request


class RunStateError(FederationError):
    """A run is not where what was asked of it could be done."""

    code = "run-state"
    exit = Exit.USAGE
    fix = "see `riskset run status`; a run that is over stays over, so start a new one"


@dataclass(frozen=True)
class Start:
    """A run to begin: its plan, the whole chain of rosters, and what it follows.

    `run_id` is 16 fresh random bytes. `replaces` is an aborted run, of whose next epoch this is,
    under a new roster (SPEC 7.3); `consents` are of hospitals that left.
    """

    run_id: bytes
    plan: Plan
    rosters: tuple[SignedRoster, ...]
    consents: tuple[Consent, ...] = ()
    replaces: bytes | None = None


def start_run(store: Store, start: Start, *, now: datetime, software: str) -> RunRow:
    """Write a new run into the journal; the daemon begins it.

    Pre-conditions: the chain of rosters was verified (`protocol.governance.chain`).

    Raises
    ------
    DisclosureError
        If the roster is smaller than plan and profile ask.
    RosterError
        If the last roster is none.
    RunStateError
        If the run that it replaces was not aborted.
    """
    if len(start.run_id) != RUN_ID_SIZE or not start.rosters:
        raise ValueError("a run has an id of 16 bytes and at least one roster")
    roster = Roster.from_bytes(start.rosters[-1].payload)
    check_roster(start.plan, len(roster.sites), simulated=roster.simulated)
    request = OpenRun(
        run_id=start.run_id,
        plan=canonical(start.plan),
        rosters=start.rosters,
        epoch=_epoch(store, start.replaces),
        scheme=SCHEME,
        suite=SUITE_X25519,
        program=PROGRAM_VERSION,
        consents=start.consents,
    )
    row = RunRow(
        run_id=start.run_id,
        study=start.plan.study.id,
        plan_digest=plan_digest(start.plan),
        program=PROGRAM_VERSION,
        software=software,
        epoch=request.epoch,
        state=RunState.QUEUED,
        before=RunState.QUEUED,
        code="",
        reason="",
        wish=Wish.NONE,
        trip=0,
        created=now,
        changed=now,
        asked=None,
        deadline=None,
        published=None,
    )
    message = Message(Kind.OPEN, 0, encode_request(request))  # signed when it is sent
    Journal(store, start.run_id).create(row, message, Event(now, "created", text=software))
    return row


def request_abort(store: Store, run_id: bytes, now: datetime) -> RunState:
    """Have a run end before its end; gives the state in which it is until the daemon sees to it.

    Raises
    ------
    RunStateError
        If it is over already.
    """
    row = Journal(store, run_id).row()
    if row.state in (RunState.ABORTING, RunState.ABORTED):
        raise RunStateError(f"run {_short(row)} is aborted already")
    if row.state is RunState.FINISHED:
        raise RunStateError(f"run {_short(row)} is finished; there is nothing to abort")
    wanted = Event(now, "abort-wanted", row.trip)
    if row.state is RunState.QUEUED:  # nobody knows of it yet
        changes = {"state": RunState.ABORTED}
        Journal(store, run_id).write(now, was=[row.state], events=[wanted], changes=changes)
        return RunState.ABORTED
    journal, wish = Journal(store, run_id), {"wish": Wish.ABORT}
    journal.write(now, was=(*ACTIVE, *RESTING), events=[wanted], changes=wish)
    return row.state


def request_resume(store: Store, run_id: bytes, now: datetime) -> RunState:
    """Have a stopped run go on, or the results of a finished one be written again.

    Raises
    ------
    RunStateError
        If it is going on, is over, or is to be aborted.
    ProgramError
        If another version of the study program began it.
    """
    row = Journal(store, run_id).row()
    if row.state in (RunState.ABORTING, RunState.ABORTED) or row.wish is Wish.ABORT:
        raise RunStateError(f"run {_short(row)} was aborted, and hospitals deleted its keys")
    if row.state is RunState.FINISHED and row.published is not None:
        raise RunStateError(f"run {_short(row)} is finished; its results are written")
    if row.state not in (*STOPPED, RunState.FINISHED):
        fix = "see `riskset run status` for whom it waits"
        raise RunStateError(f"run {_short(row)} is going on: {row.state}", fix)
    require_program(row.program)
    wanted = Event(now, "resume-wanted", row.trip)
    wish = {"wish": Wish.RESUME}
    Journal(store, run_id).write(now, was=(row.state,), events=[wanted], changes=wish)
    return row.state


def _epoch(store: Store, replaces: bytes | None) -> int:
    """Count epochs: one more than the aborted run has that this one replaces."""
    if replaces is None:
        return 0
    row = Journal(store, replaces).row()
    # That a run ends is final before all hospitals have heard of it.
    if row.state not in (RunState.ABORTING, RunState.ABORTED):
        raise RunStateError(
            f"run {_short(row)} is {row.state}; only an aborted run is replaced",
            "`riskset run abort` it first, so that no two of them ask at once",
        )
    return row.epoch + 1


def _short(row: RunRow) -> str:
    """Name a run as people do: the first eight characters of its id."""
    return row.run_id.hex()[:8]
