"""Every message that was ever recorded, in every state that a node comes to afterwards.

Recorded is all that went between the coordinator and all hospitals in two runs, one finished and
one aborted, and the proposal and its answers; sent to a node as requests, requests and answers
alike. The node repeats its own answer to the byte, or refuses by name. It releases nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import permutations
from pathlib import Path

import pytest

from protocol.governance.heads import LedgerHead
from protocol.governance.identity import identity_public
from protocol.ids import SiteId
from protocol.requests import LOCAL_POLICY, Advance, Decided, Propose, Refusal, Request
from protocol.secagg.messages import Reply
from protocol.wire import codec
from site_node.deciding import decision_item
from site_node.inbox import Item, ItemKind, leave
from site_node.ledger import RolledBackError
from site_node.upkeep import forget_study
from tests.protocol.governance.parties import after, seed
from tests.site_node.office import abort, drive
from tests.site_node.town import House, Town, approve, decision, proposal, signed, town

S0, S1, S2 = map(SiteId, ("s0", "s1", "s2"))
PAUSED = "unavailable"

Known = Mapping[bytes, bytes | None]
"""What the node has said to a message; None where it never had it."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Town]:
    made = town(tmp_path)
    yield made
    made.close()


def releases(house: House) -> list[object]:
    return house.query("SELECT ctx, trip, body FROM entries WHERE kind = 'release'")


def played(place: Town) -> Known:
    """Play one run to its end and abort another in its middle, and record every message."""
    whole, cut = drive(place, "whole").go(), drive(place, "cut").go(4)
    last: list[Request] = [abort(cut), Propose(proposal(place.plan, place.roster))]
    said = {
        (site, raw): {house.handle(raw)}
        for raw in map(codec.encode_request, last)
        for site, house in place.houses.items()
    }
    recorded = dict[bytes, bytes | None]()
    for (site, raw), answers in (whole.said | cut.said | said).items():
        recorded |= dict.fromkeys(answers)
        if site == S0:
            (recorded[raw],) = answers
    return recorded


def withdrawn(place: Town, house: House) -> None:
    place.clock.advance(seconds=1)
    word = decision(house, place.plan, place.roster, "withdraw")
    leave(house.folder, decision_item(word))


def paused(_: Town, house: House) -> None:
    leave(house.folder, Item(ItemKind.PAUSE, "Dr Martin"))


def restarted(_: Town, house: House) -> None:
    house.stop()


def expired(place: Town, _: House) -> None:
    place.clock.advance(days=5000)


def forgotten(place: Town, house: House) -> None:
    with house.ledger() as ledger:
        forget_study(ledger, place.roster.study)


def other_rows(_: Town, house: House) -> None:
    house.stop()
    house.snapshots = {}


def stopped(_: Town, house: House) -> None:
    """Somebody has shown it a head of its own ledger that is another's."""
    house.node.greet([LedgerHead(S0, 1, seed("another line")).sign(seed("s0"))])


def outgrown(place: Town, house: House) -> None:
    """A newer roster with another coordinator was seen."""
    newer = after(place.roster, coordinator=identity_public(seed("new office")))
    approve(house, place.plan, place.roster, newer)
    chain = (signed(place.roster), signed(newer))
    house.ask(place.opening("new", rosters=chain).sign(seed("new office")))


LATER: dict[Callable[[Town, House], None], set[str]] = {
    restarted: set(),
    outgrown: {"roster", "run-over"},
    paused: {PAUSED},
    other_rows: set(),
    expired: {"roster"},
    withdrawn: {LOCAL_POLICY},
    forgotten: {"forgotten"},
    stopped: {RolledBackError.code},
}
"""What becomes of a node, and the codes by which it then refuses what it answered before."""


@pytest.mark.parametrize("later", LATER, ids=lambda one: one.__name__)
def test_every_message_in_every_later_state(
    place: Town, later: Callable[[Town, House], None]
) -> None:
    recorded, house = played(place), place.houses[S0]
    later(place, house)
    before = releases(house)
    answers = {raw: house.handle(raw) for raw in recorded}
    assert releases(house) == before
    assert refusals(house, recorded, answers) == LATER[later]


def refusals(house: House, recorded: Known, answers: Mapping[bytes, bytes]) -> set[str]:
    """See that every answer is the one of before, or one that may differ; list codes of refusals.

    How a plan stands is told as it stands now. What was no request to this node is none.
    """
    codes = set[str]()
    for raw, answer in recorded.items():
        said = codec.decode_reply(answers[raw])
        match said:
            case Refusal(code=code):
                said.verify(identity_public(seed(S0)))
                if answer is None:
                    assert code in {"message", RolledBackError.code}
                else:
                    codes.add(code)
            case Decided():
                said.verify(identity_public(seed(S0)))
            case _:
                assert answers[raw] == answer
    return codes


def test_every_message_in_every_later_trip(place: Town) -> None:
    """Between any two trips of a third run, which goes on as if nothing had been."""
    recorded, house = dict(played(place)), place.houses[S0]
    run = drive(place, "third")
    while not run.finished:
        before = releases(house)
        answers = {raw: house.handle(raw) for raw in recorded}
        assert refusals(house, recorded, answers) == set()
        assert releases(house) == before
        raw = run.raw
        run.take(run.collect())
        (recorded[raw],) = run.said[S0, raw]
        recorded |= dict.fromkeys(one for site in (S1, S2) for one in run.said[site, raw])
    assert len(recorded) > 40


def test_two_messages_made_of_two_recorded_ones(place: Town) -> None:
    """What one trip came to, with the question of another trip or of another run."""
    recorded, house = played(place), place.houses[S0]
    requests = [codec.decode_request(raw) for raw, said in recorded.items() if said is not None]
    steps = [one for one in requests if isinstance(one, Advance)]
    stored = {said for said in recorded.values() if said is not None}
    before, codes = releases(house), set[str]()
    for one, other in permutations(steps, 2):
        answer = house.handle(codec.encode_request(Advance(one.since, other.trip)))
        said = codec.decode_reply(answer)
        if isinstance(said, Refusal):
            codes.add(said.code)
        else:  # of a trip that was answered long ago, whatever else is in the message
            assert answer in stored
            assert isinstance(said, Reply)
            assert said.trip == other.trip.trip
    assert releases(house) == before
    assert codes == {"key-exchange", "run"}
