"""A sealed session keeps what it carries from its carrier, and shows every change by it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.canonical import digest, lp
from protocol.governance.identity import SignatureError, identity_public, sign
from protocol.ids import SiteId
from protocol.secagg.keys import KeyExchangeError, ephemeral_public
from protocol.secagg.sealing import (
    WINDOW,
    Accept,
    SealError,
    Seen,
    Session,
    accept,
    accepted,
    offer,
)

SITE = SiteId("lyon")


def seed(name: str) -> bytes:
    return digest("tests", "sealing", name)


OFFICE, LYON = seed("office"), seed("lyon")
OFFICE_KEY, LYON_KEY = identity_public(OFFICE), identity_public(LYON)
FRESH_OFFICE, FRESH_SITE = seed("fresh office"), seed("fresh site")


def both() -> tuple[Session, Session]:
    said, at_site = accept(offer(OFFICE, FRESH_OFFICE), OFFICE_KEY, SITE, LYON, FRESH_SITE)
    return accepted(said, FRESH_OFFICE, LYON_KEY, OFFICE_KEY), at_site


def answer() -> Accept:
    return accept(offer(OFFICE, FRESH_OFFICE), OFFICE_KEY, SITE, LYON, FRESH_SITE)[0]


def test_both_ends_have_the_same_keys_and_read_each_other() -> None:
    office, site = both()
    assert office == site
    assert site.open_request(office.seal_request(7, b"question")) == (7, b"question")
    assert office.open_reply(site.seal_reply(7, b"answer")) == (7, b"answer")


def test_known_bytes() -> None:
    """Worked out once with the clause beside it: a change here is one on the wire."""
    office, _ = both()
    assert office.id.hex() == KNOWN_ID
    assert office.seal_request(1, b"question").hex() == KNOWN_ID + KNOWN_REQUEST
    assert office.seal_reply(1, b"answer").hex() == KNOWN_ID + KNOWN_REPLY


def test_the_carrier_sees_no_byte_of_it() -> None:
    office, _ = both()
    assert b"question" not in office.seal_request(1, b"question")
    assert office.seal_request(1, b"same") != office.seal_request(2, b"same")
    assert "key" not in repr(office)
    assert office.to_site.hex() not in repr(office)


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7))
@settings(max_examples=40)
def test_every_changed_bit_shows(place: int, bit: int) -> None:
    office, site = both()
    sealed = bytearray(office.seal_request(1, b"question"))
    sealed[place % len(sealed)] ^= 1 << bit
    with pytest.raises(SealError):
        site.open_request(bytes(sealed))


def test_a_cut_message_shows() -> None:
    office, site = both()
    sealed = office.seal_request(1, b"question")
    for length in range(len(sealed)):
        with pytest.raises(SealError):
            site.open_request(sealed[:length])


def test_a_message_sent_back_is_no_reply() -> None:
    office, site = both()
    with pytest.raises(SealError):
        office.open_reply(office.seal_request(1, b"question"))
    with pytest.raises(SealError):
        site.open_request(site.seal_reply(1, b"answer"))


def test_a_message_of_another_session_is_none() -> None:
    _, site = both()
    again, other = accept(offer(OFFICE, seed("again")), OFFICE_KEY, SITE, LYON, FRESH_SITE)
    assert accepted(again, seed("again"), LYON_KEY, OFFICE_KEY) == other
    with pytest.raises(SealError, match="another session"):
        site.open_request(other.seal_request(1, b"question"))


def test_an_offer_of_somebody_else_is_not_taken() -> None:
    with pytest.raises(SignatureError, match="the coordinator"):
        accept(offer(LYON, FRESH_OFFICE), OFFICE_KEY, SITE, LYON, FRESH_SITE)
    mixed = replace(offer(OFFICE, FRESH_OFFICE), ephemeral=ephemeral_public(seed("theirs")))
    with pytest.raises(SignatureError):
        accept(mixed, OFFICE_KEY, SITE, LYON, FRESH_SITE)


CHANGES: list[Callable[[Accept], Accept]] = [
    lambda said: replace(said, site=SiteId("basel")),
    lambda said: replace(said, ephemeral=ephemeral_public(seed("theirs"))),
    lambda said: replace(said, signature=bytes(64)),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_answer_is_not_taken(change: Callable[[Accept], Accept]) -> None:
    with pytest.raises(SignatureError):
        accepted(change(answer()), FRESH_OFFICE, LYON_KEY, OFFICE_KEY)


def test_an_answer_is_to_one_offer_of_one_coordinator() -> None:
    with pytest.raises(SignatureError):
        accepted(answer(), seed("another offer"), LYON_KEY, OFFICE_KEY)
    with pytest.raises(SignatureError):
        accepted(answer(), FRESH_OFFICE, LYON_KEY, identity_public(seed("another office")))


def test_an_insider_gains_nothing_by_signing_anothers_fresh_key() -> None:
    """Its name is in the keys, so what one end seals the other cannot open."""
    basel, said = SiteId("basel"), answer()
    signed = ("seal-accept", basel, said.ephemeral, ephemeral_public(FRESH_OFFICE), OFFICE_KEY)
    stolen = Accept(basel, said.ephemeral, sign(seed("basel"), *signed))
    office = accepted(stolen, FRESH_OFFICE, identity_public(seed("basel")), OFFICE_KEY)
    _, site = both()
    with pytest.raises(SealError):
        site.open_request(site.id + office.seal_request(1, b"question")[len(site.id) :])


def test_fresh_keys_of_low_order_are_refused() -> None:
    low = (1).to_bytes(32, "little")
    bad = replace(
        offer(OFFICE, FRESH_OFFICE), ephemeral=low, signature=sign(OFFICE, "seal-offer", low)
    )
    with pytest.raises(KeyExchangeError):
        accept(bad, OFFICE_KEY, SITE, LYON, FRESH_SITE)
    signed = ("seal-accept", SITE, low, ephemeral_public(FRESH_OFFICE), OFFICE_KEY)
    with pytest.raises(KeyExchangeError):
        accepted(Accept(SITE, low, sign(LYON, *signed)), FRESH_OFFICE, LYON_KEY, OFFICE_KEY)


@given(st.lists(st.integers(min_value=0, max_value=3 * WINDOW), max_size=60))
@settings(max_examples=60)
def test_no_number_is_taken_twice(numbers: list[int]) -> None:
    """As a set of all that were taken would have it, but for what is too old to tell."""
    seen, taken = Seen(), {0}
    for number in numbers:
        fresh = number not in taken and number > max(taken) - WINDOW
        if fresh:
            seen = seen.take(number)
            taken.add(number)
        else:
            with pytest.raises(SealError):
                seen.take(number)
    assert seen.highest == max(taken)


def test_the_parts_of_what_is_sealed_cannot_run_into_each_other() -> None:
    assert lp("seal-request", b"x") != lp("seal-reply", b"x")


KNOWN_ID = "791d8e7200ce2f77acdc9c5347e454fbbf78ee663a3ef0e3226a5bedb847cc1a"
KNOWN_REQUEST = "0000000000000001379fa8f3ec5c82dd0f10be5c3d52a58bd47acecc20d64626"
KNOWN_REPLY = "0000000000000001692483877c496b0cdf49ee6e8e5ce537a68645c0418b"
