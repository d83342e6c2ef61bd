"""Who is behind which node of a Flower federation: found out by signatures, never by who is first.

A node that shows no key of the roster is left alone and reported.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from time import monotonic

from coordinator.carriers.door import Alarm
from coordinator.carriers.hooks import Hooks, Presence
from protocol.errors import FederationError
from protocol.governance.identity import SignatureError, identity_public
from protocol.ids import SiteId
from protocol.secagg.sealing import Session, accepted, offer
from protocol.wire.sealed import Parcel, pack_offer, read_accept
from protocol.wire.service import Denial

FIRST_SILENCE_SECONDS = 5.0
MOST_SILENCE_SECONDS = 600.0
"""How long a node is left alone that did not take an offer: it may be somebody else's."""


@dataclass
class Line:
    """A hospital behind a node, and the session with it."""

    site: SiteId
    node: int
    session: Session
    numbers: "count[int]" = field(default_factory=lambda: count(1))


@dataclass
class _Node:
    activated: str
    offered: bytes = b""
    silence: float = FIRST_SILENCE_SECONDS
    again_at: float = 0.0


class Nodes:
    """The nodes that the SuperLink shows, and the hospitals behind them. Of one thread."""

    def __init__(self, seed: bytes, hooks: Hooks) -> None:
        self._seed = seed
        self._own = identity_public(seed)
        self._hooks = hooks
        self._nodes: dict[int, _Node] = {}
        self._lines: dict[SiteId, Line] = {}

    @property
    def connected(self) -> frozenset[SiteId]:
        """The hospitals that a session is open with."""
        return frozenset(dict(self._lines))

    def line(self, site: SiteId) -> Line | None:
        """Find the way to a hospital."""
        return self._lines.get(site)

    def behind(self, node: int) -> Line | None:
        """Find the hospital behind a node."""
        return next((line for line in self._lines.values() if line.node == node), None)

    def seen(self, shown: Iterable[tuple[int, str]]) -> frozenset[SiteId]:
        """Take the nodes that are there now, each with the time of its start.

        Gives the hospitals whose session ended by that: requests to them are to be sent again.
        """
        there = dict(shown)
        lost = [node for node, kept in self._nodes.items() if there.get(node) != kept.activated]
        ended = [line for line in self._lines.values() if line.node in lost]
        for node in lost:
            del self._nodes[node]
        for line in ended:
            self.drop(line, "gone")
        for node, activated in there.items():
            self._nodes.setdefault(node, _Node(activated))
        return frozenset(line.site for line in ended)

    def can_answer(self, node: int, line: Line | None, fresh: bytes) -> bool:
        """Tell whether an answer can still come: the session, or the offer, stands."""
        kept = self._nodes.get(node)
        if kept is None or line is None:
            return kept is not None and kept.offered == fresh
        return self._lines.get(line.site) is line

    def strangers(self) -> list[int]:
        """List the nodes that are to be offered a session now."""
        now, known = monotonic(), {line.node for line in self._lines.values()}
        return [
            node
            for node, kept in self._nodes.items()
            if node not in known and not kept.offered and kept.again_at <= now
        ]

    def offer(self, node: int) -> tuple[bytes, Parcel]:
        """Make an offer to a node; gives the seed that its answer is read with."""
        self._nodes[node].offered = fresh = secrets.token_bytes(32)
        return fresh, pack_offer(offer(self._seed, fresh))

    def refused(self, node: int) -> None:
        """Leave a node alone for a while that did not take an offer."""
        if kept := self._nodes.get(node):
            kept.offered, kept.again_at = b"", monotonic() + kept.silence
            kept.silence = min(2 * kept.silence, MOST_SILENCE_SECONDS)

    def accepted(self, node: int, fresh: bytes, parcel: Parcel) -> SiteId | None:
        """Take a node's answer to an offer, and give the hospital behind it, if it is one.

        Raises
        ------
        FederationError
            If the answer cannot be read.
        """
        said = read_accept(parcel)
        identity = self._hooks.identity(said.site)
        try:
            if identity is None:
                raise SignatureError(f"the roster has no hospital {said.site}")
            session = accepted(said, fresh, identity, self._own)
        except FederationError:
            self.alarm(Denial.IDENTITY, node, said.site)
            self.refused(node)
            return None
        if self._nodes.get(node) is None:
            return None
        self._open(Line(said.site, node, session))
        return said.site

    def drop(self, line: Line, why: str) -> None:
        """End a session: the node was started anew, or is gone. It is offered another one."""
        if self._lines.get(line.site) is line:
            del self._lines[line.site]
            self._hooks.presence(Presence(line.site, False, _peer(line.node), "", why))
        if kept := self._nodes.get(line.node):
            kept.offered, kept.again_at = b"", 0.0

    def forget(self) -> None:
        """Forget all nodes: another SuperLink may number them anew. Offers begin again."""
        for line in tuple(self._lines.values()):
            self.drop(line, "run-ended")
        self._nodes.clear()

    def forget_offers(self) -> None:
        """Make offers again that were not answered."""
        for kept in self._nodes.values():
            kept.offered = b""

    def alarm(self, why: Denial, node: int, site: str = "") -> None:
        """Tell a person of a node that is not what it should be."""
        self._hooks.alarm(Alarm(why, site or "a node", _peer(node)))

    def _open(self, line: Line) -> None:
        old = self._lines.get(line.site)
        if old is not None and old.node != line.node and old.node in self._nodes:
            # Two nodes that both are there hold one hospital's key.
            self.alarm(Denial.SECOND, line.node, line.site)
        self._lines[line.site] = line
        self._nodes[line.node].silence = FIRST_SILENCE_SECONDS
        self._hooks.presence(Presence(line.site, True, _peer(line.node), "flower"))


def _peer(node: int) -> str:
    return f"node {node}"
