"""Every message of a real run survives its bytes, and no other bytes are read."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.governance.signed import Consent, SignedRoster
from protocol.ids import site_id
from protocol.plan.digest import canonical
from protocol.requests import Abort, Advance, ClosedTrip, Done, Finish, OpenRun, Refusal, Said
from protocol.secagg.envelope import Envelope
from protocol.secagg.messages import KeyShare
from protocol.wire import codec
from protocol.wire.encoding import MessageError
from tests.federation.table import Closing, answered, gathered, short_plan

H1 = site_id("H1")
OPEN = OpenRun(
    run_id=bytes(range(16)),
    plan=canonical(short_plan()),
    rosters=(SignedRoster(b"roster", ((b"k" * 32, b"s" * 64), (b"l" * 32, b"t" * 64))),),
    epoch=1,
    scheme="A",
    suite=1,
    program="1",
    consents=(Consent(H1, b"c" * 64),),
    signature=b"o" * 64,
)
SHARES = (KeyShare(H1, b"e" * 32, b"s" * 64),)
SEALED = Envelope(H1, b"e" * 32, b"sealed")
DONE = Done(H1, b"x" * 32, "finished", b"c" * 32, (b"q" * 16, b"r" * 16), b"s" * 64)
REFUSAL = Refusal(H1, b"", b"r" * 32, "local-policy", b"s" * 64)


@cache
def closing() -> Closing:
    return answered(gathered(short_plan()))


def requests() -> list[bytes]:
    asked = gathered(short_plan()).office.request("2030-01-01")
    closed = ClosedTrip(closing().closed.result, closing().uploads)
    every = (OPEN, Advance(SHARES, asked), Advance(closed, asked), Finish(closed), Abort(b"x" * 32))
    return [codec.encode_request(request) for request in every]


def replies() -> list[bytes]:
    every: tuple[Said, ...] = (SHARES[0], DONE, REFUSAL, SEALED, *closing().replies.values())
    return [codec.encode_reply(said) for said in every]


def test_a_request_survives_its_bytes() -> None:
    for raw in requests():
        assert codec.encode_request(codec.decode_request(raw)) == raw


def test_values_come_back_equal() -> None:
    assert codec.decode_request(codec.encode_request(OPEN)) == OPEN
    assert codec.decode_reply(codec.encode_reply(DONE)) == DONE
    for said in closing().replies.values():
        assert codec.decode_reply(codec.encode_reply(said)) == said
    result = closing().closed.result
    assert codec.decode_result(codec.encode_result(result)) == result
    assert codec.decode_shares(codec.encode_shares(SHARES)) == SHARES


@pytest.mark.parametrize("more", [b"\x00", b"\xf8\x07\x01", b"\x0a"])
def test_bytes_behind_a_message_are_refused(more: bytes) -> None:
    for raw in requests():
        with pytest.raises(MessageError):
            codec.decode_request(raw + more)


def test_another_encoding_of_the_same_value_is_refused() -> None:
    # Field 4 (abort), length 36 as a padded varint: protobuf reads it, we do not.
    raw = codec.encode_request(Abort(b"x" * 32))
    padded = raw[:1] + bytes([raw[1] | 0x80, 0]) + raw[2:]
    with pytest.raises(MessageError, match="one encoding"):
        codec.decode_request(padded)


@settings(max_examples=200)
@given(st.data())
def test_changed_bytes_are_refused_or_another_message(data: st.DataObject) -> None:
    """Whatever a carrier does to bytes, reading them ends in a value of its own or our error."""
    every: list[tuple[bytes, Callable[[bytes], Any], Callable[[Any], bytes]]]
    every = [(raw, codec.decode_request, codec.encode_request) for raw in requests()]
    every += [(raw, codec.decode_reply, codec.encode_reply) for raw in replies()]
    raw, decode, encode = data.draw(st.sampled_from(every))
    place = data.draw(st.integers(0, min(len(raw), 300) - 1))
    flipped = raw[:place] + bytes([raw[place] ^ data.draw(st.integers(1, 255))]) + raw[place + 1 :]
    for other in (flipped, raw[:place]):
        try:
            value = decode(other)
        except MessageError:
            continue
        assert encode(value) == other


@given(st.binary(min_size=1, max_size=64).filter(lambda raw: raw[0] > 0x2A))
def test_noise_is_refused(raw: bytes) -> None:
    for decode in (codec.decode_request, codec.decode_reply):
        with pytest.raises(MessageError):
            decode(raw)


def test_an_advance_needs_one_reason() -> None:
    asked = gathered(short_plan()).office.request("2030-01-01")
    with pytest.raises(MessageError):
        codec.decode_request(codec.encode_request(Advance((), asked)))
