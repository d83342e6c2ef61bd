"""Parts that cases are put together from: fixed secrets, rosters, runs, blocks, uploads."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from protocol.canonical import digest
from protocol.governance.identity import identity_public, sign
from protocol.governance.roster import FIRST, Member, Roster
from protocol.ids import SiteId
from protocol.layout import Layout, count, real
from protocol.secagg.messages import Block, MaskedVector, Run
from protocol.secagg.setup import agree
from protocol.secagg.site import Keyed, advertise, mask, receive_keys

Case = dict[str, Any]
ABC = ("site-a", "site-b", "site-c")


def seed(*words: str) -> bytes:
    """Make a fixed secret: SHA256("SITESUM-1 test vector" || words joined by "|")."""
    return hashlib.sha256(b"SITESUM-1 test vector" + "|".join(words).encode()).digest()


def case(name: str, clause: str, kind: str, /, **given: Any) -> Case:
    return {"name": name, "clause": clause, "kind": kind, "given": given}


def hexed(part: bytes | str) -> str:
    return (part.encode() if isinstance(part, str) else part).hex()


def flipped(raw: bytes, bit: int) -> bytes:
    return bytes(byte ^ (1 << bit % 8 if k == bit // 8 else 0) for k, byte in enumerate(raw))


def bent(message: Case, part: str, bit: int) -> Case:
    return {**message, part: flipped(bytes.fromhex(message[part]), bit).hex()}


def in_bytes(words: Sequence[int], width: int) -> str:
    return b"".join((w % 2**width).to_bytes(width // 8, "little") for w in words).hex()


def units(x: float) -> int:
    """Give x in units of 2^-64, rounded half to even."""
    return round(Fraction(x) * 2**64)


# --- cases on bare words --------------------------------------------------------------------------


def setup_given(sites: Sequence[str], epoch: int = 0) -> Case:
    listed = [part for s in sites for part in (s, identity_public(seed("ik", s)))]
    run = {
        "run_id": seed("run")[:16].hex(),
        "plan_digest": seed("plan").hex(),
        "roster_digest": digest("roster", *listed).hex(),
        "epoch": epoch,
        "scheme": "A",
        "suite": 1,
    }
    return {
        "run": run,
        "identity_seeds": {site: seed("ik", site).hex() for site in sites},
        "fresh_seeds": {site: seed("ek", site).hex() for site in sites},
    }


def mask_case(
    name: str,
    transcript: str,
    words: Mapping[str, Sequence[int]],
    width: int,
    /,
    shown: Sequence[str] = (),
    **step: Any,
) -> Case:
    length = len(next(iter(words.values())))
    return case(
        name,
        "5.7",
        "mask",
        transcript=transcript,
        width=width,
        length=length,
        fresh_seeds={site: seed("ek", site).hex() for site in words},
        words={site: [str(word) for word in listed] for site, listed in words.items()},
        shown=list(shown or words),
        **step,
    )


def step_case(name: str, **changed: Any) -> Case:
    given = {"step": 1, "kind": "k", "width": 64, "params": "", **changed}
    return case(name, "5.4", "step", transcript="33" * 32, **given)


def reals_case(name: str, values: Sequence[float], bound: float = 1e18, sites: int = 3) -> Case:
    listed = [value.hex() for value in values]
    given = {"bound": bound.hex(), "sites": sites, "width": 128}
    return case(name, "3.6", "encode", kind="real", values=listed, **given)


def counts_case(name: str, values: Sequence[Any], **changed: Any) -> Case:
    given = {"kind": "count", "width": 64, "sites": 3, "bound": 10, **changed}
    return case(name, "3.5", "encode", **given, values=list(values))


# --- parties --------------------------------------------------------------------------------------


def roster_of(sites: Sequence[str] = ABC, **changed: Any) -> Roster:
    parts = {
        "federation": "Leberzentren",
        "study": "crlm-ablation",
        "version": 1,
        "prev_digest": FIRST,
        "not_before": "2030-01-01",
        "expires": "2031-01-01T00:00:00Z",
        "members": tuple(
            Member(SiteId(s), f"Hospital {s}", identity_public(seed("ik", s))) for s in sites
        ),
        "coordinator": identity_public(seed("ck")),
        **changed,
    }
    return Roster(**parts)


def run_of(roster: Roster | None = None, run_id: bytes | None = None, epoch: int = 0) -> Run:
    return Run(run_id or seed("run")[:16], seed("plan"), roster or roster_of(), epoch)


def run_text(run: Run) -> Case:
    return {
        "roster": run.roster.to_bytes().decode(),
        "run_id": run.run_id.hex(),
        "plan_digest": run.plan_digest.hex(),
        "epoch": run.epoch,
        "scheme": run.scheme,
        "suite": run.suite,
    }


def states_of(run: Run, fresh: str = "") -> dict[str, Keyed]:
    """Key all sites; `fresh` gives the last one another fresh key."""
    made = {}
    for site in run.roster.sites:
        words = (fresh,) if fresh and site == run.roster.sites[-1] else ()
        made[site] = advertise(run, site, seed("ik", site), seed("ek", site, *words))
    shares = {site: share for site, (_, share) in made.items()}
    agree(run, shares)
    return {site: receive_keys(state, shares) for site, (state, _) in made.items()}


def block_of(chain: bytes = b"\x05" * 32, *, reals: bool = False, **changed: Any) -> Block:
    fields = [count("events", (3,), "patients with the event", 50)]
    if reals:
        fields.append(real("score", (2,), "score", 100.0))
    parts = {"step": 1, "kind": "risk-table/1", "layout": Layout(tuple(fields)), **changed}
    return Block(params=chain, **parts)


def block_text(block: Block) -> Case:
    fields = [
        {
            "name": f.name,
            "kind": f.kind,
            "cells": f.numbers,
            "bound": f.bound if f.kind == "count" else f.bound.hex(),
        }
        for f in block.layout.fields
    ]
    return {
        "step": block.step,
        "kind": block.kind,
        "width": block.width,
        "length": block.length,
        "params": block.params.hex(),
        "lock": block.lock,
        "fields": fields,
    }


def upload_of(state: Keyed, block: Block) -> Case:
    """Mask the block of `block_of`, or a lock, with numbers that follow from the site's place."""
    place = state.view.sites.index(state.site)
    if block.lock:
        return upload_text(mask(state, block, {}))
    release: dict[str, Any] = {"events": np.array([place, 50, 0])}
    if block.width == 128:
        release["score"] = np.array([-0.1 * place, 100.0])
    return upload_text(mask(state, block, release, 20 + place, place % 2))


def upload_text(vector: MaskedVector) -> Case:
    return {
        "site": vector.site,
        "step": vector.step,
        "sd": vector.sd.hex(),
        "words": vector.words.hex(),
        "signature": vector.signature.hex(),
    }


def resigned(state: Keyed, block: Block, words: bytes) -> Case:
    """Sign other words for the same step, as only a lying site can."""
    sd = block.digest(state.view.transcript)
    vector = MaskedVector(state.site, block.step, sd, words, b"")
    parts = vector.upload.signed(state.view, block.step, sd)
    return upload_text(replace(vector, signature=sign(state.identity_seed, *parts)))
