"""Requests that wait for hospitals, shared by the threads that ask and the one that carries."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Condition

from protocol.ids import SiteId

Sink = Callable[[tuple[SiteId, bytes]], None]


@dataclass
class Ticket:
    """One request to one hospital. It is sent again from `again_at` on (monotonic seconds)."""

    number: int
    site: SiteId
    request: bytes
    sink: Sink
    sent: bool = False
    again_at: float = 0.0


class Board:
    """All tickets, by numbers that never come twice."""

    def __init__(self) -> None:
        self._tickets: dict[int, Ticket] = {}
        self._next = 0
        self._changed = Condition()
        self._news = False

    def post(self, requests: Mapping[SiteId, bytes], sink: Sink) -> tuple[int, ...]:
        """Take requests; what is answered goes to the sink. Gives their numbers."""
        with self._changed:
            first = self._next
            for site, request in requests.items():
                self._tickets[self._next] = Ticket(self._next, site, request, sink)
                self._next += 1
            self.wake()
            return tuple(range(first, self._next))

    def withdraw(self, numbers: Iterable[int]) -> None:
        """Forget requests; what is answered late is dropped."""
        with self._changed:
            for number in numbers:
                self._tickets.pop(number, None)

    def deliver(self, number: int, reply: bytes) -> None:
        """Hand a reply to whoever asked, if somebody still does."""
        with self._changed:
            ticket = self._tickets.pop(number, None)
        if ticket is not None:
            ticket.sink((ticket.site, reply))

    def open(self) -> tuple[Ticket, ...]:
        """List the tickets that nobody has answered."""
        with self._changed:
            return tuple(self._tickets.values())

    def unsend(self, numbers: Iterable[int], again_at: float = 0.0) -> None:
        """Have requests sent again: what carried them is lost."""
        with self._changed:
            for number in numbers:
                if ticket := self._tickets.get(number):
                    ticket.sent, ticket.again_at = False, again_at

    def wake(self) -> None:
        """Let `wait` end."""
        with self._changed:
            self._news = True
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait for a new request, but not longer than that; says whether there is one."""
        with self._changed:
            news = self._changed.wait_for(lambda: self._news, max(0.0, seconds))
            self._news = False
            return news
