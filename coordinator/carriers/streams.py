"""A hospital's stream from its first byte to its end: who it is, its session, why it ends."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from coordinator.carriers.door import Alarm, Door, Guest, denied, last_word, log_in
from coordinator.carriers.hooks import Hooks, Presence
from coordinator.carriers.join import Joining, Reception
from coordinator.carriers.limits import Limits
from coordinator.carriers.sessions import Session, Switchboard
from coordinator.carriers.stream import Context, DeniedError, EndedError, Stream
from protocol.governance.heads import LedgerHead
from protocol.governance.invitation import Denial as NotInvited
from protocol.governance.invitation import InvitationError
from protocol.ids import SiteId
from protocol.wire import federation_pb2 as pb
from protocol.wire.encoding import MessageError
from protocol.wire.heads import head_messages
from protocol.wire.rosters import write_rosters
from protocol.wire.service import Denial

T = TypeVar("T")
log = logging.getLogger(__name__)


class Streams:
    """Serves streams until `close`. `certificate` is the SHA-256 of the server's own."""

    def __init__(
        self,
        board: Switchboard,
        hooks: Hooks,
        joining: Joining | None,
        limits: Limits,
        *,
        seed: bytes,
        certificate: bytes,
        software: str,
    ) -> None:
        self._board = board
        self._hooks = hooks
        self._joining = joining
        self._limits = limits
        self._seed = seed
        self._certificate = certificate
        self._software = software
        self._door = Door(limits.half_open, limits.half_open_per_address)
        self._lobby = Door(limits.joins, limits.joins)
        self._end = asyncio.Event()
        self._asking = ThreadPoolExecutor(1, "riskset-port-asks")
        self._telling = ThreadPoolExecutor(1, "riskset-port-tells")

    def close(self) -> None:
        """End all streams, saying why."""
        self._end.set()

    def shut_down(self) -> None:
        """Wait until everything was told. Called once all streams have ended."""
        self._asking.shutdown()
        self._telling.shutdown()

    async def connect(self, _: object, context: Context) -> None:
        """Serve one hospital's stream from its first byte to its end."""
        stream = Stream(context)
        if why := await self._ended(stream, self._hospital(stream)):
            no = denied(why, self._software)
            await last_word(stream, pb.FromOffice(denied=no))

    async def join(self, _: object, context: Context) -> None:
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
                await self._welcome(stream, guest)
                return
            session = await self._claimed(stream, guest)
        try:
            heads = await self._ask(self._hooks.heads_for, session.site)
            await self._welcome(stream, guest, heads)
            self._tell(self._hooks.presence, _presence(session, connected=True))
            self._board.resend(session)
            await session.serve(self._board.deliver, partial(self._tell, self._hooks.heads))
        except DeniedError as no:
            session.left = session.left or no.why
            raise
        finally:
            if self._end.is_set():
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

    async def _welcome(
        self, stream: Stream, guest: Guest, heads: Sequence[LedgerHead] = ()
    ) -> None:
        welcome = pb.Welcome(time=int(time.time()), software=self._software)
        welcome.heads.extend(head_messages(heads))
        if guest.behind:
            welcome.rosters.extend(write_rosters(await self._ask(self._hooks.succession)))
        await stream.write(pb.FromOffice(welcome=welcome))

    async def _joiner(self, stream: Stream) -> None:
        if self._joining is None:
            raise InvitationError(NotInvited.UNKNOWN)
        reception = Reception(
            self._joining,
            self._seed,
            self._certificate,
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
        return asyncio.get_running_loop().run_in_executor(self._asking, hook, *of)

    def _tell(self, hook: Callable[..., object], *of: object) -> None:
        self._telling.submit(_guarded, hook, *of)


def _presence(session: Session, *, connected: bool) -> Presence:
    why = "" if connected else session.left or "lost"
    return Presence(session.site, connected, session.peer, session.software, why)


def _guarded(hook: Callable[..., object], *of: object) -> None:
    """Tell without waiting; what goes wrong there must not end a hospital's session."""
    try:
        hook(*of)
    except Exception:
        log.exception("a hook of the port failed")
