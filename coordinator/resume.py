"""A run played again from its journal: same requests, same salts, and the same results or none.

What a crash interrupted goes on from what this gives; nothing else of a run is kept anywhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from coordinator.journal import UNLOCKED, Journal, Kind
from coordinator.judge import answering, opening, unsealed
from protocol import PROGRAM_VERSION
from protocol.errors import Exit, FederationError
from protocol.governance.identity import identity_public
from protocol.governance.roster import Roster, RosterError
from protocol.ids import SiteId
from protocol.party import Office, begin
from protocol.plan.model import Plan
from protocol.plan.read import read_canonical
from protocol.play import Finished
from protocol.requests import Advance, ClosedTrip, Done, Finish, OpenRun, Request
from protocol.run import Asked, Kept, Played, Proof, Unlocked, played, sealed
from protocol.secagg.messages import KeyShare, Reply, Result, Run
from protocol.secagg.setup import agree
from protocol.secagg.site import FIRST_TRIP
from protocol.wire.codec import (
    decode_reply,
    decode_request,
    decode_result,
    decode_trip,
    encode_result,
    encode_trip,
)

SALT_SIZE = 32


class JournalError(FederationError):
    """The journal contradicts itself: it was changed, or another program wrote a part of it."""

    code = "journal-replay"
    exit = Exit.TAMPERING
    fix = "abort the run, restore the journal from a backup if you know why, and begin a new run"


class ProgramError(FederationError):
    """A run was begun under another version of the study program."""

    code = "program-version"
    exit = Exit.USAGE
    fix = "go on with the riskset that began the run, or abort it and begin a new one"


@dataclass(frozen=True)
class Opened:
    """A run as it was opened: plan, roster, and the request that said so."""

    plan: Plan
    run: Run
    request: OpenRun


@dataclass(frozen=True, eq=False)
class Standing:
    """Where a run stands between two trips: what to ask next, and since what."""

    plan: Plan
    office: Office
    since: tuple[KeyShare, ...] | ClosedTrip
    asked: tuple[Asked, ...] = ()

    @property
    def trip(self) -> int:
        """The number of the next trip."""
        return FIRST_TRIP + len(self.office.known.answers)

    @property
    def over(self) -> bool:
        """Whether the program asks nothing more."""
        return isinstance(self.office.known.next, Finished)

    @property
    def steps(self) -> str:
        """Name the kinds of the next trip's steps, each once."""
        kinds = dict.fromkeys(step.name for step in self.office.known.steps)
        return " ".join(kinds) or "finish"

    def request(self, deadline: datetime) -> Request:
        """Make the next request: the same bytes whenever it is made with one deadline."""
        if self.over and isinstance(self.since, ClosedTrip):
            return Finish(self.since)
        return Advance(self.since, self.office.request(written(deadline)))


def written(time: datetime) -> str:
    """Write a time as requests have their deadlines: UTC, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def begun(journal: Journal, seed: bytes) -> Opened:
    """Read what a run is: its plan, its roster, its place among epochs.

    Raises
    ------
    ProgramError
        If another version of the study program began it.
    RosterError
        If its roster names another coordinator.
    JournalError
        If it is not there.
    """
    row = journal.row()
    require_program(row.program)
    raw = journal.body(Kind.OPEN)
    request = None if raw is None else decode_request(raw)
    if not isinstance(request, OpenRun):
        raise JournalError("the journal has no request that opened the run")
    plan, run = read_canonical(request.plan), run_of(request, row.plan_digest)
    if run.roster.coordinator != identity_public(seed):
        raise RosterError("the roster names another coordinator's key than this one's")
    return Opened(plan, run, request)


def require_program(program: str) -> None:
    """See that this software asks what the run's plan was approved for.

    Raises
    ------
    ProgramError
        If another version of the study program began it; newer software with the same program
        goes on.
    """
    if program != PROGRAM_VERSION:
        raise ProgramError(
            f"the run was begun by version {program} of the study program; this is version "
            f"{PROGRAM_VERSION}"
        )


def run_of(request: OpenRun, plan_digest: bytes) -> Run:
    """Name the run that a request opens.

    Raises
    ------
    RosterError, RunError
        If its roster or scheme is none.
    """
    roster = Roster.from_bytes(request.rosters[-1].payload)
    return Run(request.run_id, plan_digest, roster, request.epoch, request.scheme, request.suite)


def first_standing(opened: Opened, shares: dict[SiteId, KeyShare], seed: bytes) -> Standing:
    """Begin with all fresh keys.

    Raises
    ------
    FederationError
        If they are not the roster's, or plan and roster do not fit.
    """
    office = Office(seed, begin(opened.plan, agree(opened.run, shares)))
    return Standing(opened.plan, office, tuple(shares[site] for site in opened.run.roster.sites))


def closed(
    now: Standing, replies: dict[SiteId, Reply], salt: Callable[[], bytes]
) -> tuple[Standing, Result]:
    """Add up a trip's replies and go on to the next.

    Raises
    ------
    FederationError
        If the sum is none, or impossible.
    """
    trip, known = now.trip, now.office.known
    pairs = zip(known.steps, known.blocks, strict=True)
    asked = tuple(Asked(trip, step.name, step.key(), block) for step, block in pairs)
    office, opened, uploads = now.office.close(replies, salt)
    since = ClosedTrip(opened.result, uploads)
    return Standing(now.plan, office, since, (*now.asked, *asked)), opened.result


def replay(journal: Journal, opened: Opened, seed: bytes) -> Standing:
    """Play all closed trips again from the journal's replies and salts.

    Raises
    ------
    JournalError
        If a request or a result comes out other than it was written.
    """
    judge = opening(opened.run)
    raw_shares = journal.bodies(Kind.REPLY, 0)
    shares = {site: judge(site, decode_reply(raw)) for site, raw in raw_shares.items()}
    now = first_standing(opened, shares, seed)
    while (raw := journal.body(Kind.RESULT, now.trip)) is not None:
        number, salts = now.trip, _salts(journal, now.trip)
        now, result = closed(now, _replies(journal, now), partial(next, salts, b""))
        if encode_result(result) != raw or next(salts, None) is not None:
            raise JournalError(
                f"trip {number}: the replies in the journal add up to another result"
            )
    return now


def require_asked(journal: Journal, number: int, request: Request) -> None:
    """See that a request is the one that the journal has.

    Raises
    ------
    JournalError
        If it is another.
    """
    trip = encode_trip(request.trip) if isinstance(request, Advance) else None
    if trip is None or journal.body(Kind.TRIP, number) != trip:
        raise JournalError(f"trip {number}: the journal's request is not the one that follows")


def finished(now: Standing, journal: Journal, opened: Opened) -> Played:
    """Tell a finished run as results read it, and as the journal proves it.

    Raises
    ------
    ValueError
        If the program has a further question.
    """
    return played(now.plan, now.office.known, now.asked, _proof(now, journal, opened))


def _proof(now: Standing, journal: Journal, opened: Opened) -> Proof:
    raw = journal.bodies(Kind.REPLY, 0)
    shares = [decode_reply(raw[site]) for site in opened.run.roster.sites]
    return Proof(
        opened=opened.request,
        shares=tuple(share for share in shares if isinstance(share, KeyShare)),
        trips=lambda: _kept(now, journal),
        seal=sealed(opened.run, now.office.seed),
        day=journal.row().created.date().isoformat(),
        done=_done(now, journal),
        unlocked=_unlocked(journal),
    )


def _done(now: Standing, journal: Journal) -> tuple[Done, ...]:
    """Read the last words of those hospitals that said them, in the order of their ids."""
    said = journal.bodies(Kind.DONE, now.trip)
    words = [decode_reply(said[site]) for site in now.office.known.view.sites if site in said]
    return tuple(one for one in words if isinstance(one, Done))


def _unlocked(journal: Journal) -> Unlocked | None:
    """Read why outcomes were unlocked; None where they were not locked."""
    told = [event for _, event in journal.events() if event.kind == UNLOCKED]
    if not told:
        return None
    return Unlocked(told[0].text, written(told[0].time), told[0].trip)


def _kept(now: Standing, journal: Journal) -> Iterator[Kept]:
    """Read all closed trips from the journal, holding one at a time."""
    run, seed = now.office.known.view.run, now.office.seed
    for number in range(FIRST_TRIP, now.trip):
        trip, result = journal.body(Kind.TRIP, number), journal.body(Kind.RESULT, number)
        if trip is None or result is None:
            raise JournalError(f"trip {number}: the journal has no request or no result")
        bodies = journal.bodies(Kind.REPLY, number)
        said = {s: unsealed(now.plan, run, seed, decode_reply(raw)) for s, raw in bodies.items()}
        replies = {site: reply for site, reply in said.items() if isinstance(reply, Reply)}
        salts = tuple(_salts(journal, number))
        yield Kept(decode_trip(trip), replies, decode_result(result), salts)


def _replies(journal: Journal, now: Standing) -> dict[SiteId, Reply]:
    judge = answering(now.office.known, now.office.seed)
    raw = journal.bodies(Kind.REPLY, now.trip)
    return {site: judge(site, decode_reply(one)) for site, one in raw.items()}


def _salts(journal: Journal, trip: int) -> Iterator[bytes]:
    raw = journal.body(Kind.SALTS, trip) or b""
    return iter([raw[at : at + SALT_SIZE] for at in range(0, len(raw), SALT_SIZE)])
