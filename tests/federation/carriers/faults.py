"""A carrier that does to messages what networks and people do, over one that does not."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from coordinator.carriers import Carrier
from protocol.ids import SiteId

Replies = Iterator[tuple[SiteId, bytes]]


def flipped(raw: bytes) -> bytes:
    """Change one bit in the middle."""
    middle = len(raw) // 2
    return raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :]


@dataclass
class Bent:
    """Bends the first exchange and leaves the others alone, or keeps something for them."""

    carrier: Callable[[], Carrier]
    requests: Callable[[SiteId, bytes], bytes] = lambda _, request: request
    replies: Callable[[Replies, list[tuple[SiteId, bytes]]], Replies] = lambda replies, _: replies
    kept: list[tuple[SiteId, bytes]] = field(default_factory=list)
    bent: bool = False

    def exchange(
        self, requests: Mapping[SiteId, bytes], deadline: datetime, stopped: Callable[[], bool]
    ) -> Replies:
        if self.bent:
            yield from self.kept
            yield from self.carrier().exchange(requests, deadline, stopped)
            return
        self.bent = True
        sent = {site: self.requests(site, request) for site, request in requests.items()}
        yield from self.replies(self.carrier().exchange(sent, deadline, stopped), self.kept)


def flips(replies: Replies, _: object) -> Replies:
    return ((site, flipped(raw)) for site, raw in replies)


def truncates(replies: Replies, _: object) -> Replies:
    return ((site, raw[:-1]) for site, raw in replies)


def drops(replies: Replies, _: object) -> Replies:
    return (reply for place, reply in enumerate(replies) if place % 2)


def repeats(replies: Replies, _: object) -> Replies:
    return chain.from_iterable((reply, reply) for reply in replies)


def reorders(replies: Replies, _: object) -> Replies:
    yield from reversed(list(replies))


def swaps(replies: Replies, _: object) -> Replies:
    """Give each hospital's answer out as its neighbour's."""
    all_of_them = list(replies)
    names = [site for site, _ in all_of_them]
    for name, (_, raw) in zip(names[1:] + names[:1], all_of_them, strict=True):
        yield name, raw


def delays(replies: Replies, kept: list[tuple[SiteId, bytes]]) -> Replies:
    """Hold everything back until the next exchange."""
    kept.extend(replies)
    yield from ()


REPLIES = (flips, truncates, drops, repeats, reorders, swaps, delays)
