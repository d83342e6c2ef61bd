"""Rosters, invitations, join requests and presence, as the coordinator keeps them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from coordinator.members import (
    JoinError,
    JoinState,
    Presence,
    clear_presence,
    decide_join,
    find_invitation,
    identity_of,
    keep_invitation,
    keep_join,
    keep_roster,
    kept_invitations,
    kept_joins,
    kept_presence,
    kept_rosters,
    set_presence,
)
from coordinator.store import Store
from protocol.governance.chain import signed_roster as signed
from protocol.governance.federation import party_words
from protocol.governance.identity import identity_public
from protocol.governance.invitation import Denial, Invitation, InvitationError
from protocol.governance.roster import Member, Roster, RosterError
from protocol.governance.signed import SignedRoster
from protocol.ids import site_id
from tests.coordinator.hospitals import NOON, identity, signed_roster

SITES = [site_id(f"s{k}") for k in range(4)]
FIRST = Roster.from_bytes(signed_roster(SITES).payload)
INVITATION = Invitation("BASEL", b"fifteen secrets")
KEY, OTHER = identity_public(identity(SITES[0])), identity_public(identity(SITES[1]))
WEEK = timedelta(days=7)


def second(members: tuple[Member, ...] = FIRST.members) -> Roster:
    return replace(FIRST, version=2, prev_digest=FIRST.digest, members=members)


def test_a_chain_of_rosters_comes_back_in_order(store: Store) -> None:
    chain = (signed(FIRST, b"a" * 32), signed(second(), b"a" * 32))
    for one in reversed(chain):
        keep_roster(store, one, NOON)
    assert kept_rosters(store, "small") == chain
    assert kept_rosters(store, "other") == ()


def test_signatures_are_gathered_one_by_one(store: Store) -> None:
    keep_roster(store, signed(FIRST, b"a" * 32), NOON)
    keep_roster(store, signed(FIRST, b"b" * 32), NOON)
    assert kept_rosters(store, "small") == (signed(FIRST, b"a" * 32, b"b" * 32),)


def test_a_version_has_one_content(store: Store) -> None:
    keep_roster(store, signed(FIRST), NOON)
    with pytest.raises(RosterError, match="version 1 of the roster of small"):
        keep_roster(store, signed(replace(FIRST, expires="2041-01-01")), NOON)
    with pytest.raises(RosterError):
        keep_roster(store, SignedRoster(b"no roster", ()), NOON)
    assert kept_rosters(store, "small") == (signed(FIRST),)


def test_a_hospitals_key_is_the_newest_rosters(store: Store) -> None:
    assert identity_of(store, SITES[0]) is None
    keep_roster(store, signed(FIRST), NOON)
    assert identity_of(store, SITES[0]) == KEY
    new = identity_public(bytes(31) + b"n")
    members = (replace(FIRST.members[0], identity=new), *FIRST.members[2:])
    keep_roster(store, signed(second(members)), NOON)
    assert identity_of(store, SITES[0]) == new
    assert identity_of(store, SITES[1]) is None  # it left


def test_an_invitation_lets_one_key_in(store: Store) -> None:
    kept = keep_invitation(store, INVITATION, NOON, NOON + WEEK)
    assert find_invitation(store, INVITATION.id) == kept
    assert find_invitation(store, "unknown") is None
    assert "fifteen secrets" not in repr(kept)
    for _ in range(2):  # its receipt may be lost on the way
        keep_join(store, INVITATION.id, SITES[0], "Basel", identity=KEY, now=NOON)
    with pytest.raises(InvitationError) as told:
        keep_join(store, INVITATION.id, SITES[1], "Bern", identity=OTHER, now=NOON)
    assert told.value.denial is Denial.USED
    (join,) = kept_joins(store)
    assert (join.site, join.identity, join.state) == (SITES[0], KEY, JoinState.WAITING)
    assert join.words == party_words(KEY)
    (used,) = kept_invitations(store)
    assert (used.used, used.used_by) == (NOON, KEY)


def test_an_invitation_runs_out(store: Store) -> None:
    keep_invitation(store, INVITATION, NOON, NOON + WEEK)
    for public_half, now, why in (
        (INVITATION.id, NOON + WEEK, Denial.EXPIRED),
        ("unknown", NOON, Denial.UNKNOWN),
    ):
        with pytest.raises(InvitationError) as told:
            keep_join(store, public_half, SITES[0], "Basel", identity=KEY, now=now)
        assert told.value.denial is why
    assert kept_joins(store) == ()


def test_a_join_request_is_decided_once(store: Store) -> None:
    keep_invitation(store, INVITATION, NOON, NOON + WEEK)
    keep_join(store, INVITATION.id, SITES[0], "Basel", identity=KEY, now=NOON)
    (join,) = kept_joins(store, JoinState.WAITING)
    decide_join(store, join.number, JoinState.ACCEPTED)
    assert kept_joins(store, JoinState.WAITING) == ()
    assert [one.state for one in kept_joins(store)] == [JoinState.ACCEPTED]
    with pytest.raises(JoinError, match="waits for a decision"):
        decide_join(store, join.number, JoinState.DECLINED)


def test_presence_is_what_was_told_last(store: Store) -> None:
    came = Presence(SITES[0], True, NOON, "192.0.2.7", "1.0")
    set_presence(store, came)
    set_presence(store, replace(came, connected=False, since=NOON + WEEK))
    set_presence(store, replace(came, site=SITES[1]))
    assert kept_presence(store)[SITES[0]].since == NOON + WEEK
    clear_presence(store, NOON + 2 * WEEK)
    there = kept_presence(store)
    assert {one.connected for one in there.values()} == {False}
    assert there[SITES[0]].since == NOON + WEEK
    assert there[SITES[1]].since == NOON + 2 * WEEK
