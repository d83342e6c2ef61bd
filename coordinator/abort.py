"""The end of a run before its end. Always safe: what was opened was summed over all (SPEC 7.2).

The decision is written first and is final; hospitals are told afterwards, and delete their keys.
One that cannot be reached deletes them by itself in time (SPEC 6.6).
"""

from collections.abc import Callable
from datetime import datetime

from coordinator.asking import Asker, NoAnswerError, gather
from coordinator.journal import STOPPED, Event, Kind, RunRow, RunState, Wish
from coordinator.judge import Question, ReplyError, ending
from coordinator.resume import run_of
from protocol.ids import SiteId
from protocol.requests import Abort, Done, OpenRun, Refusal, Said
from protocol.secagg.messages import Run
from protocol.wire.codec import decode_request, encode_request


def abort(asker: Asker, row: RunRow, seed: bytes, deadline: datetime) -> None:
    """Write that the run is aborted, and tell all hospitals that may know of it.

    Raises
    ------
    InterruptedByWishError
        If the daemon stops meanwhile; the next one goes on telling.
    """
    if row.state is not RunState.ABORTING:
        row = _decide(asker, row, deadline)
    if row.state is RunState.ABORTING:
        _tell(asker, row, seed, deadline)


def _decide(asker: Asker, row: RunRow, deadline: datetime) -> RunRow:
    """Write the decision; a run that no hospital was asked to join is over by it."""
    now = asker.now()
    unknown = RunState.QUEUED in (row.state, row.before)
    state = RunState.ABORTED if unknown else RunState.ABORTING
    asker.journal.write(
        now,
        was=[row.state],
        events=[Event(now, "aborted", row.trip)],
        changes={
            "state": state,
            "before": row.before if row.state in STOPPED else row.state,
            "wish": Wish.NONE,
            "code": "",
            "reason": "",
            "asked": now,
            "deadline": deadline,
        },
    )
    return asker.journal.row()


def _tell(asker: Asker, row: RunRow, seed: bytes, deadline: datetime) -> None:
    request = decode_request(asker.journal.body(Kind.OPEN) or b"")
    if not isinstance(request, OpenRun):
        raise TypeError("what opened the run is no request to open one")
    run = run_of(request, row.plan_digest)
    raw = encode_request(Abort(run.ctx).sign(seed))
    question = Question("the end of the run", row.trip, raw, _any_end(run), run, final=True)
    events: tuple[Event, ...] = ()
    try:
        until = row.deadline or deadline
        events = gather(asker, question, RunState.ABORTING, Kind.ENDED, until).events
    except (NoAnswerError, ReplyError) as error:
        events = (Event(asker.now(), "untold", row.trip, text=str(error)),)
    changes = {"state": RunState.ABORTED, "asked": None, "deadline": None}
    asker.journal.write(asker.now(), was=[RunState.ABORTING], events=events, changes=changes)


def _any_end(run: Run) -> Callable[[SiteId, Said], Done | Refusal]:
    """Accept that a hospital ended the run, now or before, or that it knows of none."""
    over = ending(run)

    def judge(site: SiteId, said: Said) -> Done | Refusal:
        return said if isinstance(said, Refusal) else over(site, said)

    return judge
