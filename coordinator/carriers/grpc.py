"""The coordinator's port: hospitals dial in, log in and stay; requests go out on their streams.

An event loop in one thread serves them all, so a thousand connected hospitals cost memory and no
threads. What a hospital is asked, and what its replies mean, is the conductor's.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from itertools import count
from queue import SimpleQueue

import grpc

from coordinator.carriers.health import health_handler
from coordinator.carriers.hooks import Hooks, Presence, Tls
from coordinator.carriers.join import Joining
from coordinator.carriers.limits import Limits
from coordinator.carriers.replies import as_they_come, require_size
from coordinator.carriers.sessions import Switchboard
from coordinator.carriers.streams import Streams
from protocol.errors import Exit, FederationError
from protocol.governance.tls import CertificateError, leaf_fingerprint
from protocol.ids import SiteId
from protocol.wire.service import CHANNEL_OPTIONS, SERVICE

__all__ = ["GrpcServer", "Hooks", "ListenError", "Presence", "Tls"]

log = logging.getLogger(__name__)

_SERVER_OPTIONS: tuple[tuple[str, int], ...] = (
    *CHANNEL_OPTIONS,
    # Two servers on one port would each get half of the hospitals.
    ("grpc.so_reuseport", 0),
    ("grpc.max_concurrent_streams", 4),
    ("grpc.server_handshake_timeout_ms", 10_000),
    # A connection without a stream is nobody's.
    ("grpc.max_connection_idle_ms", 60_000),
    # Hospitals ping too; without this they would be cut off as a nuisance.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)
_GRACE_SECONDS = 2


class ListenError(FederationError):
    """The coordinator cannot open its port."""

    code = "listen"
    exit = Exit.USAGE
    fix = "choose a free port in `listen`, and check the paths of the TLS key and certificate"


class GrpcServer:
    """A `Carrier` over gRPC. `listen` is `host:port`; port 0 lets the system choose one.

    `seed` is the coordinator's identity. Without `joining` nobody can join. A server is started
    once and stopped once.
    """

    def __init__(
        self,
        listen: str,
        tls: Tls,
        seed: bytes,
        hooks: Hooks,
        *,
        joining: Joining | None = None,
        limits: Limits = Limits(),  # noqa: B008 - it is frozen
        software: str = "",
    ) -> None:
        self._listen = listen
        self._tls = tls
        self._seed = seed
        self._hooks = hooks
        self._joining = joining
        self._limits = limits
        self._software = software
        self._board = Switchboard()
        self._numbers = count(1)
        self._started: Future[int] = Future()
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="riskset-port")

    def start(self) -> int:
        """Open the port, and say which it is.

        Raises
        ------
        ListenError
            If the port is taken, or the TLS files are no key and certificate.
        """
        self._thread.start()
        return self._started.result()

    def stop(self) -> None:
        """End all sessions, telling hospitals, and close the port. Exchanges end too."""
        self._stopping.set()
        if self._loop is not None:
            self._call(self._end.set)
        self._thread.join()

    def connected(self) -> frozenset[SiteId]:
        """Name the hospitals that are connected now."""
        return self._board.connected()

    def exchange(
        self, requests: Mapping[SiteId, bytes], deadline: datetime, stopped: Callable[[], bool]
    ) -> Iterator[tuple[SiteId, bytes]]:
        """Deliver requests and yield replies; see `Carrier`.

        A request waits for a hospital that is not connected, and goes out again when one comes
        back without having answered.

        Raises
        ------
        MessageError
            If a request is larger than hospitals are sent.
        """
        require_size(requests, self._limits.message_bytes)
        replies: SimpleQueue[tuple[SiteId, bytes]] = SimpleQueue()
        numbered = {next(self._numbers): request for request in requests.items()}
        self._call(self._board.post, numbered, replies.put)
        try:
            yield from as_they_come(
                replies, requests, deadline, lambda: stopped() or self._stopping.is_set()
            )
        finally:
            self._call(self._board.withdraw, tuple(numbered))

    def _call(self, act: Callable[..., object], *of: object) -> None:
        """Have something done on the event loop; nothing, once that has ended."""
        if self._loop is None:
            raise RuntimeError("the port was not opened")
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(act, *of)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._started.done():
                log.exception("the port closed by a fault")
            else:
                self._started.set_exception(error)

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        streams = self._streams()
        server, port = self._bound(streams)
        await server.start()
        self._loop = asyncio.get_running_loop()
        self._started.set_result(port)
        await self._end.wait()
        streams.close()
        await server.stop(grace=_GRACE_SECONDS)
        streams.shut_down()

    def _streams(self) -> Streams:
        try:
            certificate = leaf_fingerprint(self._tls.certificate)
        except CertificateError:
            raise ListenError("the TLS certificate of the port is none") from None
        return Streams(
            self._board,
            self._hooks,
            self._joining,
            self._limits,
            seed=self._seed,
            certificate=certificate,
            software=self._software,
        )

    def _bound(self, streams: Streams) -> tuple[grpc.aio.Server, int]:
        limits = self._limits
        server = grpc.aio.server(
            options=_SERVER_OPTIONS,
            maximum_concurrent_rpcs=limits.sessions + limits.half_open + limits.joins,
        )
        service = grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "Connect": grpc.stream_stream_rpc_method_handler(streams.connect),
                "Join": grpc.stream_stream_rpc_method_handler(streams.join),
            },
        )
        server.add_generic_rpc_handlers((service, health_handler(SERVICE)))
        keys = grpc.ssl_server_credentials([(self._tls.key, self._tls.certificate)])
        try:
            return server, server.add_secure_port(self._listen, keys)
        except RuntimeError:
            raise ListenError(f"the port {self._listen} cannot be opened for TLS") from None
