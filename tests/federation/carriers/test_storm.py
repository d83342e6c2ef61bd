"""Many hospitals at once, slow ones among them, and lines that break."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from socket import SHUT_RDWR, socket

from protocol.governance.identity import identity_public
from protocol.ids import SiteId, site_id
from site_node.carriers.events import Down
from site_node.doctor.proxy import Proxy
from site_node.doctor.way import Way
from tests.federation.carriers.world import (
    PATIENCE_SECONDS,
    SITES,
    dialling,
    never,
    port,
    seed,
    soon,
)
from tests.site_node.carriers.gate import Gate
from tests.site_node.doctor.loopback import server, tunnel

HUNDRED = tuple(site_id(f"S{number:03}") for number in range(100))


def key_of(site: SiteId) -> bytes:
    return identity_public(seed(site))


def test_a_hundred_hospitals_come_back_at_once() -> None:
    hooks = {"identity": key_of}
    requests = {site: site.encode() for site in HUNDRED}
    with ExitStack() as stack:
        with port(hooks=hooks) as first:
            for site in HUNDRED:
                stack.enter_context(dialling(first.where, site=site))
            first.until_there(*HUNDRED)
        again = stack.enter_context(port(first.where.port, hooks=hooks))
        assert dict(again.server.exchange(requests, soon(), never)) == requests
        assert again.server.connected() == set(HUNDRED)
        assert again.alarms.all == ()


def test_a_slow_hospital_does_not_hold_up_the_others() -> None:
    with Gate() as gate, ExitStack() as stack:
        coordinator = stack.enter_context(port())
        for site in SITES[1:]:
            stack.enter_context(dialling(coordinator.where, site=site))
        slow = stack.enter_context(dialling(coordinator.where, gate.handle))
        stack.callback(gate.open)
        requests = dict.fromkeys(SITES, b"?")
        replies = coordinator.server.exchange(requests, soon(), never)
        assert {next(replies)[0] for _ in SITES[1:]} == set(SITES[1:])
        gate.open()
        assert list(replies) == [(SITES[0], b"?")]
        assert slow.events.all


def test_a_line_that_breaks_while_the_hospital_computes() -> None:
    """The answer in hand is nobody's; the request comes again over the new line."""
    lines: list[socket] = []
    with Gate() as gate, ExitStack() as stack:
        coordinator = stack.enter_context(port())
        through = tunnel(coordinator.where)

        def proxy(connection: socket) -> None:
            lines.append(connection)
            through(connection)

        way = Way(coordinator.where, Proxy(stack.enter_context(server(proxy))))
        one = stack.enter_context(dialling(way, gate.handle))
        caller = stack.enter_context(ThreadPoolExecutor(1))
        stack.callback(gate.open)
        told = caller.submit(
            lambda: list(coordinator.server.exchange({SITES[0]: b"?"}, soon(), never))
        )
        assert gate.asked.wait(PATIENCE_SECONDS)
        lines[0].shutdown(SHUT_RDWR)
        assert "broke" in str(one.events.until_a(Down).error)
        one.until_connected(2)
        gate.open()
        assert told.result() == [(SITES[0], b"?")]
