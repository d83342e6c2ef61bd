"""Cases of sealed sessions, and of the records that others carry."""

from collections.abc import Callable, Mapping
from typing import Any

from protocol.governance.heads import LedgerHead
from protocol.ids import SiteId
from protocol.secagg.sealing import Accept, Offer, Seen, Session, accept, accepted, offer
from protocol.wire.heads import pack_heads, read_heads
from protocol.wire.sealed import Kind, Parcel, pack, unpack
from tests.vectors.first.given import Given, raw

SEALS: dict[str, Callable[[Session, int, bytes], bytes]] = {
    "request": Session.seal_request,
    "reply": Session.seal_reply,
    "told": Session.seal_told,
    "shown": Session.seal_shown,
}

OPENS: dict[str, Callable[[Session, bytes], tuple[int, bytes]]] = {
    "request": Session.open_request,
    "reply": Session.open_reply,
    "told": Session.open_told,
    "shown": Session.open_shown,
}


def case_seal_offer(given: Given) -> Any:
    said = offer(raw(given["coordinator_seed"]), raw(given["fresh_seed"]))
    return {"ephemeral": said.ephemeral.hex(), "signature": said.signature.hex()}


def case_seal_accept(given: Given) -> Any:
    offered = Offer(*(raw(given["offer"][part]) for part in ("ephemeral", "signature")))
    seeds = raw(given["identity_seed"]), raw(given["fresh_seed"])
    said, session = accept(offered, raw(given["coordinator"]), SiteId(given["site"]), *seeds)
    told = {"ephemeral": said.ephemeral.hex(), "signature": said.signature.hex()}
    return {**told, **keys_of(session)}


def case_seal_accepted(given: Given) -> Any:
    said = given["accept"]
    answer = Accept(SiteId(said["site"]), raw(said["ephemeral"]), raw(said["signature"]))
    keys = (raw(given[part]) for part in ("fresh_seed", "identity", "coordinator"))
    return keys_of(accepted(answer, *keys))


def case_seal(given: Given) -> Any:
    return SEALS[given["what"]](session_of(given), given["number"], raw(given["plain"])).hex()


def case_unseal(given: Given) -> Any:
    number, plain = OPENS[given["what"]](session_of(given), raw(given["sealed"]))
    return {"number": number, "plain": plain.hex()}


def case_seal_number(given: Given) -> Any:
    seen = Seen()
    for number in (*given["before"], given["number"]):
        seen = seen.take(number)
    return True


def case_heads(given: Given) -> Any:
    heads = [
        LedgerHead(SiteId(h["site"]), h["lines"], raw(h["digest"]), raw(h["signature"]))
        for h in given["heads"]
    ]
    return pack_heads(heads).hex()


def case_read_heads(given: Given) -> Any:
    return [
        {"site": h.site, "lines": h.lines, "digest": h.digest.hex()}
        | {"signature": h.signature.hex()}
        for h in read_heads(raw(given["message"]))
    ]


def case_record(given: Given) -> Any:
    return in_hex(pack(Parcel(Kind(given["parcel"]), raw(given["body"]))))


def case_read_record(given: Given) -> Any:
    records = {
        name: {k: raw(v) if k == "data" else v for k, v in record.items()}
        for name, record in given["records"].items()
    }
    parcel = unpack(records, given["limit"])
    return {"parcel": parcel.kind, "body": parcel.body.hex()}


def keys_of(session: Session) -> dict[str, str]:
    keys = {"to_site": session.to_site.hex(), "to_office": session.to_office.hex()}
    return {"session": session.id.hex(), **keys}


def session_of(given: Given) -> Session:
    return Session(*(raw(given[part]) for part in ("session", "to_site", "to_office")))


def in_hex(records: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, Any]]:
    """Write the bytes of records in hexadecimal."""
    return {
        name: {k: v.hex() if isinstance(v, bytes) else v for k, v in record.items()}
        for name, record in records.items()
    }
