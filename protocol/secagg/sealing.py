"""Sessions sealed from end to end, over a carrier that somebody else runs (SPEC 12.4 to 12.9).

Whoever carries a sealed message learns its size and its time. Every secret comes in as a seed of 32
bytes; a seed makes one session and is never used again.
"""

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocol.canonical import DIGEST_SIZE, SUITE, digest, lp
from protocol.errors import Exit, FederationError
from protocol.governance.identity import require_signed, sign
from protocol.ids import SiteId
from protocol.secagg.keys import KEY_SIZE, check_ephemeral, ephemeral_public, shared_secret

WINDOW = 64
"""How far the numbers of requests may fall behind the highest that was seen."""

NUMBER_BYTES = 8
HEAD_BYTES = DIGEST_SIZE + NUMBER_BYTES
_NONCE_BYTES = 12
_OFFICE = "the coordinator"


class SealError(FederationError):
    """A sealed message was changed, copied or misled by whoever carries it."""

    code = "seal"
    exit = Exit.TAMPERING
    fix = "the message is not used and is asked for again; if it goes on, ask who runs the carrier"


@dataclass(frozen=True)
class Offer:
    """What the coordinator begins a session with: a fresh key that its identity signed."""

    ephemeral: bytes
    signature: bytes


@dataclass(frozen=True)
class Accept:
    """What a site answers an offer with: who it is, and a fresh key that its identity signed."""

    site: SiteId
    ephemeral: bytes
    signature: bytes


@dataclass(frozen=True)
class Session:
    """A key for each direction, and the session's id, which is public (each 32 bytes)."""

    id: bytes
    to_site: bytes = field(repr=False)
    to_office: bytes = field(repr=False)

    def seal_request(self, number: int, request: bytes) -> bytes:
        """Seal a request under a number that was never used here. Run by the coordinator."""
        return self._head(number) + self._sealed(self.to_site, "seal-request", number, request)

    def open_request(self, sealed: bytes) -> tuple[int, bytes]:
        """Open a request, and give its number. Run by a site, which then asks `Seen.take`.

        Raises
        ------
        SealError
            If it was changed, or is of another session or of the other direction.
        """
        return self._opened(self.to_site, "seal-request", sealed)

    def seal_reply(self, number: int, reply: bytes) -> bytes:
        """Seal the one reply to the request of that number. Run by a site."""
        return self._head(number) + self._sealed(self.to_office, "seal-reply", number, reply)

    def open_reply(self, sealed: bytes) -> tuple[int, bytes]:
        """Open a reply, and give the number of its request. Run by the coordinator.

        Raises
        ------
        SealError
            If it was changed, or is of another session or of the other direction.
        """
        return self._opened(self.to_office, "seal-reply", sealed)

    def seal_told(self, number: int, heads: bytes) -> bytes:
        """Seal heads of ledgers under a number of a request's. Run by the coordinator."""
        return self._head(number) + self._sealed(self.to_site, "seal-heads", number, heads)

    def open_told(self, sealed: bytes) -> tuple[int, bytes]:
        """Open the heads that the coordinator holds, as `open_request` does. Run by a site."""
        return self._opened(self.to_site, "seal-heads", sealed)

    def seal_shown(self, number: int, heads: bytes) -> bytes:
        """Seal the one answer to the heads of that number. Run by a site."""
        return self._head(number) + self._sealed(self.to_office, "seal-heads", number, heads)

    def open_shown(self, sealed: bytes) -> tuple[int, bytes]:
        """Open the heads that a site shows, as `open_reply` does. Run by the coordinator."""
        return self._opened(self.to_office, "seal-heads", sealed)

    def _head(self, number: int) -> bytes:
        return self.id + number.to_bytes(NUMBER_BYTES, "big")

    def _sealed(self, key: bytes, tag: str, number: int, plain: bytes) -> bytes:
        # A number as nonce is safe: a key has one direction, and there a number comes once,
        # whatever is sealed under it.
        nonce = number.to_bytes(_NONCE_BYTES, "big")
        return AESGCM(key).encrypt(nonce, plain, lp(SUITE, tag, self.id))

    def _opened(self, key: bytes, tag: str, sealed: bytes) -> tuple[int, bytes]:
        if session_of(sealed) != self.id:
            raise SealError("a sealed message is of another session")
        number = int.from_bytes(sealed[DIGEST_SIZE:HEAD_BYTES], "big")
        nonce = number.to_bytes(_NONCE_BYTES, "big")
        try:
            plain = AESGCM(key).decrypt(nonce, sealed[HEAD_BYTES:], lp(SUITE, tag, self.id))
        except InvalidTag:
            raise SealError("a sealed message was changed on its way") from None
        return number, plain


@dataclass(frozen=True)
class Seen:
    """Which numbers of a session a site has taken: the highest, and those shortly below it.

    `below` has bit i set if `highest - i` was taken.
    """

    highest: int = 0
    below: int = 1

    def take(self, number: int) -> "Seen":
        """Take a number that was not taken before (SPEC 12.7). Run by a site.

        Raises
        ------
        SealError
            If the number was taken, or is too old to tell.
        """
        if number > self.highest:
            moved = number - self.highest
            kept = self.below << moved if moved < WINDOW else 0
            return Seen(number, (kept | 1) & ((1 << WINDOW) - 1))
        behind = self.highest - number
        if behind >= WINDOW or self.below >> behind & 1:
            raise SealError("a sealed request came twice, or far too late")
        return Seen(self.highest, self.below | 1 << behind)


def session_of(sealed: bytes) -> bytes:
    """Read which session a sealed message names.

    Raises
    ------
    SealError
        If it is too short to be one.
    """
    if len(sealed) < HEAD_BYTES:
        raise SealError("a sealed message is cut off")
    return sealed[:DIGEST_SIZE]


def offer(coordinator_seed: bytes, fresh_seed: bytes) -> Offer:
    """Offer a session to whoever holds a site's identity (SPEC 12.5). Run by the coordinator."""
    fresh = ephemeral_public(fresh_seed)
    return Offer(fresh, sign(coordinator_seed, "seal-offer", fresh))


def accept(
    said: Offer, coordinator: bytes, site: SiteId, identity_seed: bytes, fresh_seed: bytes
) -> tuple[Accept, Session]:
    """Accept an offer of this coordinator's (SPEC 12.5). Run by a site.

    Raises
    ------
    SignatureError
        If the offer is not signed with `coordinator` (32 bytes).
    KeyExchangeError
        If the coordinator's fresh key is none that an honest one makes.
    """
    require_signed(_OFFICE, coordinator, said.signature, "seal-offer", said.ephemeral)
    check_ephemeral(_OFFICE, said.ephemeral)
    fresh = ephemeral_public(fresh_seed)
    signature = sign(identity_seed, *_accepted(site, fresh, said.ephemeral, coordinator))
    session = _session(
        shared_secret(fresh_seed, said.ephemeral), site, fresh, said.ephemeral, coordinator
    )
    return Accept(site, fresh, signature), session


def accepted(said: Accept, fresh_seed: bytes, identity: bytes, coordinator: bytes) -> Session:
    """Take a site's answer to the offer that was made from `fresh_seed`. Run by the coordinator.

    `identity` is the site's key in the roster, `coordinator` our own (32 bytes each).

    Raises
    ------
    SignatureError
        If the answer is not signed with `identity`, or answers another offer.
    KeyExchangeError
        If the site's fresh key is none that an honest site makes.
    """
    own = ephemeral_public(fresh_seed)
    signed = _accepted(said.site, said.ephemeral, own, coordinator)
    require_signed(said.site, identity, said.signature, *signed)
    check_ephemeral(said.site, said.ephemeral)
    secret = shared_secret(fresh_seed, said.ephemeral)
    return _session(secret, said.site, said.ephemeral, own, coordinator)


def _accepted(
    site: SiteId, site_fresh: bytes, office_fresh: bytes, coordinator: bytes
) -> tuple[bytes | str, ...]:
    return ("seal-accept", site, site_fresh, office_fresh, coordinator)


def _session(
    secret: bytes, site: SiteId, site_fresh: bytes, office_fresh: bytes, coordinator: bytes
) -> Session:
    """Derive the keys (RFC 5869). Whoever believes in other names or keys gets other ones."""
    named = digest("seal-session", site, site_fresh, office_fresh, coordinator)
    keys = HKDF(hashes.SHA256(), 2 * KEY_SIZE, salt=named, info=lp(SUITE, "seal")).derive(secret)
    return Session(named, keys[:KEY_SIZE], keys[KEY_SIZE:])
