"""What travels with a run and is signed by others than its coordinator: rosters and consents.

A roster comes as bytes under the roster authority's signatures (SPEC 2.8), a consent under the
identity key of the hospital that leaves (SPEC 7.4).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from protocol.governance.identity import require_signed, sign
from protocol.ids import SiteId


@dataclass(frozen=True)
class SignedRoster:
    """Bytes that claim to be a roster. Verify the signatures first, parse after.

    `signatures` pairs an authority's raw public key (32 bytes) with its signature over
    ("roster", payload), in the order of the keys' bytes.
    """

    payload: bytes
    signatures: tuple[tuple[bytes, bytes], ...]

    def with_signatures(self, more: Iterable[tuple[bytes, bytes]]) -> "SignedRoster":
        """Add signatures of further authorities, each key once, in the order of their bytes."""
        return SignedRoster(
            self.payload, tuple(sorted({**dict(self.signatures), **dict(more)}.items()))
        )


@dataclass(frozen=True)
class Consent:
    """A hospital's word that the sums of others may stand beside sums that it is in (SPEC 7.4).

    Its identity key signed ("withdraw-consent", federation, study, id): for this study and for
    good, whatever rosters of it follow.
    """

    site: SiteId
    signature: bytes

    def verify(self, identity: bytes, federation: str, study: str) -> None:
        """Refuse a consent that this hospital did not give for this study.

        Raises
        ------
        SignatureError
            If the signature does not verify under the hospital's key.
        """
        parts = ("withdraw-consent", federation, study, self.site)
        require_signed(self.site, identity, self.signature, *parts)


def make_consent(identity_seed: bytes, federation: str, study: str, site: SiteId) -> Consent:
    """Consent to sums of the others in a study. Run by a hospital, on its operator's word."""
    return Consent(site, sign(identity_seed, "withdraw-consent", federation, study, site))
