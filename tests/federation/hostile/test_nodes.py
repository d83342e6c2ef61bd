"""A coordinator that lies to nodes that run, and a thief of their folders."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protocol.governance.identity import identity_public
from protocol.governance.roster import RosterError
from protocol.governance.signed import SignedRoster
from protocol.ids import SiteId
from protocol.party import Office, begin
from protocol.requests import LOCAL_POLICY, Advance, ClosedTrip, Refusal
from protocol.secagg.block import SumError
from protocol.secagg.masks import add
from protocol.secagg.messages import KeyShare, Reply
from protocol.secagg.run import NO_DEADLINE
from protocol.secagg.setup import agree
from protocol.secagg.site import advertise
from protocol.secagg.total import read
from protocol.wire import codec
from site_node.course import run_of
from site_node.upkeep import forget_study
from tests.protocol.governance.parties import after, roster, seed
from tests.site_node.office import Drive, drive, resigned
from tests.site_node.town import House, Town, approve, signed, town

S0, S1, S2 = SiteId("s0"), SiteId("s1"), SiteId("s2")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Town]:
    made = town(tmp_path)
    yield made
    made.close()


def code(house: House, asked: Any) -> str:
    raw = asked if isinstance(asked, bytes) else codec.encode_request(asked)
    said = codec.decode_reply(house.handle(raw))
    return said.code if isinstance(said, Refusal) else ""


def releases(house: House) -> list[Any]:
    return house.query("SELECT ctx, trip, body FROM entries WHERE kind = 'release'")


def test_two_fresh_keys_of_one_hospital_open_nothing(place: Town) -> None:
    """s2 is the coordinator's: it signs two keys, and each of the others is shown one."""
    run = drive(place).go(1)
    _, again = advertise(run_of(run.opening), S2, seed("s2"), seed("a second key"))
    views = {}
    for site, last in ((S0, run.shares[2]), (S1, again)):
        shares = (*run.shares[:2], last)
        view = agree(run_of(run.opening), {share.site: share for share in shares})
        office = Office(seed("office"), begin(place.plan, view))
        reply = place.houses[site].ask(Advance(shares, office.request(NO_DEADLINE)))
        assert isinstance(reply, Reply)
        views[site] = office.known, np.frombuffer(reply.vectors[0].words, "<u8")
    known, total = views[S0]
    total = total.copy()
    add(total, views[S1][1], known.blocks[0].width)
    for seen, _ in views.values():
        with pytest.raises(SumError):
            read(seen.view, seen.blocks[0], total)
    assert code(place.houses[S0], replace_keys(run, (*run.shares[:2], again))) == "key-exchange"


def replace_keys(run: Drive, shares: tuple[KeyShare, ...]) -> Advance:
    assert isinstance(run.request, Advance)
    return Advance(shares, run.request.trip)


def test_a_roster_of_the_coordinators_own_hospitals(place: Town) -> None:
    """Signed by itself, by too few, under a newer version, or well signed and unknown here."""
    house = place.houses[S0]
    own = roster("s0", "x1", "x2")
    forged = SignedRoster(own.to_bytes(), ())
    assert code(house, place.opening(rosters=(forged,))) == "signature"
    both = (signed(place.roster), forged)
    assert code(house, place.opening(rosters=both)) == "signature"
    # The authority was fooled, and the operator too: there is one roster of a version.
    approve(house, place.plan, own)
    assert code(house, place.opening(rosters=(signed(own),))) == "roster"
    # And for a newer version, the words that were compared still bind.
    grown = after(place.roster, "s0", "x1", "x2", "x3")
    approve(house, place.plan, place.roster, grown)
    chain = (signed(place.roster), signed(grown))
    assert code(house, place.opening(rosters=chain)) == LOCAL_POLICY
    assert "hospitals whose words are known here" in house.log.getvalue()
    with pytest.raises(RosterError):
        roster("s0", "x1")
    assert releases(house) == []


def test_evidence_does_not_fill_the_disk(place: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """A coordinator may sign as many lies as it likes; nobody reads more than a few."""
    monkeypatch.setattr("site_node.node.MOST_KEPT_BYTES", 2**18)
    house = place.houses[S0]
    drive(place).go(1)
    for k in range(8):
        lie = place.opening(plan=bytes([k]) * 2**16)
        assert code(house, lie) == "equivocation"
    kept = house.query("SELECT length(body) FROM entries WHERE kind = 'evidence'")
    assert 0 < sum(size for (size,) in kept) < 2**18
    assert len(kept) < 8


def test_a_large_lie_leaves_its_trace(place: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("site_node.node.MOST_KEPT_BYTES", 1)
    house = place.houses[S0]
    drive(place).go(1)
    for k in range(2):
        assert code(house, place.opening(plan=bytes([k]))) == "equivocation"
    assert house.query("SELECT count(*) FROM entries WHERE kind = 'evidence'") == [(1,)]


def test_a_message_too_large_is_not_even_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither to answer it nor to find out which run it was about."""
    made = town(tmp_path, message_mb=1)
    house = made.houses[S0]
    large = codec.encode_request(made.opening(plan=bytes(2**20)))
    house.node  # noqa: B018 - it starts before decoding is watched
    read = list[int]()

    def watched(raw: bytes) -> Any:
        read.append(len(raw))
        raise AssertionError

    monkeypatch.setattr("site_node.node.codec.decode_request", watched)
    assert code(house, large) == "message"
    assert read == []
    made.close()


def test_a_run_whose_keys_are_gone_cannot_be_opened_again(place: Town) -> None:
    """Under its id neither with the same bytes nor with others; under a new id with new keys."""
    run, house = drive(place).go(), place.houses[S0]
    (first,) = run.said[S0, codec.encode_request(run.opening)]
    for _ in range(2):
        assert house.handle(codec.encode_request(run.opening)) == first
        assert list(house.folder.runs.glob("*.keys")) == []
        later = replace(run.opening, epoch=1).sign(seed("office"))
        assert code(house, later) == "equivocation"
        place.close()
    again = house.ask(place.opening("again"))
    said = codec.decode_reply(first)
    assert isinstance(again, KeyShare)
    assert isinstance(said, KeyShare)
    assert again.ek != said.ek


def test_an_old_copy_repeats_its_answer_to_the_byte(place: Town, tmp_path: Path) -> None:
    """The coordinator hides every sign that the copy is old, and gains no second vector."""
    run, house = drive(place).go(3), place.houses[S0]
    house.stop()
    shutil.copytree(house.config.state, tmp_path / "copy")
    first, asked = run.deliver(S0), run.request
    assert isinstance(asked, Advance)
    assert isinstance(asked.since, ClosedTrip)
    house.stop()
    shutil.rmtree(house.config.state)
    shutil.copytree(tmp_path / "copy", house.config.state)
    # Another result of the trip before would make another key: it has to be the sum, and to fit.
    other = resigned(run, asked.since.result, statements=())
    bent = Advance(ClosedTrip(other, asked.since.uploads), asked.trip)
    assert code(house, bent) in {"trip-order", "commitment", "sum-refused"}
    assert run.deliver(S0) == first


def test_what_a_hospital_forgot_cannot_stop_it(place: Town) -> None:
    """Its own signatures come back, and the ledger has their lines without their bodies."""
    run, house = drive(place).go(), place.houses[S0]
    sent = [raw for site, raw in run.said if site == S0]
    with house.ledger() as ledger:
        assert forget_study(ledger, place.roster.study) == 1
    for raw in sent[1:]:
        assert code(house, raw) == "forgotten"
    again = drive(place, "again").go()
    assert again.finished


def test_a_coordinator_whose_key_was_replaced_opens_nothing(place: Town) -> None:
    """Also with the chain that it knows: once the newer roster was seen, the older one is old."""
    house, old = place.houses[S0], seed("office")
    newer = after(place.roster, coordinator=identity_public(seed("new office")))
    approve(house, place.plan, place.roster, newer)
    chain = (signed(place.roster), signed(newer))
    opening = place.opening("new", rosters=chain)
    assert code(house, opening) == "signature"
    assert isinstance(house.ask(opening.sign(seed("new office"))), KeyShare)
    assert code(house, place.opening("old").sign(old)) == "roster"
    assert code(house, place.opening("old").sign(seed("new office"))) in {"roster", "signature"}
