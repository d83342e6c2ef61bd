"""All roles in one process: the protocol by example (SPEC 4 to 6).

Read it from `gather` to `ask`: every message that crosses a building's wall in a real federation
is handed over here by name. Tests, previews and simulations use it as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from protocol.canonical import digest
from protocol.governance.identity import identity_public
from protocol.governance.roster import Member, simulated_roster
from protocol.ids import SiteId
from protocol.layout import Layout
from protocol.secagg.block import Total
from protocol.secagg.messages import Block, Contribution, KeyShare, Result, Run, View
from protocol.secagg.office import by_step, close_trip, open_trip
from protocol.secagg.result import Checked, recompute
from protocol.secagg.site import (
    FIRST_STEP,
    FIRST_TRIP,
    Advertised,
    Keyed,
    accept,
    advertise,
    answer,
    receive_keys,
)
from protocol.secagg.transcript import RUN_ID_SIZE, first_chain, next_chain, parameters

NO_DEADLINE = "9999-12-31T00:00:00Z"


@dataclass(frozen=True)
class Seeds:
    """One site's secrets, 32 bytes each: its identity, and its fresh key of this run."""

    identity: bytes
    ephemeral: bytes


@dataclass(frozen=True)
class Question:
    """What a trip asks in one step, before it has a number."""

    kind: str
    layout: Layout
    key: tuple[int | str, ...] = ()
    lock: bool = False


@dataclass(frozen=True)
class Gathered:
    """A run with everybody around one table, between two trips."""

    view: View
    sites: Mapping[SiteId, Keyed]
    coordinator_seed: bytes
    chain: bytes
    trips: int = 0
    steps: int = 0
    shares: tuple[KeyShare, ...] = ()


@dataclass(frozen=True)
class Asked:
    """One trip, played: the totals that everybody read, and the result that was signed."""

    after: Gathered
    totals: tuple[Total, ...]
    result: Result


def simulate(study: str, sites: Sequence[SiteId], plan_digest: bytes, seed: bytes) -> Gathered:
    """Set up a run of any number of sites on one machine, marked as simulated.

    Every secret follows from `seed`: whoever knows it can open every vector.
    """
    coordinator = digest("simulated", seed, "coordinator")
    seeds = {
        site: Seeds(
            digest("simulated", seed, "identity", site), digest("simulated", seed, "fresh", site)
        )
        for site in sites
    }
    members = tuple(Member(s, s, identity_public(seeds[s].identity)) for s in sites)
    roster = simulated_roster(study, members, identity_public(coordinator))
    run_id = digest("simulated", seed, "run")[:RUN_ID_SIZE]
    return gather(Run(run_id, plan_digest, roster), seeds, coordinator)


def gather(run: Run, seeds: Mapping[SiteId, Seeds], coordinator_seed: bytes) -> Gathered:
    """Play the set-up: every site makes a fresh key, and all keys go to every site (SPEC 4)."""
    waiting: dict[SiteId, Advertised] = {}
    shares: dict[SiteId, KeyShare] = {}
    for site, secret in seeds.items():
        waiting[site], shares[site] = advertise(run, site, secret.identity, secret.ephemeral)
    sites = {site: receive_keys(state, shares) for site, state in waiting.items()}
    view = next(iter(sites.values())).view
    chain, known = first_chain(view.transcript), tuple(shares[site] for site in view.sites)
    return Gathered(view, sites, coordinator_seed, chain, shares=known)


def blocks_of(now: Gathered, questions: Sequence[Question]) -> tuple[Block, ...]:
    """Give the next trip's questions their numbers, and bind them to the results (SPEC 5.3)."""
    return tuple(
        Block(
            FIRST_STEP + now.steps + place,
            question.kind,
            question.layout,
            parameters(now.chain, question.key),
            question.lock,
        )
        for place, question in enumerate(questions)
    )


def ask(
    now: Gathered,
    questions: Sequence[Question],
    own: Mapping[SiteId, Sequence[Contribution]],
    statements: Mapping[SiteId, bytes] | None = None,
) -> Asked:
    """Play one trip: request, masked answers, result, and everybody's check of it (SPEC 5, 6).

    Parameters
    ----------
    own
        What each site puts in, one contribution for each question.
    statements
        What sites say in public beside it.
    """
    number, blocks = FIRST_TRIP + now.trips, blocks_of(now, questions)
    request = open_trip(
        now.view, now.coordinator_seed, number, blocks, chain=now.chain, deadline=NO_DEADLINE
    )
    said = statements or {}
    states, replies = {}, {}
    for site, state in now.sites.items():
        states[site], replies[site] = answer(state, request, blocks, own[site], said.get(site, b""))
    opened = close_trip(now.view, now.coordinator_seed, number, blocks, replies)
    # Every site would add up the same bytes; around one table once is enough for all.
    uploads = by_step(now.view, number, blocks, replies)
    checked = recompute(now.view, blocks, uploads, opened.result)
    return Asked(go_on(now, states, checked), opened.totals, opened.result)


def go_on(now: Gathered, states: Mapping[SiteId, Keyed], checked: Checked) -> Gathered:
    """Let every site accept a checked result, and everybody count on from it (SPEC 6.5)."""
    return replace(
        now,
        sites={site: accept(state, checked) for site, state in states.items()},
        chain=next_chain(now.chain, checked.result.digest),
        trips=now.trips + 1,
        steps=now.steps + len(checked.result.steps),
    )
