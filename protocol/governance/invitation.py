"""How a hospital and the coordinating centre get to know each other: a code, told once (SPEC 2.9).

The code holds a secret of 120 bits that is never sent. Each side shows, under the secret, that it
saw the same keys, the same federation and the same TLS certificate: somebody in the middle would
have to know the code, and cannot find it out by asking.
"""

import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from protocol.canonical import DIGEST_SIZE, SUITE, digest, lp
from protocol.errors import Exit, FederationError
from protocol.governance.federation import Federation
from protocol.governance.identity import require_signed, sign
from protocol.governance.login import NONCE_SIZE
from protocol.governance.roster import fault_of_keys
from protocol.governance.tls import CertificateError, issued_by, leaf_fingerprint
from protocol.ids import SiteId, site_id

SECRET_SIZE = 15
"""120 bits: beyond guessing, on line and off it."""

GROUP = 4
GROUPS = SECRET_SIZE * 8 // 5 // GROUP
"""Groups of the secret; one more is the checksum of 20 bits."""

NAME_LENGTH = 40
MAX_NAME = 200

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U, so that no two letters look alike."""

_ALIKE = str.maketrans("ILO", "110")


class Denial(StrEnum):
    """Why a hospital may not join, as the two ends tell each other."""

    UNKNOWN = "invitation-unknown"
    EXPIRED = "invitation-expired"
    USED = "invitation-used"
    TYPO = "invitation-typo"
    CODE = "invitation-code"
    MESSAGE = "invitation-message"


_SENTENCES = {
    Denial.UNKNOWN: (
        "the coordinating centre has no such invitation",
        "ask for a new invitation, or check that the address is the right centre's",
    ),
    Denial.EXPIRED: ("the invitation has run out", "ask for a new invitation"),
    Denial.USED: (
        "the invitation was used before, by another key",
        "if that was not you, tell the coordinating centre by telephone; ask for a new invitation",
    ),
    Denial.TYPO: (
        "the invitation code is mistyped",
        "type it again as it was given; the last four letters check the others",
    ),
    Denial.CODE: (
        "the other end saw another certificate, key or federation, or does not know the code",
        "do not retry; ask IT whether a proxy opens TLS, and tell the coordinating centre",
    ),
    Denial.MESSAGE: (
        "a message of joining lacks what it needs",
        "let both ends use the same version of riskset",
    ),
}


class InvitationError(FederationError):
    """A hospital cannot join by this invitation; `denial` says which rule it was."""

    code = "invitation"
    exit = Exit.NOT_APPROVED

    def __init__(self, denial: Denial, detail: str = "") -> None:
        sentence, fix = _SENTENCES[denial]
        super().__init__(f"{sentence}: {detail}" if detail else sentence, fix)
        self.denial = denial


@dataclass(frozen=True)
class Invitation:
    """What an invitation code holds: a label for people, and 15 secret bytes."""

    name: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != SECRET_SIZE:
            raise ValueError(f"an invitation has {SECRET_SIZE} secret bytes")

    @property
    def id(self) -> str:
        """The public half: 32 hex digits that name the invitation and may be seen by anybody."""
        return digest("invitation", self.secret)[:16].hex()

    @property
    def code(self) -> str:
        """The code as a person types it: "BASEL-7M2K-..." with a checksum in the last group."""
        letters = _letters(self.secret) + _checksum(self.name, self.secret)
        groups = (letters[at : at + GROUP] for at in range(0, len(letters), GROUP))
        return "-".join((self.name, *groups))


def new_invitation(name: str, secret: bytes) -> str:
    """Write an invitation's code. `name` is a label such as the hospital's id; case is lost.

    Raises
    ------
    ValueError
        If the secret has not 15 bytes, or nothing of the label can stand in a code.
    """
    label = re.sub(r"[^A-Z0-9]+", "-", name.upper())[:NAME_LENGTH].strip("-")
    if not label:
        raise ValueError("an invitation's label needs a letter or digit of ASCII")
    return Invitation(label, secret).code


def parse_invitation(code: str) -> Invitation:
    """Read a code as a person types it: any case, spaces for dashes, I and L for 1, O for 0.

    Raises
    ------
    InvitationError
        If it is mistyped. A code that passes may still be unknown to the centre.
    """
    groups = [group for group in re.split(r"[\s-]+", code.strip().upper()) if group]
    name, letters = "-".join(groups[: -GROUPS - 1]), groups[-GROUPS - 1 :]
    if not name or any(len(group) != GROUP for group in letters):
        shape = f"a name and {GROUPS + 1} groups of {GROUP} letters"
        raise InvitationError(Denial.TYPO, f"it needs {shape}")
    folded = [group.translate(_ALIKE) for group in letters]
    for place, group in enumerate(folded, 1):
        if not set(group) <= set(_LETTERS):
            raise InvitationError(
                Denial.TYPO, f"group {place} holds a letter that codes do not use"
            )
    secret = _secret("".join(folded[:-1]))
    if _checksum(name, secret) != folded[-1]:
        raise InvitationError(Denial.TYPO, "the letters do not fit together")
    return Invitation(name, secret)


def why_not(
    *, now: datetime, expires: datetime, used_by: bytes | None, identity: bytes
) -> Denial | None:
    """Decide whether an invitation still serves a hospital with this identity key.

    It serves one key once. The same key may come again, as a receipt can be lost on its way.
    """
    if used_by is not None and used_by != identity:
        return Denial.USED
    if used_by is None and now >= expires:
        return Denial.EXPIRED
    return None


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
        InvitationError
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
        InvitationError
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
            raise InvitationError(Denial.CODE)


def trust(seen: Handshake, secret: bytes, code: bytes, leaf: bytes) -> Federation:
    """Read the federation's file off the centre's card. Run by a site, on `CentreCard`.

    `leaf` is the server's certificate on this connection, PEM or DER. The operator compares the
    federation's words before the site proves itself and keeps the file.

    Raises
    ------
    InvitationError
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


def _letters(raw: bytes) -> str:
    """Write bytes five bits to a letter, the highest first; their number is a multiple of five."""
    number, places = int.from_bytes(raw, "big"), range(8 * len(raw) - 5, -1, -5)
    return "".join(_LETTERS[number >> place & 31] for place in places)


def _secret(letters: str) -> bytes:
    number = 0
    for letter in letters:
        number = number << 5 | _LETTERS.index(letter)
    return number.to_bytes(SECRET_SIZE, "big")


def _checksum(name: str, secret: bytes) -> str:
    """Give 20 bits of a hash over label and secret; a typo passes once in a million."""
    hashed = digest("invitation-check", name.translate(_ALIKE), secret)
    return _letters(hashed[:5])[:GROUP]
