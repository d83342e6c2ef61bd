"""Answers that the coordinator alone opens, in runs whose profile withholds totals (SPEC 9.3).

Whoever sees every hospital's masked vector holds their sum. Where hospitals are not to see it,
nobody on the way is either: who ends the TLS, who reads the journal or a copy of it. The
coordinator's key for a run follows from its identity, so that it is kept nowhere. The same answer
makes the same envelope.
"""

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocol.canonical import SUITE, digest, lp
from protocol.ids import SiteId
from protocol.secagg.keys import KEY_SIZE, check_ephemeral, ephemeral_public, shared_secret
from protocol.secagg.sealing import SealError

_NONCE = bytes(12)
"""A key seals one answer and nothing else."""


@dataclass(frozen=True)
class Envelope:
    """A site's sealed answer: the site's fresh key (32 bytes) and the ciphertext with its tag."""

    site: SiteId
    ephemeral: bytes
    body: bytes = field(repr=False)


def run_key(coordinator_seed: bytes, run_id: bytes) -> bytes:
    """Derive the coordinator's public key (32 bytes) for a run's answers."""
    return ephemeral_public(_run_seed(coordinator_seed, run_id))


def seal(answer: bytes, site: SiteId, ctx: bytes, to: bytes, identity_seed: bytes) -> Envelope:
    """Seal an answer to the run's key `to`. Run by a site; the same answer gives the same bytes.

    The fresh key follows from the site's secret and the answer, so no key seals two.

    Raises
    ------
    KeyExchangeError
        If `to` is no key that an honest coordinator makes.
    """
    check_ephemeral("the coordinator", to)
    fresh = _derive(identity_seed, "envelope-fresh", ctx, to, digest("envelope", answer))
    ephemeral = ephemeral_public(fresh)
    names = (ctx, site, ephemeral, to)
    key = _derive(shared_secret(fresh, to), "envelope-key", *names)
    return Envelope(site, ephemeral, AESGCM(key).encrypt(_NONCE, answer, lp(SUITE, *names)))


def unseal(sealed: Envelope, run_id: bytes, ctx: bytes, coordinator_seed: bytes) -> bytes:
    """Open a site's answer. Run by the coordinator.

    Raises
    ------
    SealError, KeyExchangeError
        If it was changed, or is of another run or site.
    """
    check_ephemeral(sealed.site, sealed.ephemeral)
    own = _run_seed(coordinator_seed, run_id)
    names = (ctx, sealed.site, sealed.ephemeral, ephemeral_public(own))
    key = _derive(shared_secret(own, sealed.ephemeral), "envelope-key", *names)
    try:
        return AESGCM(key).decrypt(_NONCE, sealed.body, lp(SUITE, *names))
    except InvalidTag:
        why = f"{sealed.site}: a sealed answer was changed, or is of another run"
        raise SealError(why) from None


def _run_seed(coordinator_seed: bytes, run_id: bytes) -> bytes:
    return _derive(coordinator_seed, "envelope-run", run_id)


def _derive(secret: bytes, *names: bytes | str) -> bytes:
    """Derive a key from a secret for one use (RFC 5869)."""
    return HKDF(hashes.SHA256(), KEY_SIZE, salt=None, info=lp(SUITE, *names)).derive(secret)
