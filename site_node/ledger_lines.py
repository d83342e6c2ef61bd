"""The lines of a ledger as values, and what can be wrong with one that is read.

How they are kept on disk, in an order that nobody changes unseen, is `site_node.ledger`'s.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from protocol.canonical import DIGEST_SIZE, digest
from protocol.errors import Exit, FederationError

FIRST = bytes(DIGEST_SIZE)
"""What stands for the line before the first."""


class LedgerError(FederationError):
    """The ledger is not what this node wrote."""

    code = "ledger"
    exit = Exit.TAMPERING
    fix = "stop the node, keep the folder as it is, and tell the coordinating centre"


class RolledBackError(LedgerError):
    """The ledger is an older copy of itself: answers that were given are missing from it."""

    code = "ledger-rollback"
    fix = (
        "bring back the newest copy of the ledger; if there is none, abort its runs and make a new "
        "identity, which asks for a new roster"
    )


class FormatError(LedgerError):
    """Another version of the node wrote the ledger."""

    code = "ledger-format"
    exit = Exit.USAGE
    fix = "run the version of riskset that wrote it, or a later one"


class Kind(StrEnum):
    """What a line is about. Bodies are described where they are written, in `site_node.runs`."""

    OPENED = "opened"
    KEYED = "keyed"
    RELEASE = "release"
    RESULT = "result"
    COIN = "coin"
    REFUSED = "refused"
    EVIDENCE = "evidence"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    NOTE = "note"
    HEADS = "heads"
    PATTERNS = "patterns"
    PROPOSED = "proposed"
    DECIDED = "decided"
    SUCCEEDED = "succeeded"


@dataclass(frozen=True)
class Entry:
    """What is to be written: of which run (empty for none), of which trip (0 for none)."""

    kind: Kind
    ctx: bytes = b""
    trip: int = 0
    body: bytes = b""


@dataclass(frozen=True)
class Line:
    """A line as it stands. `body` is None where the study was forgotten since."""

    seq: int
    time: str
    kind: Kind
    ctx: bytes
    trip: int
    body: bytes | None
    body_digest: bytes
    prev: bytes
    digest: bytes

    @property
    def named(self) -> bytes:
        """What the digest has to be: H("line", prev, seq, time, kind, ctx, trip, H(body))."""
        numbers = (self.seq.to_bytes(8, "little"), self.trip.to_bytes(4, "little"))
        head = (self.prev, numbers[0], self.time, self.kind, self.ctx, numbers[1])
        return digest("line", *head, self.body_digest)

    @property
    def moment(self) -> datetime:
        """When it was written, by this hospital's clock."""
        return datetime.fromisoformat(self.time)


@dataclass(frozen=True)
class Head:
    """The number and digest of a last line; 0 and zeros for none."""

    seq: int = 0
    digest: bytes = FIRST
