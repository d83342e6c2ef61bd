"""A whole study over several cohorts in one process, masks included. The first file to read.

Every message that crosses a hospital's wall in a real federation is handed over here by name:
request, reply, result, uploads. Tests, previews and simulations use it as it is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from protocol import PROGRAM_VERSION
from protocol.canonical import digest
from protocol.cohort import Cohort
from protocol.disclosure import check_federation
from protocol.governance.identity import sign
from protocol.governance.signed import SignedRoster
from protocol.ids import SiteId
from protocol.party import Hospital, Known, Office, begin, seal_key
from protocol.plan.digest import canonical, plan_digest
from protocol.plan.model import Plan
from protocol.play import Finished
from protocol.program import Findings
from protocol.question import Record
from protocol.requests import Done, OpenRun
from protocol.secagg.messages import Block, KeyShare, Reply, Result, Run, Trip
from protocol.secagg.run import NO_DEADLINE, Gathered, simulate


@dataclass(frozen=True)
class Asked:
    """One step of a trip as it was masked: what left each hospital."""

    trip: int
    name: str
    key: tuple[int | str, ...]
    block: Block

    @property
    def numbers(self) -> int:
        """Numbers of the payload, without lanes."""
        return self.block.layout.numbers

    @property
    def bytes(self) -> int:
        """Bytes that each hospital uploads for it, lanes included."""
        return self.block.length * self.block.width // 8


@dataclass(frozen=True, eq=False)
class Kept:
    """A closed trip with all that proves it: what was asked, answered and signed.

    `salts` are those of totals that are withheld from hospitals, in the order of their steps.
    """

    request: Trip
    replies: Mapping[SiteId, Reply]
    result: Result
    salts: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Unlocked:
    """Why a person unlocked outcomes, when (ISO 8601, UTC), and the number of the trip after."""

    reason: str
    time: str
    trip: int


@dataclass(frozen=True, eq=False)
class Proof:
    """What proves a run to others: how it was opened, everybody's fresh keys, and its trips.

    `trips` gives them in order, one at a time, as often as it is called: all of them together can
    be large. `seal` signs ("bundle", ctx, digest) as the coordinator. `day` is when the run was
    begun, as "2026-03-31"; empty where nobody said. `done` are the hospitals' last words, of those
    who said them; `unlocked` is there where outcomes were locked and a person unlocked them.
    """

    opened: OpenRun
    shares: tuple[KeyShare, ...]
    trips: Callable[[], Iterator[Kept]]
    seal: Callable[[bytes], bytes]
    day: str = ""
    done: tuple[Done, ...] = ()
    unlocked: Unlocked | None = None


def sealed(run: Run, coordinator_seed: bytes) -> Callable[[bytes], bytes]:
    """Make the `seal` of a run's proof."""
    return partial(sign, coordinator_seed, "bundle", run.ctx)


@dataclass(frozen=True, eq=False)
class Played:
    """A study that was played to its end, as the coordinator knows it.

    `simulated` is the roster's mark: all rows were on one machine. `proof` is there if it was kept.
    """

    plan: Plan
    roster_digest: bytes
    run_id: bytes
    sites: tuple[str, ...]
    record: Record
    asked: tuple[Asked, ...]
    findings: Findings
    chain: bytes
    simulated: bool
    proof: Proof | None = None

    @property
    def trips(self) -> int:
        """How many trips it took."""
        return max((step.trip for step in self.asked), default=0)


Watch = Callable[[tuple[Asked, ...]], None]


def _unwatched(_: tuple[Asked, ...]) -> None:
    """Watch nothing."""


def play(
    plan: Plan,
    cohorts: Sequence[Cohort],
    seed: bytes,
    watch: Watch = _unwatched,
    *,
    keep: bool = False,
) -> Played:
    """Play the study. All rows are on one machine, so the roster is marked as simulated.

    Parameters
    ----------
    seed
        All secrets of the run follow from it: 32 random bytes, or fixed ones for a test.
    watch
        Told of every trip before it is asked.
    keep
        Whether to keep what proves the run: all masked vectors, in memory.

    Raises
    ------
    FederationError
        If a profile's rule or the data stop the study.
    """
    check_federation(plan, cohorts)
    table = simulate(plan.study.id, [c.site for c in cohorts], plan_digest(plan), seed)
    start = begin(plan, table.view)
    own = {cohort.site: cohort for cohort in cohorts}
    hospitals = {s: Hospital(own[s], state, start) for s, state in table.sites.items()}
    office, asked, kept = Office(table.coordinator_seed, start), list[Asked](), list[Kept]()
    salts = _salts(seed)
    while not isinstance(office.known.next, Finished):
        trip = _asked(office)
        watch(trip)
        asked += trip
        request = office.request(NO_DEADLINE)
        answered = {site: hospital.reply(request) for site, hospital in hospitals.items()}
        replies = {site: reply for site, (_, reply) in answered.items()}
        salted = list[bytes]()
        office, closed, uploads = office.close(replies, partial(_drawn, salts, salted))
        if keep:
            kept.append(Kept(request, replies, closed.result, tuple(salted)))
        # Every hospital would add up the same bytes; around one table once is enough for all.
        readded = next(iter(hospitals.values())).readd(closed.result, uploads)
        hospitals = {site: hospital.build_on(readded) for site, (hospital, _) in answered.items()}
    proof = _proof(plan, table, kept) if keep else None
    return played(plan, office.known, tuple(asked), proof)


def played(plan: Plan, known: Known, asked: tuple[Asked, ...], proof: Proof | None) -> Played:
    """Tell a finished study as results read it.

    Raises
    ------
    ValueError
        If the program has a further question.
    """
    findings = known.next.value if isinstance(known.next, Finished) else None
    if findings is None:
        raise ValueError("the program is not finished")
    return Played(
        plan=plan,
        roster_digest=known.view.run.roster.digest,
        run_id=known.view.run.run_id,
        sites=known.view.sites,
        record=Record([answer for trip in known.answers for answer in trip]),
        asked=asked,
        findings=findings,
        chain=known.chain,
        simulated=known.view.run.roster.simulated,
        proof=proof,
    )


def _asked(office: Office) -> tuple[Asked, ...]:
    trip = 1 + len(office.known.answers)
    pairs = zip(office.known.steps, office.known.blocks, strict=True)
    return tuple(Asked(trip, step.name, step.key(), block) for step, block in pairs)


def _drawn(salts: Iterator[bytes], used: list[bytes]) -> bytes:
    used.append(next(salts))
    return used[-1]


def _proof(plan: Plan, table: Gathered, kept: list[Kept]) -> Proof:
    run, seed = table.view.run, table.coordinator_seed
    opened = OpenRun(
        run_id=run.run_id,
        plan=canonical(plan),
        rosters=(SignedRoster(run.roster.to_bytes(), ()),),  # nobody signs a simulation's
        epoch=run.epoch,
        scheme=run.scheme,
        suite=run.suite,
        program=PROGRAM_VERSION,
        seal=seal_key(plan, run.run_id, seed),
    )
    return Proof(opened.sign(seed), table.shares, lambda: iter(kept), sealed(run, seed))


def _salts(seed: bytes) -> Iterator[bytes]:
    for number in count():
        yield digest("simulated", seed, "salt", number.to_bytes(4, "little"))
