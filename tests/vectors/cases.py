"""The cases: what is given, by document. What to expect is worked out and written by `__main__`.

Secrets are hashes of words (SPEC 14.1), so that a case can be made again anywhere.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from protocol.canonical import canonical_json
from protocol.governance.identity import identity_public, sign
from protocol.governance.roster import Roster
from protocol.layout import Layout
from protocol.secagg.keys import ephemeral_public
from protocol.secagg.masks import CHUNK_BYTES
from protocol.secagg.messages import Block, Run
from protocol.secagg.site import Keyed
from tests.vectors import approvals, sealed, trust
from tests.vectors.build import (
    ABC,
    Case,
    bent,
    block_of,
    block_text,
    case,
    counts_case,
    flipped,
    hexed,
    in_bytes,
    mask_case,
    reals_case,
    resigned,
    roster_of,
    run_of,
    run_text,
    seed,
    setup_given,
    states_of,
    step_case,
    units,
    upload_of,
)

PRIME = 2**255 - 19
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
EDGE = CHUNK_BYTES // 8
ORDER_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
OTHER_8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
TRANSCRIPT = "d3eedc974545b966d52468d865f7adfdb0c9ff6dbe0896ac9db8287b4e8b8e23"
"""T of the three sites of "three sites"; bare masks need no other."""


def known() -> list[Case]:
    """Published answers; `tests/protocol/secagg/test_known.py` holds them as printed there."""
    u = "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"
    k = "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"
    rfc = {"ikm": "0b" * 22, "salt": bytes(range(13)).hex(), "info": bytes(range(240, 250)).hex()}
    long = {
        "ikm": bytes(range(0x50)).hex(),
        "salt": bytes(range(0x60, 0xB0)).hex(),
        "info": bytes(range(0xB0, 0x100)).hex(),
    }
    one = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
    empty = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    return [
        case("RFC 7748, 5.2, first", "4.5", "x25519", scalar=k, u=u),
        case("zero point", "4.3", "x25519", scalar=k, u="00" * 32),
        case("RFC 8032, 7.1, test 1", "2.2", "sign", seed=empty, message=""),
        case("RFC 8032, 7.1, test 2", "2.2", "sign", seed=one, message="72"),
        case("RFC 5869, A.1, first 32 bytes", "4.5", "hkdf", **rfc),
        case("RFC 5869, A.2, first 32 bytes", "4.5", "hkdf", **long),
        case("AES-256-CTR from zero under the zero key", "5.6", "ctr", key="00" * 32, count=6),
        case("across a chunk's edge", "5.6", "long", key="00" * 32, first=EDGE - 2, count=4),
        case("an odd word alone", "5.6", "ctr", key=seed("odd").hex(), count=1),
    ]


def low_level() -> list[Case]:
    """Set-up and masks on bare words, without roster or lanes."""
    a_b_c = [[1, 0, 2, 3, 2**40], [0, 0, 5, 1, 7], [4, 0, 0, 0, 2**50]]
    fixed = [[1.5, -2.25, 1e-9, -1e9], [0.1, 0.2, -1e-9, 3e9], [-0.1, 2.0, 0.0, -2e9]]
    reals = [[units(x) for x in xs] for xs in fixed]
    seven = [f"s{k}" for k in (7, 8, 9, 10, 11, 12, 13)]
    hundred = [f"hospital-{k:02}" for k in range(100)]
    two = (hundred[0], hundred[50])
    ones = {"step": 1, "kind": "k", "params": "00"}
    return [
        case("three sites", "4.4", "setup", **setup_given(ABC)),
        case("ids in byte order: s10 < s9", "4.4", "setup", **setup_given(("s9", "s10", "S9"))),
        case("another epoch", "4.1", "setup", **setup_given(ABC, epoch=1)),
        _mask("three sites, 64 bits", ABC, a_b_c, step=7, kind="riskset", params=""),
        _mask("three sites, 128 bits", ABC, reals, 128, step=8, kind="newton", params="00" * 8),
        _mask("one word", ABC, [[1], [2], [3]], **ones),
        _mask("one word of 128 bits", ABC, [[-1], [2**126], [-(2**126)]], 128, **ones),
        _mask("every cell 2^63: the sum wraps", ABC, [[2**63] * 3] * 3, **ones),
        _mask("wraps at 2^128 too", ABC, [[2**127]] * 3, 128, **ones),
        _mask("s10 before s9", ("s9", "s10", "S9"), [[1], [20], [300]], **ones),
        _mask("seven sites", seven, [[k, k * k] for k in range(7)], **ones),
        _mask("a hundred sites, two shown", hundred, [[k] for k in range(100)], shown=two, **ones),
        step_case("a step", length=5),
        step_case("width 128", width=128, length=4),
        step_case("no words", length=0),
        step_case("words of 32 bits", width=32, length=4),
        step_case("longer than one key may mask", length=2**33 + 1),
        step_case("step number beyond u32", step=2**32, length=4),
        step_case("step number below 0", step=-1, length=4),
        case("params", "5.3", "params", chain="11" * 32, key=[3, "dfs", -1]),
        case("params of an empty key", "5.3", "params", chain="11" * 32, key=[]),
        case("params beyond ASCII", "5.3", "params", chain="11" * 32, key=["Überleben"]),
        case("a float in the key", "5.3", "params", chain="11" * 32, key=[0.5]),
        case("a truth value in the key", "5.3", "params", chain="11" * 32, key=[True]),
        case("a short chain", "5.3", "params", chain="11" * 31, key=[]),
    ]


def encodings() -> list[Case]:
    tiny = 2.0**-64
    near = [0.0, -0.0, tiny, -tiny, tiny / 2, -tiny / 2, tiny * 1.5, -tiny * 1.5, tiny * 2.5]
    more = [5e-324, -5e-324, 2.0**-11 + 2.0**-63, 1e-9, -1e-9, 1 - 2.0**-53, 0.1, -1e17]
    edge = 2.0**62 * (1 - 2.0**-53)
    return [
        reals_case("half to even around 2^-64", near),
        reals_case("subnormals, and all over the range", more),
        reals_case("the largest bound one site may have", [edge, -edge], bound=edge, sites=1),
        reals_case("the largest bound of 1024 sites", [4.5e15], bound=4.5e15, sites=1024),
        reals_case("bound 2^62", [0.0], bound=2.0**62, sites=1),
        reals_case("n times bound reaches 2^62", [0.0], bound=2.0**60, sites=4),
        reals_case("n times bound just below, though not in floats", [0.0], bound=2.0**62 / 3),
        reals_case("the next bound above", [0.0], bound=2.0**62 / 3 + 256),
        reals_case("an infinite bound", [0.0], bound=float("inf")),
        reals_case("not a number", [float("nan")]),
        reals_case("infinity", [float("inf")]),
        reals_case("minus infinity", [float("-inf")]),
        reals_case("beyond the bound", [1.0, -1.0000000000000002], bound=1.0),
        counts_case("counts", [0, 1, 10]),
        counts_case("counts in 128 bits", [0, 7], width=128),
        counts_case("a negative count", [-1]),
        counts_case("a count beyond its bound", [11]),
        counts_case("a count beyond 2^63", [2**63]),
        counts_case("a count that is a float", ["0x1p0"]),
        counts_case("1024 sites of almost 2^53", [2**53 - 1], bound=2**53 - 1, sites=1024),
        counts_case("1024 sites of 2^53", [1], bound=2**53, sites=1024),
        counts_case("one site of 2^63", [1], bound=2**63, sites=1),
        *_decodings(),
    ]


def _decodings() -> list[Case]:
    def reals(name: str, *totals: int, bound: float = 2.0**60) -> Case:
        words = in_bytes([total % 2**128 for total in totals], 128)
        given = {"bound": bound.hex(), "width": 128, "sites": 3, "cells": len(totals)}
        return case(name, "6.4", "decode", kind="real", words=words, **given)

    def counts(name: str, total: int, bound: int, width: int = 64) -> Case:
        given = {"bound": bound, "width": width, "sites": 3, "cells": 1}
        return case(name, "6.4", "decode", kind="count", words=in_bytes([total], width), **given)

    return [
        reals("totals", 0, 2**64, -(2**64), 1, -1, 3 * 2**124, -3 * 2**124),
        reals("rounding as one division", 2**64 + 2**11, 2**64 + 2**11 + 1, 2**64 + 3 * 2**11),
        reals("a tie far below the point's word", 2**117 + 2**64, 2**117 + 2**64 + 1),
        reals("one unit beyond n times bound", 3 * 2**124 + 1),
        reals("one unit below minus that", -3 * 2**124 - 1),
        reals("the smallest number of all", -(2**127)),
        reals("a bound below half a unit", 1, bound=2.0**-66),
        counts("at n times bound", 30, 10),
        counts("one beyond", 31, 10),
        counts("a count below 0", 2**64 - 1, 10),
        counts("at n times bound, 128 bits", 30, 10, 128),
        counts("something in the high half", 2**64, 10, 128),
    ]


def rosters() -> list[Case]:
    good = roster_of(ABC)
    sites = json.loads(good.to_bytes())["sites"]

    def changed(name: str, clause: str = "2.5", /, **parts: Any) -> Case:
        value = {**json.loads(good.to_bytes()), **parts}
        return case(name, clause, "roster", roster=canonical_json(value).decode())

    def renamed(name: str, /, **parts: str) -> Case:
        return changed(name, sites=[{**sites[0], **parts}, *sites[1:]])

    text, key = good.to_bytes().decode(), good.coordinator.hex()
    second: Case = {"version": 2, "prev_digest": good.digest.hex()}
    extra = {"id": "site-d", "name": "D", "ik": sites[0]["ik"]}
    return [
        changed("three hospitals"),
        changed("a second version", **second),
        changed("two verifiers", verifiers=["site-a", "site-c"]),
        changed("two hospitals, simulated", "2.7", sites=sites[:2], min_sites=1, simulated=True),
        changed("two hospitals", "2.6", sites=sites[:2]),
        changed("two hospitals, said to be enough", "2.6", sites=sites[:2], min_sites=2),
        changed("fewer than the plan's minimum", "2.6", min_sites=4),
        renamed("an id beyond ASCII", id="spital-zürich"),
        renamed("an empty id", id=""),
        renamed("an id with a line end", id="site-a\n"),
        renamed("an unprintable name", name="Bern\u202e"),
        renamed("a short key", ik="00" * 31),
        renamed("a key of order 1", ik="01" + "00" * 31),
        renamed("a key of order 2", ik=(PRIME - 1).to_bytes(32, "little").hex()),
        renamed("a key of order 4", ik="00" * 31 + "80"),
        renamed("a key of order 8", ik=ORDER_8),
        renamed("a key of order 8, the other sign", ik=ORDER_8[:62] + "85"),
        renamed("another key of order 8", ik=OTHER_8),
        renamed("a key beyond p", ik=(PRIME + 3).to_bytes(32, "little").hex()),
        changed("one key twice", sites=[*sites, extra]),
        changed("one id twice", sites=[sites[0], *sites]),
        changed("out of order", "2.4", sites=sites[::-1]),
        changed("the coordinator's key is a hospital's", ck=sites[0]["ik"]),
        changed("one verifier", verifiers=["site-a"]),
        changed("an unknown verifier", verifiers=["site-a", "site-x"]),
        changed("version 0", version=0),
        changed("version 1 after another", prev_digest="11" * 32),
        changed("version 2 after none", version=2),
        changed("a truth value for a number", version=True),
        changed("another scheme", scheme="B"),
        changed("atoms of one hospital", delta_min=1),
        changed("over before it begins", expires="2020-01-01"),
        changed("no such day", expires="2031-02-30"),
        changed("a field too many", "2.4", note="hello"),
        case("a space in the bytes", "2.4", "roster", roster=text.replace(":", ": ", 1)),
        case("capitals in hex", "2.4", "roster", roster=text.replace(key, key.upper())),
    ]


def keys_and_signatures() -> list[Case]:
    low = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"
    lower = "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"
    good = ephemeral_public(seed("ek", "site-a"))
    edges = {
        "zero": 0,
        "one": 1,
        "p - 1": PRIME - 1,
        "p": PRIME,
        "p + 1": PRIME + 1,
        "2^255 - 1": 2**255 - 1,
        "top bit set": int.from_bytes(good, "little") | 1 << 255,
    }
    public, parts = identity_public(seed("ik", "site-a")), ("setup", b"\x01" * 32, "site-a", good)
    signature = sign(seed("ik", "site-a"), *parts)
    s = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    high = signature[:32] + s.to_bytes(32, "little")

    def signed(name: str, raw: bytes = signature, **other: Any) -> Case:
        given = {"public": public.hex(), "parts": [hexed(p) for p in parts], **other}
        return case(name, "2.2", "signature", signature=raw.hex(), **given)

    return [
        case("a fresh key", "4.3", "ephemeral", ek=good.hex()),
        case("the base point", "4.3", "ephemeral", ek=(9).to_bytes(32, "little").hex()),
        case("order 8", "4.3", "ephemeral", ek=low),
        case("order 8, the other", "4.3", "ephemeral", ek=lower),
        *(case(n, "4.3", "ephemeral", ek=u.to_bytes(32, "little").hex()) for n, u in edges.items()),
        case("31 bytes", "4.3", "ephemeral", ek=good[:31].hex()),
        case("33 bytes", "4.3", "ephemeral", ek=good.hex() + "00"),
        signed("a signature"),
        signed("high S", high),
        signed("one bit of R", flipped(signature, 0)),
        signed("one bit of S", flipped(signature, 40)),
        signed("half a signature", signature[:32]),
        signed("another tag", parts=[hexed(p) for p in ("release", *parts[1:])]),
        signed(
            "two parts joined", parts=[hexed(p) for p in ("setup", b"\x01" * 32, b"site-a" + good)]
        ),
        signed("another's key", public=identity_public(seed("ik", "site-b")).hex()),
        signed("a key that is no point", public="02" + "00" * 31),
    ]


def agreements() -> list[Case]:
    run = run_of(roster_of(ABC))
    shares = {site: _share(run, site) for site in ABC}
    twin = {**shares["site-c"], "ek": shares["site-b"]["ek"]}
    twin["signature"] = sign(
        seed("ik", "site-c"), "setup", run.ctx, "site-c", bytes.fromhex(twin["ek"])
    ).hex()
    elsewhere = _share(run_of(roster_of(ABC), epoch=1), "site-c")
    zero = {"site": "site-c", "ek": "00" * 32, "signature": ""}
    zero["signature"] = sign(seed("ik", "site-c"), "setup", run.ctx, "site-c", bytes(32)).hex()
    extra = _share(run, "site-d")
    low = [shares["site-a"], shares["site-b"]]
    swapped = [
        {**shares[one], "site": other}
        for one, other in (("site-a", "site-b"), ("site-b", "site-a"))
    ]

    def agreement(name: str, last: Sequence[Case], **other: Any) -> Case:
        return case(name, "4.3", "agree", run={**run_text(run), **other}, shares=list(last))

    return [
        agreement("three keys", [*low, shares["site-c"]]),
        agreement("in another order", [shares["site-c"], *low[::-1]]),
        agreement("one missing", low),
        agreement("one too many", [*low, shares["site-c"], extra]),
        agreement("one for another", [*low, extra]),
        agreement("one key twice", [*low, twin]),
        agreement("a key of low order", [*low, zero]),
        agreement("a key of another epoch", [*low, elsewhere]),
        agreement("two sites swapped", [*swapped, shares["site-c"]]),
        agreement("all keys, other plan", [*low, shares["site-c"]], plan_digest="22" * 32),
        agreement("all keys, other run", [*low, shares["site-c"]], run_id="22" * 16),
    ]


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


def _mask(
    name: str,
    sites: Sequence[str],
    words: Sequence[Sequence[int]],
    width: int = 64,
    /,
    **step: Any,
) -> Case:
    return mask_case(name, TRANSCRIPT, dict(zip(sites, words, strict=True)), width, **step)


def _share(run: Run, site: str) -> Case:
    ek = ephemeral_public(seed("ek", site))
    signature = sign(seed("ik", site), "setup", run.ctx, site, ek)
    return {"site": site, "ek": ek.hex(), "signature": signature.hex()}


DOCUMENTS: Mapping[str, tuple[str, Sequence[Case]]] = {
    "known.json": ("Published answers of the primitives, at the sizes used here.", known()),
    "masks.json": ("Set-up, step digests and masks on bare words.", low_level()),
    "encoding.json": ("Numbers to words, and totals back to numbers.", encodings()),
    "rosters.json": ("Rosters as signed bytes.", rosters()),
    "keys.json": (
        "Fresh keys, signatures, and whole sets of them.",
        [*keys_and_signatures(), *agreements()],
    ),
    "sums.json": ("Uploads that open, and uploads that must not.", sums()),
    "rounds.json": ("Whole runs, every value that leaves a party.", rounds()),
    "federations.json": ("What a hospital trusts, as bytes.", trust.federations()),
    "chains.json": ("Signed rosters, version by version.", trust.chains()),
    "joining.json": ("Invitation codes, and what is shown under them.", trust.joining()),
    "approvals.json": ("Proposals, decisions, and what they come to.", approvals.approvals()),
    "logins.json": ("Logins, recorded and changed ones included.", trust.logins()),
    "atoms.json": ("Rule L, with and without consents.", trust.atoms()),
    "requests.json": ("What opens and ends a run, signed.", trust.requests()),
    "sealed.json": ("Sealed sessions, and records that others carry.", sealed.sealed()),
}
