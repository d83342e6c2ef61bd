"""Sealed sessions, and the records that others carry (SPEC 12.5 to 12.9)."""

from collections.abc import Mapping
from typing import Any

from tests.vectors.second.curves import fresh_of, need_signed, signed_parts, x25519
from tests.vectors.second.runs import check_ek
from tests.vectors.second.streams import expand, extract, gcm_code, gcm_text
from tests.vectors.second.tagged import Refused, lp, need, tagged
from tests.vectors.second.trust import SITE

TAGS = {"request": "request", "reply": "reply", "told": "heads", "shown": "heads"}


def sealed_keys(seed: str, other: bytes, *parts: bytes | str) -> dict[str, str]:
    """Derive a session of site, its fresh key, the office's, and CK (SPEC 12.6)."""
    check_ek(other)
    named, secret = tagged("seal-session", *parts), x25519(bytes.fromhex(seed), other)
    keys = expand(extract(named, secret), lp("SITESUM-1", "seal"), 64)
    return {"session": named.hex(), "to_site": keys[:32].hex(), "to_office": keys[32:].hex()}


def case_seal_offer(given: Mapping[str, Any]) -> Any:
    fresh = fresh_of(given["fresh_seed"])
    signature = signed_parts(given["coordinator_seed"], "seal-offer", fresh)
    return {"ephemeral": fresh.hex(), "signature": signature}


def case_seal_accept(given: Mapping[str, Any]) -> Any:
    offered, ck = bytes.fromhex(given["offer"]["ephemeral"]), bytes.fromhex(given["coordinator"])
    need_signed(given["coordinator"], given["offer"]["signature"], "seal-offer", offered)
    fresh = fresh_of(given["fresh_seed"])
    keys = sealed_keys(given["fresh_seed"], offered, given["site"], fresh, offered, ck)
    parts = ("seal-accept", given["site"], fresh, offered, ck)
    signature = signed_parts(given["identity_seed"], *parts)
    return {"ephemeral": fresh.hex(), "signature": signature, **keys}


def case_seal_accepted(given: Mapping[str, Any]) -> Any:
    said, ck = given["accept"], bytes.fromhex(given["coordinator"])
    theirs, own = bytes.fromhex(said["ephemeral"]), fresh_of(given["fresh_seed"])
    parts = ("seal-accept", said["site"], theirs, own, ck)
    need_signed(given["identity"], said["signature"], *parts)
    return sealed_keys(given["fresh_seed"], theirs, said["site"], theirs, own, ck)


def seal_of(given: Mapping[str, Any]) -> tuple[bytes, bytes, bytes]:
    """Give session id, the key of the direction, and what is sealed along (SPEC 12.7)."""
    name = "to_site" if given["what"] in ("request", "told") else "to_office"
    session = bytes.fromhex(given["session"])
    tag = f"seal-{TAGS[given['what']]}"
    return session, bytes.fromhex(given[name]), lp("SITESUM-1", tag, session)


def case_seal(given: Mapping[str, Any]) -> Any:
    session, key, named = seal_of(given)
    number = given["number"]
    text = gcm_text(key, number, bytes.fromhex(given["plain"]))
    code = gcm_code(key, number, text, named)
    return (session + number.to_bytes(8, "big") + text + code).hex()


def case_unseal(given: Mapping[str, Any]) -> Any:
    session, key, named = seal_of(given)
    raw = bytes.fromhex(given["sealed"])
    need(len(raw) >= 56 and raw[:32] == session, "seal")
    number, text, code = int.from_bytes(raw[32:40], "big"), raw[40:-16], raw[-16:]
    need(code == gcm_code(key, number, text, named), "seal")
    return {"number": number, "plain": gcm_text(key, number, text).hex()}


def case_seal_number(given: Mapping[str, Any]) -> Any:
    taken = {0}
    for number in (*given["before"], given["number"]):
        need(number not in taken and number > max(taken) - 64, "seal")
        taken.add(number)
    return True


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def measured(tag: int, raw: bytes) -> bytes:
    return bytes([tag]) + varint(len(raw)) + raw


def case_heads(given: Mapping[str, Any]) -> Any:
    out = b""
    for head in given["heads"]:
        body = measured(0x0A, head["site"].encode()) + b"\x10" + varint(head["lines"])
        body += measured(0x1A, bytes.fromhex(head["digest"]))
        out += measured(0x0A, body + measured(0x22, bytes.fromhex(head["signature"])))
    return out.hex()


def fields_of(raw: bytes) -> list[tuple[int, Any]]:
    """Read a message's fields: numbers, and whatever has a length."""
    found: list[tuple[int, Any]] = []
    while raw:
        tag, (number, rest) = raw[0], unvaried(raw[1:])
        need(tag & 7 in (0, 2), "message")
        if tag & 7 == 2:
            need(len(rest) >= number, "message")
            found.append((tag >> 3, rest[:number]))
            rest = rest[number:]
        else:
            found.append((tag >> 3, number))
        raw = rest
    return found


def unvaried(raw: bytes) -> tuple[int, bytes]:
    number = 0
    for place, byte in enumerate(raw):
        number |= (byte & 127) << 7 * place
        if byte < 128:
            return number, raw[place + 1 :]
    raise Refused("message")


def case_read_heads(given: Mapping[str, Any]) -> Any:
    heads = []
    for _, body in fields_of(bytes.fromhex(given["message"])):
        head = {1: b"", 2: 0, 3: b"", 4: b"", **dict(fields_of(body))}
        site, digest = head[1].decode(), head[3]
        need(SITE.fullmatch(site) and 0 < head[2] < 2**63 and len(digest) == 32, "message")
        told = {"site": site, "lines": head[2], "digest": digest.hex()}
        heads.append({**told, "signature": head[4].hex()})
    return heads


KINDS = {"offer", "accept", "heads", "request", "reply", "unknown-session", "denied"}


def case_record(given: Mapping[str, Any]) -> Any:
    """Write a record of up to 4 MiB (SPEC 12.8)."""
    head = {"wire": 2, "program": given["program"], "kind": given["parcel"], "parts": 0}
    return {"riskset": {**head, "data": given["body"]}}


def case_read_record(given: Mapping[str, Any]) -> Any:
    records = given["records"]
    head = records["riskset"]
    need((head["wire"], head["program"]) == (2, given["program"]), "other-version")
    names = ["riskset", *(f"part-{n}" for n in range(head["parts"]))]
    need(head["parts"] >= 0 and records.keys() == set(names), "message")
    body = "".join(records[name]["data"] for name in names)
    need(len(body) <= 2 * given["limit"] and head["kind"] in KINDS, "message")
    return {"parcel": head["kind"], "body": body}
