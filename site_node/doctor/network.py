"""Walks the way to the coordinator, step by step; what hangs on a failed step is not tried."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from socket import socket

from protocol.errors import FederationError
from site_node.doctor.check import Check, Status, fail, not_tried, ok, refused, warn
from site_node.doctor.handshake import Handshake, Trust, look
from site_node.doctor.lookup import CONNECTION, NAME, Patience, Peer, look_up, open_first, reach
from site_node.doctor.proxy import NAME as PROXY
from site_node.doctor.proxy import Answer, Proxy, ask, tunnel_check
from site_node.doctor.tls import HTTP_2, tls_checks
from site_node.doctor.tls import NAMES as TLS_NAMES
from site_node.doctor.way import Way

CLOCK = "Clock"

NETWORK_SECONDS = 8.0
"""All looks together: the rest of ten seconds is for starting and for files."""

STEP_SECONDS = 2.5

SKEW_WARN, SKEW_FAIL = timedelta(seconds=30), timedelta(minutes=5)

Login = Callable[[float], datetime | None]
"""Logs in within some seconds, leaves at once, and gives the other end's time if that tells it.

Raises `FederationError` where it is turned away."""

Now = Callable[[], datetime]


@dataclass(frozen=True)
class End:
    """Who stands at the end of the way, in words. `http_2` if it is asked for that."""

    login: str
    knows: str
    clock: str
    refuses: str
    http_2: bool

    @property
    def no_clock(self) -> Check:
        """Say that nothing was heard of any clock."""
        return not_tried(CLOCK, f"only {self.clock} would tell")


COORDINATOR = End(
    "Login",
    "the coordinator knows this hospital",
    "the coordinator's clock",
    "The way is open; what is wrong is between this hospital's key and the coordinator.",
    http_2=True,
)


@dataclass(frozen=True)
class Walk:
    """The way, whom to trust at its end, and how long it may take.

    `login` is how to log in, or why that is not tried. Times are UTC.
    """

    way: Way
    trust: Trust | None
    now: Now
    login: Login | str
    patience: Patience
    end: End = COORDINATOR

    @property
    def step_seconds(self) -> float:
        """How long the next look may take."""
        return self.patience.at_most(STEP_SECONDS)


def network_checks(walk: Walk) -> list[Check]:
    """Look at all of the way, as far as it goes."""
    way = walk.way
    found = look_up(way.first, walk.step_seconds)
    if found.value is None:
        return [found.check, *_rest(1, walk, found.check)]
    reached = reach(way.first, found.value, walk.step_seconds)
    if reached.value is None:
        return [found.check, reached.check, *_rest(2, walk, reached.check)]
    return [found.check, reached.check, *_beyond(walk, reached.value)]


def clock_check(theirs: datetime, ours: datetime, whose: str) -> Check:
    """Compare two clocks that were read at one moment."""
    skew = abs(ours - theirs)
    seconds = skew.total_seconds()
    shown = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    told = f"{shown} from {whose}"
    if skew < SKEW_WARN:
        return ok(CLOCK, told)
    told = f"{shown} {'ahead of' if ours > theirs else 'behind'} {whose}"
    why = (
        "Certificates and rosters hold for certain times, and logs of several places are compared."
    )
    fix = "ask IT to have this computer's clock set by a time server (NTP)"
    if skew < SKEW_FAIL:
        return warn(CLOCK, told, why, fix, "clock-skew")
    return fail(CLOCK, told, why, fix, "clock-wrong")


def _beyond(walk: Walk, peer: Peer) -> list[Check]:
    """Look at what stands behind the first connection: a proxy, TLS, the coordinator."""
    tunnel, clock = _tunnel(walk, peer)
    if any(check.status is Status.FAIL for check in tunnel):
        return [*tunnel, *_rest(3, walk, tunnel[0], clock)]
    tls = _secure(walk, peer)
    bad = next((check for check in tls if check.status is Status.FAIL), None)
    if bad:
        return [*tunnel, *tls, *_rest(6, walk, bad, clock)]
    return [*tunnel, *tls, *_login(walk, clock)]


def _rest(done: int, walk: Walk, cause: Check, clock: Check | None = None) -> list[Check]:
    """List the steps after the first `done` as not tried."""
    names = [NAME, CONNECTION, PROXY, *TLS_NAMES, walk.end.login][done:]
    left_out = {PROXY: walk.way.proxy is None, HTTP_2: not walk.end.http_2}
    because = f"of '{cause.name}' above"
    steps = [not_tried(name, because) for name in names if not left_out.get(name)]
    return [*steps, clock or walk.end.no_clock]


def _tunnel(walk: Walk, peer: Peer) -> tuple[list[Check], Check]:
    """Ask the proxy for a tunnel, where there is one; its answer may have its clock's time."""
    if walk.way.proxy is None:
        return [], walk.end.no_clock
    try:
        connection, answer = _asked(walk, walk.way.proxy, peer)
        connection.close()
    except OSError:
        answer = Answer(silent=True)
    theirs = answer.time
    clock = clock_check(theirs, walk.now(), "the proxy's clock") if theirs else walk.end.no_clock
    return [tunnel_check(walk.way.proxy, walk.way.coordinator, answer)], clock


def _asked(walk: Walk, proxy: Proxy, peer: Peer) -> tuple[socket, Answer]:
    connection, _ = open_first([peer], walk.step_seconds)
    return connection, ask(connection, proxy, walk.way.coordinator, walk.step_seconds)


def _secure(walk: Walk, peer: Peer) -> list[Check]:
    shake: Handshake | OSError
    try:
        shake = look(lambda: _dial(walk, peer), walk.way.coordinator.host, walk.trust)
    except ssl.SSLError as error:
        shake = error
    except ValueError:  # a host or a certificate that Python's TLS does not take
        shake = ssl.SSLError()
    except OSError as error:
        shake = error
    checks = tls_checks(walk.way.coordinator, shake, walk.trust, walk.now())
    return [check for check in checks if walk.end.http_2 or check.name != HTTP_2]


def _dial(walk: Walk, peer: Peer) -> socket:
    """Open a connection that ends at the coordinator."""
    if walk.way.proxy is None:
        connection, _ = open_first([peer], walk.step_seconds)
    else:
        connection, answer = _asked(walk, walk.way.proxy, peer)
        if not answer.tunnel:
            connection.close()
            raise ConnectionResetError
    connection.settimeout(walk.step_seconds)
    return connection


def _login(walk: Walk, clock: Check) -> list[Check]:
    """Log in where that is possible; the clock at the end is better than a proxy's."""
    end = walk.end
    if isinstance(walk.login, str):
        return [not_tried(end.login, walk.login), clock]
    try:
        theirs = walk.login(walk.step_seconds)
    except FederationError as error:
        return [refused(end.login, error, end.refuses), clock]
    told = clock_check(theirs, walk.now(), end.clock) if theirs else clock
    return [ok(end.login, end.knows), told]
