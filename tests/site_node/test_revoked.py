"""A newer roster that takes somebody back ends open runs with them; one that adds does not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protocol.governance.identity import identity_public
from protocol.governance.roster import Member, Roster
from protocol.ids import SiteId
from protocol.requests import Done, Finish, Propose, Refusal, Request
from protocol.secagg.messages import KeyShare, Reply
from site_node.deciding import proposal_item
from site_node.inbox import leave
from site_node.points import Point
from tests.federation.cohorts import clinics
from tests.protocol.governance.parties import after, member, seed
from tests.site_node.office import Drive, drive
from tests.site_node.town import House, Killed, approve, proposal, signed, town

S0 = SiteId("s0")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Drive]:
    """A run of four hospitals, after its first trip."""
    made = town(tmp_path, cohorts=clinics(4, 40))
    yield drive(made).go(3)
    made.close()


def another_key(one: Member) -> Member:
    return Member(one.id, one.name, identity_public(seed("found")))


def without_one(before: Roster) -> Roster:
    return after(before, "s0", "s1", "s2")


def with_another_key(before: Roster) -> Roster:
    *rest, last = before.members
    return after(before, members=(*rest, another_key(last)))


def with_another_coordinator(before: Roster) -> Roster:
    return after(before, coordinator=identity_public(seed("new office")))


def with_one_more(before: Roster) -> Roster:
    return after(before, members=(*before.members, member("s9")))


def named_otherwise(before: Roster) -> Roster:
    members = tuple(Member(m.id, f"{m.name} 2", m.identity) for m in before.members)
    return after(before, members=members, expires="2030-12-01")


REVOKING = [without_one, with_another_key, with_another_coordinator]
HARMLESS = [with_one_more, named_otherwise]


def show(run: Drive, newer: Roster) -> House:
    """Let the centre propose the plan under a newer roster."""
    house = run.town.houses[S0]
    said = house.ask(Propose(proposal(run.town.plan, run.town.roster, newer)))
    assert not isinstance(said, Refusal), said
    return house


def is_over(house: House, request: Request) -> None:
    said = house.ask(request)
    assert isinstance(said, Refusal), said
    assert said.code == "run-over"
    assert "takes back a party" in house.log.getvalue()
    assert list(house.folder.runs.glob("*.keys")) == []
    assert house.query("SELECT count(*) FROM entries WHERE kind = 'closed'") == [(1,)]


@pytest.mark.parametrize("newer", REVOKING)
def test_a_revoked_roster_ends_its_runs_before_the_next_message(running: Drive, newer: Any) -> None:
    house = show(running, newer(running.town.roster))
    is_over(house, running.request)
    assert running.closed is not None
    done = house.ask(Finish(running.closed))
    assert isinstance(done, Done)
    assert done.state == "aborted"


@pytest.mark.parametrize("newer", HARMLESS)
def test_a_newer_roster_that_takes_nobody_back_leaves_runs_alone(
    running: Drive, newer: Any
) -> None:
    house = show(running, newer(running.town.roster))
    assert isinstance(house.ask(running.request), Reply)
    assert len(list(house.folder.runs.glob("*.keys"))) == 1


def test_an_older_roster_opens_nothing_once_a_newer_was_proposed(running: Drive) -> None:
    place = running.town
    house = show(running, with_one_more(place.roster))
    said = house.ask(place.opening("two"))
    assert isinstance(said, Refusal)
    assert said.code == "roster"
    assert place.runs_begun(S0) == 1


def test_a_run_under_the_newer_roster_ends_those_before_it(tmp_path: Path) -> None:
    """Nothing was released yet, so rule L has nothing to ask for."""
    place = town(tmp_path, cohorts=clinics(4, 40))
    run, house = drive(place).go(1), place.houses[S0]
    newer = without_one(place.roster)
    approve(house, place.plan, place.roster, newer)
    opening = place.opening("two", rosters=(signed(place.roster), signed(newer)), epoch=1)
    assert isinstance(house.ask(opening), KeyShare)
    said = house.ask(run.request)
    assert isinstance(said, Refusal)
    assert said.code == "run-over"
    assert len(list(house.folder.runs.glob("*.keys"))) == 1
    place.close()


def test_a_roster_that_comes_while_an_answer_is_computed_keeps_it_here(running: Drive) -> None:
    house, place = running.town.houses[S0], running.town
    before = house.query("SELECT count(*) FROM entries WHERE kind = 'release'")
    seen = house._at

    def at(point: Point) -> None:
        seen(point)
        if point is Point.COMPUTED:
            newer = without_one(place.roster)
            leave(house.folder, proposal_item(proposal(place.plan, place.roster, newer)))

    house.stop()
    house._at = at  # type: ignore[method-assign]
    is_over(house, running.request)
    assert house.query("SELECT count(*) FROM entries WHERE kind = 'release'") == before


@pytest.mark.parametrize("point", [Point.CLOSING, Point.KEYS_DELETED])
def test_a_node_that_dies_over_it_ends_the_run_when_it_is_back(
    running: Drive, point: Point
) -> None:
    house = show(running, without_one(running.town.roster))
    house.dies_at = point
    with pytest.raises(Killed):
        house.ask(running.request)
    is_over(house, running.request)
