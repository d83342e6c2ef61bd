"""Invitation codes: a secret for one hospital, told once over another line (SPEC 2.9).

A code holds 120 secret bits, so nobody finds one by asking. Who uses it shows that it knows the
code and never sends it; that is `joining`'s.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from protocol.canonical import digest
from protocol.errors import Exit, FederationError

SECRET_SIZE = 15
"""120 bits: beyond guessing, on line and off it."""

GROUP = 4
GROUPS = SECRET_SIZE * 8 // 5 // GROUP
"""Groups of the secret; one more is the checksum of 20 bits."""

NAME_LENGTH = 40

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
