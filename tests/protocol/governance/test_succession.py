"""Who the coordinator is once its key was replaced: by rosters, and in no other way (SPEC 2.8)."""

from datetime import UTC, datetime

import pytest

from protocol.governance.chain import Newest, next_version, require_current, require_succession
from protocol.governance.federation import coordinator_key
from protocol.governance.identity import SignatureError, identity_public
from protocol.governance.roster import Roster, RosterError
from protocol.governance.signed import SignedRoster
from tests.protocol.governance.parties import FEDERATION, after, roster, seed, signed

OLD, NEW, NEWEST = FEDERATION.coordinator, *(identity_public(seed(s)) for s in ("new", "newest"))
NOW = datetime(2030, 6, 1, tzinfo=UTC)

FIRST = roster()
SECOND = after(FIRST, coordinator=NEW, not_before="2030-02-01")
THIRD = after(SECOND, coordinator=NEWEST, not_before="2030-03-01")
LATE = roster(study="later", not_before="2030-04-01")
"""A study that begins after the change: its first roster has the key of the federation's file."""


def seen(*rosters: Roster) -> Newest:
    return {(one.federation, one.study): one for one in rosters}


def succeeds(chain: list[Roster], key: bytes, newest: Newest) -> Roster:
    return require_succession(signed(*chain), FEDERATION, key, now=NOW, newest=newest)


@pytest.mark.parametrize(
    ("rosters", "key"),
    [
        ([], OLD),
        ([FIRST], OLD),
        ([SECOND], NEW),
        ([THIRD], NEWEST),
        ([SECOND, LATE], NEW),
        ([LATE, SECOND], NEW),
        ([after(LATE, coordinator=NEW, not_before="2030-02-15"), THIRD], NEWEST),
    ],
)
def test_the_latest_roster_that_replaces_the_key_says_which_it_is(
    rosters: list[Roster], key: bytes
) -> None:
    assert coordinator_key(FEDERATION, rosters) == key


def test_another_studys_roster_with_an_old_key_is_not_current() -> None:
    """Whoever stole the old key holds rosters of other studies that name it."""
    require_current(FIRST, FEDERATION, {})
    require_current(THIRD, FEDERATION, seen(SECOND))
    for stale in (LATE, after(LATE, coordinator=NEW, not_before="2030-02-15")):
        with pytest.raises(RosterError, match=r"of later names a coordinator's key that was repl"):
            require_current(stale, FEDERATION, seen(THIRD))


def test_a_hospital_follows_rosters_to_a_new_key() -> None:
    for newest in ({}, seen(FIRST), seen(SECOND), seen(LATE)):
        assert succeeds([FIRST, SECOND], NEW, newest) == SECOND


@pytest.mark.parametrize(
    ("chain", "key", "newest", "why"),
    [
        ([FIRST, SECOND], NEWEST, {}, "do not name the key that the coordinator showed"),
        ([FIRST], NEW, {}, "do not name the key"),
        ([FIRST, SECOND], NEW, seen(THIRD), "version 3 was seen before"),
        ([LATE], OLD, seen(SECOND), "a coordinator's key that was replaced"),
        ([FIRST, after(SECOND)], NEW, {}, "stands in place 2"),
    ],
)
def test_rosters_that_prove_no_new_key(
    chain: list[Roster], key: bytes, newest: Newest, why: str
) -> None:
    with pytest.raises(RosterError, match=why):
        succeeds(chain, key, newest)


def test_nobody_but_the_authority_replaces_a_key() -> None:
    forged = (*signed(FIRST), SignedRoster(SECOND.to_bytes(), ()))
    with pytest.raises(SignatureError, match="has 0 of the"):
        require_succession(forged, FEDERATION, NEW, now=NOW, newest={})


def test_the_next_version_keeps_the_key_unless_another_is_named() -> None:
    begins, ends = "2030-02-01", "2030-12-01"
    same = next_version(SECOND, SECOND.members, not_before=begins, expires=ends)
    assert same.coordinator == NEW
    changed = next_version(
        SECOND, SECOND.members, not_before=begins, expires=ends, coordinator=NEWEST
    )
    assert (changed.coordinator, changed.version) == (NEWEST, 3)
