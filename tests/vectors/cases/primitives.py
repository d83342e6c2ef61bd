"""Published answers, and what is signed and exchanged: fresh keys and signatures."""

from collections.abc import Sequence
from typing import Any

from protocol.governance.identity import identity_public, sign
from protocol.secagg.keys import ephemeral_public
from protocol.secagg.masks import CHUNK_BYTES
from protocol.secagg.messages import Run
from tests.vectors.build import ABC, Case, case, flipped, hexed, roster_of, run_of, run_text, seed

PRIME = 2**255 - 19

GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493

EDGE = CHUNK_BYTES // 8

ORDER_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"

OTHER_8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"


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


def _share(run: Run, site: str) -> Case:
    ek = ephemeral_public(seed("ek", site))
    signature = sign(seed("ik", site), "setup", run.ctx, site, ek)
    return {"site": site, "ek": ek.hex(), "signature": signature.hex()}
