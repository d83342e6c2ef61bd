"""A node whose coordinator got another key: what it keeps, and what ends with the old one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.errors import FederationError
from protocol.governance.federation import party_words
from protocol.governance.identity import identity_public
from protocol.governance.roster import RosterError
from protocol.ids import SiteId
from protocol.requests import Refusal
from site_node.audit import records
from site_node.past import newest_rosters
from site_node.runs import REVOKED
from site_node.serving import credentials
from tests.protocol.governance.parties import FEDERATION, after, roster, seed
from tests.site_node.office import Drive, drive
from tests.site_node.town import House, proposal, signed, town

S0 = SiteId("s0")
NEW = identity_public(seed("new office"))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Drive]:
    made = town(tmp_path)
    yield drive(made).go(2)
    made.close()


def house_of(run: Drive) -> House:
    return run.town.houses[S0]


def shown(run: Drive) -> None:
    """Show the node a roster that gives the coordinator its new key."""
    first = run.town.roster
    chain = tuple(map(signed, (first, after(first, coordinator=NEW))))
    house_of(run).node.succeed(NEW, chain)


def goes_by(house: House) -> bytes:
    """Say which key it goes by after a restart."""
    house.stop()
    with house.ledger() as ledger:
        return credentials(house.config, house.folder, ledger).coordinator


def test_a_new_key_is_kept(running: Drive) -> None:
    house = house_of(running)
    assert goes_by(house) == FEDERATION.coordinator
    shown(running)
    assert goes_by(house) == NEW
    with house.ledger() as ledger:
        (newest,) = newest_rosters(ledger).values()
        said = [one.said for one in records(ledger.lines()) if one.kind == "succeeded"]
    assert newest.version == 2
    assert said == [
        f"version 2 of the roster of crlm gave the coordinator the key {party_words(NEW)}"
    ]
    assert '"coordinator-key-replaced"' in house.log.getvalue()


def test_what_is_open_under_the_old_key_ends(running: Drive) -> None:
    house = house_of(running)
    shown(running)
    assert [path.name for path in house.folder.runs.iterdir()] == ["head"]
    assert REVOKED in house.log.getvalue()
    said = house.ask(running.request)
    assert isinstance(said, Refusal)
    assert said.code == "run-over"


def test_a_run_of_another_study_under_the_old_key_is_refused(running: Drive) -> None:
    """Whoever has the old key has rosters of other studies, and perhaps plans approved there."""
    house, other = house_of(running), roster("s0", "s1", "s2", study="other")
    running.go()
    shown(running)
    said = house.ask(running.town.opening("later", rosters=(signed(other),)))
    assert isinstance(said, Refusal)
    assert said.code == RosterError.code
    assert "names a coordinator's key that was replaced" in house.log.getvalue()


def test_rosters_that_prove_nothing_change_nothing(running: Drive) -> None:
    house, first = house_of(running), running.town.roster
    unsigned = proposal(running.town.plan, after(first, coordinator=NEW)).rosters
    for chain in ((), (signed(first),), unsigned):
        with pytest.raises(FederationError):
            house.node.succeed(NEW, chain)
    assert goes_by(house) == FEDERATION.coordinator
    running.go()
    assert running.finished
