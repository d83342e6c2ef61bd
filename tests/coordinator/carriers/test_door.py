"""Who comes in through the coordinator's port, and how little others can do there."""

from contextlib import ExitStack
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2

from coordinator.carriers.door import Alarm
from coordinator.carriers.grpc import ListenError, Presence, Tls
from coordinator.carriers.limits import Limits
from protocol import PROGRAM_VERSION
from protocol.ids import SiteId
from protocol.wire import federation_pb2 as pb
from protocol.wire.service import SERVICE, SMALL_BYTES, WIRE, Denial
from site_node.carriers.events import Warned
from site_node.carriers.line import channel
from site_node.doctor.way import Way
from tests.coordinator.carriers.stranger import NONCE, Stranger, stranger
from tests.federation.carriers.world import SITES, authority, dialling, port, seed, soon, tls, trust

H1, H2 = SITES[:2]


def test_a_hospital_of_the_roster_is_welcome() -> None:
    with port() as coordinator, stranger(coordinator.where) as one:
        assert one.log_in().software == "1.0"
        coordinator.until_there(H1)
        assert coordinator.server.connected() == {H1}
        assert coordinator.presence.all == (Presence(H1, True, "ipv4:127.0.0.1", "0.9"),)


def test_going_is_told_with_its_reason() -> None:
    with port() as coordinator:
        with stranger(coordinator.where) as one:
            one.log_in()
            one.say(pb.FromSite(leaving=pb.Leaving(code="stopping")))
            assert one.finish() is grpc.StatusCode.OK
        gone = coordinator.presence.until(lambda told: not told.connected)
        with stranger(coordinator.where) as one:
            one.log_in()
            coordinator.presence.until(lambda told: told.connected, 2)
        lost = coordinator.presence.until(lambda told: not told.connected, 2)
    assert (gone.why, lost.why) == ("stopping", "lost")


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"wire": WIRE + 1}, Denial.WIRE),
        ({"wire": 0}, Denial.WIRE),
        ({"program": "0"}, Denial.PROGRAM),
        ({"nonce": b""}, Denial.MESSAGE),
        ({"nonce": bytes(31)}, Denial.MESSAGE),
        ({"site": ""}, Denial.MESSAGE),
        ({"site": "no such\nid"}, Denial.MESSAGE),
    ],
)
def test_a_hello_that_is_none(other: dict[str, Any], code: Denial) -> None:
    with port() as coordinator, stranger(coordinator.where) as one:
        one.hello(**other)
        denied = one.hear().denied
    assert denied.code == code
    assert (denied.wire, denied.program, denied.software) == (WIRE, PROGRAM_VERSION, "1.0")


@pytest.mark.parametrize("site", ["H99", H1])
def test_strangers_do_not_learn_whom_the_roster_names(site: str) -> None:
    """The same code for an unknown name and for a wrong key; people at the centre learn more."""
    with port() as coordinator, stranger(coordinator.where) as one:
        one.hello(site)
        one.prove(SiteId(site), with_seed=seed("somebody else"))
        assert one.denied() == Denial.IDENTITY
        known = site == H1
        if known:
            coordinator.alarms.until_a(Alarm)
    assert coordinator.alarms.all == (
        (Alarm(Denial.IDENTITY, H1, "ipv4:127.0.0.1"),) if known else ()
    )


def test_a_recorded_login_opens_nothing() -> None:
    with port() as coordinator:
        with stranger(coordinator.where) as one:
            one.hello()
            proof = one.prove()
            assert one.hear().WhichOneof("said") == "welcome"
        with stranger(coordinator.where) as replaying:
            replaying.hello()
            assert replaying.hear().challenge.nonce != NONCE
            replaying.say(pb.FromSite(proof=pb.LoginProof(signature=proof)))
            assert replaying.denied() == Denial.IDENTITY


@pytest.mark.parametrize(
    "said",
    [
        pb.FromSite(proof=pb.LoginProof(signature=bytes(64))),
        pb.FromSite(chunk=pb.Chunk(message=1, total=1, data=b"x")),
        pb.FromSite(),
    ],
)
def test_nothing_goes_before_a_hello(said: pb.FromSite) -> None:
    with port() as coordinator, stranger(coordinator.where) as one:
        one.say(said)
        assert one.denied() == Denial.MESSAGE


def test_nothing_but_a_proof_follows_a_challenge() -> None:
    with port() as coordinator, stranger(coordinator.where) as one:
        one.hello()
        one.hello()
        assert one.denied() == Denial.MESSAGE


def test_bytes_that_are_no_message() -> None:
    with port() as coordinator, stranger(coordinator.where) as one:
        one.say_raw(b"\xff" * 9)
        assert one.denied() == Denial.MESSAGE


def test_little_is_taken_before_a_login() -> None:
    with port() as coordinator, stranger(coordinator.where) as one:
        one.hello(software="x" * SMALL_BYTES)
        assert one.denied() == Denial.MESSAGE


def test_no_larger_piece_than_a_frame_is_taken_by_grpc_itself() -> None:
    out = pb.FromSite(chunk=pb.Chunk(message=1, total=1 << 20, data=bytes(1 << 20)))
    with (
        port() as coordinator,
        grpc.secure_channel(
            str(coordinator.where), grpc.ssl_channel_credentials(authority()[1])
        ) as unlimited,
    ):
        multi: Any = unlimited.stream_stream(f"/{SERVICE}/Connect")
        call = multi(iter([out.SerializeToString()]))
        assert Stranger(call, SimpleQueue()).status() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_stalled_login_is_ended() -> None:
    limits = Limits(login_seconds=0.05)
    with port(limits=limits) as coordinator, stranger(coordinator.where) as one:
        one.hello()
        assert one.denied() == Denial.SLOW
        with stranger(coordinator.where) as silent:
            assert silent.denied() == Denial.SLOW


def test_an_address_has_few_logins_at_once() -> None:
    with ExitStack() as stack:
        coordinator = stack.enter_context(port(limits=Limits(half_open_per_address=2)))
        first, second = (stack.enter_context(stranger(coordinator.where)) for _ in range(2))
        for one in (first, second):
            one.hello()
        challenges = [one.hear().challenge for one in (first, second)]
        third = stack.enter_context(stranger(coordinator.where))
        assert third.denied() == Denial.BUSY
        second.answer(challenges[1])
        assert second.hear().WhichOneof("said") == "welcome"
        with stranger(coordinator.where) as fourth:
            fourth.log_in(H2)
        coordinator.until_there(H1, H2)


def test_of_two_live_sessions_the_second_is_denied_and_both_are_told() -> None:
    with port() as coordinator, dialling(coordinator.where) as live:
        live.until_connected()
        with stranger(coordinator.where) as second:
            second.hello()
            second.prove()
            assert second.denied() == Denial.SECOND
        coordinator.alarms.until(lambda told: told == Alarm(Denial.SECOND, H1, "ipv4:127.0.0.1"))
        warned = live.events.until_a(Warned)
        assert "another program logged in" in str(warned.error)
        assert coordinator.server.connected() == {H1}


def test_a_session_that_does_not_answer_is_replaced() -> None:
    limits = Limits(ping_seconds=0.05)
    with port(limits=limits) as coordinator, stranger(coordinator.where) as dead:
        dead.log_in()
        with stranger(coordinator.where) as living:
            living.log_in()
            assert dead.denied() == Denial.REPLACED
            assert coordinator.server.connected() == {H1}
        assert coordinator.alarms.all == ()


def test_a_visit_leaves_the_session_alone() -> None:
    with port() as coordinator, dialling(coordinator.where) as live:
        live.until_connected()
        with stranger(coordinator.where) as visitor:
            visitor.hello(visit=True)
            visitor.prove()
            assert visitor.hear().WhichOneof("said") == "welcome"
            assert visitor.status() is grpc.StatusCode.OK
        assert coordinator.server.connected() == {H1}
        assert coordinator.alarms.all == ()


def test_a_hook_that_fails_is_our_fault_and_not_the_hospitals() -> None:
    def broken(_: object) -> bytes:
        raise RuntimeError("no database")

    with port(hooks={"identity": broken}) as coordinator, stranger(coordinator.where) as one:
        one.hello()
        one.prove()
        assert one.denied() == Denial.FAULT
    with port(hooks={"presence": broken}) as coordinator, stranger(coordinator.where) as one:
        one.log_in()
        assert list(coordinator.server.exchange({}, soon(), lambda: False)) == []


def test_health_is_told_to_anybody() -> None:
    with port() as coordinator, channel(Way(coordinator.where), trust()) as dialled:
        check: Any = dialled.unary_unary("/grpc.health.v1.Health/Check")
        for service in ("", SERVICE):
            raw = check(health_pb2.HealthCheckRequest(service=service).SerializeToString())
            said = health_pb2.HealthCheckResponse.FromString(raw)
            assert said.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.RpcError) as unknown:
            check(health_pb2.HealthCheckRequest(service="another").SerializeToString())
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_port_is_opened_once() -> None:
    with (
        port() as coordinator,
        pytest.raises(ListenError, match="cannot be opened"),
        port(coordinator.where.port),
    ):
        pass


def test_a_port_wants_a_key_and_its_certificate() -> None:
    with pytest.raises(ListenError, match="certificate of the port is none"):
        opened(Tls(b"no", b"key"))
    with pytest.raises(ListenError, match="cannot be opened"):
        opened(Tls(b"no key", tls().certificate))


def opened(own: Tls) -> None:
    with port(tls=own):
        pass
