"""A federation of three for the tests: fixed seeds, one counting and one real question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from protocol.canonical import digest
from protocol.governance.identity import identity_public
from protocol.governance.roster import FIRST, Member, Roster
from protocol.ids import SiteId
from protocol.layout import Layout, count, real
from protocol.secagg.messages import Block, Contribution, Reply, Run, Trip
from protocol.secagg.office import open_trip
from protocol.secagg.run import Gathered, Question, Seeds, blocks_of, gather
from protocol.secagg.site import Keyed, answer

SITES = tuple(SiteId(name) for name in ("s10", "s8", "s9"))
OFFICE = digest("seed", "office")
DEADLINE = "2030-01-31T12:00:00Z"

LOCK = Question("lock/1", Layout(()), lock=True)
TABLE = Question("risk-table/1", Layout((count("events", (2, 3), "patients", 100),)), (1, "dfs"))
SCORE = Question(
    "propensity/1",
    Layout((real("score", (2,), "score", 1e6), count("dead", (), "patients", 100))),
    (3,),
)


def identity(site: str) -> bytes:
    return digest("seed", "identity", site)


def fresh(site: str, again: str = "") -> bytes:
    return digest("seed", "fresh", site, again)


def roster(sites: Sequence[SiteId] = SITES, **changed: Any) -> Roster:
    parts = {
        "federation": "Leberzentren",
        "study": "crlm",
        "version": 1,
        "prev_digest": FIRST,
        "not_before": "2030-01-01",
        "expires": "2031-01-01",
        "members": tuple(Member(s, f"Hospital {s}", identity_public(identity(s))) for s in sites),
        "coordinator": identity_public(OFFICE),
        **changed,
    }
    return Roster(**parts)


def run(of: Roster | None = None, run_id: bytes = b"run of the tests", **changed: Any) -> Run:
    return Run(run_id, digest("plan"), of or roster(), **changed)


def table(of: Run | None = None, again: str = "") -> Gathered:
    """Set up a run; `again` makes other fresh keys."""
    of = of or run()
    seeds = {s: Seeds(identity(s), fresh(s, again)) for s in of.roster.sites}
    return gather(of, seeds, OFFICE)


def numbers(site: SiteId) -> list[Contribution]:
    """What a site puts into TABLE and SCORE."""
    k = int(site.removeprefix("s"))
    events = np.arange(6).reshape(2, 3) * k
    score = {"score": np.array([0.1 * k, -1e-9]), "dead": np.array(k)}
    return [Contribution({"events": events}, 10 * k, k % 2), Contribution(score, 10 * k)]


NOTHING: Mapping[SiteId, Sequence[Contribution]] = {s: [Contribution({})] for s in SITES}
NUMBERS: Mapping[SiteId, Sequence[Contribution]] = {s: numbers(s) for s in SITES}


@dataclass(frozen=True)
class Answered:
    """One open trip: the request, everybody's blocks, states and replies."""

    now: Gathered
    request: Trip
    blocks: tuple[Block, ...]
    states: dict[SiteId, Keyed]
    replies: dict[SiteId, Reply]


def request_of(now: Gathered, blocks: Sequence[Block], **changed: Any) -> Trip:
    parts = {"chain": now.chain, "deadline": DEADLINE, **changed}
    return open_trip(now.view, OFFICE, now.trips + 1, blocks, **parts)


def answered(now: Gathered | None = None) -> Answered:
    """Let all sites answer TABLE and SCORE in one trip; nothing is closed yet."""
    now = now or table()
    blocks = blocks_of(now, [TABLE, SCORE])
    request = request_of(now, blocks)
    moves = {s: answer(state, request, blocks, NUMBERS[s]) for s, state in now.sites.items()}
    states = {site: state for site, (state, _) in moves.items()}
    replies = {site: reply for site, (_, reply) in moves.items()}
    return Answered(now, request, blocks, states, replies)
