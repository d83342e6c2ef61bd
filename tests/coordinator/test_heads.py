"""The coordinator holds the newest head of each ledger, and says who shows an older one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.heads import heads_for, keep_heads
from coordinator.members import keep_roster
from coordinator.store import Store
from protocol.governance.chain import signed_roster
from protocol.governance.heads import LedgerHead
from protocol.governance.identity import identity_public
from protocol.governance.roster import Member, Roster
from protocol.ids import SiteId
from tests.protocol.governance.parties import NOW, after, roster, seed

A, B, C = map(SiteId, "abc")


def head(site: SiteId, lines: int, digest: str = "line", key: str = "") -> LedgerHead:
    return LedgerHead(site, lines, seed(digest)).sign(seed(key or site))


def keep(store: Store, one: Roster) -> None:
    keep_roster(store, signed_roster(one, seed("authority-0"), seed("authority-1")), NOW)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path / 'journal.db'}") as opened:
        keep(opened, roster())
        yield opened


def test_each_hospital_gets_its_own_head_first_and_then_the_others(store: Store) -> None:
    assert heads_for(store, B) == ()
    for site in (A, B, C):
        assert keep_heads(store, site, [head(site, 3)], NOW) == ()
    assert heads_for(store, B) == (head(B, 3), head(A, 3), head(C, 3))
    assert heads_for(store, SiteId("nobody")) == ()


def test_only_what_is_newer_and_well_signed_is_kept(store: Store) -> None:
    keep_heads(store, A, [head(A, 5)], NOW)
    forged = head(A, 9, key="b")
    assert keep_heads(store, A, [forged, head(SiteId("stranger"), 4)], NOW) == ()
    assert heads_for(store, A) == (head(A, 5),)
    keep_heads(store, A, [head(A, 6)], NOW)
    assert heads_for(store, A) == (head(A, 6),)


def test_an_older_ledger_is_told_and_the_newer_head_stays(store: Store) -> None:
    keep_heads(store, A, [head(A, 5)], NOW)
    (told,) = keep_heads(store, A, [head(A, 4)], NOW)
    assert told.startswith("a shows an older ledger than before")
    assert heads_for(store, A) == (head(A, 5),)
    (told,) = keep_heads(store, A, [head(A, 5, "other")], NOW)
    assert told.startswith("a signed two different lines")
    assert heads_for(store, A) == (head(A, 5),)


def test_what_another_hospital_knows_may_be_old_and_may_be_newer(store: Store) -> None:
    """A journal that was set back learns from the others what it had known."""
    keep_heads(store, A, [head(A, 5)], NOW)
    assert keep_heads(store, B, [head(B, 2), head(A, 4)], NOW) == ()
    keep_heads(store, B, [head(A, 8)], NOW)
    assert heads_for(store, A) == (head(A, 8), head(B, 2))


def test_a_new_key_begins_anew(store: Store) -> None:
    keep_heads(store, A, [head(A, 5)], NOW)
    others = tuple(m for m in roster().members if m.id != A)
    renewed = Member(A, "Spital a", identity_public(seed("a again")))
    keep(store, after(roster(), members=(renewed, *others)))
    assert heads_for(store, A) == ()
    assert keep_heads(store, A, [head(A, 2, key="a again")], NOW) == ()
    assert heads_for(store, A) == (head(A, 2, key="a again"),)
