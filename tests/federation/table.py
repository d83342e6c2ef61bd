"""A federation around one table, each hospital with its own knowledge, and a coordinator to bend.

Unlike `protocol.run.play` nothing is shared: every hospital replays the program by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from protocol.canonical import digest
from protocol.cohort import Cohort
from protocol.governance.identity import sign
from protocol.ids import SiteId
from protocol.party import Hospital, Office, begin
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from protocol.play import Finished
from protocol.requests import Uploads
from protocol.secagg.messages import Reply, Result, Trip
from protocol.secagg.office import Opened
from protocol.secagg.run import NO_DEADLINE, simulate
from tests.federation.cohorts import clinics, small_plan

SEED = b"table".ljust(32)
SALT = b"salt".ljust(32)


@dataclass(frozen=True)
class Table:
    """All parties between two trips."""

    office: Office
    hospitals: Mapping[SiteId, Hospital]

    @property
    def one(self) -> Hospital:
        """The first hospital."""
        return next(iter(self.hospitals.values()))

    @property
    def over(self) -> bool:
        """Whether the program has come to its end."""
        return isinstance(self.office.known.next, Finished)


@dataclass(frozen=True)
class Closing:
    """A trip that all have answered, and what the coordinator makes of it."""

    hospitals: Mapping[SiteId, Hospital]
    replies: Mapping[SiteId, Reply]
    office: Office
    closed: Opened
    uploads: Uploads


def short_plan(profile: str = "exact") -> Plan:
    """Drop model and designs: few trips."""
    return small_plan(profile).model_copy(update={"propensity": None, "designs": ()})


def gathered(plan: Plan, cohorts: Sequence[Cohort] = (), seed: bytes = SEED) -> Table:
    """Set up a run."""
    own = {cohort.site: cohort for cohort in cohorts or clinics()}
    parties = simulate(plan.study.id, list(own), plan_digest(plan), seed)
    office = Office(parties.coordinator_seed, begin(plan, parties.view))
    hospitals = {
        site: Hospital(own[site], state, begin(plan, parties.view))
        for site, state in parties.sites.items()
    }
    return Table(office, hospitals)


def answered(table: Table, request: Trip | None = None) -> Closing:
    """Let every hospital answer, and the coordinator add up."""
    asked = request or table.office.request(NO_DEADLINE)
    moves = {site: hospital.reply(asked) for site, hospital in table.hospitals.items()}
    replies = {site: reply for site, (_, reply) in moves.items()}
    office, closed, uploads = table.office.close(replies, lambda: SALT)
    return Closing({site: h for site, (h, _) in moves.items()}, replies, office, closed, uploads)


def accepted(closing: Closing) -> Table:
    """Let every hospital re-add and go on."""
    return Table(
        closing.office,
        {s: h.accept(closing.closed.result, closing.uploads) for s, h in closing.hospitals.items()},
    )


@cache
def after(trips: int, profile: str = "exact") -> Table:
    """Play some honest trips of the short plan."""
    if trips == 0:
        return gathered(short_plan(profile))
    return accepted(answered(after(trips - 1, profile)))


def to_the_end(table: Table) -> Table:
    """Play on to the program's end."""
    while not table.over:
        table = accepted(answered(table))
    return table


def resigned(office: Office, message: Any, **changed: Any) -> Any:
    """Let the coordinator itself sign something else."""
    other: Trip | Result = replace(message, **changed)
    return replace(other, signature=sign(office.seed, *other.signed))


def secret(*parts: str) -> bytes:
    """Make 32 bytes for a party of the tests."""
    return digest("tests", *parts)
