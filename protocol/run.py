"""A whole study over several cohorts in one process, masks included. The first file to read.

Every message that crosses a hospital's wall in a real federation is handed over here by name:
request, reply, result, uploads. Tests, previews and simulations use it as it is.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from protocol.canonical import digest
from protocol.cohort import Cohort
from protocol.disclosure import check_federation
from protocol.party import Hospital, Office, begin
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from protocol.play import Finished
from protocol.program import Findings
from protocol.question import Answer, Record
from protocol.secagg.messages import Block
from protocol.secagg.run import NO_DEADLINE, simulate


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
class Played:
    """A study that was played to its end, as the coordinator knows it.

    `simulated` is the roster's mark: all rows were on one machine.
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

    @property
    def trips(self) -> int:
        """How many trips it took."""
        return max((step.trip for step in self.asked), default=0)


Watch = Callable[[tuple[Asked, ...]], None]


def _unwatched(_: tuple[Asked, ...]) -> None:
    """Watch nothing."""


def play(plan: Plan, cohorts: Sequence[Cohort], seed: bytes, watch: Watch = _unwatched) -> Played:
    """Play the study. All rows are on one machine, so the roster is marked as simulated.

    Parameters
    ----------
    seed
        All secrets of the run follow from it: 32 random bytes, or fixed ones for a test.
    watch
        Told of every trip before it is asked.

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
    office, salts, asked = Office(table.coordinator_seed, start), _salts(seed), list[Asked]()
    while not isinstance(office.known.next, Finished):
        trip = _asked(office)
        watch(trip)
        asked += trip
        request = office.request(NO_DEADLINE)
        answered = {site: hospital.reply(request) for site, hospital in hospitals.items()}
        replies = {site: reply for site, (_, reply) in answered.items()}
        office, closed, uploads = office.close(replies, lambda: next(salts))
        # Every hospital would add up the same bytes; around one table once is enough for all.
        readded = next(iter(hospitals.values())).readd(closed.result, uploads)
        hospitals = {site: hospital.build_on(readded) for site, (hospital, _) in answered.items()}
    return _played(plan, office, tuple(asked), office.known.next.value)


def _asked(office: Office) -> tuple[Asked, ...]:
    trip = 1 + len(office.known.answers)
    pairs = zip(office.known.steps, office.known.blocks, strict=True)
    return tuple(Asked(trip, step.name, step.key(), block) for step, block in pairs)


def _played(plan: Plan, office: Office, asked: tuple[Asked, ...], findings: Findings) -> Played:
    known = office.known
    answers: list[Answer] = [answer for trip in known.answers for answer in trip]
    return Played(
        plan=plan,
        roster_digest=known.view.run.roster.digest,
        run_id=known.view.run.run_id,
        sites=known.view.sites,
        record=Record(answers),
        asked=asked,
        findings=findings,
        chain=known.chain,
        simulated=known.view.run.roster.simulated,
    )


def _salts(seed: bytes) -> Iterator[bytes]:
    for number in count():
        yield digest("simulated", seed, "salt", number.to_bytes(4, "little"))
