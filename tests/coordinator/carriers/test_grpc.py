"""Requests and replies over the coordinator's port: waiting, windows, limits, ends."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import grpc
import pytest

from coordinator.carriers import Carrier
from coordinator.carriers.grpc import GrpcServer
from coordinator.carriers.limits import Limits
from protocol.ids import SiteId
from protocol.wire import federation_pb2 as pb
from protocol.wire.encoding import MessageError
from protocol.wire.frames import CHUNK_BYTES
from protocol.wire.service import UNANSWERED, Denial
from tests.coordinator.carriers.stranger import Stranger, stranger
from tests.federation.carriers.world import SITES, dialling, never, port, soon

H1, H2 = SITES[:2]


def asked(one: Stranger) -> pb.Chunk:
    """Hear a request that fits into a chunk."""
    heard = one.hear()
    assert heard.WhichOneof("said") == "chunk"
    return heard.chunk


def answer(one: Stranger, to: pb.Chunk, reply: bytes) -> None:
    one.say(pb.FromSite(chunk=pb.Chunk(message=to.message, total=len(reply), data=reply)))


def test_the_server_is_a_carrier() -> None:
    with port() as coordinator:
        carrier: Carrier = coordinator.server
        assert list(carrier.exchange({}, soon(), never)) == []


def test_a_request_waits_for_its_hospital() -> None:
    with port() as coordinator, ThreadPoolExecutor(1) as caller:
        told = caller.submit(lambda: dict(coordinator.server.exchange({H1: b"?"}, soon(), never)))
        with dialling(coordinator.where, lambda request: request + b"!"):
            assert told.result() == {H1: b"?!"}


def test_a_hospital_that_comes_back_is_asked_again() -> None:
    with port() as coordinator, ThreadPoolExecutor(1) as caller:
        told = caller.submit(lambda: dict(coordinator.server.exchange({H1: b"?"}, soon(), never)))
        for _ in range(2):
            with stranger(coordinator.where) as leaving:
                leaving.log_in()
                assert asked(leaving).data == b"?"
        with stranger(coordinator.where) as staying:
            staying.log_in()
            answer(staying, asked(staying), b"!")
            assert told.result() == {H1: b"!"}


def test_an_exchange_ends_at_its_deadline() -> None:
    with port() as coordinator, dialling(coordinator.where) as one:
        one.until_connected()
        both = {H1: b"here", H2: b"away"}
        assert list(coordinator.server.exchange(both, soon(0.3), never)) == [(H1, b"here")]


def test_an_exchange_ends_when_it_is_stopped() -> None:
    stopped = threading.Event()
    with port() as coordinator, dialling(coordinator.where):
        replies = coordinator.server.exchange({H1: b"a", H2: b"b"}, soon(), stopped.is_set)
        assert next(replies) == (H1, b"a")
        stopped.set()
        assert list(replies) == []


def test_an_exchange_ends_with_the_port() -> None:
    with port() as coordinator, ThreadPoolExecutor(1) as caller:
        told = caller.submit(lambda: list(coordinator.server.exchange({H1: b"?"}, soon(), never)))
        with stranger(coordinator.where) as one:
            one.log_in()
            asked(one)
            coordinator.server.stop()
            assert one.denied() == Denial.CLOSING
        assert told.result() == []
        assert list(coordinator.server.exchange({H1: b"?"}, soon(), never)) == []
        gone = coordinator.presence.until(lambda presence: not presence.connected)
        assert gone.why == Denial.CLOSING


def test_a_late_reply_is_nobodys() -> None:
    with port() as coordinator, stranger(coordinator.where) as slow:
        slow.log_in()
        coordinator.until_there(H1)
        assert list(coordinator.server.exchange({H1: b"first"}, soon(0.05), never)) == []
        late = asked(slow)
        with ThreadPoolExecutor(1) as caller:
            second = caller.submit(
                lambda: list(coordinator.server.exchange({H1: b"second"}, soon(), never))
            )
            in_time = asked(slow)
            answer(slow, late, b"to the first")
            answer(slow, in_time, b"to the second")
            assert second.result() == [(H1, b"to the second")]


def test_a_hospital_holds_few_requests_at_a_time() -> None:
    runs = UNANSWERED + 2
    with ExitStack() as stack:
        coordinator = stack.enter_context(port())
        one = stack.enter_context(stranger(coordinator.where))
        callers = stack.enter_context(ThreadPoolExecutor(runs))
        one.log_in()
        coordinator.until_there(H1)
        told = [
            callers.submit(_first, coordinator.server, {H1: b"run %d" % number})
            for number in range(runs)
        ]
        waiting = [asked(one) for _ in range(UNANSWERED)]
        # A ping comes before the next request, so there is none on its way.
        with stranger(coordinator.where) as second:
            second.hello()
            second.prove()
            ping = one.hear()
            assert ping.WhichOneof("said") == "ping"
            one.say(pb.FromSite(pong=pb.Pong(number=ping.ping.number)))
            assert second.denied() == Denial.SECOND
            assert one.hear().WhichOneof("said") == "notice"
        for number in range(runs):
            answer(one, waiting[number], waiting[number].data)
            if number < runs - UNANSWERED:
                waiting.append(asked(one))
        assert {call.result() for call in told} == {b"run %d" % number for number in range(runs)}


def _first(server: GrpcServer, requests: dict[SiteId, bytes]) -> bytes:
    ((_, reply),) = server.exchange(requests, soon(), never)
    return reply


@pytest.mark.parametrize(
    "chunk",
    [
        pb.Chunk(message=99, total=1, data=b"x"),
        pb.Chunk(message=1, total=(1 << 20) + 1, data=bytes(CHUNK_BYTES)),
        pb.Chunk(message=1, total=0, data=b""),
        pb.Chunk(message=1, total=9, data=b"few"),
    ],
    ids=["never asked", "too large by its announcement", "empty", "not cut as agreed"],
)
def test_what_no_hospital_says_ends_the_session(chunk: pb.Chunk) -> None:
    limits = Limits(message_bytes=1 << 20)
    with port(limits=limits) as coordinator, ThreadPoolExecutor(1) as caller:
        told = caller.submit(lambda: dict(coordinator.server.exchange({H1: b"?"}, soon(), never)))
        with stranger(coordinator.where) as one:
            one.log_in()
            assert asked(one).message == 1
            one.say(pb.FromSite(chunk=chunk))
            assert one.denied() == Denial.MESSAGE
        with dialling(coordinator.where, lambda _: b"!"):
            assert told.result() == {H1: b"!"}


def test_a_request_is_answered_once_in_a_session() -> None:
    with port() as coordinator, stranger(coordinator.where) as one:
        one.log_in()
        coordinator.until_there(H1)
        replies = coordinator.server.exchange({H1: b"?", H2: b"?"}, soon(), never)
        with ThreadPoolExecutor(1) as caller:
            first = caller.submit(next, replies)
            request = asked(one)
            answer(one, request, b"!")
            assert first.result() == (H1, b"!")
        answer(one, request, b"!")
        assert one.denied() == Denial.MESSAGE
        replies.close()  # type: ignore[attr-defined]


def test_an_unknown_word_ends_the_session() -> None:
    with port() as coordinator, stranger(coordinator.where) as one:
        one.log_in()
        one.hello()
        assert one.denied() == Denial.MESSAGE


def test_a_hospital_says_nothing_that_it_is_not_asked() -> None:
    bye = pb.FromSite(leaving=pb.Leaving(code="stopping"))
    for said in ([pb.FromSite(pong=pb.Pong(number=7))], [bye, bye]):
        with port() as coordinator, stranger(coordinator.where) as one:
            one.log_in()
            for word in said:
                one.say(word)
            assert one.denied() == Denial.MESSAGE


def test_a_late_pong_is_forgiven() -> None:
    """Whoever wanted to know has gone; the session is as good as before."""
    with port() as coordinator, stranger(coordinator.where) as one:
        one.log_in()
        with stranger(coordinator.where) as second:
            second.hello()
            second.prove()
            number = one.hear().ping.number
        one.say(pb.FromSite(pong=pb.Pong(number=number)))
        assert one.finish() is grpc.StatusCode.OK


def test_a_request_too_large_is_not_sent() -> None:
    limits = Limits(message_bytes=10)
    with port(limits=limits) as coordinator:
        replies = coordinator.server.exchange({H1: bytes(11)}, soon(), never)
        with pytest.raises(MessageError, match="the request to H1 has 11 bytes; at most 10"):
            next(replies)
