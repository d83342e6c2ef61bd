"""Nothing leaves that was not approved; what operators decide acts before the next message."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from protocol.canonical import canonical_json
from protocol.governance.identity import identity_public
from protocol.ids import SiteId
from protocol.plan.model import Plan
from protocol.requests import LOCAL_POLICY, Advance, Done, Finish, Refusal
from protocol.secagg.messages import KeyShare, Reply
from site_node.deciding import decision_item, proposal_item
from site_node.inbox import Item, ItemKind, leave
from site_node.ledger import Kind
from site_node.points import Point
from tests.federation.cohorts import changed
from tests.protocol.governance.parties import after, seed
from tests.site_node.office import Drive, drive
from tests.site_node.town import (
    OPERATOR,
    House,
    Killed,
    Town,
    approve,
    decision,
    proposal,
    signed,
    town,
)

S0 = SiteId("s0")
TWO = {identity_public(seed(name)): name for name in (OPERATOR, "Dr Weiss")}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Town]:
    made = town(tmp_path, approved=False)
    yield made
    made.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Drive]:
    """A run that every hospital approved, after its first trip."""
    made = town(tmp_path)
    yield drive(made).go(3)
    made.close()


def propose(place: Town, plan: Plan | None = None) -> None:
    for house in place.houses.values():
        leave(house.folder, proposal_item(proposal(plan or place.plan, place.roster)))


def say(house: House, place: Town, verdict: str = "approve", /, **terms: Any) -> None:
    place.clock.advance(seconds=1)  # the same word at the same second is the same decision
    leave(house.folder, decision_item(decision(house, place.plan, place.roster, verdict, **terms)))


def refused(house: House, request: Any, why: str, code: str = LOCAL_POLICY) -> None:
    said = house.ask(request)
    assert isinstance(said, Refusal), said
    assert said.code == code
    assert why in house.log.getvalue()


def files(house: House, suffix: str) -> int:
    return len(list(house.folder.inbox.glob(f"*{suffix}")))


def test_nothing_is_approved_by_itself(place: Town) -> None:
    house = place.houses[S0]
    refused(house, place.opening(), "was not proposed to this hospital")
    propose(place)
    refused(house, place.opening(), "none that this hospital approved")
    assert place.runs_begun(S0) == 0


def test_an_approval_counts_without_a_restart(place: Town) -> None:
    house = place.houses[S0]
    propose(place)
    refused(house, place.opening(), "none that this hospital approved")
    say(house, place)
    assert isinstance(house.ask(place.opening()), KeyShare)
    assert files(house, ".item") == 0
    assert house.query("SELECT kind FROM entries WHERE kind IN ('proposed', 'decided')") == [
        (Kind.PROPOSED,),
        (Kind.DECIDED,),
    ]


def test_two_persons_are_needed_where_settings_say_so(tmp_path: Path) -> None:
    made = town(tmp_path, approved=False, operators=TWO, needed=2)
    house = made.houses[S0]
    propose(made)
    say(house, made)
    refused(house, made.opening(), "approved by 1 of 2 operators")
    say(house, made, runs=3)
    refused(house, made.opening(), "approved by 1 of 2 operators")
    say(house, made, by="Dr Weiss")
    assert isinstance(house.ask(made.opening()), KeyShare)
    made.close()


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"expires": "2030-06-01T12:00:00Z"}, "the approval expired"),
        ({"min_sites": 5}, "asks for 5 hospitals"),
        ({"site_patients": 1000}, "asks for 1000 patients"),
    ],
)
def test_conditions_are_held_when_a_run_begins(place: Town, terms: Any, why: str) -> None:
    house = place.houses[S0]
    propose(place)
    say(house, place, **terms)
    refused(house, place.opening(), why)
    assert place.runs_begun(S0) == 0
    say(house, place)  # the operator's own later word, without a condition
    assert isinstance(house.ask(place.opening()), KeyShare)


def test_runs_are_counted(place: Town) -> None:
    house = place.houses[S0]
    propose(place)
    say(house, place, runs=1)
    assert isinstance(house.ask(place.opening()), KeyShare)
    refused(house, place.opening("two"), "is for 1 run, and they are used")
    assert isinstance(house.ask(place.opening()), KeyShare)  # the same run again


def test_another_plan_and_other_software_need_another_word(place: Town) -> None:
    house = place.houses[S0]
    propose(place)
    edited = changed(place.plan, "study", title="Another title")
    approve(house, edited, place.roster)
    refused(house, place.opening(), "none that this hospital approved")
    told = decision(house, place.plan, place.roster)
    other = replace(told, subject=replace(told.subject, software=seed("other")))
    leave(house.folder, decision_item(other.sign(seed(OPERATOR))))
    refused(house, place.opening(), "approved for another version of the software")
    assert place.runs_begun(S0) == 0
    say(house, place)
    assert isinstance(house.ask(place.opening()), KeyShare)


def test_another_roster_needs_another_word(place: Town) -> None:
    house, second = place.houses[S0], after(place.roster)
    rosters = (signed(place.roster), signed(second))
    approve(house, place.plan, place.roster)
    leave(house.folder, proposal_item(proposal(place.plan, place.roster, second)))
    refused(house, place.opening(rosters=rosters), "none that this hospital approved")
    assert place.runs_begun(S0) == 0
    leave(house.folder, decision_item(decision(house, place.plan, second)))
    assert isinstance(house.ask(place.opening(rosters=rosters)), KeyShare)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda d: replace(d, comment="forged"), "is not signed by Dr Martin"),
        (lambda d: d.sign(seed("somebody")), "is no operator's of this hospital"),
        (lambda d: replace(d, site=SiteId("s1")).sign(seed(OPERATOR)), "another hospital's"),
    ],
)
def test_a_forged_approval_is_put_aside(place: Town, spoil: Any, why: str) -> None:
    house = place.houses[S0]
    propose(place)
    leave(house.folder, decision_item(spoil(decision(house, place.plan, place.roster))))
    refused(house, place.opening(), why)
    assert files(house, ".refused") == 1
    assert house.query("SELECT count(*) FROM entries WHERE kind = 'decided'") == [(0,)]


def test_a_plan_that_no_plan_signer_signed_is_put_aside(place: Town) -> None:
    house = place.houses[S0]
    leave(house.folder, proposal_item(proposal(place.plan, place.roster, signer="office")))
    say(house, place)
    refused(house, place.opening(), "none of the federation's plan signers")
    assert files(house, ".refused") == 2


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"kind":"decision","body":"{}"}', b"[]"])
def test_noise_in_the_inbox_is_put_aside(place: Town, raw: bytes) -> None:
    house = place.houses[S0]
    house.folder.inbox.mkdir()
    (house.folder.inbox / "0.item").write_bytes(raw)
    refused(house, place.opening(), "was not proposed")
    assert files(house, ".refused") == 1


def test_withdrawal_ends_a_run_before_the_next_message(running: Drive) -> None:
    house = running.town.houses[S0]
    sent = running.request
    assert isinstance(house.ask(sent), Reply)
    say(house, running.town, "withdraw")
    refused(house, sent, "the plan is withdrawn")  # what was sent once is not sent again
    assert list(house.folder.runs.glob("*.keys")) == []
    assert house.query("SELECT count(*) FROM entries WHERE kind = 'closed'") == [(1,)]
    assert running.closed is not None
    done = house.ask(Finish(running.closed))
    assert isinstance(done, Done)
    assert done.state == "aborted"


@pytest.mark.parametrize("verdict", ["refuse", "return"])
def test_a_run_stands_still_while_its_plan_is_not_approved(running: Drive, verdict: str) -> None:
    house = running.town.houses[S0]
    say(house, running.town, verdict)
    refused(house, running.request, "the plan is re")
    say(house, running.town)
    assert isinstance(house.ask(running.request), Reply)


def test_time_and_dropped_steps_are_held_in_mid_run(tmp_path: Path) -> None:
    made = town(tmp_path, approved=False)
    for house in made.houses.values():
        approve(house, made.plan, made.roster, expires="2030-06-01T12:30:00Z")
    run, house = drive(made).go(2), made.houses[S0]
    asked = run.request
    assert isinstance(asked, Advance)
    (_, kind), *_ = asked.trip.steps
    say(house, made, dropped=(kind,))
    refused(house, run.request, f"leaves out the step {kind}")
    say(house, made, expires="2030-06-01T12:30:00Z")
    assert isinstance(house.ask(run.request), Reply)
    made.clock.advance(minutes=30)
    refused(house, run.request, "the approval expired")
    made.close()


def test_a_withdrawal_while_an_answer_is_computed_keeps_it_here(running: Drive) -> None:
    house = running.town.houses[S0]
    before = house.query("SELECT count(*) FROM entries WHERE kind = 'release'")
    seen, computed = house._at, []

    def at(point: Point) -> None:
        seen(point)
        if point is Point.COMPUTED:
            computed.append(point)
            say(house, running.town, "withdraw")

    house.stop()
    house._at = at  # type: ignore[method-assign]
    refused(house, running.request, "the plan is withdrawn")
    assert computed
    assert house.query("SELECT count(*) FROM entries WHERE kind = 'release'") == before


def test_a_paused_node_says_only_that_it_is_not_there(running: Drive) -> None:
    house = running.town.houses[S0]
    leave(house.folder, Item(ItemKind.PAUSE, "Dr Martin"))
    refused(house, running.request, "paused the node", "unavailable")
    house.stop()
    refused(house, running.request, "paused the node", "unavailable")
    leave(house.folder, Item(ItemKind.RESUME, "Dr Martin"))
    assert isinstance(house.ask(running.request), Reply)


def test_what_a_crash_interrupts_is_taken_in_once(place: Town) -> None:
    """The line is on disk and the file is still there: it is no second decision."""
    house = place.houses[S0]
    propose(place)
    say(house, place)
    left = {path: path.read_bytes() for path in house.folder.inbox.iterdir()}
    assert isinstance(house.ask(place.opening()), KeyShare)
    house.stop()
    for path, content in left.items():
        path.write_bytes(content)
    assert isinstance(house.ask(place.opening()), KeyShare)
    assert house.query("SELECT count(*) FROM entries WHERE kind = 'decided'") == [(1,)]
    assert files(house, ".item") == 0


def test_an_old_approval_cannot_be_brought_back(place: Town) -> None:
    house = place.houses[S0]
    propose(place)
    told = decision(house, place.plan, place.roster)
    leave(house.folder, decision_item(told))
    say(house, place, "withdraw")
    leave(house.folder, decision_item(told))
    refused(house, place.opening(), "the plan is withdrawn")
    assert house.query("SELECT count(*) FROM entries WHERE kind = 'decided'") == [(2,)]
    assert place.runs_begun(S0) == 0
    say(house, place)  # a word that was not said before
    assert isinstance(house.ask(place.opening()), KeyShare)


def test_a_node_that_dies_over_an_answer_asks_its_operators_again(running: Drive) -> None:
    house = running.town.houses[S0]
    house.dies_at = Point.BEFORE_LEDGER
    with pytest.raises(Killed):
        house.ask(running.request)
    say(house, running.town, "withdraw")
    refused(house, running.request, "the plan is withdrawn")


def test_canonical_items_are_what_the_inbox_holds(place: Town) -> None:
    path = leave(place.houses[S0].folder, Item(ItemKind.PAUSE, "Dr Martin"))
    assert path.read_bytes() == canonical_json({"kind": "pause", "body": "Dr Martin"})
    assert path.stat().st_mode & 0o777 == 0o600
