"""Who is behind a node of a Flower federation, and which answers can still come from there."""

from coordinator.carriers.flower.nodes import Line, Nodes
from coordinator.carriers.hooks import Hooks
from protocol.canonical import digest
from protocol.governance.identity import identity_public
from protocol.ids import SiteId, site_id
from protocol.secagg.sealing import accept
from protocol.wire.sealed import Parcel, pack_accept, read_offer

OFFICE, HOSPITAL = digest("tests", "office"), digest("tests", "hospital")
H1 = site_id("H1")
NODE = 17


def known() -> Nodes:
    """Know one hospital's key, and see its node, which began at noon."""
    hooks = Hooks(lambda _: identity_public(HOSPITAL), lambda _: None, lambda _: None)
    nodes = Nodes(OFFICE, hooks)
    nodes.seen([(NODE, "noon")])
    return nodes


def answer(parcel: Parcel, site: SiteId = H1) -> Parcel:
    said, _ = accept(read_offer(parcel), identity_public(OFFICE), site, HOSPITAL, bytes(32))
    return pack_accept(said)


def connected(nodes: Nodes) -> Line:
    fresh, parcel = nodes.offer(NODE)
    assert nodes.accepted(NODE, fresh, answer(parcel)) == H1
    line = nodes.line(H1)
    assert line is not None
    return line


def test_an_answer_is_awaited_over_the_session_that_stands() -> None:
    nodes = known()
    assert nodes.can_answer(NODE, connected(nodes), b"")


def test_none_is_awaited_of_a_process_that_ended_between_two_looks() -> None:
    """The node never was away: another process has its key, and none of what this one was sent."""
    nodes = known()
    line = connected(nodes)
    assert nodes.seen([(NODE, "a minute past")]) == {H1}
    assert not nodes.can_answer(NODE, line, b"")


def test_none_is_awaited_to_an_offer_that_such_a_process_took_with_it() -> None:
    nodes = known()
    fresh, _ = nodes.offer(NODE)
    assert nodes.can_answer(NODE, None, fresh)
    nodes.seen([(NODE, "a minute past")])
    assert not nodes.can_answer(NODE, None, fresh)
    again, _ = nodes.offer(NODE)
    assert nodes.can_answer(NODE, None, again)
    assert not nodes.can_answer(NODE, None, fresh)


def test_none_is_awaited_of_a_node_that_is_gone() -> None:
    nodes = known()
    line = connected(nodes)
    nodes.seen([])
    assert not nodes.can_answer(NODE, line, b"")
