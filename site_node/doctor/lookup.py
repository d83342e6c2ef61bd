"""Finds the addresses of a name, and opens a connection to whichever of them answers first."""

import errno
import ipaddress
import selectors
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from protocol.errors import Exit
from site_node.doctor.check import Check, Found, fail, ok

NAME, CONNECTION = "Name lookup", "Connection"

MOST_PEERS = 8
"""A name with more addresses is tried at the first of them."""

_IN_PROGRESS = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)


@dataclass(frozen=True)
class Endpoint:
    """Where somebody listens: `coord.example:443`, `[2001:db8::1]:443`."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Peer:
    """One address of an endpoint, as sockets want it."""

    family: socket.AddressFamily
    address: tuple[str | int | bytes, ...]


@dataclass(frozen=True)
class Patience:
    """The moment (seconds of the monotonic clock) at which all of the network has to be done."""

    until: float

    @classmethod
    def of(cls, seconds: float) -> "Patience":
        """Begin now."""
        return cls(time.monotonic() + seconds)

    def at_most(self, seconds: float) -> float:
        """Give one look its seconds, as far as they are left; never nothing at all."""
        return max(0.05, min(seconds, self.until - time.monotonic()))


def look_up(endpoint: Endpoint, seconds: float) -> Found[tuple[Peer, ...]]:
    """Ask the system's resolver for the addresses of a name."""
    answers: SimpleQueue[tuple[Peer, ...] | OSError | UnicodeError] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(_peers(endpoint))
        except (OSError, UnicodeError) as error:  # UnicodeError: a label of more than 63 letters
            answers.put(error)

    # The resolver takes no timeout. A daemon's thread does not keep the command from ending.
    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        return Found(_no_resolver(endpoint, seconds))
    if isinstance(answer, Exception):
        return Found(_unknown_name(endpoint))
    return Found(ok(NAME, _resolved(endpoint, answer)), answer)


def reach(endpoint: Endpoint, peers: Sequence[Peer], seconds: float) -> Found[Peer]:
    """Open a TCP connection to the first address that takes one, and close it again."""
    try:
        connection, peer = open_first(peers, seconds)
    except TimeoutError:
        return Found(_silent(endpoint, seconds))
    except OSError as error:
        return Found(_refused(endpoint, error))
    connection.close()
    return Found(ok(CONNECTION, f"{endpoint} accepts connections"), peer)


def open_first(peers: Sequence[Peer], seconds: float) -> tuple[socket.socket, Peer]:
    """Connect to all addresses side by side, and keep the first connection that stands.

    Raises
    ------
    OSError
        The last refusal; `TimeoutError` if an address gave no answer at all.
    """
    until, last = time.monotonic() + seconds, OSError("no address")
    with selectors.DefaultSelector() as waiting:
        try:
            for peer in peers[:MOST_PEERS]:
                last = _begin(waiting, peer) or last
            while waiting.get_map():
                ready = waiting.select(max(0.0, until - time.monotonic()))
                if not ready:
                    raise TimeoutError
                for key, _ in ready:
                    trying, peer = key.data
                    waiting.unregister(trying)
                    code = trying.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if not code:
                        trying.settimeout(seconds)
                        return trying, peer
                    trying.close()
                    last = OSError(code, "not connected")
            raise last
        finally:
            for key in list((waiting.get_map() or {}).values()):
                key.data[0].close()


def _begin(waiting: selectors.BaseSelector, peer: Peer) -> OSError | None:
    try:
        trying = socket.socket(peer.family, socket.SOCK_STREAM)
    except OSError as error:
        return error
    trying.setblocking(False)
    code = trying.connect_ex(peer.address)
    if code not in _IN_PROGRESS:
        trying.close()
        return OSError(code, "not connected")
    waiting.register(trying, selectors.EVENT_WRITE, (trying, peer))
    return None


def _peers(endpoint: Endpoint) -> tuple[Peer, ...]:
    found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    return tuple(Peer(family, address) for family, _, _, _, address in found)


def _resolved(endpoint: Endpoint, peers: Sequence[Peer]) -> str:
    try:
        ipaddress.ip_address(endpoint.host)
    except ValueError:
        return f"{endpoint.host} is {peers[0].address[0]!s}"
    return f"{endpoint.host} is an address; no name to look up"


def _no_resolver(endpoint: Endpoint, seconds: float) -> Check:
    return fail(
        NAME,
        f"no answer for {endpoint.host} within {seconds:.2g} s",
        "The name servers that this computer asks do not answer.",
        "ask IT whether this computer may use the hospital's name servers",
        "name-timeout",
        exit_=Exit.UNREACHABLE,
    )


def _unknown_name(endpoint: Endpoint) -> Check:
    return fail(
        NAME,
        f"nobody knows the name {endpoint.host}",
        "The address is misspelt, or this network's name servers do not tell outside names; "
        "behind such servers, programs go through a proxy.",
        f'compare the address with the invitation; else ask IT: "please make {endpoint.host} '
        f'resolvable, or tell us the proxy"',
        "name-unknown",
        exit_=Exit.UNREACHABLE,
    )


def _silent(endpoint: Endpoint, seconds: float) -> Check:
    return fail(
        CONNECTION,
        f"{endpoint} gives no answer within {seconds:.2g} s",
        "A firewall drops what is sent there.",
        f'ask IT: "please allow outbound TCP to {endpoint}, or tell us the proxy"',
        "tcp-timeout",
        exit_=Exit.UNREACHABLE,
    )


def _refused(endpoint: Endpoint, error: OSError) -> Check:
    if error.errno == errno.ECONNREFUSED:
        told = f"{endpoint} refuses connections"
        why = "Nobody listens there now, or a firewall answers in the server's place."
    else:
        told = f"no way to {endpoint}"
        why = "This computer's network has no route there."
    fix = (
        f"compare the port with the invitation and ask whether the server is up; "
        f'else ask IT: "please allow outbound TCP to {endpoint}"'
    )
    return fail(CONNECTION, told, why, fix, "tcp-refused", exit_=Exit.UNREACHABLE)
