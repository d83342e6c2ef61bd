"""Heads of ledgers at a login: this hospital's own is held up to it, those of others are kept.

What others remember of this ledger shows a copy that was set back before anything is answered from
it (SPEC 2.11, 13.12).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from protocol.canonical import lp
from protocol.governance.heads import LedgerHead, Since, since
from protocol.governance.identity import identity_public
from protocol.ids import SiteId, site_id
from site_node.course import parts_of
from site_node.evidence import EvidenceError, RollbackError
from site_node.ledger import Entry, Kind, Ledger
from site_node.past import past_runs

_PARTS = 4


class ForkedHeadError(EvidenceError):
    """Another hospital signed two heads of its ledger that cannot both be."""

    code = "ledger-fork"
    fix = "telephone the hospital named: somebody runs a second node with its key"


@dataclass(frozen=True)
class Heads:
    """The heads that one hospital compares, keeps and shows."""

    site: SiteId
    seed: bytes = field(repr=False)
    ledger: Ledger

    def own(self) -> LedgerHead | None:
        """Sign where this ledger stands; None for an empty one."""
        head = self.ledger.head
        if not head.seq:
            return None
        return LedgerHead(self.site, head.seq, head.digest).sign(self.seed)

    def held(self) -> dict[SiteId, LedgerHead]:
        """Read the newest heads of other hospitals, each under its present key."""
        keys, newest = self._keys(), dict[SiteId, LedgerHead]()
        for line in self.ledger.lines(None, Kind.HEADS):
            for head in _read(line.body or b""):
                key = keys.get(head.site)
                if key is not None and head.is_signed_by(key):
                    newest[head.site] = head
        return newest

    def to_show(self) -> tuple[LedgerHead, ...]:
        """Give what a login shows: the own head, and the newest ones of others."""
        own = self.own()
        return (*((own,) if own else ()), *self.held().values())

    def require_own(self, told: Iterable[LedgerHead]) -> None:
        """Look for a head with this hospital's signature that its ledger does not have.

        Raises
        ------
        RollbackError
            If there is one.
        """
        identity = identity_public(self.seed)
        for head in told:
            if head.site != self.site or not head.is_signed_by(identity):
                continue
            if self.ledger.digest_of(head.lines) != head.digest:
                raise RollbackError(
                    f"{self.site}: line {head.lines} of the ledger, which this hospital signed at "
                    "an earlier login, is not in it",
                    b"",
                    0,
                    *_parts(head),
                )

    def take(self, told: Iterable[LedgerHead]) -> None:
        """Keep what is newer than what was held of other hospitals.

        An older head proves nothing against its hospital: whoever carried it may have kept back
        the newer one.

        Raises
        ------
        ForkedHeadError
            If a hospital signed another head of a line than the one that is held.
        UnavailableError
            If the disk refuses.
        """
        keys, held = self._keys(), self.held()
        newer = list[LedgerHead]()
        for head in told:
            key = keys.get(head.site)
            if head.site == self.site or key is None or not head.is_signed_by(key):
                continue
            match since(held.get(head.site), head):
                case Since.NEWER:
                    newer.append(head)
                case Since.FORKED:
                    raise _forked(held[head.site], head)
                case _:
                    pass
        if newer:
            body = b"".join(lp(*_parts(head)) for head in newer)
            self.ledger.append(Entry(Kind.HEADS, body=body))

    def _keys(self) -> Mapping[SiteId, bytes]:
        """Read the identity keys of all hospitals from the newest rosters that were seen."""
        rosters = past_runs(self.ledger).newest.values()
        ordered = sorted(rosters, key=lambda roster: roster.not_before)
        return {m.id: m.identity for roster in ordered for m in roster.members}


def _forked(held: LedgerHead, told: LedgerHead) -> ForkedHeadError:
    kept = (*_parts(held), *_parts(told))
    sentence = f"{told.site} signed two different lines {told.lines} of its ledger"
    return ForkedHeadError(sentence, b"", 0, *kept)


def _parts(head: LedgerHead) -> tuple[bytes, ...]:
    return head.site.encode(), head.lines.to_bytes(8, "little"), head.digest, head.signature


def _read(body: bytes) -> Iterator[LedgerHead]:
    parts = parts_of(body)
    for at in range(0, len(parts), _PARTS):
        site, lines, digest, signature = parts[at : at + _PARTS]
        number = int.from_bytes(lines, "little")
        yield LedgerHead(site_id(site.decode()), number, digest, signature)
