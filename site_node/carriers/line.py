"""One stream to the coordinator, over TLS and through a proxy where there is one.

Reading can be waited for with a limit, and what went wrong becomes a sentence.
"""

import threading
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from queue import SimpleQueue
from typing import Any

import grpc
from google.protobuf.message import Message

from protocol.errors import Exit
from protocol.governance.tls import certificate_pem
from protocol.wire.service import CHANNEL_OPTIONS
from site_node.carriers.errors import InterceptedError, LineError
from site_node.doctor.check import Status
from site_node.doctor.handshake import Trust
from site_node.doctor.lookup import Patience
from site_node.doctor.network import Walk, network_checks
from site_node.doctor.way import Way

EXPLAIN_SECONDS = 4.0
"""For finding out why there is no line; a stop has to wait for it."""

_READ_AHEAD = 8
"""Messages that the reading thread holds before they are looked at."""


@dataclass(frozen=True)
class Ended:
    """The stream is over, with gRPC's own word for it if it broke."""

    status: grpc.StatusCode = grpc.StatusCode.OK
    details: str = ""


Heard = Callable[[bytes | Ended], None]


def channel(way: Way, trust: Trust) -> grpc.Channel:
    """Prepare a connection; nothing is dialled before the first stream."""
    keys = grpc.ssl_channel_credentials(certificate_pem(trust.federation) + trust.further.encode())
    return grpc.secure_channel(str(way.first), keys, [*CHANNEL_OPTIONS, *_way_options(way)])


def _way_options(way: Way) -> Iterator[tuple[str, str | int]]:
    # The settings say which proxy there is, and the environment does not.
    yield "grpc.enable_http_proxy", 0
    yield "grpc.enable_retries", 0
    if way.proxy is not None:
        yield "grpc.http_connect_server", str(way.coordinator)
        yield "grpc.ssl_target_name_override", way.coordinator.host
        if way.proxy.login:
            code = b64encode(way.proxy.login.encode()).decode("ascii")
            yield "grpc.http_connect_headers", f"Proxy-Authorization:Basic {code}"


class Line:
    """A stream: sends from a queue, and hands what it hears to `heard`, in a thread of its own."""

    def __init__(self, dialled: grpc.Channel, method: str, heard: Heard) -> None:
        self._channel = dialled
        self._heard = heard
        self._out: SimpleQueue[Iterator[bytes] | None] = SimpleQueue()
        self._urgent: deque[bytes] = deque()
        self._room = threading.Semaphore(_READ_AHEAD)
        multi: Any = dialled.stream_stream(method)
        self._call: Any = multi(self._outgoing())
        self._reader = threading.Thread(target=self._read, name="riskset-line", daemon=True)
        self._reader.start()

    def send(self, message: Message) -> None:
        """Send one message behind those that wait."""
        self.send_all(iter((message.SerializeToString(),)))

    def send_all(self, messages: Iterator[bytes]) -> None:
        """Send messages behind those that wait; each is made when it is its turn."""
        self._out.put(messages)

    def send_now(self, message: Message) -> None:
        """Send one message before all that wait."""
        self._urgent.append(message.SerializeToString())
        self._out.put(iter(()))

    def taken(self) -> None:
        """Say that a message was looked at, so that another may be read."""
        self._room.release()

    def finish(self) -> None:
        """Send no more after what waits."""
        self._out.put(None)

    def close(self) -> None:
        """End the stream and its connection, whatever is under way."""
        self._out.put(None)
        self._call.cancel()
        self._room.release(_READ_AHEAD)
        self._channel.close()
        self._reader.join()

    def _outgoing(self) -> Iterator[bytes]:
        while (messages := self._out.get()) is not None:
            for message in messages:
                yield from self._before()
                yield message
            yield from self._before()

    def _before(self) -> Iterator[bytes]:
        while self._urgent:
            yield self._urgent.popleft()

    def _read(self) -> None:
        try:
            for raw in self._call:
                self._heard(raw)
                self._room.acquire()
        except grpc.RpcError:
            self._heard(Ended(self._call.code(), self._call.details() or ""))
        else:
            self._heard(Ended())


def why_no_line(way: Way, trust: Trust | None, now: Callable[[], datetime]) -> LineError | None:
    """Walk the way to the coordinator, and name the first thing that is wrong with it."""
    patience = Patience.of(EXPLAIN_SECONDS)
    for check in network_checks(Walk(way, trust, now, "not wanted", patience)):
        if check.status is Status.FAIL:
            kind = InterceptedError if check.exit is Exit.TAMPERING else LineError
            return kind.of(check)
    return None


def broken(ended: Ended, way: Way) -> LineError:
    """Say in words how a stream ended, where the way itself is fine."""
    at = way.coordinator
    match ended.status:
        case grpc.StatusCode.UNIMPLEMENTED:
            said = f"what answers at {at} is no riskset coordinator"
            return LineError(said, "compare address and port with the invitation", "no-service")
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            said = f"{at} takes no further connections, or sends larger pieces than agreed"
            return LineError(said, "ask the coordinating centre about its limits", "exhausted")
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            said = f"{at} takes the connection, and does not answer the login in time"
            fix = "ask the coordinating centre whether its server is overloaded"
            return LineError(said, fix, "login-silent")
        case grpc.StatusCode.OK:
            said = f"the coordinator at {at} ended the connection without a word"
        case _:
            said = f"the connection to {at} broke"
    fix = "nothing to do if it is rare; else ask IT which device cuts long connections"
    return LineError(said, fix, "broken")
