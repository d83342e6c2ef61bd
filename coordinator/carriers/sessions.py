"""Hospitals that are connected, and the requests that wait for them or for their replies.

All of it lives on one event loop: nothing here is called from another thread.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import count

from coordinator.carriers.door import plain
from coordinator.carriers.limits import Limits
from coordinator.carriers.stream import DeniedError, EndedError, Stream
from protocol.governance.heads import LedgerHead
from protocol.ids import SiteId
from protocol.wire import federation_pb2 as pb
from protocol.wire.encoding import MessageError
from protocol.wire.frames import Assembler, chunks
from protocol.wire.heads import heads_of
from protocol.wire.service import UNANSWERED, Denial

Sink = Callable[[tuple[SiteId, bytes]], None]
Deliver = Callable[[SiteId, int, bytes], None]
Show = Callable[[SiteId, tuple[LedgerHead, ...]], None]


class Session:
    """One hospital that has logged in: requests go out, replies come back by their number."""

    def __init__(self, site: SiteId, software: str, stream: Stream, limits: Limits) -> None:
        self.site = site
        self.software = software
        self.left = ""
        self._has_shown = False
        self._stream = stream
        self._limits = limits
        self._unsent: dict[int, bytes] = {}
        self._sent: set[int] = set()
        self._room = asyncio.Event()
        self._ending: asyncio.Future[Denial] = asyncio.get_running_loop().create_future()
        self._pings: dict[int, asyncio.Future[None]] = {}
        self._ping_numbers = count(1)

    @property
    def peer(self) -> str:
        """The address that the hospital connects from."""
        return self._stream.peer

    def post(self, number: int, request: bytes) -> None:
        """Send a request when it is its turn."""
        self._unsent[number] = request
        self._room.set()

    def withdraw(self, number: int) -> None:
        """Do not send a request any more; a reply to one that was sent is nobody's."""
        self._unsent.pop(number, None)

    def end(self, why: Denial) -> None:
        """End the session, telling the hospital why."""
        if not self._ending.done():
            self._ending.set_result(why)

    async def warn(self, why: Denial) -> None:
        """Let the hospital's operator know of something, and go on."""
        await self._stream.write(pb.FromOffice(notice=pb.Notice(code=why)))

    async def answers(self) -> bool:
        """Ping the hospital, and say whether it answers within the limit."""
        number = next(self._ping_numbers)
        self._pings[number] = pong = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._limits.ping_seconds):
                await self._stream.write(pb.FromOffice(ping=pb.Ping(number=number)))
                await pong
        except Exception:  # a broken stream is gone, however it says so
            return False
        return True

    async def serve(self, deliver: Deliver, show: Show) -> None:
        """Carry requests and replies until the stream ends. `show` is told the heads of ledgers.

        Raises
        ------
        DeniedError
            If another session replaces this one.
        MessageError
            If the hospital breaks the protocol.
        """
        tasks = {
            asyncio.ensure_future(work)
            for work in (self._read(deliver, show), self._send(), self._awaited_end())
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except EndedError:
            return
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _awaited_end(self) -> None:
        raise DeniedError(await self._ending)

    async def _send(self) -> None:
        """Send what waits, never with more unanswered than a hospital has to hold."""
        while True:
            await self._room.wait()
            if not self._unsent or len(self._sent) == UNANSWERED:
                self._room.clear()
                continue
            number = next(iter(self._unsent))
            self._sent.add(number)
            for chunk in chunks(number, self._unsent.pop(number)):
                await self._stream.write(pb.FromOffice(chunk=chunk))

    async def _read(self, deliver: Deliver, show: Show) -> None:
        replies = Assembler(self._limits.message_bytes)
        while True:
            said = pb.FromSite()
            await self._stream.read(said)
            match said.WhichOneof("said"):
                case "chunk":
                    self._take(replies, said.chunk, deliver)
                case "pong":
                    self._pong(said.pong.number)
                case "heads" if not self._has_shown:
                    self._has_shown = True
                    show(self.site, heads_of(said.heads.heads))
                case "leaving" if not self.left:
                    self.left = plain(said.leaving.code) or "left"
                case other:
                    raise MessageError(f"{other or 'nothing'} is said in the middle of a session")

    def _take(self, replies: Assembler, chunk: pb.Chunk, deliver: Deliver) -> None:
        # One reply to each request and none to others: so nobody can send without being asked.
        if chunk.message not in self._sent:
            raise MessageError("a reply comes to a request that was not sent (SPEC 11)")
        if reply := replies.add(chunk):
            self._sent.remove(chunk.message)
            self._room.set()
            deliver(self.site, *reply)

    def _pong(self, number: int) -> None:
        pong = self._pings.pop(number, None)
        if pong is None:
            raise MessageError("a pong comes to no ping (SPEC 11)")
        if not pong.done():  # it may be late
            pong.set_result(None)


@dataclass(frozen=True)
class _Waiting:
    site: SiteId
    request: bytes
    sink: Sink


class Switchboard:
    """Joins requests and sessions, whichever of the two comes first."""

    def __init__(self) -> None:
        self._waiting: dict[int, _Waiting] = {}
        self._sessions: dict[SiteId, Session] = {}
        self._claims: dict[SiteId, asyncio.Lock] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def connected(self) -> frozenset[SiteId]:
        """Name the hospitals that are connected."""
        return frozenset(self._sessions)

    def post(self, requests: Mapping[int, tuple[SiteId, bytes]], sink: Sink) -> None:
        """Take requests under numbers that were never used before. Replies go to the sink."""
        for number, (site, request) in requests.items():
            self._waiting[number] = _Waiting(site, request, sink)
            if session := self._sessions.get(site):
                session.post(number, request)

    def withdraw(self, numbers: Iterable[int]) -> None:
        """Forget requests; what is answered late is dropped."""
        for number in numbers:
            waiting = self._waiting.pop(number, None)
            if waiting and (session := self._sessions.get(waiting.site)):
                session.withdraw(number)

    def deliver(self, site: SiteId, number: int, reply: bytes) -> None:
        """Hand a reply to whoever asked."""
        if waiting := self._waiting.pop(number, None):
            waiting.sink((site, reply))

    async def claim(self, session: Session) -> Session | None:
        """Make this the hospital's one live session, unless another one is alive: then name it.

        The old one is asked, for after a broken line the coordinator often learns last.
        """
        async with self._claims.setdefault(session.site, asyncio.Lock()):
            old = self._sessions.get(session.site)
            if old is not None and await old.answers():
                return old
            if old is not None:
                old.end(Denial.REPLACED)
            self._sessions[session.site] = session
            return None

    def resend(self, session: Session) -> None:
        """Post to a new session whatever its hospital has not answered."""
        for number, waiting in self._waiting.items():
            if waiting.site == session.site:
                session.post(number, waiting.request)

    def release(self, session: Session) -> bool:
        """Forget a session that has ended; say whether it was still the hospital's."""
        if self._sessions.get(session.site) is not session:
            return False
        del self._sessions[session.site]
        return True
