"""The runs of a node: each move is in the ledger before it counts, and before anything leaves.

A move reads the run's course, works out the next one, writes its line, and only then holds it to
be true. Whatever goes wrong on the way leaves the course as it was.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from protocol.canonical import lp
from protocol.errors import FederationError
from protocol.governance.chain import require_succession, roster_file
from protocol.governance.federation import coordinator_key
from protocol.governance.roster import Roster, RosterError, moment
from protocol.governance.signed import SignedRoster
from protocol.governance.trusted import ProgramError
from protocol.party import Hospital, begin
from protocol.play import Finished
from protocol.requests import (
    Abort,
    Advance,
    ClosedTrip,
    Decided,
    Done,
    Finish,
    OpenRun,
    Propose,
)
from protocol.secagg.envelope import Envelope, seal
from protocol.secagg.keys import KeyExchangeError
from protocol.secagg.messages import KeyShare, Reply, RunError, Trip
from protocol.secagg.site import (
    Advertised,
    Keyed,
    TripError,
    advertise,
    receive_keys,
)
from protocol.wire.codec import encode_reply
from site_node.approvals import Desk, PausedError
from site_node.coin import coin_entries
from site_node.commitment import input_commitments
from site_node.course import (
    Course,
    Opening,
    keyed_entry,
    release_entry,
    result_entry,
)
from site_node.courses import Courses
from site_node.data.snapshot import Snapshot
from site_node.evidence import require_own_words
from site_node.folder import SEED_SIZE, StateFolder, UnavailableError
from site_node.gate import Gate, HeldBackError
from site_node.inbox import Item, ItemKind, waiting
from site_node.keys import RunKeys, write_keys
from site_node.ledger import Entry, Kind, Ledger, LedgerError
from site_node.logs import Event, Log
from site_node.past import newest_rosters, past_runs
from site_node.patterns import Patterns
from site_node.points import Point
from site_node.repeats import is_accepted, same_opening, sent_before

KEYS_LIVE = timedelta(days=14)
"""How long a run's keys are kept at the most (SPEC 6.6)."""


REVOKED = "a newer roster of the study takes back a party of this run, or its key"


class RunOverError(TripError):
    """The run is over at this hospital, and its keys are gone."""

    code = "run-over"
    fix = "start a new run"


@dataclass
class Runs:
    """All runs of one hospital. Calls come one at a time.

    `courses` are those that are open. `newest` are the newest rosters, if they were read.
    """

    gate: Gate
    desk: Desk
    courses: Courses
    folder: StateFolder
    ledger: Ledger
    now: Callable[[], datetime]
    random: Callable[[int], bytes]
    at: Callable[[Point], None]
    log: Log
    newest: Mapping[tuple[str, str], Roster] | None = None

    def resume(self) -> None:
        """Read all open runs from the ledger, and finish what was begun when the node ended.

        Raises
        ------
        UnavailableError, LedgerError, FolderError
            If disk or ledger are not as they have to be.
        """
        self.take_in()
        self.courses.sweep()
        self.tidy()
        for course in self.courses.all():
            self.log.say(Event.RESUMED, run=course.opening.name, trip=course.trips)

    def forget_state(self) -> None:
        """Hold nothing to be true that is not read from the ledger again."""
        self.courses.drop()
        self.newest = None

    def tidy(self) -> None:
        """End runs whose roster or keys are out of time, or whose roster is revoked (SPEC 6.6).

        Raises
        ------
        UnavailableError, LedgerError, FolderError
            If disk or ledger are not as they have to be.
        """
        for course in self.courses.all():
            run, since = course.opening.run, course.opening.since
            # A clock that jumps back does not give back time that this run has used.
            now = max(self.now(), course.latest)
            if now >= moment(run.roster.expires):
                self.courses.close(course, "aborted", "the roster expired")
            elif now >= since + KEYS_LIVE:
                self.courses.close(course, "aborted", f"its keys were {KEYS_LIVE.days} days old")
            elif self._is_revoked(run.roster):
                self.courses.close(course, "aborted", REVOKED)

    def open(self, raw: bytes, asked: OpenRun) -> KeyShare:
        """Begin a run, or repeat what was answered when it began (SPEC 4.2, 4.6).

        Raises
        ------
        EvidenceError
            If another run was opened under its id.
        FederationError
            As `Gate.admit` does.
        """
        before = self.courses.opening(asked.run_id)
        if before is not None:
            return same_opening(before, raw, asked)
        self.at(Point.OPEN_RECEIVED)
        run, snapshot = self.gate.admit(asked, past_runs(self.ledger), self.now())
        fresh = self.random(SEED_SIZE)
        state, share = advertise(run, self.gate.config.site, self.courses.seed, fresh)
        opening = Opening(raw, asked, run, share, snapshot.digest, self.now())
        # The secret first: an answer without it could not be gone on from.
        write_keys(self.folder.keys(run.ctx), RunKeys(fresh=fresh))
        self.ledger.append(opening.entry)
        self.newest = None
        self.courses.held[run.ctx] = Course(opening, opening.since, state)
        self.at(Point.OPEN_WRITTEN)
        self.log.say(Event.OPENED, run=opening.name, study=run.roster.study)
        return share

    def advance(self, asked: Advance) -> Reply | Envelope:
        """Answer a trip after taking in what came before it, or repeat the answer (SPEC 5, 6).

        Where the run says so the answer is sealed to the coordinator: the same answer gives the
        same bytes (SPEC 9.3).

        Raises
        ------
        TripError, RunError, SumError, SignatureError, KeyExchangeError, EvidenceError
            If the request does not follow from what was said; found before a row is read.
        HeldBackError
            If the hospital's rows or rules are against it.
        """
        course = self._course(asked.trip.ctx, asked.since)
        self._require_approved(course, asked.trip)
        reply, to = self._answered(course, asked), course.opening.asked.seal
        if not to:
            return reply
        return seal(encode_reply(reply), reply.site, course.ctx, to, self.courses.seed)

    def _answered(self, course: Course, asked: Advance) -> Reply:
        sent = sent_before(course, asked)
        if sent is not None:
            self.log.say(Event.REPEATED, run=course.opening.name, trip=sent.trip)
            return sent
        snapshot = self._snapshot(course)
        if isinstance(asked.since, ClosedTrip):
            course, written = self._accepted(course, snapshot, asked.since)
        else:
            course, written = self._keyed(course, snapshot, asked.since), ()
        return self._released(course, snapshot, asked.trip, written)

    def finish(self, asked: Finish) -> Done:
        """Take in the last result, and end the run (SPEC 6.6).

        Raises
        ------
        FederationError
            As `advance` does; `TripError` also if the program has further questions.
        """
        course = self._course(asked.closed.result.ctx, asked.closed)
        if course.done is not None:
            return course.done
        course, written = self._accepted(course, self._snapshot(course), asked.closed)
        if course.known is None or not isinstance(course.known.next, Finished):
            raise TripError("the program has further questions: the run is not finished")
        if written:
            self.ledger.append(*written)
            self.at(Point.RESULT_WRITTEN)
        return self.courses.close(course, "finished", "finished")

    def abort(self, asked: Abort) -> Done:
        """End a run before its end. Always safe (SPEC 7.2).

        Raises
        ------
        RunError, SignatureError
            If the run is not known, or the coordinator did not sign.
        """
        course = self._course(asked.ctx)
        asked.verify(course.opening.run.roster.coordinator)
        return course.done or self.courses.close(course, "aborted", "the coordinator ended it")

    def take_in(self) -> None:
        """Write down what operators decided, and end the runs of what they withdrew (SPEC 6.6).

        Raises
        ------
        UnavailableError, LedgerError, FolderError
            If disk or ledger are not as they have to be.
        """
        if not any(True for _ in waiting(self.folder)):
            return
        self.desk.take_in(newest_rosters(self.ledger), self.now())
        self.newest = None
        for course in self.courses.all():
            self._end_if_taken_back(course)

    def _end_if_taken_back(self, course: Course) -> None:
        run = course.opening.run
        if self.gate.approvals.ended(run.plan_digest, run.roster.digest):
            self.courses.close(course, "aborted", "an operator withdrew the plan")
        elif self._is_revoked(run.roster):
            self.courses.close(course, "aborted", REVOKED)

    def _is_revoked(self, roster: Roster) -> bool:
        """Tell whether a newer roster of the study takes back somebody who is in this one."""
        if self.newest is None:
            self.newest = newest_rosters(self.ledger)
        federation, newest = self.gate.approvals.house.federation, self.newest
        key = coordinator_key(federation, newest.values())
        revoked = newest[roster.federation, roster.study].revokes(roster)
        return revoked or roster.coordinator != key

    def _require_approved(self, course: Course, trip: Trip) -> None:
        if self.gate.approvals.paused:
            raise PausedError("the hospital's operator paused the node")
        if self._is_revoked(course.opening.run.roster):
            raise RunOverError(REVOKED)
        kinds = [kind for _, kind in trip.steps]
        self.gate.require_approved(course.opening.run, kinds, self.now())

    def succeed(self, coordinator: bytes, rosters: Sequence[SignedRoster]) -> None:
        """Keep rosters that give the coordinator another key; runs under the old one end.

        Raises
        ------
        SignatureError, RosterError
            If they do not (SPEC 2.8).
        UnavailableError, LedgerError, FolderError
            If disk or ledger are not as they have to be.
        """
        federation, newest = self.gate.approvals.house.federation, newest_rosters(self.ledger)
        require_succession(rosters, federation, coordinator, now=self.now(), newest=newest)
        self.ledger.append(Entry(Kind.SUCCEEDED, body=lp(*map(roster_file, rosters))))
        self.newest = None
        self.tidy()

    def propose(self, asked: Propose) -> Decided:
        """Keep a proposal that is new, and say how its plan stands (SPEC 4.7).

        Raises
        ------
        SignatureError, RosterError, ProblemsError
            If it is none that anybody would accept.
        """
        proposal, newest = asked.proposal, newest_rosters(self.ledger)
        item = Item(ItemKind.PROPOSAL, proposal.to_bytes().decode())
        self.desk.keep(self.gate.approvals.accept(item, newest, self.now()))
        self.newest = None
        return self.gate.approvals.decided(proposal)

    def _course(self, ctx: bytes, since: tuple[KeyShare, ...] | ClosedTrip = ()) -> Course:
        """Find a run, and see that nothing with our signature is missing from it."""
        course = self.courses.find(ctx)
        site = self.gate.config.site
        require_own_words(site, self.gate.identity, course, ctx, since)
        if course is None:
            raise RunError(f"{site}: no run of that name was opened here")
        return course

    def _snapshot(self, course: Course) -> Snapshot:
        """Find the rows that the run began with, if it can go on with them."""
        if course.done is not None:
            raise RunOverError("the run is over at this hospital, and its keys are gone")
        if isinstance(course.state, Keyed) and course.known is None:
            raise ProgramError("the run was begun by another version of the program")
        snapshot = self.gate.data.get(course.opening.run.plan_digest)
        if snapshot is None or snapshot.digest != course.opening.snapshot:
            raise HeldBackError(
                "the plan, the extract or its mapping is another than when the run began",
                "bring back the files of that time and restart the node, or have the run aborted",
            )
        return snapshot

    def _keyed(self, course: Course, snapshot: Snapshot, shares: tuple[KeyShare, ...]) -> Course:
        """Accept the fresh keys of all hospitals: one set for a run (SPEC 4.3)."""
        if not isinstance(course.state, Advertised):
            if set(shares) != set(course.shares):
                raise KeyExchangeError("the run has another set of fresh keys already")
            return course
        self.at(Point.KEYS_RECEIVED)
        by_site = {share.site: share for share in shares}
        if len(by_site) != len(shares):
            raise RosterError("two fresh keys are of one hospital")
        state = receive_keys(course.state, by_site)
        known = begin(snapshot.plan, state.view)
        self.ledger.append(keyed_entry(course.ctx, shares))
        self.at(Point.KEYS_WRITTEN)
        write_keys(self.folder.keys(course.ctx), RunKeys(pairs=state.pair_keys))
        self.at(Point.KEYED)
        self.log.say(Event.KEYED, run=course.opening.name)
        return self.courses.keep(replace(course, state=state, shares=shares, known=known))

    def _accepted(
        self, course: Course, snapshot: Snapshot, closed: ClosedTrip
    ) -> tuple[Course, tuple[Entry, ...]]:
        """Add up a result again; the lines are for the caller to write (SPEC 6.3, 8.4)."""
        result = closed.result
        if is_accepted(course, result):
            return course, ()
        self.at(Point.RESULT_RECEIVED)
        hospital = _hospital(course, snapshot)
        readded = hospital.readd(result, closed.uploads)
        hospital = hospital.build_on(readded)
        coin = coin_entries(result, readded.known.answers[-1], self.ledger.lines(None, Kind.COIN))
        course = replace(
            course,
            state=hospital.state,
            known=hospital.known,
            results=(*course.results, result),
        )
        return course, (result_entry(course.ctx, readded.checked), *coin)

    def _released(
        self, course: Course, snapshot: Snapshot, trip: Trip, written: tuple[Entry, ...]
    ) -> Reply:
        """Compute, mask, write and only then give away (SPEC 5.8)."""
        self.at(Point.TRIP_RECEIVED)
        hospital = _hospital(course, snapshot)
        trip.verify(hospital.state.view)
        hospital.require_next(trip)
        try:
            patterns, asked = Patterns(self.folder, self.ledger), hospital.known.steps
            limits = self.gate.config.tighter
            noted = patterns.entries(course.ctx, trip.trip, snapshot, asked, limits)
            own = hospital.numbers()
            after, reply = hospital.answer(trip, own)
            commitments = input_commitments(hospital, own)
        except (UnavailableError, LedgerError):
            raise
        except Exception as error:
            # From here on everything may hang on patients: no code of its own leaves.
            raise _held_back(error) from None
        self.at(Point.COMPUTED)
        entry = release_entry(course.ctx, trip, reply, commitments)
        # Computing takes its time, and an operator may have withdrawn meanwhile.
        self.take_in()
        self._require_approved(self.courses.held.get(course.ctx, course), trip)
        self.at(Point.BEFORE_LEDGER)
        self.ledger.append(*written, *noted, entry)
        self.at(Point.AFTER_LEDGER)
        self.courses.keep(replace(course, state=after.state))
        size = sum(len(vector.words) for vector in reply.vectors)
        steps = len(reply.vectors)
        name = course.opening.name
        self.log.say(Event.ANSWERED, run=name, trip=trip.trip, steps=steps, bytes=size)
        return reply


def _hospital(course: Course, snapshot: Snapshot) -> Hospital:
    if not isinstance(course.state, Keyed) or course.known is None:
        raise TripError("the run has no keys yet: all fresh keys come before the first result")
    return Hospital(snapshot.cohort, course.state, course.known)


def _held_back(error: Exception) -> HeldBackError:
    if isinstance(error, FederationError):
        return HeldBackError(str(error), error.fix)
    # The text of an unexpected error may hold a value of a record; its kind does not.
    return HeldBackError(f"something unexpected happened ({type(error).__name__})")
