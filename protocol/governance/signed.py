"""A roster as it travels: its bytes, and the roster authority's signatures over them (SPEC 2.8)."""

from dataclasses import dataclass

from protocol.ids import SiteId


@dataclass(frozen=True)
class SignedRoster:
    """Bytes that claim to be a roster. Verify the signatures first, parse after.

    `signatures` pairs an authority's raw public key (32 bytes) with its signature over
    ("roster", payload), in the order of the keys' bytes.
    """

    payload: bytes
    signatures: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Consent:
    """A leaving hospital's word that the others may go on without it (SPEC 7.4).

    Its identity key signed ("withdraw-consent", federation, study, id).
    """

    site: SiteId
    signature: bytes
