"""Who is behind which node of a Flower federation: found out by signatures, never by who is first.

A node that shows no key of the roster is left alone and reported.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic
from typing import assert_never

from coordinator.carriers.door import Alarm
from coordinator.carriers.flower.lines import Asked, Line, Offered, Sent, Told
from coordinator.carriers.hooks import Hooks, Presence
from protocol.errors import FederationError
from protocol.governance.identity import SignatureError, identity_public
from protocol.ids import SiteId
from protocol.secagg.sealing import SealError, accepted, offer
from protocol.wire.heads import pack_heads, read_heads
from protocol.wire.sealed import Kind, Parcel, pack_offer, read_accept
from protocol.wire.service import Denial

FIRST_SILENCE_SECONDS = 5.0
MOST_SILENCE_SECONDS = 600.0
"""How long a node is left alone that did not take an offer: it may be somebody else's."""


@dataclass
class _Node:
    activated: str
    offered: bytes = b""
    greeted: Line | None = None
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

    def awaits(self, sent: Sent) -> bool:
        """Tell whether an answer can still come: what was sent belongs to what stands now."""
        match sent:
            case Offered(node, fresh):
                kept = self._nodes.get(node)
                return kept is not None and kept.offered == fresh
            case Told(line):
                kept = self._nodes.get(line.node)
                return kept is not None and kept.greeted is line
            case Asked(line):
                return self._lines.get(line.site) is line
            case _:
                assert_never(sent)

    def strangers(self) -> list[int]:
        """List the nodes that are to be offered a session now."""
        now, known = monotonic(), {line.node for line in self._lines.values()}
        return [
            node
            for node, kept in self._nodes.items()
            if node not in known and not kept.offered and kept.again_at <= now
        ]

    def offer(self, node: int) -> tuple[Offered, Parcel]:
        """Make an offer to a node."""
        self._nodes[node].offered = fresh = secrets.token_bytes(32)
        return Offered(node, fresh), pack_offer(offer(self._seed, fresh))

    def refused(self, node: int) -> None:
        """Leave a node alone for a while that did not take an offer, or did not go on from it."""
        if kept := self._nodes.get(node):
            kept.offered, kept.greeted = b"", None
            kept.again_at = monotonic() + kept.silence
            kept.silence = min(2 * kept.silence, MOST_SILENCE_SECONDS)

    def accepted(self, sent: Offered, parcel: Parcel) -> tuple[Told, Parcel] | None:
        """Take the answer to an offer; gives what to tell the hospital behind it, if it is one.

        These are the heads of ledgers (SPEC 12.9). It is asked nothing before it has `shown`.

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
            session = accepted(said, sent.fresh, identity, self._own)
        except FederationError:
            self.alarm(Denial.IDENTITY, sent.node, said.site)
            self.refused(sent.node)
            return None
        kept = self._nodes.get(sent.node)
        if kept is None:
            return None
        kept.greeted = line = Line(said.site, sent.node, session)
        told = Told(line, next(line.numbers))
        heads = pack_heads(self._hooks.heads_for(line.site))
        return told, Parcel(Kind.HEADS, session.seal_told(told.number, heads))

    def shown(self, sent: Told, parcel: Parcel) -> SiteId | None:
        """Take the heads that a hospital shows, and let it be asked; gives it, if still there.

        Raises
        ------
        MessageError, SealError
            If the answer is none, or to another message.
        """
        line = sent.line
        number, raw = line.session.open_shown(parcel.body)
        if number != sent.number:
            raise SealError("heads of ledgers came as the answer to another message")
        heads = read_heads(raw)
        if not self.awaits(sent):
            return None
        self._open(line)
        self._hooks.heads(line.site, heads)
        return line.site

    def drop(self, line: Line, why: str) -> None:
        """End a session: the node was started anew, or is gone. It is offered another one."""
        if self._lines.get(line.site) is line:
            del self._lines[line.site]
            self._hooks.presence(Presence(line.site, False, _peer(line.node), "", why))
        if kept := self._nodes.get(line.node):
            kept.offered, kept.greeted, kept.again_at = b"", None, 0.0

    def forget(self) -> None:
        """Forget all nodes: another SuperLink may number them anew. Offers begin again."""
        for line in tuple(self._lines.values()):
            self.drop(line, "run-ended")
        self._nodes.clear()

    def forget_offers(self) -> None:
        """Make offers again that came to nothing yet."""
        for kept in self._nodes.values():
            kept.offered, kept.greeted = b"", None

    def alarm(self, why: Denial, node: int, site: str = "") -> None:
        """Tell a person of a node that is not what it should be."""
        self._hooks.alarm(Alarm(why, site or "a node", _peer(node)))

    def _open(self, line: Line) -> None:
        old = self._lines.get(line.site)
        if old is not None and old.node != line.node and old.node in self._nodes:
            # Two nodes that both are there hold one hospital's key.
            self.alarm(Denial.SECOND, line.node, line.site)
        self._lines[line.site] = line
        kept = self._nodes[line.node]
        kept.greeted, kept.silence = None, FIRST_SILENCE_SECONDS
        self._hooks.presence(Presence(line.site, True, _peer(line.node), "flower"))


def _peer(node: int) -> str:
    return f"node {node}"
