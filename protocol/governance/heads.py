"""Heads of ledgers: where a hospital's ledger stands, signed, for others to remember (SPEC 2.11).

Whoever holds a head knows that the ledger had that line. A ledger without it was cut short, set
back, or is another one.
"""

from dataclasses import dataclass, replace
from enum import Enum

from protocol.canonical import DIGEST_SIZE
from protocol.governance.identity import sign as sign_parts
from protocol.governance.identity import signed_by
from protocol.ids import SiteId

MOST_LINES = 2**63


@dataclass(frozen=True)
class LedgerHead:
    """The number of a ledger's last line and its digest (32 bytes), signed by its hospital.

    Raises
    ------
    ValueError
        If the number is none of a line, or the digest has another size.
    """

    site: SiteId
    lines: int
    digest: bytes
    signature: bytes = b""

    def __post_init__(self) -> None:
        if not 0 < self.lines < MOST_LINES or len(self.digest) != DIGEST_SIZE:
            raise ValueError("a ledger's head has a line of 1 or more, and a digest of 32 bytes")

    @property
    def signed(self) -> tuple[bytes | str, ...]:
        """The parts under the hospital's signature."""
        return ("ledger-head", self.site, self.lines.to_bytes(8, "little"), self.digest)

    def sign(self, identity_seed: bytes) -> "LedgerHead":
        """Put the hospital's signature on it."""
        return replace(self, signature=sign_parts(identity_seed, *self.signed))

    def is_signed_by(self, identity: bytes) -> bool:
        """Say whether the holder of this identity key (32 bytes) signed it."""
        return signed_by(identity, self.signature, *self.signed)


class Since(Enum):
    """How a head stands to the one that was held before, of the same hospital and key."""

    NEWER = "newer"
    SAME = "same"
    OLDER = "older"
    FORKED = "forked"
    """The same line with two digests: two ledgers were written under one key."""


def since(held: LedgerHead | None, told: LedgerHead) -> Since:
    """Compare a head with the newest that is held, if any. Both were verified."""
    if held is None or told.lines > held.lines:
        return Since.NEWER
    if told.lines < held.lines:
        return Since.OLDER
    return Since.SAME if told.digest == held.digest else Since.FORKED
