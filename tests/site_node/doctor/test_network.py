"""The way to the coordinator: real sockets on this machine, each wrong in its own way."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from protocol.errors import Exit, FederationError
from site_node.doctor import lookup
from site_node.doctor.check import Check, Status
from site_node.doctor.handshake import Trust, certificates_pem
from site_node.doctor.lookup import Endpoint, Patience, look_up
from site_node.doctor.network import Walk, clock_check, network_checks
from site_node.doctor.proxy import Proxy
from site_node.doctor.way import Way
from tests.site_node.doctor.conftest import START, Authorities, Certify, now
from tests.site_node.doctor.loopback import (
    Handler,
    closed_port,
    full_server,
    hang_up,
    says,
    server,
    silent,
    tls,
    tunnel,
)

NOT_NOW = "not in this test"


def walked(way: Way, trust: Trust | None = None, seconds: float = 5.0) -> dict[str, Check]:
    found = network_checks(Walk(way, trust, now, NOT_NOW, Patience.of(seconds)))
    assert len({check.name for check in found}) == len(found)
    return {check.name: check for check in found}


def failed(found: dict[str, Check]) -> Check:
    """Give the one failed check; what comes after it says that it was not tried."""
    (bad,) = [check for check in found.values() if check.status is Status.FAIL]
    assert bad.why
    assert bad.fix
    return bad


def test_the_right_server(certify: Certify, trusted: Trust) -> None:
    with server(tls(certify())) as coordinator:
        found = walked(Way(coordinator), trusted)
    states = {name: check.status for name, check in found.items()}
    assert states == {
        "Name lookup": Status.OK,
        "Connection": Status.OK,
        "Secure connection": Status.OK,
        "Certificate": Status.OK,
        "HTTP/2": Status.OK,
        "Login": Status.NOT_TRIED,
        "Clock": Status.NOT_TRIED,
    }
    assert "Seven Hospitals certificate authority" in found["Secure connection"].told


def test_a_name_that_nobody_knows() -> None:
    bad = failed(walked(Way(Endpoint("coordinator.invalid", 443))))
    assert (bad.code, bad.exit) == ("name-unknown", Exit.UNREACHABLE)


def test_a_name_that_cannot_be_one() -> None:
    assert look_up(Endpoint("a" * 64 + ".example", 443), 2).check.code == "name-unknown"


def test_name_servers_that_do_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "_peers", lambda _: time.sleep(0.5))
    assert look_up(Endpoint("coordinator.example", 443), 0.05).check.code == "name-timeout"


def test_a_closed_port() -> None:
    found = walked(Way(closed_port()))
    assert failed(found).code == "tcp-refused"
    for name in ("Secure connection", "Certificate", "HTTP/2", "Login"):
        assert found[name].told == "not tried, because of 'Connection' above"


def test_a_firewall_that_drops() -> None:
    with full_server() as coordinator:
        bad = failed(walked(Way(coordinator), seconds=0.3))
    assert bad.code == "tcp-timeout"
    assert f"outbound TCP to {coordinator}" in bad.fix


@pytest.mark.parametrize(
    ("handle", "code"),
    [
        (silent, "tls-silent"),
        (hang_up, "tls-cut"),
        (says("HTTP/1.1 400 Bad Request\r\n\r\n"), "tls-none"),
    ],
)
def test_a_server_without_tls(handle: Handler, code: str, trusted: Trust) -> None:
    with server(handle) as coordinator:
        found = walked(Way(coordinator), trusted, seconds=0.4)
    assert failed(found).code == code
    assert found["HTTP/2"].status is Status.NOT_TRIED


def test_a_filter_that_signs_anew(certify: Certify, trusted: Trust) -> None:
    with server(tls(certify("filter"))) as coordinator:
        bad = failed(walked(Way(coordinator), trusted))
    assert (bad.code, bad.exit) == ("tls-intercepted", Exit.TAMPERING)
    assert '"Hospital Web Filter certificate authority"' in bad.told
    assert '"Seven Hospitals certificate authority"' in bad.told
    assert f"exempt {coordinator} from TLS inspection" in bad.fix


def test_a_filter_without_http_2_is_told_as_both(certify: Certify, trusted: Trust) -> None:
    with server(tls(certify("filter"), ("http/1.1",))) as coordinator:
        found = walked(Way(coordinator), trusted)
    assert found["Secure connection"].code == "tls-intercepted"
    assert found["HTTP/2"].code == "no-http2"


def test_a_filter_that_the_settings_trust(
    certify: Certify, trusted: Trust, authorities: Authorities
) -> None:
    more = replace(trusted, further=certificates_pem(authorities.filter[1]))
    with server(tls(certify("filter"))) as coordinator:
        found = walked(Way(coordinator), more)
    assert found["Secure connection"].status is Status.WARN
    assert found["Secure connection"].code == "tls-own-proxy"
    with server(tls(certify())) as coordinator:
        assert walked(Way(coordinator), more)["Secure connection"].status is Status.OK


def test_an_authority_of_the_same_name(certify: Certify, trusted: Trust) -> None:
    with server(tls(certify("same_name"))) as coordinator:
        bad = failed(walked(Way(coordinator), trusted))
    assert (bad.code, bad.exit) == ("tls-forged", Exit.TAMPERING)


def test_a_certificate_for_another_host(certify: Certify, trusted: Trust) -> None:
    with server(tls(certify(host="other.example"))) as coordinator:
        bad = failed(walked(Way(coordinator), trusted))
    assert bad.code == "tls-host"
    assert "other.example, not for 127.0.0.1" in bad.told


def test_an_expired_certificate(certify: Certify, trusted: Trust) -> None:
    with server(tls(certify(age_days=40, days=30))) as coordinator:
        bad = failed(walked(Way(coordinator), trusted))
    assert bad.code == "tls-expired"
    assert f"expired on {START - timedelta(days=10):%Y-%m-%d}" in bad.told


def test_a_certificate_of_the_future(certify: Certify, trusted: Trust) -> None:
    with server(tls(certify(age_days=-10))) as coordinator:
        bad = failed(walked(Way(coordinator), trusted))
    assert bad.code == "tls-not-yet"
    assert "clock" in bad.why


@pytest.mark.parametrize(("left", "status"), [(29, Status.WARN), (31, Status.OK)])
def test_a_certificate_that_ends_soon(
    left: int, status: Status, certify: Certify, trusted: Trust
) -> None:
    with server(tls(certify(days=left))) as coordinator:
        found = walked(Way(coordinator), trusted)
    assert found["Certificate"].status is status


@pytest.mark.parametrize("protocols", [("http/1.1",), ("acme/1",)])
def test_a_box_that_speaks_no_http_2(
    protocols: tuple[str, ...], certify: Certify, trusted: Trust
) -> None:
    with server(tls(certify(), protocols)) as coordinator:
        found = walked(Way(coordinator), trusted)
    assert failed(found).code == "no-http2"
    assert found["Login"].status is Status.NOT_TRIED


def test_before_joining_nobody_is_believed(certify: Certify) -> None:
    with server(tls(certify())) as coordinator:
        found = walked(Way(coordinator), None)
    assert found["Secure connection"].code == "tls-unknown"
    assert found["Login"].status is Status.NOT_TRIED


# ---- Through a proxy ----


def through(handle: Handler, login: str = "", seconds: float = 5.0) -> dict[str, Check]:
    with server(handle) as box:
        return walked(Way(Endpoint("coordinator.example", 443), Proxy(box, login)), seconds=seconds)


def test_a_proxy_that_lets_us_through(certify: Certify, trusted: Trust) -> None:
    with (
        server(tls(certify(host="coordinator.example"))) as coordinator,
        server(tunnel(coordinator)) as box,
    ):
        found = walked(Way(Endpoint("coordinator.example", 443), Proxy(box)), trusted)
    assert [found[name].status for name in ("Proxy", "Secure connection", "HTTP/2")] == ["ok"] * 3


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n<html>log in</html>", "proxy-407"),
        ("HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<html></html>", "proxy-403"),
        ("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Welcome</html>", "proxy-html"),
        ("<html>Welcome</html>", "proxy-html"),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "proxy-upstream"),
        ("HTTP/1.0 400 Bad Request\r\n\r\n", "proxy-refused"),
        ("SSH-2.0-OpenSSH\r\n", "proxy-not-http"),
        ("", "proxy-silent"),
    ],
)
def test_a_proxy_that_does_not(answer: str, code: str) -> None:
    found = through(says(answer))
    assert failed(found).code == code
    assert found["Secure connection"].told == "not tried, because of 'Proxy' above"


def test_a_host_that_tls_does_not_take(trusted: Trust) -> None:
    with server(says("HTTP/1.1 200 OK\r\n\r\n")) as box:
        found = walked(Way(Endpoint("a" * 64 + ".example", 443), Proxy(box)), trusted)
    assert failed(found).code == "tls-none"


def test_a_proxy_that_hangs() -> None:
    assert failed(through(silent, seconds=0.4)).code == "proxy-silent"


def test_a_dead_proxy() -> None:
    way = Way(Endpoint("coordinator.example", 443), Proxy(closed_port()))
    found = walked(way)
    assert failed(found).code == "tcp-refused"
    assert found["Proxy"].status is Status.NOT_TRIED


@pytest.mark.parametrize(
    ("offers", "login", "told"),
    [
        ("Basic realm=x", "", "wants a user name and password by Basic"),
        ("Basic realm=x", "me:secret", "refuses the user name and password of the settings"),
        ("Negotiate\r\nProxy-Authenticate: NTLM", "", "wants a log-in by NTLM or Negotiate"),
    ],
)
def test_what_a_proxy_wants(offers: str, login: str, told: str) -> None:
    head = f"HTTP/1.1 407 Who are you?\r\nProxy-Authenticate: {offers}\r\n\r\n"
    bad = failed(through(says(head), login))
    assert told in bad.told
    assert "secret" not in repr(bad)


def test_name_and_password_go_to_the_proxy_only_as_basic() -> None:
    heard: list[bytes] = []
    through(lambda connection: heard.append(connection.recv(4096)), "me:secret")
    asked = b"".join(heard)  # the first connection only tries the port
    assert asked.startswith(b"CONNECT coordinator.example:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic bWU6c2VjcmV0\r\n" in asked


# ---- Clocks ----


def test_the_clock_of_the_proxy() -> None:
    other = START + timedelta(minutes=10)
    date = f"Date: {other:%a, %d %b %Y %H:%M:%S} GMT"
    found = through(says(f"HTTP/1.1 403 Forbidden\r\n{date}\r\n\r\n"))
    assert found["Clock"].code == "clock-wrong"
    assert "10 min behind the proxy's clock" in found["Clock"].told


@pytest.mark.parametrize(
    ("seconds", "status"),
    [
        (0, "ok"),
        (29, "ok"),
        (30, "warn"),
        (-30, "warn"),
        (299, "warn"),
        (300, "fail"),
        (-900, "fail"),
    ],
)
def test_how_far_clocks_may_be_apart(seconds: int, status: str) -> None:
    assert clock_check(START + timedelta(seconds=seconds), START, "x").status == status


def test_a_login_tells_the_time(certify: Certify, trusted: Trust) -> None:
    def login(seconds: float) -> object:
        assert 0 < seconds <= 5
        return START - timedelta(seconds=45)

    with server(tls(certify())) as coordinator:
        walk = Walk(Way(coordinator), trusted, now, login, Patience.of(5))  # type: ignore[arg-type]
        *_, logged_in, clock = network_checks(walk)
    assert logged_in.status is Status.OK
    assert (clock.status, clock.told) == ("warn", "45 s ahead of the coordinator's clock")


def test_a_login_that_is_turned_away(certify: Certify, trusted: Trust) -> None:
    def login(_: float) -> object:
        raise FederationError("H1 is not in the roster", fix="ask for an invitation")

    with server(tls(certify())) as coordinator:
        walk = Walk(Way(coordinator), trusted, now, login, Patience.of(5))  # type: ignore[arg-type]
        *_, logged_in, clock = network_checks(walk)
    assert (logged_in.status, logged_in.fix) == ("fail", "ask for an invitation")
    assert clock.status is Status.NOT_TRIED
