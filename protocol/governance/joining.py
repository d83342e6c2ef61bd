"""How a hospital and the coordinating centre get to know each other over a line (SPEC 2.9).

Each side shows, under an invitation's secret, that it saw the same keys, the same federation and
the same TLS certificate. Somebody in the middle saw two certificates and knows no secret.
"""

import hmac
from dataclasses import dataclass

from protocol.canonical import DIGEST_SIZE, SUITE, digest, lp
from protocol.errors import Exit
from protocol.governance.federation import Federation
from protocol.governance.identity import require_signed, sign
from protocol.governance.invitation import Denial, InvitationError
from protocol.governance.login import NONCE_SIZE
from protocol.governance.roster import fault_of_keys
from protocol.governance.tls import CertificateError, issued_by, leaf_fingerprint
from protocol.ids import SiteId, site_id

MAX_NAME = 200


class InterceptedError(InvitationError):
    """The other end saw something else, or guesses at the code: somebody may be in between."""

    exit = Exit.TAMPERING

    def __init__(self) -> None:
        super().__init__(Denial.CODE)


@dataclass(frozen=True)
class Handshake:
    """All that both sides must have seen alike when a hospital joins.

    `federation` is the file's bytes; `certificate` is the SHA-256 of the server's certificate in
    DER, as this side sees it on its own connection; nonces have 32 bytes, `identity` is the
    hospital's new public key.

    Raises
    ------
    InvitationError
        If a part has the wrong size, the key binds nobody, or the name does not print.
    """

    invitation: str
    site_nonce: bytes
    centre_nonce: bytes
    site: SiteId
    name: str
    identity: bytes
    federation: bytes
    certificate: bytes

    def __post_init__(self) -> None:
        fault = _fault(self)
        if fault is not None:
            raise InvitationError(Denial.MESSAGE, fault)

    @property
    def digest(self) -> bytes:
        """H("join", every part), 32 bytes: what codes and signatures are made over."""
        return digest(
            "join",
            self.invitation,
            self.site_nonce,
            self.centre_nonce,
            self.site,
            self.name,
            self.identity,
            self.federation,
            self.certificate,
        )

    def centre_code(self, secret: bytes) -> bytes:
        """Show that the centre knows the invitation and saw all this. `CentreCard.code`."""
        return self._code(secret, "join-centre")

    def require_centre(self, secret: bytes, code: bytes) -> None:
        """Refuse a centre that does not. Run by a site, before it trusts the federation.

        Raises
        ------
        InterceptedError
            If the code is another: somebody in the middle, or a guess.
        """
        self._require(code, self.centre_code(secret))

    def site_code(self, secret: bytes) -> bytes:
        """Show that the hospital knows the invitation and saw all this. `JoinProof.code`."""
        return self._code(secret, "join-site")

    def require_site(self, secret: bytes, code: bytes, signature: bytes) -> None:
        """Refuse a hospital that does not, or does not hold its key. Run by the centre.

        Raises
        ------
        InterceptedError
            If the code is another: somebody in the middle, or a guess.
        SignatureError
            If the identity key did not sign.
        """
        self._require(code, self.site_code(secret))
        require_signed(self.site, self.identity, signature, "join-site", self.digest)

    def prove(self, identity_seed: bytes) -> bytes:
        """Sign as the hospital, once its operator has compared the words. `JoinProof.signature`."""
        return sign(identity_seed, "join-site", self.digest)

    def receipt(self, coordinator_seed: bytes) -> bytes:
        """Sign as the centre that the hospital's key was noted. `JoinReceipt.signature`."""
        return sign(coordinator_seed, "join-centre", self.digest)

    def require_receipt(self, coordinator: bytes, signature: bytes) -> None:
        """Refuse a receipt that is not the federation's coordinator's. Run by a site.

        Raises
        ------
        SignatureError
            If the signature does not verify.
        """
        require_signed(
            "the coordinating centre", coordinator, signature, "join-centre", self.digest
        )

    def _code(self, secret: bytes, tag: str) -> bytes:
        return hmac.digest(secret, lp(SUITE, tag, self.digest), "sha256")

    @staticmethod
    def _require(code: bytes, expected: bytes) -> None:
        if not hmac.compare_digest(code, expected):
            raise InterceptedError


def trust(seen: Handshake, secret: bytes, code: bytes, leaf: bytes) -> Federation:
    """Read the federation's file off the centre's card. Run by a site, on `CentreCard`.

    `leaf` is the server's certificate on this connection, PEM or DER. The operator compares the
    federation's words before the site proves itself and keeps the file.

    Raises
    ------
    InterceptedError
        If the centre does not know the invitation, or saw something else; found before the file
        is read.
    TrustError, CertificateError
        If the file breaks a rule, or its authority did not issue the server's certificate.
    """
    seen.require_centre(secret, code)
    federation = Federation.from_bytes(seen.federation)
    if leaf_fingerprint(leaf) != seen.certificate or not issued_by(leaf, federation.ca_certificate):
        raise CertificateError("the server's certificate is not of the federation's authority")
    return federation


def _fault(seen: Handshake) -> str | None:
    if any(len(nonce) != NONCE_SIZE for nonce in (seen.site_nonce, seen.centre_nonce)):
        return f"a nonce has not {NONCE_SIZE} bytes"
    if len(seen.certificate) != DIGEST_SIZE:
        return f"a certificate's fingerprint has not {DIGEST_SIZE} bytes"
    if not seen.name.isprintable() or not 1 <= len(seen.name) <= MAX_NAME:
        return f"a hospital's name has 1 to {MAX_NAME} characters that print"
    try:
        site_id(seen.site)
    except ValueError as error:
        return str(error)
    return fault_of_keys("the invitation", [seen.identity])
