"""How a hospital and the coordinator know each other on a new connection (SPEC 2.10).

Each signs both nonces, so that nothing said on one connection works on another. A login opens the
line and no more: each request of a run is signed for itself.
"""

from dataclasses import dataclass

from protocol.errors import Exit, FederationError
from protocol.governance.identity import require_signed, sign
from protocol.ids import SiteId

NONCE_SIZE = 32


class LoginError(FederationError):
    """A login's message lacks what it needs, such as fresh random bytes of the right number."""

    code = "login"
    exit = Exit.TAMPERING
    fix = "let both ends use the same version of riskset; ask IT whether a proxy changes traffic"


@dataclass(frozen=True)
class Login:
    """One login: who wants in, and 32 fresh random bytes of either side.

    Raises
    ------
    LoginError
        If a nonce has not 32 bytes, or both are the same: an absent one would let an old login in.
    """

    site: SiteId
    site_nonce: bytes
    office_nonce: bytes

    def __post_init__(self) -> None:
        if any(len(nonce) != NONCE_SIZE for nonce in (self.site_nonce, self.office_nonce)):
            raise LoginError(f"a login's nonce has not {NONCE_SIZE} bytes")
        if self.site_nonce == self.office_nonce:
            raise LoginError("the other side of the login sent our own nonce back")

    def challenge(self, coordinator_seed: bytes) -> bytes:
        """Sign as the coordinator, who speaks first, under `Challenge`."""
        return sign(coordinator_seed, *self._office)

    def require_office(self, coordinator: bytes, signature: bytes) -> None:
        """Refuse a challenge that is not this coordinator's. Run by a site.

        Raises
        ------
        SignatureError
            If the signature does not verify.
        """
        require_signed("the coordinator", coordinator, signature, *self._office)

    def prove(self, identity_seed: bytes, coordinator: bytes) -> bytes:
        """Sign as the hospital, to this coordinator and no other, under `LoginProof`."""
        return sign(identity_seed, *self._own(coordinator))

    def require_site(self, identity: bytes, coordinator: bytes, signature: bytes) -> None:
        """Refuse a proof that is not the hospital's. Run by the coordinator.

        Raises
        ------
        SignatureError
            If the signature does not verify.
        """
        require_signed(self.site, identity, signature, *self._own(coordinator))

    @property
    def _office(self) -> tuple[bytes | str, ...]:
        return ("login-office", self.site, self.site_nonce, self.office_nonce)

    def _own(self, coordinator: bytes) -> tuple[bytes | str, ...]:
        return ("login-site", self.site, self.site_nonce, self.office_nonce, coordinator)
