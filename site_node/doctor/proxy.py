"""Asks an HTTP proxy for a tunnel (CONNECT, RFC 9110 9.3.6), and tells its answers apart."""

import re
import socket
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from protocol.errors import Exit
from site_node.doctor.check import Check, fail, ok
from site_node.doctor.lookup import Endpoint

NAME = "Proxy"

MOST_BYTES = 16_384
"""An answer's head is shorter; what is longer is no answer to CONNECT."""

_HEAD = re.compile(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?\r?\n")
_SCHEMES = ("Basic", "Digest", "NTLM", "Negotiate", "Kerberos")


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy, and the name and password it wants; they are never shown."""

    endpoint: Endpoint
    login: str = field(default="", repr=False)


@dataclass(frozen=True)
class Answer:
    """What a proxy says to CONNECT: no status where it speaks no HTTP; `silent` if nothing."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    html: bool = False
    silent: bool = False

    @property
    def tunnel(self) -> bool:
        """Whether what is sent now goes to the server behind the proxy."""
        return self.status is not None and 200 <= self.status < 300 and not self.html

    @property
    def time(self) -> datetime | None:
        """The proxy's clock, to the second."""
        try:
            moment = parsedate_to_datetime(self.headers.get("date", ""))
        except ValueError:
            return None
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def ask(connection: socket.socket, proxy: Proxy, target: Endpoint, seconds: float) -> Answer:
    """Ask for a tunnel to the target, and read the head of the answer.

    Nothing beyond the head is read of a tunnel: the server behind it does not speak first.
    """
    until = time.monotonic() + seconds
    heard = b""
    try:
        connection.settimeout(seconds)
        connection.sendall(_request(proxy, target))
        while b"\r\n\r\n" not in heard and len(heard) < MOST_BYTES:
            connection.settimeout(max(0.01, until - time.monotonic()))
            new = connection.recv(MOST_BYTES)
            if not new:
                break
            heard += new
    except OSError:  # a timeout or a reset: what came so far is all there is
        pass
    return _read(heard)


def tunnel_check(proxy: Proxy, target: Endpoint, answer: Answer) -> Check:
    """Say what a proxy's answer means."""
    if answer.tunnel:
        return ok(NAME, f"{proxy.endpoint} lets us through to {target}")
    told, why, fix, code = _refusal(proxy, target, answer)
    return fail(NAME, f"{proxy.endpoint} {told}", why, fix, code, exit_=Exit.UNREACHABLE)


def _request(proxy: Proxy, target: Endpoint) -> bytes:
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.login:
        code = b64encode(proxy.login.encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {code}")  # RFC 7617
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _read(heard: bytes) -> Answer:
    head, _, rest = heard.partition(b"\r\n\r\n")
    start = _HEAD.match(heard)
    looks = rest.lstrip()[:1] == b"<" or (not start and heard.lstrip()[:1] == b"<")
    if not start:
        return Answer(html=looks, silent=not heard)
    headers: dict[str, str] = {}
    for line in head[start.end() :].decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        # A proxy may offer several ways to log in, each in a line of its own.
        key, old = name.strip().lower(), headers.get(name.strip().lower())
        headers[key] = f"{old}, {value.strip()}" if old else value.strip()
    html = looks or headers.get("content-type", "").lower().startswith("text/html")
    return Answer(int(start[1]), headers, html)


def _refusal(proxy: Proxy, target: Endpoint, answer: Answer) -> tuple[str, str, str, str]:
    """Give told, why, fix and code."""
    allow = f'ask IT: "please let the proxy {proxy.endpoint} pass CONNECT to {target}"'
    if answer.status is None and not answer.html:
        return _no_proxy(proxy, answer)
    match answer.status:
        case 407:
            return _wants_login(proxy, answer)
        case 403 | 405 | 451 as status:
            told, code = f"forbids {target} ({status})", "proxy-403"
            why, fix = "The proxy's rules forbid this address or this port.", allow
        case 200 | None:
            told, code = "answers with a web page in place of a tunnel", "proxy-html"
            why = "A log-in or warning page of the network stands in between."
            fix = f"open a web browser on this computer and log in; else {allow}"
        case 502 | 503 | 504 as status:
            told, code = f"cannot reach {target} ({status})", "proxy-upstream"
            why = "The proxy took the request, and could not get to the server itself."
            fix = f"ask whether the coordinator is up; else {allow}"
        case status:
            told, code = f"answers {status} to CONNECT", "proxy-refused"
            why, fix = "The proxy did not open a tunnel.", allow
    return told, why, fix, code


def _no_proxy(proxy: Proxy, answer: Answer) -> tuple[str, str, str, str]:
    fix = f'ask IT: "is {proxy.endpoint} the right HTTP proxy for outbound TLS, and is it up?"'
    if answer.silent:
        told, code = "takes the connection and says nothing", "proxy-silent"
        why = "Something listens there that does not answer: a dead proxy, or no HTTP proxy."
    else:
        told, code = "answers, but not as an HTTP proxy", "proxy-not-http"
        why = "Something other than an HTTP proxy listens there."
    return told, why, fix, code


def _wants_login(proxy: Proxy, answer: Answer) -> tuple[str, str, str, str]:
    offered = answer.headers.get("proxy-authenticate", "").lower()
    ways = [way for way in _SCHEMES if re.search(rf"\b{way.lower()}\b", offered)]
    named = f" by {' or '.join(ways)}" if ways else ""
    if proxy.login and "Basic" in ways:
        told = f"refuses the user name and password of the settings{named} (407)"
        fix = "correct the user name and password in the proxy's setting"
    elif "Basic" in ways:
        told = f"wants a user name and password{named} (407)"
        fix = (
            "write them into the proxy's setting, http://user:password@host:port; better, ask IT "
            "to let this computer through without"
        )
    else:
        told = f"wants a log-in{named} (407)"
        fix = (
            f'this program logs in by Basic only; ask IT: "please let this computer through '
            f'{proxy.endpoint} without a log-in"'
        )
    return told, "The proxy lets nobody through whom it does not know.", fix, "proxy-407"
