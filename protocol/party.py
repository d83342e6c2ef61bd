"""A party's part in a study: replay the program, answer a trip, accept a result.

Pure moves from one value to the next; a shell adds rows, clock, ledger and network. A hospital
answers only the question that it works out itself from the plan and the totals it has re-added.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from protocol.cohort import Cohort
from protocol.disclosure import check_roster, rules
from protocol.errors import FederationError
from protocol.ids import SiteId
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from protocol.play import Answers, Finished, Play, Trip, next_trip
from protocol.program import Findings, study
from protocol.question import Answer, Opened
from protocol.requests import Uploads
from protocol.secagg.block import Total
from protocol.secagg.envelope import run_key
from protocol.secagg.messages import (
    Block,
    Contribution,
    Reply,
    Result,
    RunError,
    View,
)
from protocol.secagg.messages import Trip as Request
from protocol.secagg.office import Opened as Closed
from protocol.secagg.office import by_step, close_trip, open_trip
from protocol.secagg.result import Checked, recompute
from protocol.secagg.site import (
    FIRST_STEP,
    FIRST_TRIP,
    Keyed,
    TripError,
    accept,
    answer,
    recall,
    require_next,
)
from protocol.secagg.transcript import first_chain, next_chain, parameters
from protocol.steps.plausible import require

TRIP_LIMIT = 2**30
"""Most bytes that a hospital sends in one trip (SPEC 5.4): far above any study, below its memory.
Subgroups, populations and a long grid multiply, and a plan is not always read with that in mind."""


class TripSizeError(FederationError):
    """A plan and its totals ask for more in one trip than a hospital sends."""

    code = "trip-size"
    fix = "plan fewer subgroups, populations or lottery keys, a coarser grid or a wider caliper"


class StatementError(FederationError):
    """A program asks two steps of one trip to speak in public, where only one voice fits."""

    code = "two-statements"
    fix = "ask the steps in different trips of the program"


@dataclass(eq=False)
class Replay:
    """A replay of the program that waits where it is, so that the next trip need not begin anew.

    It changes nothing that is asked: after other answers than those it has had, a new one begins.
    """

    had: tuple[Answers, ...] = ()
    play: Play[Findings] | None = None

    def next(
        self, program: Callable[[], Play[Findings]], answers: tuple[Answers, ...]
    ) -> Trip | Finished[Findings]:
        """Give the program's next question after some answers."""
        play, self.play = self.play, None  # one that raises is not gone on with
        if play is None or self.had != answers[:-1] or not answers:
            play = fresh = program()
            found = next_trip(lambda: fresh, answers)
        else:
            try:
                found = play.send(answers[-1])
            except StopIteration as end:
                return Finished(end.value)
        self.had, self.play = answers, play
        return found


@dataclass(frozen=True, eq=False)
class Known:
    """What a party knows of a run: the plan, the keys' transcript, all answers so far.

    `patients` is how many stand behind every sum, None before the first with patients in it.
    `replay` is shared by all that is known of a run, and is no knowledge of its own.
    """

    plan: Plan
    view: View
    chain: bytes
    answers: tuple[Answers, ...] = ()
    patients: int | None = None
    replay: Replay = field(default_factory=Replay, repr=False)

    @cached_property
    def next(self) -> Trip | Finished[Findings]:
        """The program's next question, by replay."""
        roster_digest = self.view.run.roster.digest
        return self.replay.next(lambda: study(self.plan, roster_digest), self.answers)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The next question as blocks: numbered, and bound to all results so far."""
        asked = sum(len(answers) for answers in self.answers)  # whole numbers
        return tuple(
            Block(
                FIRST_STEP + asked + place,
                step.name,
                step.layout(),
                parameters(self.chain, step.key()),
                lock=not step.layout().fields,
            )
            for place, step in enumerate(self.steps)
        )

    @property
    def steps(self) -> Trip:
        """The steps of the next trip; none when the program is finished."""
        return () if isinstance(self.next, Finished) else self.next

    def after(self, checked: Checked) -> "Known":
        """Add a re-added result.

        Raises
        ------
        ImpossibleTotalError
            If other patients stand behind it than behind the results before.
        """
        patients = _patients(self, checked)
        said = {s.site: s.data for s in checked.result.statements}
        found = zip(self.steps, checked.totals, strict=True)
        answers = tuple(Answer(step, _opened(self.view, total, said)) for step, total in found)
        chain = next_chain(self.chain, checked.result.digest)
        return replace(self, chain=chain, answers=(*self.answers, answers), patients=patients)


def begin(plan: Plan, view: View) -> Known:
    """Start from nothing but the plan and the transcript of keys.

    Raises
    ------
    RunError
        If the run was set up for another plan: its digest in every key would bind nothing.
    DisclosureError
        If the roster is smaller than plan and profile ask, or a plan without rules is asked of
        hospitals that are not simulated.
    """
    if plan_digest(plan) != view.run.plan_digest:
        raise RunError("the run was set up for another plan than this one")
    check_roster(plan, len(view.sites), simulated=view.run.roster.simulated)
    return Known(plan, view, first_chain(view.transcript))


def withheld(plan: Plan, blocks: tuple[Block, ...], steps: Trip) -> set[int]:
    """Find the numbers of a trip's steps whose totals the profile keeps from hospitals."""
    if rules(plan).totals_to_sites:
        return set()
    pairs = zip(blocks, steps, strict=True)
    return {block.step for block, step in pairs if step.partners_only}


def are_sealed(plan: Plan) -> bool:
    """Tell whether answers are sealed to the coordinator, as totals are withheld (SPEC 9.3)."""
    return not rules(plan).totals_to_sites


def seal_key(plan: Plan, run_id: bytes, coordinator_seed: bytes) -> bytes:
    """Give the key (32 bytes) that a run's answers are sealed to, or nothing. Run by the office."""
    return run_key(coordinator_seed, run_id) if are_sealed(plan) else b""


@dataclass(frozen=True, eq=False)
class Hospital:
    """A hospital in a run: its patients, its keys, what it knows."""

    cohort: Cohort = field(repr=False)
    state: Keyed
    known: Known

    def reply(self, request: Request) -> tuple["Hospital", Reply]:
        """Answer a request, if it asks the question that this hospital would ask.

        A request answered before gets the bytes sent before.

        Raises
        ------
        TripError, EquivocationError, SignatureError, RunError
            If the request is not the next question of this run; found before a row is read.
        TripSizeError
            If the answer would be too large.
        """
        sent = recall(self.state, request)
        if sent is not None:
            return self, sent
        self.require_next(request)
        return self.answer(request, self.numbers())

    def require_next(self, request: Request) -> None:
        """Refuse a new request that is not the next one; looks at no patient (SPEC 5.5).

        Raises
        ------
        TripError, TripSizeError
            As `reply` does.
        """
        require_next(self.state, request, self.known.blocks)
        require_size(self.known.blocks)

    def numbers(self) -> tuple[Contribution, ...]:
        """Compute the answer to the next trip in the clear. It never leaves the hospital."""
        steps, size = self.known.steps, self.cohort.size
        return tuple(
            Contribution({}, 0) if block.lock else Contribution(step.local(self.cohort), size)
            for step, block in zip(steps, self.known.blocks, strict=True)
        )

    def answer(self, request: Request, own: tuple[Contribution, ...]) -> tuple["Hospital", Reply]:
        """Mask these numbers, which are `numbers()`, as the answer to a request.

        Raises
        ------
        TripError, EquivocationError, SignatureError, RunError
            As `reply` does.
        """
        said = public_statement(self.known.steps, self.cohort)
        state, reply = answer(self.state, request, self.known.blocks, own, said)
        return replace(self, state=state), reply

    def accept(self, result: Result, uploads: Uploads) -> "Hospital":
        """Re-add all uploads, and build on the result only if it is their sum.

        Raises
        ------
        SumError, SignatureError, TripError
            If the result is not what the uploads add up to.
        """
        return self.build_on(self.readd(result, uploads))

    def readd(self, result: Result, uploads: Uploads) -> "Readded":
        """Add all uploads up again, and work out what follows. The same for all of one chain."""
        kept = withheld(self.known.plan, self.known.blocks, self.known.steps)
        checked = recompute(self.known.view, self.known.blocks, uploads, result, kept)
        return Readded(self.known.chain, checked, self.known.after(checked))

    def build_on(self, readded: "Readded") -> "Hospital":
        """Close the trip, if the result lists what this hospital sent.

        Raises
        ------
        TripError
            If it does not, or if the sum was re-added under another chain of results.
        """
        if readded.chain != self.known.chain:
            raise TripError(f"{self.cohort.site}: the sum was re-added under other results")
        return replace(self, state=accept(self.state, readded.checked), known=readded.known)


@dataclass(frozen=True, eq=False)
class Readded:
    """A result that was re-added under a chain of results, and what is known after it."""

    chain: bytes
    checked: Checked
    known: Known


@dataclass(frozen=True, eq=False)
class Office:
    """The coordinator in a run: it asks what the program asks, adds up, and signs."""

    seed: bytes = field(repr=False)
    known: Known

    def request(self, deadline: str) -> Request:
        """Sign the next request.

        Raises
        ------
        TripSizeError
            If no hospital would answer it, as it is too large.
        """
        require_size(self.known.blocks)
        number = FIRST_TRIP + len(self.known.answers)
        known = self.known
        return open_trip(
            known.view, self.seed, number, known.blocks, chain=known.chain, deadline=deadline
        )

    def close(
        self, replies: Mapping[SiteId, Reply], salt: Callable[[], bytes]
    ) -> tuple["Office", Closed, Uploads]:
        """Add up all replies, sign the result, and say which uploads go with it.

        `salt` gives 32 fresh random bytes for each total that is withheld from hospitals.

        Raises
        ------
        SumError, SignatureError
            If a hospital is missing or the sum is none.
        """
        known, number = self.known, FIRST_TRIP + len(self.known.answers)
        kept = withheld(known.plan, known.blocks, known.steps)
        salts = {step: salt() for step in sorted(kept)}
        closed = close_trip(known.view, self.seed, number, known.blocks, replies, salts=salts)
        uploads = by_step(known.view, number, known.blocks, replies)
        shown = {step: vectors for step, vectors in uploads.items() if step not in kept}
        whole = Checked(closed.result, closed.totals)
        return replace(self, known=known.after(whole)), closed, shown


def public_statement(steps: Trip, cohort: Cohort) -> bytes:
    """Collect what a trip says in public; at most one of its steps may speak."""
    said = [text for text in (step.statement(cohort) for step in steps) if text]
    if len(said) > 1:
        raise StatementError("two steps of one trip make public statements")
    return said[0] if said else b""


def _patients(known: Known, checked: Checked) -> int | None:
    """Count the patients behind a result: the same as ever, as an extract is fixed at the lock."""
    pairs = zip(known.blocks, checked.totals, strict=True)
    found = {total.patients for block, total in pairs if total is not None and not block.lock}
    if known.patients is not None:
        found.add(known.patients)
    require(f"trip {checked.result.trip}", len(found) <= 1, "sums are over different patients")
    return found.pop() if found else None


def require_size(blocks: tuple[Block, ...]) -> None:
    """Refuse a trip whose answer is too large, before anything of its size is made.

    Raises
    ------
    TripSizeError
        If a hospital's vectors would have more than `TRIP_LIMIT` bytes together.
    """
    if sum(block.length * block.width // 8 for block in blocks) > TRIP_LIMIT:
        kinds = ", ".join(dict.fromkeys(block.kind for block in blocks))
        raise TripSizeError(f"a trip of {kinds} is larger than {TRIP_LIMIT // 2**20} MiB")


def _opened(view: View, total: Total | None, said: Mapping[SiteId, bytes]) -> Opened | None:
    if total is None:
        return None
    return Opened(total.sums, view.sites, total.patients, total.flags, said)
