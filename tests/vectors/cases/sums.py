"""Uploads that open, uploads that must not, and whole runs."""

from collections.abc import Sequence

from protocol.governance.roster import Roster
from protocol.layout import Layout
from protocol.secagg.messages import Block
from protocol.secagg.site import Keyed
from tests.vectors.build import (
    ABC,
    Case,
    bent,
    block_of,
    block_text,
    case,
    flipped,
    resigned,
    roster_of,
    run_of,
    run_text,
    seed,
    states_of,
    upload_of,
)


def sums() -> list[Case]:
    """One block of three sites, and all that must not open."""
    run = run_of(roster_of(ABC))
    states = states_of(run)
    view, block = states["site-a"].view, block_of()
    good = [upload_of(states[site], block) for site in ABC]
    asked, (one, two, three) = block_text(block), good

    def tried(name: str, uploads: Sequence[Case], clause: str = "6.3") -> Case:
        given = {"run": run_text(run), "transcript": view.transcript.hex()}
        return case(name, clause, "sum", block=asked, uploads=list(uploads), **given)

    shorter = upload_of(states["site-c"], block_of(chain=b"\x07" * 32))
    renumbered = upload_of(states["site-c"], block_of(step=2))
    other_run = upload_of(
        states_of(run_of(roster_of(ABC), run_id=seed("other")[:16]))["site-c"], block
    )
    new_epoch = upload_of(states_of(run_of(roster_of(ABC), epoch=1))["site-c"], block)
    bit = resigned(states["site-c"], block, flipped(bytes.fromhex(three["words"]), 3))
    honest_sd = {**shorter, "sd": three["sd"]}
    forged = resigned(states["site-c"], block, bytes.fromhex(shorter["words"]))
    short_words = resigned(states["site-c"], block, bytes.fromhex(three["words"])[:-8])
    stranger = {**three, "site": "site-d"}
    real_block = block_of(reals=True)
    wide = [upload_of(states[site], real_block) for site in ABC]
    given = {"run": run_text(run), "transcript": view.transcript.hex()}
    lock = Block(1, "lock/1", Layout(()), b"\x05" * 32, lock=True)
    locked = [upload_of(states[site], lock) for site in ABC]
    return [
        tried("three sites", good),
        tried("in another order", [three, one, two]),
        case("reals", "6.4", "sum", block=block_text(real_block), uploads=wide, **given),
        case("a lock", "3.4", "sum", block=block_text(lock), uploads=locked, **given),
        tried("one missing", [one, two]),
        tried("one twice", [one, two, two]),
        tried("a stranger instead", [one, two, stranger]),
        tried("a stranger besides", [*good, stranger]),
        tried("two sites swapped", [{**two, "site": "site-a"}, {**one, "site": "site-b"}, three]),
        tried("one bit of a vector", [one, two, bent(three, "words", 9)]),
        tried("one bit of a signature", [one, two, bent(three, "signature", 9)]),
        tried("one bit of a step digest", [one, two, bent(three, "sd", 0)]),
        tried("another step's vector", [one, two, renumbered]),
        tried("another run's vector", [one, two, other_run]),
        tried("a chain one trip short", [one, two, shorter]),
        tried("the same, its digest exchanged", [one, two, honest_sd]),
        tried("another epoch's vector", [one, two, new_epoch]),
        tried("a lying site: masks of a chain one trip short", [one, two, forged], "6.4"),
        tried("a lying site: one bit, signed", [one, two, bit], "6.4"),
        tried("a lying site: one word short", [one, two, short_words]),
        *_raw_sums(),
    ]


def _raw_sums() -> list[Case]:
    """What a coordinator sees that skips all checks: honest sites with different views."""
    roster = roster_of(ABC)
    run = run_of(roster)
    states, block = states_of(run), block_of()
    sd = block.digest(states["site-a"].view.transcript)

    def tried(name: str, odd: Keyed, asked: Block = block, clause: str = "13.2") -> Case:
        sites = [states["site-a"], states["site-b"], odd]
        vectors = [
            upload_of(s, b)["words"] for s, b in zip(sites, (block, block, asked), strict=True)
        ]
        given = {"sd": sd.hex(), "sites": 3, "vectors": vectors}
        return case(name, clause, "raw-sum", block=block_text(block), **given)

    c = states["site-c"]
    renewed = run_of(roster_of(ABC, version=2, prev_digest=roster.digest))
    two = [upload_of(states[site], block)["words"] for site in ABC[:2]]
    part = {"sd": sd.hex(), "sites": 2, "vectors": two}
    return [
        tried("one view", c, clause="6.4"),
        tried("another roster", states_of(renewed)["site-c"]),
        tried("another run id", states_of(run_of(roster, run_id=seed("other")[:16]))["site-c"]),
        tried("another epoch", states_of(run_of(roster, epoch=1))["site-c"]),
        tried("another fresh key of one site", states_of(run, fresh="again")["site-c"]),
        tried("other parameters", c, block_of(chain=b"\x07" * 32)),
        tried("another step", c, block_of(step=2)),
        tried("another kind", c, block_of(kind="describe/1")),
        case("a sum of two of three", "13.1", "raw-sum", block=block_text(block), **part),
    ]


def rounds() -> list[Case]:
    """Whole runs: a lock with statements, then counts and reals in one trip."""
    lock = {"kind": "lock/1", "key": [], "lock": True, "fields": []}
    events = {"name": "events", "kind": "count", "cells": 4, "bound": 50}
    score = {"name": "score", "kind": "real", "cells": 3, "bound": (100.0).hex()}
    dead = {"name": "dead", "kind": "count", "cells": 1, "bound": 50}
    table = {"kind": "risk-table/1", "key": ["dfs", "all"], "lock": False, "fields": [events]}
    newton = {"kind": "propensity/1", "key": [1, 0], "lock": False, "fields": [score, dead]}
    nothing = {"release": {}, "patients": 0, "flag": 0}

    def trips(sites: Sequence[str]) -> list[Case]:
        own = {
            site: [
                {"release": {"events": [k, 0, 2 * k, 50 - k]}, "patients": 40 + k, "flag": k % 2},
                {
                    "release": {
                        "score": [(0.1 * k).hex(), (-1e-9).hex(), (100.0).hex()],
                        "dead": [k],
                    },
                    "patients": 40 + k,
                    "flag": 0,
                },
            ]
            for k, site in enumerate(sites)
        }
        said = {site: seed("snapshot", site).hex() for site in sites}
        end = "2030-01-31T12:00:00Z"
        locked = {site: [nothing] for site in sites}
        return [
            {"questions": [lock], "own": locked, "statements": said, "deadline": end},
            {"questions": [table, newton], "own": own, "statements": {}, "deadline": end},
        ]

    def played(name: str, sites: Sequence[str], roster: Roster) -> Case:
        return case(
            name,
            "5",
            "round",
            run=run_text(run_of(roster)),
            coordinator_seed=seed("ck").hex(),
            identity_seeds={site: seed("ik", site).hex() for site in sites},
            fresh_seeds={site: seed("ek", site).hex() for site in sites},
            trips=trips(sites),
        )

    alone = roster_of(("alone",), min_sites=1, simulated=True)
    four = ("s10", "s9", "S9", "s-9.x_")
    return [
        played("three sites", ABC, roster_of(ABC)),
        played("four sites, order of bytes", four, roster_of(four)),
        played("one site, simulated", ("alone",), alone),
    ]
