"""A `Carrier` over a Flower federation: one thread holds a Flower run and carries all requests.

What crosses the SuperLink is sealed (SPEC 12.4): it sees who is asked, when, and how much. When the
SuperLink or this process was restarted, another Flower run begins and what is unanswered goes out
again; hospitals send the bytes that they stored.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from queue import SimpleQueue
from typing import assert_never

from flwr.app import Context, Message
from flwr.serverapp import Grid, ServerApp

from coordinator.carriers.flower.board import Board
from coordinator.carriers.flower.lines import Asked, Offered, Sent, Told
from coordinator.carriers.flower.link import (
    FlowerRun,
    LinkError,
    RunLostError,
    StoppedError,
    SuperLink,
    told,
)
from coordinator.carriers.flower.mail import greeting, sealed
from coordinator.carriers.flower.nodes import Nodes
from coordinator.carriers.hooks import Hooks
from coordinator.carriers.limits import Limits
from coordinator.carriers.replies import as_they_come, require_size
from protocol.errors import FederationError
from protocol.ids import SiteId
from protocol.secagg.sealing import SealError
from protocol.wire.encoding import MessageError
from protocol.wire.sealed import Kind, OtherVersionError, Parcel, unpack
from protocol.wire.service import Denial

log = logging.getLogger(__name__)

BEAT_SECONDS = 10.0
LOOK_SOON_SECONDS = 0.5
LOOK_WAITING_SECONDS = 2.0
LOOK_SECONDS = 10.0
"""How often nodes are looked for: at first, while somebody is waited for, and else."""

POLL_FIRST_SECONDS = 0.02
POLL_MOST_SECONDS = 0.25
AGAIN_SECONDS = 1.0
RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0)

app = ServerApp()


@app.main()
def _main(grid: Grid, context: Context) -> None:  # noqa: ARG001 - what Flower calls
    raise LinkError(
        "a SuperExec took this run, which belongs to `riskset serve`",
        "start the SuperLink with --isolation process, and no SuperExec beside it",
    )


class FlowerCarrier:
    """Carries requests over the SuperLink, from `start` to `stop`.

    `seed` is the coordinator's identity; `tell` gets a line for whatever becomes of the SuperLink.
    """

    def __init__(
        self,
        link: SuperLink,
        seed: bytes,
        hooks: Hooks,
        *,
        tell: Callable[[str], None] = lambda _: None,
        limits: Limits = Limits(),  # noqa: B008 - it is frozen
    ) -> None:
        self._link = link
        self._limits = limits
        self._tell = tell
        self._board = Board()
        self._nodes = Nodes(seed, hooks)
        self._sent: dict[str, Sent] = {}
        self._greetings: list[tuple[Sent, Message]] = []
        self._stopping = threading.Event()
        self._last = ""
        self._look_after = LOOK_SOON_SECONDS
        self._thread = threading.Thread(target=self._run, name="riskset-flower")

    def start(self) -> None:
        """Begin to carry. A SuperLink that cannot be reached is tried until it can."""
        self._thread.start()

    def stop(self) -> None:
        """End the Flower run. Exchanges end too."""
        self._stopping.set()
        self._board.wake()
        self._thread.join()

    def connected(self) -> frozenset[SiteId]:
        """Name the hospitals that a session is open with."""
        return self._nodes.connected

    def exchange(
        self, requests: Mapping[SiteId, bytes], deadline: datetime, stopped: Callable[[], bool]
    ) -> Iterator[tuple[SiteId, bytes]]:
        """Deliver requests and yield replies; see `Carrier`.

        A request waits for a hospital whose node is away, and goes out again when that comes back
        without having answered.

        Raises
        ------
        MessageError
            If a request is larger than hospitals are sent.
        """
        require_size(requests, self._limits.message_bytes)
        replies: SimpleQueue[tuple[SiteId, bytes]] = SimpleQueue()
        numbers = self._board.post(requests, replies.put)
        try:
            yield from as_they_come(
                replies, requests, deadline, lambda: stopped() or self._stopping.is_set()
            )
        finally:
            self._board.withdraw(numbers)

    def _run(self) -> None:
        tries = 0
        while not self._stopping.is_set():
            try:
                self._hold_one()
                tries = 0
            except StoppedError:
                return
            except LinkError as error:
                self._say(error)
            except Exception:
                log.exception("carrying over Flower failed by a fault of this software")
            self._stopping.wait(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
            tries += 1

    def _hold_one(self) -> None:
        """Hold one Flower run until it is lost, or until we are to stop."""
        run = FlowerRun(self._link, secrets.token_bytes(16), self._stopping)
        self._last = ""
        self._tell(f"the SuperLink at {self._link.address} carries our requests")
        carrying = ServerApp()
        carrying.main()(lambda grid, _: self._carry(run, grid))
        try:
            carrying(grid=run.grid, context=run.context)
        finally:
            run.close()
            self._lose()

    def _carry(self, run: FlowerRun, grid: Grid) -> None:
        self._look_after = LOOK_SOON_SECONDS
        look_at = beat_at = 0.0
        pause, troubles = POLL_FIRST_SECONDS, 0
        while not self._stopping.is_set():
            try:
                if time.monotonic() >= beat_at:
                    run.keep()
                    beat_at = time.monotonic() + BEAT_SECONDS
                if time.monotonic() >= look_at:
                    self._look(grid)
                    look_at = time.monotonic() + self._look_seconds()
                moved = self._send(grid) + self._receive(grid)
            except RunLostError:
                raise
            except LinkError as error:
                # A SuperLink that kept its state takes us up again where we were.
                self._say(error)
                self._unsend_all()
                pause = RETRY_SECONDS[min(troubles, len(RETRY_SECONDS) - 1)]
                troubles += 1
            else:
                troubles = 0
                pause = POLL_FIRST_SECONDS if moved else min(1.5 * pause, POLL_MOST_SECONDS)
                if not (self._sent or self._greetings):
                    pause = max(pause, min(look_at, beat_at) - time.monotonic())
            if self._board.wait(pause):
                look_at = min(look_at, time.monotonic() + LOOK_SOON_SECONDS)

    def _look_seconds(self) -> float:
        """Say when to look again: soon at first, and while a hospital is away that is asked."""
        there = self._nodes.connected
        if any(ticket.site not in there for ticket in self._board.open()):
            return LOOK_SOON_SECONDS
        self._look_after = min(1.5 * self._look_after, LOOK_SECONDS)
        return min(self._look_after, LOOK_WAITING_SECONDS) if self._sent else self._look_after

    def _look(self, grid: Grid) -> None:
        """See which nodes are there, and offer sessions to those behind which nobody is known."""
        with told(self._link.address):
            shown = [(node.node_id, node.last_activated_at) for node in grid.get_nodes()]
        ended = self._nodes.seen(shown)
        self._board.unsend(t.number for t in self._board.open() if t.site in ended)
        self._sent = {n: sent for n, sent in self._sent.items() if self._nodes.awaits(sent)}
        offers = list[tuple[Sent, Message]]()
        for node in self._nodes.strangers():
            sent, parcel = self._nodes.offer(node)
            offers.append((sent, greeting(node, parcel)))
        self._push(grid, offers)

    def _send(self, grid: Grid) -> int:
        """Send what can be sent; says how many."""
        now = time.monotonic()
        due, self._greetings = self._greetings, []
        for ticket in self._board.open():
            line = self._nodes.line(ticket.site)
            if line and not ticket.sent and ticket.again_at <= now:
                ticket.sent = True
                due.append(sealed(line, ticket))
        self._push(grid, due)
        return len(due)

    def _push(self, grid: Grid, messages: list[tuple[Sent, Message]]) -> None:
        if not messages:
            return
        with told(self._link.address):
            names = list(grid.push_messages([message for _, message in messages]))
        for name, (sent, _) in zip(names or [""] * len(messages), messages, strict=True):
            if name:
                self._sent[name] = sent
            else:
                self._failed(sent)

    def _receive(self, grid: Grid) -> int:
        """Take what has come in; says how much."""
        if not self._sent:
            return 0
        with told(self._link.address):
            came = list(grid.pull_messages(list(self._sent)))
        for message in came:
            if sent := self._sent.pop(message.metadata.reply_to_message_id, None):
                self._take(sent, message)
        return len(came)

    def _take(self, sent: Sent, message: Message) -> None:
        if message.has_error():
            self._failed(sent)
            return
        try:
            self._read(sent, unpack(message.content, self._limits.message_bytes + 1024))
        except (SealError, MessageError) as error:
            other = isinstance(error, OtherVersionError)
            why = Denial.PROGRAM if other else Denial.MESSAGE
            if isinstance(sent, Offered):
                self._nodes.alarm(why, sent.node)
            else:
                self._nodes.alarm(why, sent.line.node, sent.line.site)
            self._failed(sent)

    def _read(self, sent: Sent, parcel: Parcel) -> None:
        match sent, parcel.kind:
            case Offered(), Kind.DENIED:
                self._nodes.alarm(Denial.IDENTITY, sent.node)
                self._failed(sent)
            case Offered(), _:
                self._greet(sent, parcel)
            case Told(), Kind.HEADS:
                site = self._nodes.shown(sent, parcel)
                self._board.unsend(t.number for t in self._board.open() if t.site == site)
            case Told(), Kind.UNKNOWN:
                self._failed(sent)
            case Asked(), Kind.REPLY:
                self._deliver(sent, parcel)
            case Asked(), Kind.UNKNOWN:
                self._nodes.drop(sent.line, "restarted")
                self._board.unsend([sent.ticket])
            case _:
                raise MessageError("an answer is none to what was sent (SPEC 12.8)")

    def _greet(self, sent: Offered, parcel: Parcel) -> None:
        if told := self._nodes.accepted(sent, parcel):
            first, heads = told
            self._greetings.append((first, greeting(sent.node, heads)))

    def _deliver(self, sent: Asked, parcel: Parcel) -> None:
        number, reply = sent.line.session.open_reply(parcel.body)
        if number != sent.number:
            raise SealError("a reply came to another request than its own")
        self._board.deliver(sent.ticket, reply)

    def _failed(self, sent: Sent) -> None:
        """Do again, after a while, what the SuperLink could not do."""
        match sent:
            case Offered(node):
                self._nodes.refused(node)
            case Told(line):
                self._nodes.refused(line.node)
            case Asked():
                self._board.unsend([sent.ticket], time.monotonic() + AGAIN_SECONDS)
            case _:
                assert_never(sent)

    def _unsend_all(self) -> None:
        self._board.unsend(ticket.number for ticket in self._board.open())
        self._nodes.forget_offers()
        self._sent.clear()
        self._greetings.clear()

    def _lose(self) -> None:
        self._unsend_all()
        self._nodes.forget()

    def _say(self, error: FederationError) -> None:
        said = f"{error}; {error.fix}"
        if said != self._last:
            self._tell(said)
        self._last = said
