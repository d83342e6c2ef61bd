"""Joining, with and without somebody in the middle."""

from dataclasses import replace
from typing import Any

import pytest

from protocol.errors import Exit
from protocol.governance.federation import Federation, TrustError
from protocol.governance.identity import SignatureError, identity_public
from protocol.governance.invitation import SECRET_SIZE, Denial, Invitation, InvitationError
from protocol.governance.joining import Handshake, InterceptedError, trust
from protocol.governance.tls import (
    CertificateError,
    leaf_fingerprint,
    make_authority,
    make_server_certificate,
)
from protocol.ids import SiteId
from tests.protocol.governance.parties import CA, CA_KEY, FEDERATION, NOW, seed

INVITATION = Invitation("BASEL", seed("invitation")[:SECRET_SIZE])
SECRET = INVITATION.secret
LEAF = make_server_certificate((CA_KEY, CA), ["localhost"], seed("server"), NOW)[1]
SEEN = Handshake(
    INVITATION.id,
    seed("site nonce"),
    seed("centre nonce"),
    SiteId("basel"),
    "Universitätsspital Basel",
    identity_public(seed("basel")),
    FEDERATION.to_bytes(),
    leaf_fingerprint(LEAF),
)


def test_both_sides_saw_the_same() -> None:
    assert trust(SEEN, SECRET, SEEN.centre_code(SECRET), LEAF) == FEDERATION
    SEEN.require_site(SECRET, SEEN.site_code(SECRET), SEEN.prove(seed("basel")))
    SEEN.require_receipt(FEDERATION.coordinator, SEEN.receipt(seed("office")))


FALSE_KEY, FALSE_CA = make_authority("Leberzentren", seed("false ca"), NOW)
FALSE_LEAF = make_server_certificate((FALSE_KEY, FALSE_CA), ["localhost"], seed("mitm"), NOW)[1]
FALSE = replace(FEDERATION, coordinator=identity_public(seed("mitm")), ca_certificate=FALSE_CA)

MIDDLE: list[dict[str, Any]] = [
    {"certificate": leaf_fingerprint(FALSE_LEAF)},
    {"federation": FALSE.to_bytes()},
    {"federation": FALSE.to_bytes(), "certificate": leaf_fingerprint(FALSE_LEAF)},
    {"identity": identity_public(seed("mitm"))},
    {"site": SiteId("bern")},
    {"name": "Inselspital"},
    {"site_nonce": seed("another")},
    {"centre_nonce": seed("another")},
    {"invitation": Invitation("BASEL", bytes(SECRET_SIZE)).id},
]


@pytest.mark.parametrize("changed", MIDDLE)
def test_somebody_in_the_middle_fails_on_both_sides(changed: dict[str, Any]) -> None:
    """Each end makes its code over what it saw; what was exchanged in between shows."""
    hospital, centre = SEEN, replace(SEEN, **changed)
    with pytest.raises(InterceptedError) as caught:
        hospital.require_centre(SECRET, centre.centre_code(SECRET))
    assert caught.value.denial is Denial.CODE
    with pytest.raises(InterceptedError):
        centre.require_site(SECRET, hospital.site_code(SECRET), hospital.prove(seed("basel")))
    assert caught.value.denial is Denial.CODE
    assert caught.value.exit is Exit.TAMPERING


def test_the_middle_cannot_make_codes_for_what_it_changed() -> None:
    """Its own certificate, federation and keys, and every code it could have heard or made."""
    theirs = replace(SEEN, federation=FALSE.to_bytes(), certificate=leaf_fingerprint(FALSE_LEAF))
    heard = SEEN.centre_code(SECRET), SEEN.site_code(SECRET)
    guessed = theirs.centre_code(bytes(SECRET_SIZE)), b"", bytes(32), theirs.digest
    for code in (*heard, *guessed):
        with pytest.raises(InterceptedError):
            trust(theirs, SECRET, code, FALSE_LEAF)


def test_neither_side_can_send_back_the_others_code() -> None:
    with pytest.raises(InterceptedError):
        SEEN.require_site(SECRET, SEEN.centre_code(SECRET), SEEN.prove(seed("basel")))
    with pytest.raises(InterceptedError):
        SEEN.require_centre(SECRET, SEEN.site_code(SECRET))


def test_the_code_comes_before_the_file() -> None:
    """What is no federation is not read before its sender is known."""
    strange = replace(SEEN, federation=b"{")
    with pytest.raises(InterceptedError):
        trust(strange, SECRET, bytes(32), LEAF)
    with pytest.raises(TrustError):
        trust(strange, SECRET, strange.centre_code(SECRET), LEAF)


def test_the_certificate_is_of_the_federations_authority() -> None:
    """A centre that sends its file over another's server: not even with the right code."""
    seen = replace(SEEN, certificate=leaf_fingerprint(FALSE_LEAF))
    with pytest.raises(CertificateError, match="federation's authority"):
        trust(seen, SECRET, seen.centre_code(SECRET), FALSE_LEAF)
    with pytest.raises(CertificateError):
        trust(SEEN, SECRET, SEEN.centre_code(SECRET), FALSE_LEAF)


def test_who_knows_the_code_still_needs_the_key() -> None:
    with pytest.raises(SignatureError, match="basel"):
        SEEN.require_site(SECRET, SEEN.site_code(SECRET), SEEN.prove(seed("mitm")))
    with pytest.raises(SignatureError, match="centre"):
        SEEN.require_receipt(FEDERATION.coordinator, SEEN.receipt(seed("mitm")))
    with pytest.raises(SignatureError):  # a hospital's proof is no centre's receipt
        SEEN.require_receipt(SEEN.identity, SEEN.prove(seed("basel")))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"site_nonce": b""}, "nonce"),
        ({"centre_nonce": bytes(31)}, "nonce"),
        ({"certificate": b""}, "fingerprint"),
        ({"name": ""}, "print"),
        ({"name": "a\x1b[2J"}, "print"),
        ({"name": "x" * 201}, "200"),
        ({"site": "a b"}, "hospital id"),
        ({"identity": bytes(32)}, "binds nobody"),
        ({"identity": b""}, "32 bytes"),
    ],
)
def test_what_comes_over_the_line_is_looked_at(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(InvitationError, match=says) as caught:
        replace(SEEN, **changed)
    assert caught.value.denial is Denial.MESSAGE


def test_a_federation_joined_is_the_file_that_was_signed_for() -> None:
    assert Federation.from_bytes(SEEN.federation).words == FEDERATION.words
