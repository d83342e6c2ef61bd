"""What a hospital trusts has one encoding, and no two parties share a key."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.canonical import Json, canonical_json
from protocol.governance.federation import (
    Federation,
    TrustError,
    party_words,
)
from protocol.governance.identity import identity_public
from protocol.governance.tls import (
    CertificateError,
    certificate_der,
    make_authority,
    make_server_certificate,
)
from protocol.words import same_words
from tests.protocol.governance.parties import CA, CA_KEY, FEDERATION, NOW, seed

TEXT = FEDERATION.to_bytes()
IDENTITY = (1).to_bytes(32, "little")
"""The neutral point, of order 1: 32 bytes under which anybody can sign."""


def test_bytes_and_federation_are_one_to_one() -> None:
    read = Federation.from_bytes(TEXT)
    assert read == FEDERATION
    assert read.digest == FEDERATION.digest


def test_order_of_authorities_and_kind_of_certificate_do_not_matter() -> None:
    other = replace(
        FEDERATION,
        authorities=FEDERATION.authorities[::-1],
        ca_certificate=certificate_der(CA),
    )
    assert other == FEDERATION
    assert other.ca_pem == CA


def test_fingerprint_is_six_words_and_the_whole_digest() -> None:
    said, whole = FEDERATION.fingerprint.split(" ")
    assert whole == FEDERATION.digest.hex()
    assert said == FEDERATION.words
    assert len(said.split("-")) == 6


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "Leberzentrum"},
        {"coordinator": identity_public(seed("other"))},
        {"authorities": (*FEDERATION.authorities, identity_public(seed("other")))},
        {"threshold": 3},
        {"ca_certificate": make_authority("Leberzentren", seed("another"), NOW)[1]},
    ],
)
def test_every_part_is_in_the_words(changed: dict[str, Any]) -> None:
    assert not same_words(replace(FEDERATION, **changed).words, FEDERATION.words)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"name": ""}, "empty"),
        ({"name": "a\nb"}, "does not print"),
        ({"coordinator": b""}, "32 bytes"),
        ({"coordinator": FEDERATION.authorities[0]}, "one key"),
        ({"authorities": FEDERATION.authorities[:1] * 2}, "one key"),
        ({"authorities": (FEDERATION.authorities[0], IDENTITY)}, "binds nobody"),
        ({"authorities": (FEDERATION.authorities[0], b"\xff" * 32)}, "not canonical"),
        ({"authorities": ()}, "threshold"),
        ({"threshold": 0}, "from 1 to the 3"),
        ({"threshold": 4}, "from 1 to the 3"),
        ({"threshold": True}, "whole number"),
    ],
)
def test_rules_are_named_in_the_refusal(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(TrustError, match=says) as caught:
        replace(FEDERATION, **changed)
    assert "telephone" in caught.value.fix


def test_a_certificate_has_to_be_an_authoritys() -> None:
    server = make_server_certificate((CA_KEY, CA), ["x"], seed("x"), NOW)[1]
    with pytest.raises(TrustError, match="issues no others"):
        replace(FEDERATION, ca_certificate=server)
    with pytest.raises(CertificateError, match="no certificate"):
        replace(FEDERATION, ca_certificate=b"-----BEGIN CERTIFICATE-----\nx")


@given(st.binary(max_size=100) | st.recursive(st.none() | st.text(), st.lists).map(canonical_json))
@settings(max_examples=50, deadline=None)
def test_anything_else_is_refused_in_words(raw: bytes) -> None:
    with pytest.raises(TrustError, match=r"SPEC 2\.9"):
        Federation.from_bytes(raw)


@pytest.mark.parametrize("part", json.loads(TEXT))
@pytest.mark.parametrize("wrong", [None, [], {}, 1.5, "zz"])
def test_a_wrong_part_is_refused(part: str, wrong: Json) -> None:
    changed = canonical_json({**json.loads(TEXT), part: wrong})
    if (part, wrong) in (("name", "zz"), ("plan_signers", [])):
        assert Federation.from_bytes(changed).digest != FEDERATION.digest
        return
    with pytest.raises((TrustError, CertificateError)):
        Federation.from_bytes(changed)


@pytest.mark.parametrize("raw", [b" " + TEXT, TEXT.replace(b":", b": "), TEXT[:-1] + b',"x":1}'])
def test_other_bytes_of_the_same_are_refused(raw: bytes) -> None:
    with pytest.raises(TrustError, match="one encoding"):
        Federation.from_bytes(raw)


def test_a_key_is_known_by_six_words() -> None:
    assert len(party_words(identity_public(seed("a"))).split("-")) == 6
    assert party_words(identity_public(seed("a"))) != party_words(identity_public(seed("b")))
