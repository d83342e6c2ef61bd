"""Walks the way to the coordinator, step by step; what hangs on a failed step is not tried."""

import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from socket import socket

from protocol.errors import FederationError
from site_node.doctor.check import Check, Found, Status, fail, not_tried, ok, refused, warn
from site_node.doctor.lookup import CONNECTION, NAME, Patience, Peer, look_up, open_first, reach
from site_node.doctor.proxy import NAME as PROXY
from site_node.doctor.proxy import Answer, ask, tunnel_check
from site_node.doctor.tls import NAMES as TLS_NAMES
from site_node.doctor.tls import Handshake, Trust, look, tls_checks
from site_node.doctor.way import Way

CLOCK, LOGIN = "Clock", "Login"

NETWORK_SECONDS = 8.0
"""All looks together: the rest of ten seconds is for starting and for files."""

STEP_SECONDS = 2.5

SKEW_WARN, SKEW_FAIL = timedelta(seconds=30), timedelta(minutes=5)

Login = Callable[[float], datetime]
"""Logs in to the coordinator within some seconds, leaves at once, and gives its clock's time.

Raises `FederationError` where it is turned away."""

Now = Callable[[], datetime]


def network_checks(
    way: Way,
    trust: Trust | None,
    now: Now,
    login: Login | str,
    patience: Patience | None = None,
) -> list[Check]:
    """Look at all of the way, as far as it goes.

    `login` is how to log in, or why that is not tried. Times are UTC.
    """
    patience = patience or Patience.of(NETWORK_SECONDS)
    found = look_up(way.first, patience.at_most(STEP_SECONDS))
    if found.value is None:
        return [found.check, *_rest(1, way, found.check)]
    reached = reach(way.first, found.value, patience.at_most(STEP_SECONDS))
    if reached.value is None:
        return [found.check, reached.check, *_rest(2, way, reached.check)]
    return [found.check, reached.check, *_beyond(way, reached.value, trust, now, login, patience)]


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


def _beyond(
    way: Way,
    peer: Peer,
    trust: Trust | None,
    now: Now,
    login: Login | str,
    patience: Patience,
) -> list[Check]:
    """Look at what is reached over the first connection: a tunnel, TLS, the coordinator."""
    checks: list[Check] = []
    asked = _tunnel(way, peer, now, patience)
    if asked is not None:
        tunnel, clock = asked
        checks.append(tunnel)
        if tunnel.status is Status.FAIL:
            return [*checks, *_rest(3, way, tunnel, clock)]
    else:
        clock = None
    tls = _secure(way, peer, trust, now, patience)
    checks += tls
    bad = next((one for one in tls if one.status is Status.FAIL), None)
    if trust is None and not bad:
        login = "nothing says whether this is the coordinator"
    if bad:
        return [*checks, *_rest(6, way, bad, clock)]
    return [*checks, *_login(login, now, clock, patience)]


def _rest(done: int, way: Way, cause: Check, clock: Check | None = None) -> list[Check]:
    """List the steps after the first `done` as not tried."""
    names = [NAME, CONNECTION, PROXY, *TLS_NAMES, LOGIN][done:]
    because = f"of {cause.name.lower()} above"
    steps = [not_tried(name, because) for name in names if name != PROXY or way.proxy]
    return [*steps, clock or not_tried(CLOCK, "only the coordinator's clock would tell")]


def _tunnel(
    way: Way, peer: Peer, now: Now, patience: Patience
) -> tuple[Check, Check | None] | None:
    """Ask the proxy for a tunnel, where there is one; its answer has its clock's time."""
    if way.proxy is None:
        return None
    try:
        connection, _ = open_first([peer], patience.at_most(STEP_SECONDS))
    except OSError:
        answer = Answer(silent=True)
    else:
        with connection:
            seconds = patience.at_most(STEP_SECONDS)
            answer = ask(connection, way.proxy, way.coordinator, seconds)
    clock = clock_check(answer.time, now(), "the proxy's clock") if answer.time else None
    return tunnel_check(way.proxy, way.coordinator, answer), clock


def _secure(way: Way, peer: Peer, trust: Trust | None, now: Now, patience: Patience) -> list[Check]:
    def dial() -> socket:
        connection, _ = open_first([peer], patience.at_most(STEP_SECONDS))
        seconds = patience.at_most(STEP_SECONDS)
        if way.proxy:
            answer = ask(connection, way.proxy, way.coordinator, seconds)
            if not answer.tunnel:
                connection.close()
                raise ConnectionResetError
        connection.settimeout(seconds)
        return connection

    shake: Handshake | OSError
    try:
        shake = look(dial, way.coordinator.host, trust)
    except (OSError, ssl.SSLError) as error:
        shake = error
    return tls_checks(way.coordinator, shake, trust, now())


def _login(login: Login | str, now: Now, clock: Check | None, patience: Patience) -> list[Check]:
    """Log in where that is asked for; the coordinator's clock is better than a proxy's."""
    spare = clock or not_tried(CLOCK, "only the coordinator's clock would tell")
    if isinstance(login, str):
        return [not_tried(LOGIN, login), spare]
    try:
        theirs = login(patience.at_most(STEP_SECONDS))
    except FederationError as error:
        why = "The way is open; what is wrong is between this hospital's key and the coordinator."
        return [refused(LOGIN, error, why), spare]
    found: Found[datetime] = Found(ok(LOGIN, "the coordinator knows this hospital"), theirs)
    return [found.check, clock_check(theirs, now(), "the coordinator's clock")]
