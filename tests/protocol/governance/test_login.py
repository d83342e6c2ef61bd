"""A login is worth something on its own connection, for its own parties, and nowhere else."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from protocol.governance.identity import SignatureError, identity_public
from protocol.governance.login import Login, LoginError
from protocol.ids import SiteId
from tests.protocol.governance.parties import FEDERATION, seed

OFFICE = FEDERATION.coordinator
LOGIN = Login(SiteId("a"), seed("site nonce"), seed("office nonce"))

OTHERS: list[Callable[[Login], Login]] = [
    lambda login: replace(login, site=SiteId("b")),
    lambda login: replace(login, site_nonce=seed("another")),
    lambda login: replace(login, office_nonce=seed("another")),
    lambda login: replace(login, site_nonce=login.office_nonce, office_nonce=login.site_nonce),
]


def test_both_sides_know_each_other() -> None:
    LOGIN.require_office(OFFICE, LOGIN.challenge(seed("office")))
    LOGIN.require_site(identity_public(seed("a")), OFFICE, LOGIN.prove(seed("a"), OFFICE))


@pytest.mark.parametrize("change", OTHERS)
def test_a_recorded_login_opens_no_other(change: Callable[[Login], Login]) -> None:
    other = change(LOGIN)
    with pytest.raises(SignatureError, match="the coordinator"):
        other.require_office(OFFICE, LOGIN.challenge(seed("office")))
    with pytest.raises(SignatureError, match="login-site"):
        other.require_site(identity_public(seed("a")), OFFICE, LOGIN.prove(seed("a"), OFFICE))


def test_a_proof_for_one_coordinator_opens_no_door_of_another() -> None:
    elsewhere = identity_public(seed("another office"))
    with pytest.raises(SignatureError):
        LOGIN.require_site(identity_public(seed("a")), OFFICE, LOGIN.prove(seed("a"), elsewhere))


def test_neither_side_can_send_back_what_the_other_signed() -> None:
    with pytest.raises(SignatureError):
        LOGIN.require_site(OFFICE, OFFICE, LOGIN.challenge(seed("office")))
    with pytest.raises(SignatureError):
        LOGIN.require_office(identity_public(seed("a")), LOGIN.prove(seed("a"), OFFICE))


@pytest.mark.parametrize("size", [0, 1, 31, 33, 64])
@pytest.mark.parametrize("part", ["site_nonce", "office_nonce"])
def test_a_nonce_has_32_bytes(part: str, size: int) -> None:
    with pytest.raises(LoginError, match="32 bytes"):
        replace(LOGIN, **cast("Any", {part: bytes(size)}))


def test_an_echoed_nonce_is_refused() -> None:
    with pytest.raises(LoginError, match="our own nonce"):
        replace(LOGIN, office_nonce=LOGIN.site_nonce)
