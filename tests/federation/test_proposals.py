"""A proposal goes to the hospitals of the roster, and what their operators decide comes back."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from coordinator.proposals import (
    Proposer,
    in_force,
    keep_decision,
    keep_proposal,
    kept_approvals,
    kept_decisions,
    kept_proposals,
)
from coordinator.store import Store
from protocol.errors import FederationError
from protocol.governance.approval import Decision
from protocol.governance.identity import SignatureError
from protocol.governance.proposal import Proposal
from protocol.governance.roster import moment
from protocol.ids import SiteId
from protocol.requests import Decided, Propose, Refusal
from protocol.wire.codec import decode_reply, decode_request, encode_reply, encode_request
from protocol.wire.encoding import MessageError
from site_node.deciding import decision_item
from site_node.inbox import Item, ItemKind, leave
from tests.federation.centre import Centre, Line
from tests.federation.cohorts import changed
from tests.federation.table import short_plan
from tests.protocol.governance.parties import after, seed
from tests.site_node.town import decision, proposal, town

S0, S1, S2 = map(SiteId, ("s0", "s1", "s2"))


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    made = town(tmp_path / "town", short_plan(), approved=False)
    with Store(f"sqlite:///{tmp_path / 'journal.db'}") as store:
        yield Centre(store, made, Line(made))
    made.close()


def proposed(centre: Centre) -> Proposal:
    made = proposal(centre.town.plan, centre.town.roster)
    keep_proposal(centre.store, made, "crlm", centre.town.clock())
    keep_proposal(centre.store, made, "crlm", centre.town.clock())
    return made


def asked(centre: Centre) -> dict[SiteId, str]:
    proposer = Proposer(centre.store, centre.line, centre.town.clock, Event())
    (one,) = kept_proposals(centre.store)
    proposer.ask(one)
    return {site: found.state for site, found in kept_decisions(centre.store, one).items()}


def decide(centre: Centre, site: SiteId, verdict: str) -> None:
    house = centre.town.houses[site]
    said = decision(house, centre.town.plan, centre.town.roster, verdict)
    leave(house.folder, decision_item(said))


def test_hospitals_are_asked_and_their_decisions_kept(centre: Centre) -> None:
    one = proposed(centre)
    centre.line.away.add(S2)
    assert asked(centre) == {S0: "pending", S1: "pending"}
    centre.line.away.clear()
    decide(centre, S0, "approve")
    decide(centre, S1, "refuse")
    assert asked(centre) == {S0: "approved", S1: "refused", S2: "pending"}
    said = decode_reply(kept_decisions(centre.store, one)[S0].reply)
    assert isinstance(said, Decided)
    (word,) = map(Decision.from_bytes, said.decisions)
    word.verify()
    assert word.operator == "Dr Martin"


def test_only_the_newest_roster_that_lasts_is_asked_about(centre: Centre) -> None:
    old, clock, plan = proposed(centre), centre.town.clock, centre.town.plan
    second = after(centre.town.roster)
    new = proposal(plan, centre.town.roster, second)
    edited = proposal(changed(plan, "study", title="Another"), centre.town.roster, second)
    kept = [old, new, edited]
    assert in_force(kept, clock()) == (new, edited)
    assert in_force([old], clock()) == (old,)
    assert in_force(kept, moment(second.expires)) == ()


def test_a_round_passes_over_superseded_rosters(centre: Centre) -> None:
    old, clock = proposed(centre), centre.town.clock
    rosters = centre.town.roster, after(centre.town.roster)
    new = proposal(centre.town.plan, *rosters)
    keep_proposal(centre.store, new, "crlm", clock() + timedelta(seconds=1))
    stopped = Event()
    asked = list[bytes]()

    def exchange(requests: Mapping[SiteId, bytes], *rest: Any) -> Iterator[tuple[SiteId, bytes]]:
        asked.extend(requests.values())
        stopped.set()
        return iter(())

    centre.line.exchange = exchange  # type: ignore[assignment, method-assign]
    proposer = Proposer(centre.store, centre.line, clock, stopped)
    proposer.work()
    proposer.catch_up(old.plan_digest, old.roster_digest)
    assert set(asked) == {encode_request(Propose(new))}


def test_a_paused_hospital_still_says_how_a_plan_stands(centre: Centre) -> None:
    proposed(centre)
    leave(centre.town.houses[S0].folder, Item(ItemKind.PAUSE, "Dr Martin"))
    assert asked(centre)[S0] == "pending"


def test_a_proposal_that_nobody_signed_is_refused_by_its_code(centre: Centre) -> None:
    house = centre.town.houses[S0]
    strange = proposal(centre.town.plan, centre.town.roster, signer="office")
    unsigned = replace(proposed(centre), rosters=())
    for made, code in ((strange, "signature"), (unsigned, "roster")):
        said = house.ask(Propose(made))
        assert isinstance(said, Refusal)
        assert said.code == code
    assert house.query("SELECT count(*) FROM entries") == [(0,)]


def test_only_the_hospitals_own_word_is_kept(centre: Centre) -> None:
    one, now = proposed(centre), centre.town.clock()
    raw = centre.town.houses[S0].handle(encode_request(Propose(one)))
    said = decode_reply(raw)
    assert isinstance(said, Decided)
    forged = encode_reply(replace(said, state="approved"))
    with pytest.raises(SignatureError):
        keep_decision(centre.store, one, S0, forged, now)
    for other in (
        encode_reply(replace(said, site=S1).sign(seed("s1"))),
        encode_reply(replace(said, plan=seed("another")).sign(seed("s0"))),
        encode_reply(Refusal(S0, b"", bytes(32), "message").sign(seed("s0"))),
    ):
        with pytest.raises(FederationError):
            keep_decision(centre.store, one, S0, other, now)
    assert kept_decisions(centre.store, one) == {}
    keep_decision(centre.store, one, S0, raw, now)
    assert kept_decisions(centre.store, one)[S0].state == "pending"


def test_a_proposal_travels_whole_and_in_one_way(centre: Centre) -> None:
    one = proposed(centre)
    raw = encode_request(Propose(one))
    assert decode_request(raw) == Propose(one)
    with pytest.raises(MessageError):
        decode_request(encode_request(Propose(replace(one, plan=b"\xff"))))


def test_answers_are_fetched_again_only_where_one_does_not_approve(centre: Centre) -> None:
    one, clock = proposed(centre), centre.town.clock
    named = one.plan_digest, one.roster_digest
    proposer = Proposer(centre.store, centre.line, clock, Event())
    asked(centre)
    for site in (S0, S1, S2):
        decide(centre, site, "approve")
    assert {said.state for said in kept_approvals(centre.store, *named)} == {"pending"}
    proposer.catch_up(*named)
    found = kept_approvals(centre.store, *named)
    assert [(said.site, said.state) for said in found] == [(s, "approved") for s in (S0, S1, S2)]
    decide(centre, S0, "withdraw")
    proposer.catch_up(*named)
    assert kept_approvals(centre.store, *named) == found
    assert kept_approvals(centre.store, bytes(32), one.roster_digest) == ()
