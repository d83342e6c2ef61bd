"""Fresh keys of a run, and what pairs of sites share from them (SPEC 4.2 to 4.5).

Every secret comes in as a seed of 32 bytes; where seeds come from is the caller's.
"""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocol.canonical import SUITE, lp
from protocol.errors import Exit, FederationError

KEY_SIZE = 32

_PRIME = 2**255 - 19
_LOW_ORDER = frozenset(
    (
        0,
        1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
        _PRIME - 1,
    )
)
"""The u-coordinates below p of points whose order divides 8: with them every shared secret is
zero. Bernstein (2006), "Curve25519: new Diffie-Hellman speed records"; RFC 7748, 7."""


class KeyExchangeError(FederationError):
    """A fresh public key is none that an honest site makes."""

    code = "key-exchange"
    exit = Exit.TAMPERING
    fix = "start a new run; if it happens again, ask the named site which software it runs"


def ephemeral_public(seed: bytes) -> bytes:
    """Derive the X25519 public key EK (32 bytes) of a run from its seed."""
    return _exchanging(seed).public_key().public_bytes_raw()


def check_ephemeral(site: str, public: bytes) -> None:
    """Refuse an EK that is no canonical point of large order (SPEC 4.3).

    RFC 7748 lets a receiver ignore the top bit and reduce u, so that one point has several
    encodings; here the bytes enter T, and there must be one.

    Raises
    ------
    KeyExchangeError
        If it is not 32 bytes, has the top bit set, is not below p, or has low order.
    """
    u = int.from_bytes(public, "little")
    if len(public) != KEY_SIZE or u >= _PRIME:
        raise KeyExchangeError(f"{site}: the fresh key is not a canonical X25519 key")
    if u in _LOW_ORDER:
        raise KeyExchangeError(f"{site}: the fresh key has low order, its secrets are public")


def pair_key(seed: bytes, other: bytes, transcript: bytes) -> bytes:
    """Derive prk_ij, 32 bytes known to two sites (SPEC 4.5; RFC 7748, RFC 5869).

    Pre-conditions:

    - `seed` is this site's ephemeral seed of the run whose keys are in `transcript`
    - `other` is the other site's EK, checked by `check_ephemeral`

    Raises
    ------
    KeyExchangeError
        If the shared secret is all zero.
    """
    info = lp(SUITE, "pair")
    # The transcript as salt: who saw other keys or another roster ends with another secret.
    extracted = HKDF(hashes.SHA256(), KEY_SIZE, salt=transcript, info=info)
    return extracted.derive(shared_secret(seed, other))


def shared_secret(seed: bytes, other: bytes) -> bytes:
    """Compute X25519(seed, other), 32 bytes that are no key yet (RFC 7748, 6.1).

    Raises
    ------
    KeyExchangeError
        If it is all zero.
    """
    try:
        return _exchanging(seed).exchange(X25519PublicKey.from_public_bytes(other))
    except ValueError:
        raise KeyExchangeError("a shared secret is all zero: a fresh key has low order") from None


def _exchanging(seed: bytes) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(seed)
