"""What a carrier that others run moves: records of plain values, each of one kind (SPEC 12.8).

A record says its kind and both versions in the open, and whatever else it holds as bytes. Parts
keep a message in pieces that such carriers take in one request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from protocol import PROGRAM_VERSION
from protocol.ids import SiteId, site_id
from protocol.secagg.sealing import Accept, Offer
from protocol.wire.encoding import MessageError

WIRE = 2
"""Version of these records."""

PART_BYTES = 4 << 20
MOST_PARTS = 1024
_HEAD = "riskset"

Plain = str | int | bytes
Records = dict[str, dict[str, Plain]]


class Kind(StrEnum):
    """What a record is."""

    OFFER = "offer"
    ACCEPT = "accept"
    HEADS = "heads"
    """Where ledgers stand: the coordinator tells, and the site shows, before anything is asked."""
    REQUEST = "request"
    REPLY = "reply"
    UNKNOWN = "unknown-session"
    """A site was started anew and has to be offered a session again."""
    DENIED = "denied"
    """A site does not take an offer; its operator is told why, the carrier is not."""


@dataclass(frozen=True)
class Parcel:
    """A record that was read: its kind, and what it holds."""

    kind: Kind
    body: bytes = b""


class OtherVersionError(MessageError):
    """The other end has another version."""

    code = "other-version"
    fix = "let both ends use the same version of riskset"


def pack(parcel: Parcel) -> Records:
    """Write a parcel as records."""
    parts = [parcel.body[i : i + PART_BYTES] for i in range(0, len(parcel.body), PART_BYTES)]
    first, *further = parts or [b""]
    head: dict[str, Plain] = {
        "wire": WIRE,
        "program": PROGRAM_VERSION,
        "kind": str(parcel.kind),
        "parts": len(further),
        "data": first,
    }
    return {_HEAD: head, **{_part(n): {"data": part} for n, part in enumerate(further)}}


def unpack(records: Mapping[str, Mapping[str, object]], limit_bytes: int) -> Parcel:
    """Read a parcel of at most `limit_bytes`.

    Raises
    ------
    MessageError
        If the records are none of ours, or the parcel is larger.
    OtherVersionError
        If the other end has another version.
    """
    head = records.get(_HEAD, {})
    if head.get("wire") != WIRE or head.get("program") != PROGRAM_VERSION:
        raise OtherVersionError("the other end has another version of riskset, or is none")
    parts = head.get("parts")
    if not isinstance(parts, int) or not 0 <= parts <= MOST_PARTS or len(records) != 1 + parts:
        raise MessageError("a record announces other parts than it has (SPEC 12.8)")
    all_parts = [head, *(records.get(_part(n), {}) for n in range(parts))]
    data = [part.get("data") for part in all_parts]
    body = b"".join(piece for piece in data if isinstance(piece, bytes))
    if not all(isinstance(piece, bytes) for piece in data) or len(body) > limit_bytes:
        raise MessageError(f"a record lacks bytes, or has more than {limit_bytes} (SPEC 12.8)")
    try:
        return Parcel(Kind(str(head.get("kind"))), body)
    except ValueError:
        raise MessageError("a record is of no known kind (SPEC 12.8)") from None


def pack_offer(said: Offer) -> Parcel:
    """Write an offer as a parcel."""
    return Parcel(Kind.OFFER, said.ephemeral + said.signature)


def read_offer(parcel: Parcel) -> Offer:
    """Read an offer.

    Raises
    ------
    MessageError
        If it has not the size of one.
    """
    if parcel.kind is not Kind.OFFER or len(parcel.body) != 96:
        raise MessageError("a record is no offer of a session (SPEC 12.8)")
    return Offer(parcel.body[:32], parcel.body[32:])


def pack_accept(said: Accept) -> Parcel:
    """Write the answer to an offer as a parcel."""
    return Parcel(Kind.ACCEPT, said.ephemeral + said.signature + said.site.encode())


def read_accept(parcel: Parcel) -> Accept:
    """Read the answer to an offer.

    Raises
    ------
    MessageError
        If it has not the size of one, or names no site.
    """
    if parcel.kind is not Kind.ACCEPT or not 96 < len(parcel.body) <= 160:
        raise MessageError("a record is no answer to an offer (SPEC 12.8)")
    try:
        site: SiteId = site_id(parcel.body[96:].decode("ascii"))
    except ValueError:
        raise MessageError("the answer to an offer names no site (SPEC 12.8)") from None
    return Accept(site, parcel.body[:32], parcel.body[32:96])


def _part(number: int) -> str:
    return f"part-{number}"
