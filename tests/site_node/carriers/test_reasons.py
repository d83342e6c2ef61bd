"""Why there is no connection: one sentence to the operator for each cause, and what to do."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from protocol import PROGRAM_VERSION
from protocol.errors import Exit, FederationError
from protocol.governance.identity import identity_public
from protocol.governance.invitation import Denial as NotInvited
from protocol.governance.invitation import InvitationError
from protocol.wire import federation_pb2 as pb
from protocol.wire.encoding import MessageError
from protocol.wire.frames import CHUNK_BYTES
from protocol.wire.service import UNANSWERED, WIRE, Denial
from site_node.carriers.errors import (
    InterceptedError,
    LineError,
    TurnedAwayError,
    not_joined,
    noticed,
    turned_away,
)
from site_node.carriers.events import Down
from site_node.carriers.grpc import office_time, visit
from site_node.carriers.session import Credentials
from site_node.doctor.lookup import Endpoint
from site_node.doctor.proxy import Proxy
from site_node.doctor.way import Way
from tests.federation.carriers.middle import opening
from tests.federation.carriers.world import NOW, OFFICE, SITES, dialling, port, seed, tls, trust
from tests.site_node.carriers.gate import Gate
from tests.site_node.carriers.offices import Said, after_login, asks, denies, office, welcome
from tests.site_node.doctor.loopback import closed_port, hang_up, says, server, tunnel

HTML = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Please log in</html>"
WANTS_LOGIN = 'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="x"\r\n\r\n'


def first_down(where: Endpoint | Way) -> Down:
    with dialling(where) as one:
        down: Down = one.events.until_a(Down)
    assert down.changed
    assert down.error.fix
    return down


def reason(where: Endpoint | Way) -> str:
    error = first_down(where).error
    assert isinstance(error, LineError)
    return error.reason


def test_nobody_listens() -> None:
    assert reason(closed_port()) == "tcp-refused"


def test_something_else_listens() -> None:
    with server(says("220 mail.example.org\r\n")) as where:
        assert reason(where) == "tls-none"


def test_a_name_that_nobody_knows() -> None:
    assert reason(Endpoint("coordinator.invalid", 443)) == "name-unknown"


def test_a_filter_that_signs_certificates_anew_is_named() -> None:
    """The attack of SECURITY 9: any other authority, even a public one, is a stranger."""
    with port(tls=tls("Hospital Web Filter")) as coordinator:
        error = first_down(coordinator.where).error
    assert isinstance(error, InterceptedError)
    assert error.exit is Exit.TAMPERING
    assert error.reason == "tls-intercepted"
    for issuer in ("Hospital Web Filter", "Seven Hospitals"):
        assert issuer in str(error)


def test_a_filter_that_passes_every_byte_on_gets_none(tmp_path: Path) -> None:
    with port() as coordinator:
        filtering = opening(coordinator.where, tls("Hospital Web Filter"), tmp_path)
        with server(filtering) as where:
            assert reason(where) == "tls-intercepted"
        assert coordinator.presence.all == ()


def test_a_hospital_may_trust_its_own_filter() -> None:
    own = trust("Hospital Web Filter")
    with (
        port(tls=tls("Hospital Web Filter")) as coordinator,
        dialling(coordinator.where, trust=own) as one,
    ):
        one.until_connected()


def test_a_certificate_for_another_host() -> None:
    with port(tls=tls(host="coordinator.example.org")) as coordinator:
        assert reason(coordinator.where) == "tls-host"


def test_the_right_line_to_another_coordinator() -> None:
    def script(said: Said) -> Iterator[pb.FromOffice]:
        yield from welcome(said, seed=seed("another office"))

    with office(script) as where:
        error = first_down(where).error
    assert isinstance(error, InterceptedError)
    assert error.reason == "coordinator-key"


@pytest.mark.parametrize("nonce", [b"", bytes(31), bytes(33)])
def test_a_challenge_needs_its_nonce(nonce: bytes) -> None:
    def script(said: Said) -> Iterator[pb.FromOffice]:
        next(said)
        yield pb.FromOffice(challenge=pb.Challenge(nonce=nonce, signature=bytes(64)))

    with office(script) as where:
        error = first_down(where).error
    assert error.code == "login"
    assert error.exit is Exit.TAMPERING


def test_a_server_without_our_service() -> None:
    with office(after_login(), method="Other") as where:
        assert reason(where) == "no-service"


def test_a_proxy_lets_us_through_and_its_password_is_used() -> None:
    heard: list[bytes] = []
    with port() as coordinator:
        through = tunnel(coordinator.where)

        def proxy(connection: object) -> None:
            heard.append(connection.recv(4096, 2))  # type: ignore[attr-defined] # MSG_PEEK
            through(connection)  # type: ignore[arg-type]

        with server(proxy) as where:
            way = Way(coordinator.where, Proxy(where, "user:secret"))
            with dialling(way) as one:
                one.until_connected()
    assert heard[0].startswith(f"CONNECT {coordinator.where} HTTP/1.1\r\n".encode())
    assert b"Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n" in heard[0]


def test_the_coordinator_need_not_be_resolvable_behind_a_proxy() -> None:
    """The proxy looks names up; the certificate is held against the name all the same."""
    name = Endpoint("coordinator.invalid", 443)
    with (
        port(tls=tls(host=name.host)) as coordinator,
        server(tunnel(coordinator.where)) as where,
        dialling(Way(name, Proxy(where))) as one,
    ):
        one.until_connected()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (WANTS_LOGIN, "proxy-407"),
        (HTML, "proxy-html"),
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "proxy-403"),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "proxy-upstream"),
        ("SSH-2.0-OpenSSH\r\n", "proxy-not-http"),
    ],
)
def test_a_proxy_that_does_not(said: str, expected: str) -> None:
    with server(says(said)) as where:
        assert reason(Way(Endpoint("coordinator.example.org", 443), Proxy(where))) == expected


def test_a_dead_proxy() -> None:
    with server(hang_up) as where:
        way = Way(Endpoint("coordinator.example.org", 443), Proxy(where))
        assert reason(way) == "proxy-silent"


def test_the_environments_proxy_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "http_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, f"http://{closed_port()}")
    with port() as coordinator, dialling(coordinator.where) as one:
        one.until_connected()


@pytest.mark.parametrize("code", list(Denial))
def test_every_denial_has_its_words(code: Denial) -> None:
    error = turned_away(pb.Denied(code=code, wire=9, program="9", software="9.1"), "H1")
    assert error.reason == code
    assert error.fix
    assert str(error)
    assert error.exit is Exit.UNREACHABLE


@pytest.mark.parametrize(
    ("denied", "words", "fix"),
    [
        (
            pb.Denied(code="wire-version", wire=WIRE + 1, software="9.0"),
            f"the coordinator speaks version {WIRE + 1} of the line, we {WIRE}",
            "update riskset at this hospital; the coordinator has 9.0",
        ),
        (
            pb.Denied(code="program-version", program="0"),
            f"the coordinator runs version '0' of the study program, we {PROGRAM_VERSION!r}",
            "ask the coordinating centre to update riskset; the coordinator has another version",
        ),
        (
            pb.Denied(code="\x1b[31mred"),
            "the coordinator ends the connection: '?[31mred'",
            "ask the coordinating centre what that means",
        ),
    ],
)
def test_versions_are_named_on_both_sides(denied: pb.Denied, words: str, fix: str) -> None:
    error = turned_away(denied, "H1")
    assert (str(error), error.fix) == (words, fix)


def test_other_words_of_the_coordinator() -> None:
    assert "let us know" not in str(noticed(pb.Notice(code=Denial.SECOND)))
    assert "'soon'" in str(noticed(pb.Notice(code="soon")))
    no = not_joined(pb.Denied(code=NotInvited.EXPIRED), "H1")
    assert isinstance(no, InvitationError)
    assert no.denial is NotInvited.EXPIRED
    assert isinstance(not_joined(pb.Denied(code=Denial.BUSY), "H1"), TurnedAwayError)


def test_a_denial_is_told() -> None:
    with office(denies(Denial.BUSY)) as where:
        assert reason(where) == Denial.BUSY


LARGE = pb.Chunk(message=1, total=(1 << 20) + 1, data=bytes(CHUNK_BYTES))
MANY = [one for number in range(UNANSWERED + 1) for one in asks(number, b"?")]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([pb.FromOffice(chunk=LARGE)], "1048577 bytes is announced"),
        (MANY, f"more than {UNANSWERED} requests"),
        ([pb.FromOffice(welcome=pb.Welcome())], "says welcome in mid-session"),
        ([pb.FromOffice()], "says nothing"),
        ([pb.FromOffice(chunk=pb.Chunk(message=1, total=9, data=b"few"))], "not cut"),
    ],
)
def test_a_coordinator_that_takes_too_much(said: list[pb.FromOffice], words: str) -> None:
    """The hospital leaves, and what it was asked is not kept."""
    left: list[str] = []

    def script(heard: Said) -> Iterator[pb.FromOffice]:
        yield from welcome(heard)
        yield from said
        left.extend(one.leaving.code for one in heard if one.HasField("leaving"))

    gate = Gate()
    with office(script) as where, gate, dialling(where, gate.handle, message_bytes=1 << 20) as one:
        down = one.events.until_a(Down)
        assert isinstance(down.error, MessageError)
        assert words in str(down.error)
    assert "message" in left


def test_larger_pieces_than_agreed_are_not_taken() -> None:
    large = pb.FromOffice(chunk=pb.Chunk(message=1, total=1 << 20, data=bytes(1 << 20)))
    with office(after_login(large)) as where:
        assert reason(where) == "exhausted"


def test_a_visit() -> None:
    me = Credentials(SITES[0], seed(SITES[0]), identity_public(OFFICE), "1.0")
    with office(welcome) as where:
        theirs = visit(Way(where), trust(), me, 5)
    assert abs(theirs - NOW) < timedelta(minutes=5)
    with office(denies(Denial.IDENTITY)) as where, pytest.raises(TurnedAwayError, match="H1"):
        visit(Way(where), trust(), me, 5)
    with pytest.raises(FederationError, match="broke"):
        visit(Way(closed_port()), trust(), me, 5)


def test_a_time_beyond_all_calendars() -> None:
    with pytest.raises(MessageError, match="time is none"):
        office_time(pb.Welcome(time=2**64 - 1))
