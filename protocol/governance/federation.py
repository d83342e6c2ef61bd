"""What a hospital trusts: one small file, compared in six words over another line (SPEC 2.9).

It names the coordinator's key, the roster authority's keys and how many of them must sign, the keys
that may sign a plan, and the certificate authority of the line. Everything else is believed because
one of these signed it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from protocol.canonical import canonical_json, digest
from protocol.errors import Exit, FederationError
from protocol.governance.roster import Roster, fault_of_keys, moment
from protocol.governance.tls import certificate_der, certificate_pem, is_authority
from protocol.words import words

FINGERPRINT_WORDS = 6
"""66 bits: whoever is to be mistaken for another must find a second key of equal words, 2^66
tries. Both keys made by one party take it 2^33; the whole digest is shown beside the words."""


class TrustError(FederationError):
    """A federation's file breaks a rule, or names another federation than expected."""

    code = "federation-file"
    exit = Exit.TAMPERING
    fix = "ask the coordinating centre for its federation file, and compare the words by telephone"


@dataclass(frozen=True)
class Federation:
    """A federation as its hospitals trust it.

    `coordinator` and `authorities` are raw Ed25519 public keys (32 bytes); `threshold` of the
    authorities sign a roster, and any one of the `plan_signers` a plan; without any, no plan can be
    proposed. `ca_certificate` comes as PEM or DER and is kept as DER. Keys are kept in the order
    of their bytes.

    Raises
    ------
    TrustError, CertificateError
        If a rule of SPEC 2.9 is broken.
    """

    name: str
    coordinator: bytes
    authorities: tuple[bytes, ...]
    threshold: int
    ca_certificate: bytes
    plan_signers: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "authorities", tuple(sorted(self.authorities)))
        object.__setattr__(self, "plan_signers", tuple(sorted(self.plan_signers)))
        object.__setattr__(self, "ca_certificate", certificate_der(self.ca_certificate))
        _check(self)

    @property
    def digest(self) -> bytes:
        """H("federation", bytes), 32 bytes."""
        return digest("federation", self.to_bytes())

    @property
    def words(self) -> str:
        """Six words of the digest, for two people to compare."""
        return words(self.digest, FINGERPRINT_WORDS)

    @property
    def fingerprint(self) -> str:
        """The six words, and the whole digest in hex after a space."""
        return f"{self.words} {self.digest.hex()}"

    @property
    def ca_pem(self) -> bytes:
        """The certificate authority as PEM, as gRPC reads it."""
        return certificate_pem(self.ca_certificate)

    def to_bytes(self) -> bytes:
        """Write the file: canonical JSON, keys and certificate (DER) in hex (SPEC 2.9)."""
        return canonical_json(
            {
                "name": self.name,
                "ck": self.coordinator.hex(),
                "authorities": [key.hex() for key in self.authorities],
                "threshold": self.threshold,
                "plan_signers": [key.hex() for key in self.plan_signers],
                "ca": self.ca_certificate.hex(),
            }
        )

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Federation":
        """Read the bytes of `to_bytes`, and nothing but them.

        Raises
        ------
        TrustError, CertificateError
            If they are no federation, or not in the one encoding that it has.
        """
        try:
            federation = _parsed(json.loads(raw))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            raise TrustError("the bytes are no federation's file (SPEC 2.9)") from None
        if federation.to_bytes() != raw:
            raise TrustError("the federation's file is not in its one encoding (SPEC 2.9)")
        return federation


def party_words(public: bytes) -> str:
    """Name a party's identity key (32 bytes) in six words: what `known_sites` pins."""
    return words(digest("identity", public), FINGERPRINT_WORDS)


def coordinator_key(federation: Federation, rosters: Iterable[Roster]) -> bytes:
    """Say which coordinator's key a hospital goes by now (SPEC 2.8).

    `rosters` are the newest ones of each study that the hospital has verified: the roster authority
    can replace a lost or stolen key, and nobody else can. A study's first roster has the key of
    the federation's file, however late the study begins, so it replaces nothing.
    """
    replacing = (roster for roster in rosters if roster.coordinator != federation.coordinator)
    last = max(replacing, key=lambda roster: moment(roster.not_before), default=None)
    return federation.coordinator if last is None else last.coordinator


def _parsed(value: Mapping[str, Any]) -> Federation:
    return Federation(
        name=value["name"],
        coordinator=bytes.fromhex(value["ck"]),
        authorities=tuple(bytes.fromhex(key) for key in value["authorities"]),
        threshold=value["threshold"],
        ca_certificate=bytes.fromhex(value["ca"]),
        plan_signers=tuple(bytes.fromhex(key) for key in value["plan_signers"]),
    )


def _check(federation: Federation) -> None:
    name, count = federation.name, len(federation.authorities)
    if not name or not name.isprintable():
        raise TrustError("the federation's name is empty or holds a character that does not print")
    keys = [federation.coordinator, *federation.authorities, *federation.plan_signers]
    fault = fault_of_keys("the federation's file", keys)
    if fault is not None:
        raise TrustError(fault)
    least = federation.threshold
    if isinstance(least, bool) or not isinstance(least, int) or not 1 <= least <= count:
        raise TrustError(f"the threshold must be a whole number from 1 to the {count} authorities")
    if not is_authority(federation.ca_certificate):
        raise TrustError("the federation's certificate is not an authority's: it issues no others")
