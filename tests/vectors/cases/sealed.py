"""Cases of sealed sessions (SPEC 12.5 to 12.9): how they begin, what opens, and what must not."""

from typing import Any

from protocol.governance.heads import LedgerHead
from protocol.governance.identity import identity_public, sign
from protocol.ids import SiteId
from protocol.secagg.keys import ephemeral_public
from protocol.secagg.sealing import WINDOW, Accept, Offer, Session, accept, offer
from protocol.wire import federation_pb2 as pb
from protocol.wire.heads import pack_heads
from protocol.wire.sealed import Kind, Parcel, pack, pack_accept, pack_offer
from tests.vectors.build import Case, bent, case, flipped, seed
from tests.vectors.first.sealed import in_hex, keys_of

OFFICE, SITE = seed("ck"), SiteId("site-a")
OFFICE_KEY, SITE_KEY = identity_public(OFFICE), identity_public(seed("ik", "site-a"))
FRESH_OFFICE, FRESH_SITE = seed("seal", "ck"), seed("seal", "site-a")
LOW = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"
"""A fresh key of order 8, which no honest end makes."""

LIMIT = 1000


def sealed() -> list[Case]:
    return [*_beginnings(), *_messages(), *_numbers(), *_heads(), *_records()]


def _offered(fresh: bytes = FRESH_OFFICE, by: bytes = OFFICE) -> Case:
    return _offer_text(offer(by, fresh))


def _offer_text(said: Offer) -> Case:
    return {"ephemeral": said.ephemeral.hex(), "signature": said.signature.hex()}


def _accepted(said: Accept) -> Case:
    both = {"ephemeral": said.ephemeral.hex(), "signature": said.signature.hex()}
    return {"site": said.site, **both}


def _both() -> tuple[Accept, Session]:
    seeds = seed("ik", "site-a"), FRESH_SITE
    return accept(offer(OFFICE, FRESH_OFFICE), OFFICE_KEY, SITE, *seeds)


def _beginnings() -> list[Case]:
    low = bytes.fromhex(LOW)
    own = {"identity_seed": seed("ik", "site-a").hex(), "fresh_seed": FRESH_SITE.hex()}
    said, _ = _both()

    def taken(name: str, offered: Case, **changed: str) -> Case:
        given = {"coordinator": OFFICE_KEY.hex(), "site": SITE, **own, **changed}
        return case(name, "12.5", "seal-accept", offer=offered, **given)

    def answered(name: str, accepted: Case, **changed: str) -> Case:
        keys = {"identity": SITE_KEY.hex(), "coordinator": OFFICE_KEY.hex()}
        given = {"fresh_seed": FRESH_OFFICE.hex(), **keys, **changed}
        return case(name, "12.5", "seal-accepted", accept=accepted, **given)

    good, answer = _offered(), _accepted(said)
    weak = {"ephemeral": LOW, "signature": sign(OFFICE, "seal-offer", low).hex()}
    parts = ("seal-accept", SITE, low, ephemeral_public(FRESH_OFFICE), OFFICE_KEY)
    weak_answer = {**answer, "ephemeral": LOW}
    weak_answer["signature"] = sign(seed("ik", "site-a"), *parts).hex()
    other = ephemeral_public(seed("seal", "another")).hex()
    seeds = {"coordinator_seed": OFFICE.hex(), "fresh_seed": FRESH_OFFICE.hex()}
    return [
        case("an offer", "12.5", "seal-offer", **seeds),
        taken("an offer is taken", good),
        taken("an offer of somebody else", _offered(by=seed("ik", "site-b"))),
        taken("another fresh key under the signature", {**good, "ephemeral": other}),
        taken("one bit of an offer's signature", bent(good, "signature", 9)),
        taken("an offer of low order", weak),
        answered("an answer", answer),
        answered("an answer to another offer", answer, fresh_seed=seed("seal", "later").hex()),
        answered("an answer to another coordinator", answer, coordinator=SITE_KEY.hex()),
        answered("an answer under another's name", {**answer, "site": "site-b"}),
        answered("an answer with another fresh key", {**answer, "ephemeral": other}),
        answered("an answer of a stranger", answer, identity=OFFICE_KEY.hex()),
        answered("an answer of low order", weak_answer),
    ]


def _messages() -> list[Case]:
    _, session = _both()
    keys, plain = keys_of(session), b"what is sealed"
    request = session.seal_request(1, plain)
    reply, told = session.seal_reply(1, plain), session.seal_told(1, plain)

    def made(name: str, what: str, number: int = 1, text: bytes = plain) -> Case:
        given = {"what": what, "number": number, "plain": text.hex()}
        return case(name, "12.7", "seal", **keys, **given)

    def opened(name: str, what: str, raw: bytes) -> Case:
        return case(name, "12.7", "unseal", **keys, what=what, sealed=raw.hex())

    return [
        made("a request", "request"),
        made("the next request", "request", 2),
        made("a number of five bytes", "request", 2**32 + 1),
        made("a reply", "reply"),
        made("no byte at all", "reply", 3, b""),
        made("a whole block", "reply", 4, bytes(range(16))),
        made("heads that are told", "told"),
        made("heads that are shown", "shown"),
        opened("the request opens", "request", request),
        opened("a request sent back as a reply", "reply", request),
        opened("a reply sent back as a request", "request", reply),
        opened("a request as heads", "told", request),
        opened("heads as a request", "request", told),
        opened("heads sent back", "shown", told),
        opened("of another session", "request", flipped(request, 3)),
        opened("under another number", "request", flipped(request, 8 * 39)),
        opened("one bit of what is sealed", "request", flipped(request, 8 * 40)),
        opened("one bit of the tag", "request", flipped(request, 8 * len(request) - 1)),
        opened("cut off", "request", request[:-1]),
        opened("a head alone", "request", request[:40]),
        opened("less than a head", "request", request[:39]),
    ]


def _numbers() -> list[Case]:
    def take(name: str, before: list[int], number: int) -> Case:
        return case(name, "12.7", "seal-number", before=before, number=number)

    return [
        take("the first number", [], 1),
        take("an older one that was left out", [1, 3, 64], 2),
        take("zero", [], 0),
        take("the same once more", [1], 1),
        take("the same, after a newer one", [1, 2], 1),
        take("the last that can be told", [WINDOW], 1),
        take("too old to tell", [WINDOW + 1], 1),
    ]


def _heads() -> list[Case]:
    own = LedgerHead(SITE, 258, seed("line")).sign(seed("ik", "site-a"))
    other = LedgerHead(SiteId("site-b"), 1, seed("line", "b")).sign(seed("ik", "site-b"))
    raw = pack_heads([own])

    def made(name: str, *heads: LedgerHead) -> Case:
        listed = [
            {"site": h.site, "lines": h.lines, "digest": h.digest.hex()}
            | {"signature": h.signature.hex()}
            for h in heads
        ]
        return case(name, "12.9", "heads", heads=listed)

    def come(name: str, message: bytes) -> Case:
        return case(name, "12.9", "read-heads", message=message.hex())

    unnumbered = pb.LedgerHead(site=SITE, digest=seed("line"), signature=own.signature)
    return [
        made("no head"),
        made("one head", own),
        made("two heads", own, other),
        come("heads come", raw),
        come("heads cut off", raw[:-1]),
        come("no message", b"\xff"),
        come("a head without its number", pb.Heads(heads=[unnumbered]).SerializeToString()),
        come("a head of no site", raw.replace(b"site-a", b"site a", 1)),
    ]


def _records() -> list[Case]:
    said, _ = _both()
    accepted = pack_accept(said)
    head: dict[str, Any] = in_hex(pack(Parcel(Kind.REPLY, b"reply")))["riskset"]

    def made(name: str, parcel: Parcel) -> Case:
        given = {"program": head["program"], "parcel": parcel.kind, "body": parcel.body.hex()}
        return case(name, "12.8", "record", **given)

    def come(name: str, /, *parts: str, **changed: Any) -> Case:
        records = {"riskset": {**head, "parts": len(parts), **changed}}
        records |= {f"part-{n}": {"data": data} for n, data in enumerate(parts)}
        given = {"program": head["program"], "limit": LIMIT, "records": records}
        return case(name, "12.8", "read-record", **given)

    return [
        made("the record of an offer", pack_offer(offer(OFFICE, FRESH_OFFICE))),
        made("the record of an answer", accepted),
        made("a record that holds nothing", Parcel(Kind.UNKNOWN)),
        come("a record"),
        come("a record in three", "aa", "bb"),
        come("of another version", wire=1),
        come("of another program", program="another"),
        come("of no kind that there is", kind="code"),
        come("more than is taken", data="00" * (LIMIT + 1)),
        come("more than is taken, in parts", "00" * LIMIT),
        come("parts that are not there", parts=1),
        come("parts that were not announced", "aa", parts=0),
        come("fewer than no parts", parts=-1),
    ]
