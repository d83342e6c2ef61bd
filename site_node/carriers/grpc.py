"""A hospital's way to its requests: dials out, logs in, has them answered, and dials again.

One thread decides. Others read the line, send, and compute, and tell it through one inbox.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from queue import Empty, SimpleQueue

import grpc

from protocol.errors import FederationError
from protocol.governance.heads import LedgerHead
from protocol.wire import federation_pb2 as pb
from protocol.wire.encoding import MessageError
from protocol.wire.heads import heads_of
from site_node.carriers.backoff import Backoff
from site_node.carriers.errors import LineError, NodeFaultError, printable
from site_node.carriers.events import Connected, Down, Tell
from site_node.carriers.line import Ended, broken, channel, why_no_line
from site_node.carriers.session import (
    At,
    BrokenError,
    Credentials,
    Inbox,
    Session,
    Stop,
    StoppedError,
    Succeed,
    no_successor,
)
from site_node.carriers.worker import Handle, Worker
from site_node.doctor.handshake import Trust
from site_node.doctor.way import Way

HELD_SECONDS = 10.0
"""A connection that held for so long was a good one: the next wait is short again."""

MESSAGE_BYTES = 256 << 20

_DRAW = secrets.SystemRandom().random

Greet = Callable[[Sequence[LedgerHead]], Sequence[LedgerHead]]
"""Compares the heads of ledgers that a login brings, and gives those to show: `Node.greet`."""


def _without_ledger(told: Sequence[LedgerHead]) -> Sequence[LedgerHead]:
    del told
    return ()


class SiteCarrier:
    """Serves one hospital until `stop`.

    `credentials` is asked before every login, for rosters can bring a new coordinator's key. `at`
    is told when an answer is about to be sent and when it was. `draw` gives numbers from [0, 1).
    """

    def __init__(
        self,
        way: Way,
        trust: Trust,
        credentials: Callable[[], Credentials],
        handle: Handle,
        *,
        tell: Tell,
        at: At,
        now: Callable[[], datetime],
        draw: Callable[[], float] = _DRAW,
        greet: Greet = _without_ledger,
        succeed: Succeed = no_successor,
        message_bytes: int = MESSAGE_BYTES,
    ) -> None:
        self._way = way
        self._trust = trust
        self._credentials = credentials
        self._handle = handle
        self._tell = tell
        self._at = at
        self._now = now
        self._greeting = greet
        self._succeed = succeed
        self._backoff = Backoff(draw)
        self._message_bytes = message_bytes
        self._inbox: Inbox = SimpleQueue()
        self._last = ""

    def serve(self) -> None:
        """Answer requests until `stop`; connections that fail or break are dialled again."""
        worker = Worker(self._handle)
        try:
            while not self._served(worker):
                pass
        finally:
            worker.close(1.0)

    def stop(self) -> None:
        """End `serve` within five seconds. May be called by a signal's handler, and twice."""
        self._inbox.put(Stop())

    def _served(self, worker: Worker) -> bool:
        """Connect once and serve to the end, then wait; say whether to stop."""
        failed = self._connected(worker)
        return failed is None or self._paused(failed)

    def _connected(self, worker: Worker) -> FederationError | None:
        """Connect once, and say why that came to its end unless it was the wish to stop."""
        try:
            me = self._credentials()
        except FederationError as error:
            return error
        with closing(Session(channel(self._way, self._trust), me, self._inbox)) as session:
            try:
                welcome = session.log_in(succeed=self._succeed)
                self._greet(welcome)
                session.show(self._greeting(heads_of(welcome.heads)))
            except StoppedError:
                return None
            except BrokenError as error:
                return self._explained(error.ended)
            except FederationError as error:
                return error
            return self._held(session, worker)

    def _held(self, session: Session, worker: Worker) -> FederationError | None:
        began = time.monotonic()
        try:
            session.serve(worker, self._message_bytes, self._tell, self._at)
        except NodeFaultError as error:
            return error
        except BrokenError as error:
            failed: FederationError = broken(error.ended, self._way)
        except FederationError as error:
            failed = error
        else:
            return None
        if time.monotonic() - began >= HELD_SECONDS:
            self._backoff.reset()
        return failed

    def _greet(self, welcome: pb.Welcome) -> None:
        self._last = ""
        skew = office_time(welcome) - self._now()
        self._tell(Connected(str(self._way.coordinator), printable(welcome.software), skew))

    def _explained(self, ended: Ended) -> LineError:
        """Say why there is no connection: what answered tells little, so the way is walked."""
        told = (
            grpc.StatusCode.OK,
            grpc.StatusCode.UNIMPLEMENTED,
            grpc.StatusCode.RESOURCE_EXHAUSTED,
        )
        found = None if ended.status in told else why_no_line(self._way, self._trust, self._now)
        return found or broken(ended, self._way)

    def _paused(self, failed: FederationError) -> bool:
        """Tell, and wait for the next try; say whether to stop."""
        seconds = self._backoff.next_seconds()
        said = f"{failed.code} {failed}"
        self._tell(Down(failed, seconds, changed=said != self._last))
        self._last = said
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            with suppress(Empty):
                if isinstance(self._inbox.get(timeout=left), Stop):
                    return True
        return False


def visit(
    way: Way,
    trust: Trust,
    me: Credentials,
    seconds: float,
    succeed: Succeed = no_successor,
) -> datetime:
    """Log in, leave at once, and give the coordinator's time. No session begins or ends by it.

    Raises
    ------
    FederationError
        If the login does not come to its end.
    """
    with closing(Session(channel(way, trust), me, SimpleQueue())) as session:
        try:
            return office_time(session.log_in(seconds, visit=True, succeed=succeed))
        except BrokenError as error:
            raise broken(error.ended, way) from None


def office_time(welcome: pb.Welcome) -> datetime:
    """Read the coordinator's clock.

    Raises
    ------
    MessageError
        If it is beyond the year 9999.
    """
    try:
        return datetime.fromtimestamp(welcome.time, UTC)
    except (ValueError, OverflowError, OSError):
        raise MessageError("the coordinator's time is none") from None
