"""A hospital on the line: answers, stays, comes back, and ends when it is told."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from protocol.wire import federation_pb2 as pb
from protocol.wire.service import Denial
from site_node.carriers.errors import NodeFaultError
from site_node.carriers.events import Connected, Down, Faulty, Stopping
from site_node.points import Point
from tests.federation.carriers.world import SITES, Heard, dialling, never, port, soon
from tests.site_node.carriers.gate import Gate
from tests.site_node.carriers.offices import Said, Script, after_login, asks, office, welcome
from tests.site_node.doctor.loopback import closed_port, server, silent

H1 = SITES[0]


def replies_to(request: bytes, then: Heard[bytes]) -> Script:
    """Log in, ask once, and note the reply."""

    def script(said: Said) -> Iterator[pb.FromOffice]:
        yield from welcome(said)
        yield from asks(1, request)
        for one in said:
            then(one.leaving.code.encode() if one.HasField("leaving") else one.chunk.data)

    return script


def test_it_answers_and_tells_the_points_of_sending() -> None:
    with port() as coordinator, dialling(coordinator.where, lambda one: one + b"!") as hospital:
        assert list(coordinator.server.exchange({H1: b"?"}, soon(), never)) == [(H1, b"?!")]
        hospital.points.until(lambda point: point is Point.AFTER_SEND)
    assert hospital.points.all == (Point.BEFORE_SEND, Point.AFTER_SEND)


def test_the_coordinators_clock_is_compared() -> None:
    def script(said: Said) -> Iterator[pb.FromOffice]:
        yield from welcome(said, late_seconds=3600)
        yield from after_login()(said)

    with office(script) as where, dialling(where) as one:
        connected = one.until_connected()
        assert timedelta(minutes=-61) < connected.skew < timedelta(minutes=-59)
        assert (connected.office, connected.software) == (str(where), "1.0")


def test_pings_are_answered_while_the_node_computes() -> None:
    pongs: Heard[int] = Heard()

    def script(said: Said) -> Iterator[pb.FromOffice]:
        yield from welcome(said)
        yield from asks(1, b"?")
        assert gate.asked.wait(10)
        yield pb.FromOffice(ping=pb.Ping(number=7))
        for one in said:
            pongs(one.pong.number)

    with Gate() as gate, office(script) as where, dialling(where, gate.handle):
        pongs.until(lambda number: number == 7)
        gate.open()


def test_a_failure_is_told_when_it_changes_and_each_try_is_noted() -> None:
    where = closed_port()
    with dialling(where) as one:
        one.events.until_a(Down, 3)
        with port(where.port):
            one.until_connected()
        one.events.until(lambda told: isinstance(told, Down) and told.changed, 2)
    downs = [told for told in one.events.all if isinstance(told, Down)]
    assert [told.changed for told in downs[:3]] == [True, False, False]
    assert all(0 <= told.retry_seconds <= 60 for told in downs)


@pytest.mark.parametrize(("held_seconds", "expected"), [(0.0, 0.01), (60.0, 0.08)])
def test_only_a_connection_that_held_makes_the_next_wait_short(
    monkeypatch: pytest.MonkeyPatch, held_seconds: float, expected: float
) -> None:
    monkeypatch.setattr("site_node.carriers.grpc.HELD_SECONDS", held_seconds)
    waits = Heard[float]()
    with ExitStack() as stack:

        def tell(event: object) -> None:
            told(event)
            if isinstance(event, Down):
                waits(event.retry_seconds)
                if len(waits.all) == 3:
                    stack.enter_context(port(where.port))

        told: Heard[object] = Heard()
        where = closed_port()
        with dialling(where, tell=tell):
            told.until_a(Connected)
            stack.close()
            waits.until(lambda _: True, 4)
    assert waits.all[:4] == (0.01, 0.02, 0.04, expected)


def test_a_coordinator_that_goes_says_so() -> None:
    with port() as coordinator, dialling(coordinator.where) as one:
        one.until_connected()
        coordinator.server.stop()
        down = one.events.until_a(Down)
    assert down.error.reason == Denial.CLOSING


def test_it_stops_while_nothing_is_asked() -> None:
    with port() as coordinator, dialling(coordinator.where) as one:
        one.until_connected()
        one.stop()
        gone = coordinator.presence.until(lambda told: not told.connected)
    assert gone.why == "stopping"
    assert one.events.all[-1] == Stopping(busy=False)


def test_it_finishes_the_answer_in_hand_before_it_stops() -> None:
    heard: Heard[bytes] = Heard()
    with (
        Gate() as gate,
        office(replies_to(b"?", heard)) as where,
        dialling(where, gate.handle) as one,
    ):
        assert gate.asked.wait(10)
        one.carrier.stop()
        one.events.until(lambda told: told == Stopping(busy=True))
        gate.open()
        assert one.join(10)
    assert heard.all == (b"?", b"stopping")


def test_it_does_not_wait_for_ever_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("site_node.carriers.session.STOP_SECONDS", 0.1)
    heard: Heard[bytes] = Heard()
    with (
        Gate() as gate,
        office(replies_to(b"?", heard)) as where,
        dialling(where, gate.handle) as one,
    ):
        assert gate.asked.wait(10)
        one.carrier.stop()
        assert one.join(10)
    assert b"?" not in heard.all


def test_it_stops_while_it_waits_for_the_next_try() -> None:
    with dialling(closed_port(), draw=lambda: 0.999) as one:
        while one.events.until_a(Down).retry_seconds < 0.9:
            pass
        one.carrier.stop()
        assert one.join(10)


def test_it_stops_while_it_logs_in() -> None:
    reached = threading.Event()

    def holding(connection: object) -> None:
        reached.set()
        silent(connection)  # type: ignore[arg-type]

    with server(holding) as where, dialling(where) as one:
        assert reached.wait(10)
        one.carrier.stop()
        assert one.join(10)
    assert not any(isinstance(told, Connected) for told in one.events.all)


def test_it_may_be_told_to_stop_twice_and_before_it_begins() -> None:
    with port() as coordinator, dialling(coordinator.where) as one:
        one.carrier.stop()
        one.carrier.stop()
        assert one.join(10)


@pytest.mark.parametrize("bad", [b"", RuntimeError("a fault of the node")])
def test_a_fault_of_the_node_is_told_and_the_request_comes_again(bad: bytes | Exception) -> None:
    faults = iter([bad])

    def handle(request: bytes) -> bytes:
        match next(faults, None):
            case Exception() as error:
                raise error
            case bytes(reply):
                return reply
        return request

    with port() as coordinator, dialling(coordinator.where, handle) as one:
        assert list(coordinator.server.exchange({H1: b"?"}, soon(), never)) == [(H1, b"?")]
        gone = coordinator.presence.until(lambda told: not told.connected)
    down = next(told for told in one.events.all if isinstance(told, Down))
    assert gone.why == "fault"
    assert isinstance(down.error, NodeFaultError)
    assert any(isinstance(told, Faulty) for told in one.events.all) == isinstance(bad, Exception)


def test_what_is_to_end_the_process_ends_the_carrier() -> None:
    class PowerCut(BaseException):
        pass

    def handle(_: bytes) -> bytes:
        raise PowerCut

    with port() as coordinator, dialling(coordinator.where, handle) as one:
        assert list(coordinator.server.exchange({H1: b"?"}, soon(0.5), never)) == []
        assert one.join(10)
    assert isinstance(one.ended, PowerCut)
