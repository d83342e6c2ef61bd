"""A login at a coordinator whose key was replaced: what it has to show, and who has to say so.

What rosters prove is `tests/protocol/governance/test_succession.py`'s; here it is what passes
between the two ends of a line.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from coordinator.carriers.join import Joined, Joining
from protocol.canonical import digest
from protocol.governance.chain import next_version, signed_roster
from protocol.governance.federation import Federation
from protocol.governance.identity import SignatureError, identity_public
from protocol.governance.roster import FIRST, Member, Roster, RosterError
from protocol.governance.signed import SignedRoster
from site_node.carriers.errors import InterceptedError
from site_node.carriers.events import Connected, Down
from site_node.carriers.grpc import visit
from site_node.carriers.joining import join
from site_node.carriers.session import Credentials
from site_node.doctor.way import Way
from tests.federation.carriers.test_joining import INVITATION, NEWCOMER, federation, invited
from tests.federation.carriers.world import (
    OFFICE,
    SITES,
    Heard,
    dialling,
    key_of,
    now,
    port,
    seed,
    trust,
)

AUTHORITY = digest("tests", "roster authority")
OLD, NEW = identity_public(digest("tests", "old office")), identity_public(OFFICE)
ME = Credentials(SITES[0], seed(SITES[0]), OLD, "1.0")
TRUSTED = replace(federation(), coordinator=OLD)

Succeeded = tuple[bytes, Sequence[SignedRoster]]


def chain(signer: bytes = AUTHORITY) -> tuple[SignedRoster, ...]:
    """Two versions of a roster; the second, by a signer, has the coordinator's new key."""
    members = tuple(Member(site, f"Spital {site}", key_of(site) or b"") for site in SITES)
    begins, ends = "2020-01-01", "2090-01-01"
    first = Roster(TRUSTED.name, "crlm", 1, FIRST, begins, ends, members, OLD)
    second = next_version(first, members, not_before=begins, expires=ends, coordinator=NEW)
    return signed_roster(first, AUTHORITY), signed_roster(second, signer)


def showing(rosters: Sequence[SignedRoster]) -> Any:
    return port(hooks={"succession": lambda: rosters})


def test_one_who_goes_by_the_old_key_is_shown_who_replaced_it() -> None:
    told: Heard[Succeeded] = Heard()
    with (
        showing(chain()) as coordinator,
        dialling(coordinator.where, me=ME, succeed=lambda *shown: told(shown)) as site,
    ):
        site.until_connected()
    assert told.all == ((NEW, chain()),)


def test_one_who_goes_by_the_new_key_is_shown_nothing() -> None:
    told: Heard[Succeeded] = Heard()
    me = replace(ME, coordinator=NEW)
    with (
        showing(chain()) as coordinator,
        dialling(coordinator.where, me=me, succeed=lambda *shown: told(shown)) as site,
    ):
        site.until_connected()
    assert told.all == ()


def test_a_coordinator_without_rosters_that_say_so_is_another() -> None:
    with showing(()) as coordinator, dialling(coordinator.where, me=ME) as site:
        down: Down = site.events.until_a(Down)
        assert isinstance(down.error, InterceptedError)
        assert not any(isinstance(event, Connected) for event in site.events.all)


def test_a_hospital_that_is_not_convinced_leaves() -> None:
    def doubts(_: bytes, rosters: Sequence[SignedRoster]) -> None:
        raise RosterError(f"{len(rosters)} rosters, and none convinces")

    with (
        showing(chain()) as coordinator,
        dialling(coordinator.where, me=ME, succeed=doubts) as site,
    ):
        down: Down = site.events.until_a(Down)
        assert str(down.error) == "2 rosters, and none convinces"
        assert not any(isinstance(event, Connected) for event in site.events.all)


def test_a_visit_that_shows_that_logins_work_follows_too() -> None:
    told: Heard[Succeeded] = Heard()
    with showing(chain()) as coordinator:
        visit(Way(coordinator.where), trust(), ME, 20, lambda *shown: told(shown))
        with pytest.raises(InterceptedError):
            visit(Way(coordinator.where), trust(), ME, 20)
    assert [key for key, _ in told.all] == [NEW]


def test_a_stranger_is_not_shown_who_takes_part() -> None:
    """Rosters name hospitals: they go to those who have shown that they are one."""
    told: Heard[Succeeded] = Heard()
    stranger = replace(ME, seed=seed("nobody"))
    with (
        showing(chain()) as coordinator,
        dialling(coordinator.where, me=stranger, succeed=lambda *shown: told(shown)) as site,
    ):
        down: Down = site.events.until_a(Down)
        assert down.error.code == "turned-away"
    assert told.all == ()


def joins(shown: Callable[[], Sequence[SignedRoster]]) -> Federation:
    joined: Heard[Joined] = Heard()
    joining = Joining(TRUSTED.to_bytes(), invited(), joined, shown)
    with port(joining=joining) as coordinator:
        return join(Way(coordinator.where), INVITATION, NEWCOMER, lambda _: True, now)


def test_a_newcomer_takes_a_receipt_of_the_new_key() -> None:
    """It keeps the file that people compared; who follows it is shown again at its login."""
    assert joins(chain) == TRUSTED


def test_a_newcomer_takes_no_receipt_of_somebody_else() -> None:
    with pytest.raises(SignatureError, match="not signed by the coordinating centre"):
        joins(lambda: ())
    with pytest.raises(SignatureError, match="by no key of the authority"):
        joins(lambda: chain(digest("tests", "somebody")))
