"""Hospitals behind nodes, and what the SuperLink holds of ours for them."""

from dataclasses import dataclass, field
from itertools import count

from protocol.ids import SiteId
from protocol.secagg.sealing import Session


@dataclass
class Line:
    """A hospital behind a node, and the session with it. Every message has a number of its own."""

    site: SiteId
    node: int
    session: Session
    numbers: "count[int]" = field(default_factory=lambda: count(1))


@dataclass(frozen=True)
class Offered:
    """The offer of a session, with the seed that its answer is read with."""

    node: int
    fresh: bytes = field(repr=False)


@dataclass(frozen=True)
class Told:
    """The heads of ledgers that a session begins with."""

    line: Line
    number: int


@dataclass(frozen=True)
class Asked:
    """The request of a ticket."""

    line: Line
    number: int
    ticket: int


Sent = Offered | Told | Asked
