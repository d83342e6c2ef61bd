"""Who is behind a node of a Flower federation, and which answers can still come from there."""

import pytest

from coordinator.carriers.flower.lines import Asked, Line, Offered, Told
from coordinator.carriers.flower.nodes import Nodes
from coordinator.carriers.hooks import Hooks, Presence
from protocol.canonical import digest
from protocol.governance.heads import LedgerHead
from protocol.governance.identity import identity_public
from protocol.ids import SiteId, site_id
from protocol.secagg.sealing import SealError, Session, accept
from protocol.wire.encoding import MessageError
from protocol.wire.heads import pack_heads, read_heads
from protocol.wire.sealed import Kind, Parcel, pack_accept, read_offer

OFFICE, HOSPITAL = digest("tests", "office"), digest("tests", "hospital")
H1 = site_id("H1")
NODE = 17
HELD = LedgerHead(H1, 7, bytes(32), bytes(64))
SHOWN = LedgerHead(H1, 9, bytes(32), bytes(64))


def known(told: list[object] | None = None) -> Nodes:
    """Know one hospital's key, and see its node, which began at noon."""
    heard: list[object] = [] if told is None else told
    hooks = Hooks(
        lambda _: identity_public(HOSPITAL),
        heard.append,
        lambda _: None,
        lambda _: [HELD],
        lambda site, heads: heard.append((site, heads)),
    )
    nodes = Nodes(OFFICE, hooks)
    nodes.seen([(NODE, "noon")])
    return nodes


def answer(parcel: Parcel, site: SiteId = H1) -> tuple[Parcel, Session]:
    said, session = accept(read_offer(parcel), identity_public(OFFICE), site, HOSPITAL, bytes(32))
    return pack_accept(said), session


def greeted(nodes: Nodes) -> tuple[Told, Parcel, Session]:
    """Offer a session and have it taken; gives what the hospital is told first."""
    sent, parcel = nodes.offer(NODE)
    said, session = answer(parcel)
    told = nodes.accepted(sent, said)
    assert told is not None
    return *told, session


def shown(session: Session, number: int) -> Parcel:
    return Parcel(Kind.HEADS, session.seal_shown(number, pack_heads([SHOWN])))


def connected(nodes: Nodes) -> Line:
    told, _, session = greeted(nodes)
    assert nodes.shown(told, shown(session, told.number)) == H1
    line = nodes.line(H1)
    assert line is not None
    return line


def test_heads_of_ledgers_go_both_ways_before_anything_is_asked() -> None:
    heard: list[object] = []
    nodes = known(heard)
    told, parcel, session = greeted(nodes)
    number, heads = session.open_told(parcel.body)
    assert (number, read_heads(heads)) == (told.number, (HELD,))
    assert nodes.line(H1) is None
    assert heard == []
    assert nodes.awaits(told)
    assert nodes.shown(told, shown(session, told.number)) == H1
    assert nodes.line(H1) is told.line
    assert heard == [Presence(H1, True, f"node {NODE}", "flower"), (H1, (SHOWN,))]
    assert next(told.line.numbers) != told.number


def test_heads_that_answer_something_else_open_nothing() -> None:
    nodes = known()
    told, _, session = greeted(nodes)
    with pytest.raises(SealError, match="another message"):
        nodes.shown(told, shown(session, told.number + 1))
    reply = Parcel(Kind.HEADS, session.seal_reply(told.number, pack_heads([SHOWN])))
    with pytest.raises(SealError):
        nodes.shown(told, reply)
    garbled = Parcel(Kind.HEADS, session.seal_shown(told.number, b"\xff"))
    with pytest.raises(MessageError):
        nodes.shown(told, garbled)
    assert nodes.connected == frozenset()


def test_a_node_that_shows_no_heads_is_left_alone_and_offered_another_session() -> None:
    nodes = known()
    told, _, session = greeted(nodes)
    nodes.refused(NODE)
    assert nodes.strangers() == []
    assert not nodes.awaits(told)
    assert nodes.shown(told, shown(session, told.number)) is None
    assert nodes.connected == frozenset()


def test_a_node_that_is_greeted_is_offered_no_second_session() -> None:
    nodes = known()
    greeted(nodes)
    assert nodes.strangers() == []
    nodes.forget_offers()
    assert nodes.strangers() == [NODE]


def test_an_answer_is_awaited_over_the_session_that_stands() -> None:
    nodes = known()
    assert nodes.awaits(Asked(connected(nodes), 2, 0))


def test_none_is_awaited_of_a_process_that_ended_between_two_looks() -> None:
    """The node never was away: another process has its key, and none of what this one was sent."""
    nodes = known()
    line = connected(nodes)
    assert nodes.seen([(NODE, "a minute past")]) == {H1}
    assert not nodes.awaits(Asked(line, 2, 0))


def test_none_is_awaited_to_an_offer_that_such_a_process_took_with_it() -> None:
    nodes = known()
    before, _ = nodes.offer(NODE)
    assert nodes.awaits(before)
    nodes.seen([(NODE, "a minute past")])
    assert not nodes.awaits(before)
    again, _ = nodes.offer(NODE)
    assert isinstance(again, Offered)
    assert nodes.awaits(again)
    assert not nodes.awaits(before)


def test_none_is_awaited_of_a_node_that_is_gone() -> None:
    nodes = known()
    line = connected(nodes)
    nodes.seen([])
    assert not nodes.awaits(Asked(line, 2, 0))
    assert not nodes.awaits(Told(line, 1))
