"""The coordinator's port: hospitals dial in, log in and stay; requests go out on their streams.

An event loop in one thread serves them all, so a thousand connected hospitals cost memory and no
threads. What a hospital is asked, and what its replies mean, is the conductor's.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import grpc

from coordinator.carriers.door import Alarm, Door, Guest, denied, last_word, log_in
from coordinator.carriers.health import health_handler
from coordinator.carriers.join import Joining, Reception
from coordinator.carriers.limits import Limits
from coordinator.carriers.sessions import Session, Switchboard
from coordinator.carriers.stream import Context, DeniedError, EndedError, Stream
from protocol.errors import Exit, FederationError
from protocol.governance.invitation import Denial as NotInvited
from protocol.governance.invitation import InvitationError
from protocol.governance.tls import leaf_fingerprint
from protocol.ids import SiteId
from protocol.wire import federation_pb2 as pb
from protocol.wire.codec import MessageError
from protocol.wire.service import CHANNEL_OPTIONS, SERVICE, Denial

T = TypeVar("T")
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


@dataclass(frozen=True)
class Tls:
    """The server's key and its certificate (with the chain above it, if any), both as PEM."""

    key: bytes = field(repr=False)
    certificate: bytes


@dataclass(frozen=True)
class Presence:
    """A hospital has come or gone: from where, with which software, and for what it went."""

    site: SiteId
    connected: bool
    peer: str
    software: str
    why: str = ""


@dataclass(frozen=True)
class Hooks:
    """What the port asks and tells. Called one after the other, in one thread of their own.

    `identity` gives a hospital's identity key (32 bytes) by the newest roster, or nothing.
    """

    identity: Callable[[SiteId], bytes | None]
    presence: Callable[[Presence], None]
    alarm: Callable[[Alarm], None]


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
        self._door = Door(limits.half_open, limits.half_open_per_address)
        self._lobby = Door(limits.joins, limits.joins)
        self._board = Switchboard()
        self._numbers = count(1)
        self._started: Future[int] = Future()
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="riskset-port")
        self._clerk = ThreadPoolExecutor(1, "riskset-port-hooks")

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
        self._clerk.shutdown()

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
        self._require_size(requests)
        # The wall clock may jump while we wait for days.
        until = time.monotonic() + (deadline - datetime.now(UTC)).total_seconds()
        replies: SimpleQueue[tuple[SiteId, bytes]] = SimpleQueue()
        numbered = {next(self._numbers): request for request in requests.items()}
        self._call(self._board.post, numbered, replies.put)
        waiting = set(requests)
        try:
            while waiting and not (stopped() or self._stopping.is_set()):
                left = until - time.monotonic()
                if left <= 0:
                    return
                with suppress(Empty):
                    site, reply = replies.get(timeout=min(left, 0.25))
                    waiting.discard(site)
                    yield site, reply
        finally:
            self._call(self._board.withdraw, tuple(numbered))

    def _require_size(self, requests: Mapping[SiteId, bytes]) -> None:
        limit = self._limits.message_bytes
        for site, request in requests.items():
            if len(request) > limit:
                raise MessageError(
                    f"the request to {site} has {len(request)} bytes; at most {limit} are sent",
                    "raise the limit on messages here and at the hospitals",
                )

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
        server, port = self._bound()
        await server.start()
        self._loop = asyncio.get_running_loop()
        self._started.set_result(port)
        await self._end.wait()
        await server.stop(grace=_GRACE_SECONDS)

    def _bound(self) -> tuple[grpc.aio.Server, int]:
        limits = self._limits
        server = grpc.aio.server(
            options=_SERVER_OPTIONS,
            maximum_concurrent_rpcs=limits.sessions + limits.half_open + limits.joins,
        )
        service = grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "Connect": grpc.stream_stream_rpc_method_handler(self._connect),
                "Join": grpc.stream_stream_rpc_method_handler(self._join),
            },
        )
        server.add_generic_rpc_handlers((service, health_handler(SERVICE)))
        keys = grpc.ssl_server_credentials([(self._tls.key, self._tls.certificate)])
        try:
            return server, server.add_secure_port(self._listen, keys)
        except RuntimeError:
            raise ListenError(f"the port {self._listen} cannot be opened for TLS") from None

    async def _connect(self, _: object, context: Context) -> None:
        """Serve one hospital's stream from its first byte to its end."""
        stream = Stream(context)
        if why := await self._ended(stream, self._hospital(stream)):
            no = denied(why, self._software)
            await last_word(stream, pb.FromOffice(denied=no))

    async def _join(self, _: object, context: Context) -> None:
        """Serve the stream of a hospital that wants to join."""
        stream = Stream(context)
        if why := await self._ended(stream, self._joiner(stream)):
            no = denied(why, self._software)
            await last_word(stream, pb.FromCentre(denied=no))

    async def _ended(self, stream: Stream, work: Coroutine[Any, Any, None]) -> str | None:
        """Serve a stream to its end, and give the code of why this side ends it, if it does."""
        try:
            if not await self._unless_closing(work):
                return Denial.CLOSING
        except DeniedError as no:
            return no.why
        except InvitationError as no:
            return no.denial
        except MessageError as error:
            log.warning("a stream from %s ends: %s", stream.peer, error)
            return Denial.MESSAGE
        except EndedError:
            pass
        except Exception:
            log.exception("a stream from %s ends by a fault of ours", stream.peer)
            return Denial.FAULT
        return None

    async def _unless_closing(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do work to its end, or to the closing of the port; say whether it came to its own."""
        doing = asyncio.ensure_future(work)
        closing = asyncio.ensure_future(self._end.wait())
        try:
            await asyncio.wait((doing, closing), return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                doing.result()
            return doing.done()
        finally:
            for task in (doing, closing):
                task.cancel()
            await asyncio.gather(doing, closing, return_exceptions=True)

    async def _hospital(self, stream: Stream) -> None:
        with self._door.opened(stream.peer):
            guest = await self._logged_in(stream)
            if guest.visit:
                await self._welcome(stream)
                return
            session = await self._claimed(stream, guest)
        try:
            await self._welcome(stream)
            self._tell(self._hooks.presence, _presence(session, connected=True))
            self._board.resend(session)
            await session.serve(self._board.deliver)
        except DeniedError as no:
            session.left = session.left or no.why
            raise
        finally:
            if self._stopping.is_set():
                session.left = session.left or Denial.CLOSING
            if self._board.release(session):
                self._tell(self._hooks.presence, _presence(session, connected=False))

    async def _logged_in(self, stream: Stream) -> Guest:
        try:
            async with asyncio.timeout(self._limits.login_seconds):
                return await log_in(stream, self._seed, self._identity, self._alarm)
        except TimeoutError:
            raise DeniedError(Denial.SLOW) from None

    async def _claimed(self, stream: Stream, guest: Guest) -> Session:
        """Make it the hospital's one live session; both of two live ones are told."""
        session = Session(guest.site, guest.software, stream, self._limits)
        if other := await self._board.claim(session):
            self._alarm(Alarm(Denial.SECOND, session.site, stream.peer))
            await other.warn(Denial.SECOND)
            raise DeniedError(Denial.SECOND)
        return session

    async def _welcome(self, stream: Stream) -> None:
        welcome = pb.Welcome(time=int(time.time()), software=self._software)
        await stream.write(pb.FromOffice(welcome=welcome))

    async def _joiner(self, stream: Stream) -> None:
        if self._joining is None:
            raise InvitationError(NotInvited.UNKNOWN)
        certificate = leaf_fingerprint(self._tls.certificate)
        reception = Reception(
            self._joining,
            self._seed,
            certificate,
            self._limits,
            self._door,
            self._lobby,
            self._alarm,
            self._ask,
        )
        await reception.receive(stream)

    async def _identity(self, site: SiteId) -> bytes | None:
        return await self._ask(self._hooks.identity, site)

    def _alarm(self, alarm: Alarm) -> None:
        log.warning("alarm: %s, %s from %s", alarm.why, alarm.site, alarm.peer)
        self._tell(self._hooks.alarm, alarm)

    def _ask(self, hook: Callable[..., T], *of: object) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._clerk, hook, *of)

    def _tell(self, hook: Callable[..., object], *of: object) -> None:
        self._clerk.submit(_guarded, hook, *of)


def _presence(session: Session, *, connected: bool) -> Presence:
    why = "" if connected else session.left or "lost"
    return Presence(session.site, connected, session.peer, session.software, why)


def _guarded(hook: Callable[..., object], *of: object) -> None:
    """Tell without waiting; what goes wrong there must not end a hospital's session."""
    try:
        hook(*of)
    except Exception:
        log.exception("a hook of the port failed")
