"""A hospital on a Flower federation: polls the SuperLink, answers, and holds its lease.

Only code that is installed here runs. What a message carries is a sealed parcel, and whatever
bundle its run names at the SuperLink is never asked for.
"""

import secrets
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from queue import Empty, SimpleQueue

from flwr.app import Message
from flwr.clientapp import ClientApp

from protocol.errors import FederationError
from protocol.wire.encoding import MessageError
from site_node.carriers.backoff import Backoff
from site_node.carriers.errors import LineError, NodeFaultError
from site_node.carriers.events import Connected, Down, Faulty, Stopping, Tell, Warned
from site_node.carriers.flower.app import (
    MESSAGE_TYPE,
    ForeignMessageError,
    client_app,
    refusal,
)
from site_node.carriers.flower.link import BEAT_SECONDS, FleetLink, SuperLink
from site_node.carriers.flower.sealed import SealedSite
from site_node.carriers.grpc import Greet
from site_node.carriers.session import STOP_SECONDS, At, Credentials
from site_node.carriers.worker import Handle, Worker
from site_node.points import Point

HOT_SECONDS = 60.0
"""A run that has asked goes on asking for so long, or is over."""

GREETING_SECONDS = 10.0
POLL_FIRST_SECONDS = 0.02
POLL_HOT_SECONDS = 0.5
POLL_IDLE_SECONDS = 3.0
"""A poll costs a SuperLink some 10 ms of its one processor, and all hospitals poll it."""

HELD_SECONDS = 10.0
OVERHEAD_BYTES = 1 << 16

_DRAW = secrets.SystemRandom().random


class _StoppedError(Exception):
    """The node is to end, and the answer in hand takes too long."""


class FlowerSiteCarrier:
    """Serves one hospital over a SuperLink until `stop`; the same as `SiteCarrier` otherwise."""

    def __init__(
        self,
        link: SuperLink,
        credentials: Callable[[], Credentials],
        handle: Handle,
        *,
        tell: Tell,
        at: At,
        draw: Callable[[], float] = _DRAW,
        greet: Greet = lambda _: (),
        message_bytes: int = 256 << 20,
    ) -> None:
        self._link = link
        self._handle = handle
        self._tell = tell
        self._at = at
        self._backoff = Backoff(draw)
        self._limit_bytes = message_bytes + OVERHEAD_BYTES
        self._stopping = threading.Event()
        self._last = ""
        self.sealed = SealedSite(
            credentials,
            self._computed,
            greet=greet,
            warn=lambda error: tell(Warned(error)),
            random=secrets.token_bytes,
        )
        self._app: ClientApp = client_app(self.sealed.answer, self._limit_bytes)
        self._worker: Worker | None = None

    def serve(self) -> None:
        """Answer requests until `stop`; a SuperLink that fails is dialled again."""
        self._worker = worker = Worker(self._handle)
        try:
            while not self._served():
                pass
        finally:
            worker.close(1.0)

    def stop(self) -> None:
        """End `serve` within seconds. May be called by a signal's handler, and twice."""
        self._stopping.set()

    def _served(self) -> bool:
        """Connect once and serve to the end, then wait; say whether to stop."""
        began = time.monotonic()
        try:
            self._connected()
        except _StoppedError:
            return True
        except FederationError as error:
            if time.monotonic() - began >= HELD_SECONDS:
                self._backoff.reset()
            return self._paused(error)
        return True

    def _connected(self) -> None:
        """Serve over one connection until it fails, or we are to stop."""
        with closing(FleetLink(self._link, self._limit_bytes)) as link:
            link.activate()
            self._last = ""
            self._tell(Connected(self._link.address, "", timedelta()))
            pulse = _Pulse(link)
            try:
                self._poll(link, pulse)
            finally:
                pulse.stop()

    def _poll(self, link: FleetLink, pulse: "_Pulse") -> None:
        # A coordinator that waits for this node offers a session soon.
        hot_until, pause = time.monotonic() + GREETING_SECONDS, POLL_FIRST_SECONDS
        while not self._stopping.is_set():
            pulse.require()
            message = link.pull()
            if message is not None:
                self._answer(link, message)
                hot_until, pause = time.monotonic() + HOT_SECONDS, POLL_FIRST_SECONDS
                continue
            hot = time.monotonic() < hot_until
            self._stopping.wait(pause if hot else POLL_IDLE_SECONDS)
            pause = min(1.5 * pause, POLL_HOT_SECONDS)
        self._tell(Stopping(busy=False))

    def _answer(self, link: FleetLink, message: Message) -> None:
        if message.metadata.message_type != MESSAGE_TYPE:
            self._tell(Warned(ForeignMessageError("a message of another Flower app was refused")))
            link.push(refusal(message))
            return
        try:
            reply = self._app(message, link.context)
        except MessageError as error:
            self._tell(Warned(error))
            reply = refusal(message)
        self._at(Point.BEFORE_SEND)
        link.push(reply)
        self._at(Point.AFTER_SEND)

    def _computed(self, request: bytes) -> bytes:
        """Have the node answer; it is waited for, but not for long once we are to stop."""
        if self._worker is None:  # under a stock SuperNode, which serves in our place
            return self._handle(request)
        done: SimpleQueue[bytes | BaseException] = SimpleQueue()
        self._worker.ask(request, done.put)
        reply = self._awaited(done)
        if isinstance(reply, BaseException):
            self._tell(Faulty(reply))
            if not isinstance(reply, Exception):
                raise reply
        if isinstance(reply, BaseException) or not reply:
            raise NodeFaultError(
                "this node failed at a request, and the coordinator goes on waiting for the answer",
                "look into the node's log; the request comes again with the next connection",
                "node-fault",
            )
        return reply

    def _awaited(self, done: SimpleQueue[bytes | BaseException]) -> bytes | BaseException:
        ends_at: float | None = None
        while True:
            try:
                return done.get(timeout=0.1)
            except Empty:
                pass
            if self._stopping.is_set() and ends_at is None:
                self._tell(Stopping(busy=True))
                ends_at = time.monotonic() + STOP_SECONDS
            if ends_at is not None and time.monotonic() > ends_at:
                raise _StoppedError

    def _paused(self, failed: FederationError) -> bool:
        """Tell, and wait for the next try; say whether to stop."""
        seconds = self._backoff.next_seconds()
        said = f"{failed.code} {failed}"
        self._tell(Down(failed, seconds, changed=said != self._last))
        self._last = said
        return self._stopping.wait(seconds)


class _Pulse:
    """Holds the node's lease from a thread of its own, so that a long computation loses nothing."""

    def __init__(self, link: FleetLink) -> None:
        self._link = link
        self._over = threading.Event()
        self._failed: FederationError | None = None
        self._thread = threading.Thread(target=self._beat, name="riskset-lease", daemon=True)
        self._thread.start()

    def require(self) -> None:
        """Raise what the last heartbeat failed with, if it did."""
        if self._failed is not None:
            raise self._failed

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            try:
                known = self._link.beat()
            except FederationError as error:
                self._failed = error
                continue
            self._failed = None if known else _forgotten()


def _forgotten() -> LineError:
    return LineError(
        "the SuperLink does not know this node any more",
        "have state/flower.pub registered at the SuperLink again",
        "superlink-forgot",
    )
