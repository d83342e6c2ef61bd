"""A node's ledger is held up to what others remember of it, at every login (SPEC 2.11, 13.12)."""

import shutil
from pathlib import Path

import pytest

from protocol.governance.heads import LedgerHead
from protocol.ids import SiteId
from protocol.requests import Refusal
from site_node.ledger import Kind
from tests.protocol.governance.parties import seed
from tests.site_node.office import drive
from tests.site_node.town import House, Town, town

A, B = SiteId("a"), SiteId("b")


def first(place: Town) -> House:
    return next(iter(place.houses.values()))


def own(house: House) -> LedgerHead:
    head, *_ = house.node.greet(())
    assert head.site == house.config.site
    return head


def kinds(house: House) -> list[Kind]:
    with house.ledger() as ledger:
        return [line.kind for line in ledger.lines()]


def test_an_empty_ledger_shows_nothing(tmp_path: Path) -> None:
    made = town(tmp_path, approved=False)
    assert first(made).node.greet(()) == ()
    made.close()


def test_a_node_shows_the_last_line_and_knows_its_own_again(place: Town) -> None:
    drive(place).go(2)
    house = first(place)
    before = own(house)
    drive(place, "another").go(1)
    after = own(house)
    assert after.lines > before.lines
    house.node.greet([before, after])
    assert Kind.EVIDENCE not in kinds(house)


def test_an_older_copy_stops_before_it_answers_anything(place: Town, tmp_path: Path) -> None:
    drive(place).go(1)
    house = first(place)
    house.stop()
    copy = tmp_path / "copy"
    shutil.copytree(house.folder.path, copy)
    running = drive(place, "another").go(2)
    newest = own(house)
    house.stop()
    shutil.rmtree(house.folder.path)
    shutil.copytree(copy, house.folder.path)
    assert house.node.greet([newest]) == ()  # what it shows would be taken for the newer one
    said = house.ask(running.request)
    assert isinstance(said, Refusal)
    assert said.code == "ledger-rollback"
    house.stop()
    with pytest.raises(Exception, match="not in its ledger"):
        house.node.greet(())
    with house.ledger() as ledger:
        (line,) = ledger.lines(None, Kind.EVIDENCE)
    assert newest.signature in (line.body or b"")


def test_nobody_else_can_stop_a_node(place: Town) -> None:
    drive(place).go(1)
    house = first(place)
    site = house.config.site
    forged = LedgerHead(site, 1000, seed("line")).sign(seed("somebody"))
    others = LedgerHead(SiteId("nobody"), 1000, seed("line")).sign(seed(site))
    assert house.node.greet([forged, others])[0].site == site
    assert kinds(house) == [Kind.PROPOSED, Kind.DECIDED, Kind.OPENED]


def test_newer_heads_of_others_are_kept_and_shown(place: Town) -> None:
    drive(place).go(1)
    house, *others = place.houses.values()
    names = [other.config.site for other in others]
    told = [LedgerHead(name, 5, seed("five")).sign(seed(name)) for name in names]
    assert house.node.greet(told)[1:] == tuple(told)
    older = LedgerHead(names[0], 4, seed("four")).sign(seed(names[0]))
    newer = LedgerHead(names[1], 6, seed("six")).sign(seed(names[1]))
    forged = LedgerHead(names[0], 9, seed("nine")).sign(seed("somebody"))
    assert house.node.greet([older, newer, forged])[1:] == (told[0], newer)
    house.stop()
    assert house.node.greet(())[1:] == (told[0], newer)


def test_two_ledgers_under_one_key_are_evidence(place: Town) -> None:
    drive(place).go(1)
    house, other, *_ = place.houses.values()
    name = other.config.site
    one, two = (LedgerHead(name, 5, seed(w)).sign(seed(name)) for w in ("one", "two"))
    house.node.greet([one])
    house.node.greet([two])
    house.node.greet([two])
    assert f"{name} signed two different lines" in house.log.getvalue()
    with house.ledger() as ledger:
        (line,) = ledger.lines(None, Kind.EVIDENCE)
    assert one.signature in (line.body or b"")
    assert two.signature in (line.body or b"")
