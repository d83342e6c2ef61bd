"""Identity keys: who signs, over which bytes, and how a signature is checked (SPEC 2.1 to 2.3).

Every secret comes in as a seed of 32 bytes; where seeds come from is the caller's.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from protocol.canonical import SUITE, lp
from protocol.errors import Exit, FederationError


class SignatureError(FederationError):
    """A message is not signed by the party that it names, or was changed on its way."""

    code = "signature"
    exit = Exit.TAMPERING
    fix = "do not retry; compare the party's key fingerprint with the roster by telephone"


def identity_public(seed: bytes) -> bytes:
    """Derive the raw Ed25519 public key (32 bytes) of an identity from its seed."""
    return _signing(seed).public_key().public_bytes_raw()


def sign(seed: bytes, *parts: bytes | str) -> bytes:
    """Sign lp("SITESUM-1", tag, ...) with an identity; `parts` begins with the tag (SPEC 2.2)."""
    return _signing(seed).sign(lp(SUITE, *parts))


def signed_by(public: bytes, signature: bytes, *parts: bytes | str) -> bool:
    """Say whether a signature over lp("SITESUM-1", tag, ...) is this key's (RFC 8032, 5.1.7)."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, lp(SUITE, *parts))
    except (InvalidSignature, ValueError):
        return False
    return True


def require_signed(party: str, public: bytes, signature: bytes, *parts: bytes | str) -> None:
    """Refuse a message whose signature is not the named party's.

    Raises
    ------
    SignatureError
        If the signature does not verify.
    """
    if not signed_by(public, signature, *parts):
        raise SignatureError(f"a message of kind {parts[0]!r} is not signed by {party}")


def _signing(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)
