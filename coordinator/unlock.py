"""Outcomes that are locked: the run rests before them until a person unlocks them with a reason.

What was learnt by then, the balance of every population, is in the journal's events; so is the
reason. Hospitals are asked nothing meanwhile, and keep their keys for as long as they do anyway.
"""

import math
from datetime import datetime

from coordinator.control import RunStateError
from coordinator.journal import UNLOCKED, Event, Journal, RunState, Wish
from coordinator.resume import Standing
from coordinator.store import Store
from protocol.errors import Exit, FederationError
from protocol.question import Record
from protocol.results.balance import balance
from protocol.steps.unlock import Unlock

BALANCE, LOCKED = "balance", "locked"
"""Kinds of events."""

BALANCED = 0.1
"""An absolute SMD that is called balanced: Austin (2009), Stat. Med. 28, 3083-3107."""

LONGEST_REASON = 500


class ReasonError(FederationError):
    """Outcomes are unlocked by a reason, and this is none."""

    code = "unlock-reason"
    exit = Exit.USAGE
    fix = 'say in a sentence why the design is finished: --reason "..."'


def asks_unlock(standing: Standing) -> bool:
    """Tell whether the next question is the one that stands before outcomes."""
    return any(isinstance(step, Unlock) for step in standing.office.known.steps)


def locked_events(standing: Standing, now: datetime) -> tuple[Event, ...]:
    """Say that outcomes are locked, and how well the arms are balanced in every population."""
    trip = standing.trip
    told = [Event(now, BALANCE, trip, text=line) for line in balance_lines(standing)]
    return (*told, Event(now, LOCKED, trip))


def balance_lines(standing: Standing) -> tuple[str, ...]:
    """Say the largest standardised difference of every population that was described."""
    answers = [answer for trip in standing.office.known.answers for answer in trip]
    described = {str(key[0]): here for key, here in Record(answers).of("describe/1")}
    before, lines = described["complete"], list[str]()
    for name, here in described.items():
        rows = [row for row in balance(name, here, before) if not math.isnan(row.smd)]
        if not rows:
            continue
        worst = max(rows, key=lambda row: abs(row.smd))
        apart = sum(abs(row.smd) > BALANCED for row in rows)
        lines.append(
            f"{name}: largest |SMD| {abs(worst.smd):.3f} ({worst.label}); "
            f"{apart} of {len(rows)} above {BALANCED}"
        )
    return tuple(lines)


def told_balance(store: Store, run_id: bytes) -> tuple[str, ...]:
    """Read what the journal says of the balance of a run."""
    return tuple(e.text for _, e in Journal(store, run_id).events() if e.kind == BALANCE)


def request_unlock(store: Store, run_id: bytes, reason: str, now: datetime) -> RunState:
    """Have a locked run go on to its outcomes; the reason stays in the journal.

    Raises
    ------
    ReasonError
        If the reason is empty, or longer than anybody reads.
    RunStateError
        If the run's outcomes are not locked.
    """
    said = " ".join(reason.split())
    if not 1 <= len(said) <= LONGEST_REASON:
        raise ReasonError(f"a reason has 1 to {LONGEST_REASON} characters")
    journal = Journal(store, run_id)
    row = journal.row()
    if row.state is not RunState.LOCKED or row.wish is not Wish.NONE:
        fix = "see `riskset run status`; only a run that is locked is unlocked"
        raise RunStateError(f"the run is not locked: {row.state} {row.wish}".rstrip(), fix)
    event, changes = Event(now, UNLOCKED, row.trip, text=said), {"wish": Wish.UNLOCK}
    journal.write(now, was=[RunState.LOCKED], events=[event], changes=changes)
    return row.state
