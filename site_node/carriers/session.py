"""One connection to the coordinator: from the first byte through the login to its end."""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import grpc
from google.protobuf.message import DecodeError

from protocol import PROGRAM_VERSION
from protocol.governance.heads import LedgerHead
from protocol.governance.identity import SignatureError
from protocol.governance.login import Login
from protocol.governance.signed import SignedRoster
from protocol.ids import SiteId
from protocol.wire import federation_pb2 as pb
from protocol.wire.encoding import MessageError
from protocol.wire.frames import Assembler, chunks
from protocol.wire.heads import head_messages
from protocol.wire.rosters import read_rosters
from protocol.wire.service import CONNECT, NONCE_BYTES, UNANSWERED, WIRE
from site_node.carriers.errors import InterceptedError, NodeFaultError, noticed, turned_away
from site_node.carriers.events import Faulty, Stopping, Tell, Warned
from site_node.carriers.line import Ended, Line
from site_node.carriers.worker import Worker
from site_node.points import Point

LOGIN_SECONDS = 20.0
"""To dial, to shake hands and to log in, all together."""

STOP_SECONDS = 5.0
"""From the wish to stop to the end of the connection."""

At = Callable[[Point], None]

Succeed = Callable[[bytes, Sequence[SignedRoster]], None]
"""Goes by another key of the coordinator's (32 bytes) if these rosters say so, or refuses it."""


def no_successor(coordinator: bytes, rosters: Sequence[SignedRoster]) -> None:
    """Refuse every other key."""
    del coordinator, rosters
    raise _another_coordinator()


@dataclass(frozen=True)
class Credentials:
    """Who dials, and which coordinator's key (32 bytes) it goes by."""

    site: SiteId
    seed: bytes = field(repr=False)
    coordinator: bytes
    software: str


@dataclass(frozen=True)
class Stop:
    """Somebody wants the carrier to end."""


@dataclass(frozen=True)
class Heard:
    """A session's line said something, or is over."""

    session: "Session"
    said: bytes | Ended


@dataclass(frozen=True)
class Answered:
    """The node has done with a request of a session."""

    session: "Session"
    number: int
    reply: bytes | BaseException


Inbox = SimpleQueue[Stop | Heard | Answered]


class StoppedError(Exception):
    """The wish to stop came before the login had ended."""


class BrokenError(Exception):
    """The stream ended, and the other side did not say why."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.details)
        self.ended = ended


class Session:
    """A connection, to be closed. Everything that happens to it comes through the inbox.

    Events of earlier sessions may still be in there; they are passed over.
    """

    def __init__(self, dialled: grpc.Channel, me: Credentials, inbox: Inbox) -> None:
        self._me = me
        self._inbox = inbox
        self._unanswered: dict[int, None] = {}
        self._line = Line(dialled, CONNECT, lambda said: inbox.put(Heard(self, said)))

    def close(self) -> None:
        """End the connection, whatever is under way."""
        self._line.close()

    def log_in(
        self,
        seconds: float = LOGIN_SECONDS,
        *,
        visit: bool = False,
        succeed: Succeed = no_successor,
    ) -> pb.Welcome:
        """Show the coordinator who we are, after it has shown who it is (SPEC 2.10).

        One that has another key than we go by has to show by its welcome who replaced that.

        Raises
        ------
        LineError
            If the coordinator is another, or turns us away.
        LoginError, MessageError
            If it breaks the protocol.
        BrokenError, StoppedError
            If the connection, the time or the wish for it ends first.
        """
        until = time.monotonic() + seconds
        me, nonce = self._me, secrets.token_bytes(NONCE_BYTES)
        hello = pb.Hello(site=me.site, nonce=nonce, wire=WIRE, program=PROGRAM_VERSION, visit=visit)
        hello.software, hello.coordinator = me.software, me.coordinator
        self._line.send(pb.FromSite(hello=hello))
        challenge = self._expected("challenge", until).challenge
        login = Login(me.site, nonce, challenge.nonce)
        key = challenge.coordinator or me.coordinator
        try:
            login.require_office(key, challenge.signature)
        except SignatureError:
            raise _another_coordinator() from None
        proof = pb.LoginProof(signature=login.prove(me.seed, key))
        self._line.send(pb.FromSite(proof=proof))
        welcome = self._expected("welcome", until).welcome
        if key != me.coordinator:
            if not welcome.rosters:
                raise _another_coordinator()
            succeed(key, read_rosters(welcome.rosters))
        return welcome

    def show(self, heads: Sequence[LedgerHead]) -> None:
        """Show where ledgers stand (SPEC 2.11)."""
        if heads:
            self._line.send(pb.FromSite(heads=pb.Heads(heads=head_messages(heads))))

    def serve(self, worker: Worker, limit_bytes: int, tell: Tell, at: At) -> None:
        """Have requests answered until somebody wants to stop.

        Raises
        ------
        LineError, MessageError, BrokenError
            If the connection ends otherwise, or the node fails at a request.
        """
        requests = Assembler(limit_bytes)
        while True:
            match self._inbox.get():
                case Stop():
                    self._stop(tell, at)
                    return
                case Heard(session, said) if session is self:
                    self._hear(said, requests, worker, tell)
                case Answered(session, number, reply) if session is self:
                    self._answer(number, reply, tell, at)

    def _hear(self, said: bytes | Ended, requests: Assembler, worker: Worker, tell: Tell) -> None:
        try:
            self._take(self._parsed(said), requests, worker, tell)
        except MessageError:
            self._leave("message", time.monotonic() + 1)
            raise

    def _take(
        self, message: pb.FromOffice, requests: Assembler, worker: Worker, tell: Tell
    ) -> None:
        match message.WhichOneof("said"):
            case "chunk":
                if request := requests.add(message.chunk):
                    self._ask(*request, worker)
            case "ping":
                self._line.send_now(pb.FromSite(pong=pb.Pong(number=message.ping.number)))
            case "notice":
                tell(Warned(noticed(message.notice)))
            case "denied":
                raise turned_away(message.denied, self._me.site)
            case other:
                raise MessageError(f"the coordinator says {other or 'nothing'} in mid-session")

    def _ask(self, number: int, request: bytes, worker: Worker) -> None:
        if len(self._unanswered) == UNANSWERED:
            raise MessageError(f"more than {UNANSWERED} requests wait for an answer (SPEC 11)")
        self._unanswered[number] = None
        worker.ask(request, lambda reply: self._inbox.put(Answered(self, number, reply)))

    def _answer(self, number: int, reply: bytes | BaseException, tell: Tell, at: At) -> None:
        self._unanswered.pop(number, None)
        if isinstance(reply, bytes) and reply:
            at(Point.BEFORE_SEND)
            self._line.send_all(_messages(number, reply, at))
            return
        if isinstance(reply, BaseException):
            tell(Faulty(reply))
            if not isinstance(reply, Exception):
                raise reply
        self._leave("fault", time.monotonic() + 1)
        raise _node_fault()

    def _stop(self, tell: Tell, at: At) -> None:
        """Send the answer in hand, say goodbye, and wait for the other side to hang up."""
        until = time.monotonic() + STOP_SECONDS
        tell(Stopping(busy=bool(self._unanswered)))
        in_hand = next(iter(self._unanswered), None)
        while in_hand in self._unanswered and (event := self._next(until)):
            match event:
                case Answered(session, number, reply) if session is self:
                    self._answer(number, reply, tell, at)
                case Heard(session, Ended()) if session is self:
                    return
        self._leave("stopping", until)

    def _leave(self, code: str, until: float) -> None:
        self._line.send(pb.FromSite(leaving=pb.Leaving(code=code)))
        self._line.finish()
        while event := self._next(until):
            match event:
                case Heard(session, Ended()) if session is self:
                    return
                case Heard(session) if session is self:
                    self._line.taken()

    def _expected(self, what: str, until: float) -> pb.FromOffice:
        """Wait for one kind of message, as the login has it."""
        while event := self._next(until):
            match event:
                case Stop():
                    raise StoppedError
                case Heard(session, said) if session is self:
                    message = self._parsed(said)
                    kind = message.WhichOneof("said")
                    if kind == "denied":
                        raise turned_away(message.denied, self._me.site)
                    if kind != what:
                        raise MessageError(f"the coordinator says {kind}, not {what}, at the login")
                    return message
        raise BrokenError(Ended(grpc.StatusCode.DEADLINE_EXCEEDED))

    def _parsed(self, said: bytes | Ended) -> pb.FromOffice:
        if isinstance(said, Ended):
            raise BrokenError(said)
        self._line.taken()
        try:
            return pb.FromOffice.FromString(said)
        except DecodeError:
            raise MessageError("what came is no message of this service (SPEC 11)") from None

    def _next(self, until: float) -> Stop | Heard | Answered | None:
        try:
            return self._inbox.get(timeout=max(0.0, until - time.monotonic()))
        except Empty:
            return None


def _messages(number: int, reply: bytes, at: At) -> Iterator[bytes]:
    for chunk in chunks(number, reply):
        yield pb.FromSite(chunk=chunk).SerializeToString()
    # The sender comes back for more only once gRPC has taken the last chunk.
    at(Point.AFTER_SEND)


def _another_coordinator() -> InterceptedError:
    return InterceptedError(
        "what answers does not hold the coordinator's identity key",
        "do not go on; ask the coordinating centre by telephone whether its key has changed",
        "coordinator-key",
    )


def _node_fault() -> NodeFaultError:
    return NodeFaultError(
        "this node failed at a request, and the coordinator goes on waiting for the answer",
        "look into the node's log; the request comes again with the next connection",
        "node-fault",
    )
