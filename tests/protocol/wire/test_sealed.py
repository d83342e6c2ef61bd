"""Records that a carrier of others moves are read strictly, and only as what they are."""

import pytest

from protocol.ids import SiteId
from protocol.secagg.sealing import Accept, Offer
from protocol.wire.encoding import MessageError
from protocol.wire.sealed import (
    PART_BYTES,
    Kind,
    OtherVersionError,
    Parcel,
    Records,
    pack,
    pack_accept,
    pack_offer,
    read_accept,
    read_offer,
    unpack,
)

LIMIT = 3 * PART_BYTES


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, PART_BYTES + 1, LIMIT])
def test_a_parcel_of_any_size_comes_whole(size: int) -> None:
    parcel = Parcel(Kind.REPLY, bytes(size))
    records = pack(parcel)
    assert unpack(records, LIMIT) == parcel
    data = [part["data"] for part in records.values()]
    assert all(isinstance(piece, bytes) and len(piece) <= PART_BYTES for piece in data)


def test_a_parcel_above_the_limit_is_refused() -> None:
    with pytest.raises(MessageError, match="more than 10"):
        unpack(pack(Parcel(Kind.REPLY, bytes(11))), 10)


@pytest.mark.parametrize(
    ("key", "value"), [("wire", 1), ("program", "another"), ("wire", None), ("program", 1)]
)
def test_another_version_is_told(key: str, value: object) -> None:
    records: dict[str, dict[str, object]] = {"riskset": {**pack(Parcel(Kind.OFFER))["riskset"]}}
    records["riskset"][key] = value
    with pytest.raises(OtherVersionError, match="another version"):
        unpack(records, LIMIT)


def test_somebody_elses_records_are_refused() -> None:
    with pytest.raises(OtherVersionError):
        unpack({"arrays": {"data": b"x"}}, LIMIT)


@pytest.mark.parametrize(
    ("key", "value"),
    [("kind", "code"), ("parts", 1), ("parts", -1), ("parts", "0"), ("data", "text"), ("data", 1)],
)
def test_a_malformed_record_is_refused(key: str, value: object) -> None:
    records: dict[str, dict[str, object]] = {"riskset": {**pack(Parcel(Kind.REPLY))["riskset"]}}
    records["riskset"][key] = value
    with pytest.raises(MessageError):
        unpack(records, LIMIT)


def test_parts_are_all_there_and_no_more() -> None:
    records: Records = pack(Parcel(Kind.REPLY, bytes(PART_BYTES + 1)))
    with pytest.raises(MessageError):
        unpack({"riskset": records["riskset"]}, LIMIT)
    with pytest.raises(MessageError):
        unpack({**records, "part-1": records["part-0"]}, LIMIT)
    with pytest.raises(MessageError):
        unpack({"riskset": records["riskset"], "part-1": records["part-0"]}, LIMIT)


def test_offers_and_answers() -> None:
    offer = Offer(b"e" * 32, b"s" * 64)
    accept = Accept(SiteId("lyon"), b"e" * 32, b"s" * 64)
    assert read_offer(pack_offer(offer)) == offer
    assert read_accept(pack_accept(accept)) == accept


@pytest.mark.parametrize(
    "body", [b"", bytes(95), bytes(97), bytes(96) + b"no site", bytes(96) + b"\xff", bytes(200)]
)
def test_malformed_offers_and_answers_are_refused(body: bytes) -> None:
    with pytest.raises(MessageError):
        read_offer(Parcel(Kind.OFFER, body))
    with pytest.raises(MessageError):
        read_accept(Parcel(Kind.ACCEPT, body))
    with pytest.raises(MessageError):
        read_accept(Parcel(Kind.OFFER, bytes(96) + b"lyon"))
