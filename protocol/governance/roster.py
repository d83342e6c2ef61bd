"""Who takes part in a study: the hospitals, their identity keys, the coordinator's key (SPEC 2).

A roster is a value with one encoding; its digest enters every key of every run. Signatures of the
roster authority over these bytes, and the chain from version to version, are `chain`'s.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from protocol.canonical import DIGEST_SIZE, Json, canonical_json, digest
from protocol.errors import FederationError
from protocol.ids import SiteId, site_id

KEY_SIZE = 32
MIN_SITES = 3
"""Fewer than three hospitals would read each other's numbers off the sum (SPEC 2.6)."""

FIRST = bytes(DIGEST_SIZE)
"""What stands for the previous digest in a roster's first version."""

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?", re.ASCII)

_PRIME = 2**255 - 19
_ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_LOW_ORDER = frozenset((0, 1, _PRIME - 1, _ORDER_8, _PRIME - _ORDER_8))
"""The y-coordinates of points whose order divides 8 (RFC 8032, 5.1): under such a key anybody can
make signatures that verify, so nobody could be held to one."""


class RosterError(FederationError):
    """A list of hospitals breaks a rule, or a message does not come from exactly its hospitals."""

    code = "roster"
    fix = "ask the roster authority for the current signed roster"


@dataclass(frozen=True)
class Member:
    """One hospital: its id, the name people know it by, its raw Ed25519 public key (32 bytes)."""

    id: SiteId
    name: str
    identity: bytes


@dataclass(frozen=True)
class Roster:
    """The hospitals of a study, as all of them name it.

    Members are kept in the order of their ids' bytes, whatever order they come in. Times are
    UTC, as `2030-01-31` or `2030-01-31T12:00:00Z`; comparing them with now is `chain`'s.
    `simulated` marks a federation in which all rows are on one machine: the only case in which
    fewer than three members are accepted, and part of the digest.

    Raises
    ------
    RosterError
        If a rule of SPEC 2 is broken.
    """

    federation: str
    study: str
    version: int
    prev_digest: bytes
    not_before: str
    expires: str
    members: tuple[Member, ...]
    coordinator: bytes
    min_sites: int = MIN_SITES
    scheme: str = "A"
    delta_min: int = 3
    verifiers: tuple[SiteId, ...] = ()
    simulated: bool = False

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.members, key=lambda member: member.id.encode()))
        object.__setattr__(self, "members", ordered)
        _check_names(self)
        _check_keys(self)
        _check_sizes(self)
        _check_history(self)

    @property
    def sites(self) -> tuple[SiteId, ...]:
        """All ids, in the order of their bytes."""
        return tuple(member.id for member in self.members)

    def identity_of(self, site: SiteId) -> bytes:
        """Find a hospital's public key.

        Raises
        ------
        RosterError
            If the roster does not name the site.
        """
        for member in self.members:
            if member.id == site:
                return member.identity
        raise RosterError(f"{site} is not in the roster")

    def revokes(self, before: "Roster") -> bool:
        """Tell whether this later version takes back a party of an earlier one, or its key.

        Further hospitals, other names and another time take back nobody.
        """
        kept = {(member.id, member.identity) for member in self.members}
        gone = any((member.id, member.identity) not in kept for member in before.members)
        return self.version > before.version and (gone or self.coordinator != before.coordinator)

    @property
    def digest(self) -> bytes:
        """H("roster", bytes): what stands for this roster in every key and signature."""
        return digest("roster", self.to_bytes())

    def to_bytes(self) -> bytes:
        """Write the bytes that are signed and hashed: canonical JSON, keys in hex (SPEC 2.4)."""
        value: dict[str, Json] = {
            "federation": self.federation,
            "study": self.study,
            "version": self.version,
            "prev_digest": self.prev_digest.hex(),
            "not_before": self.not_before,
            "expires": self.expires,
            "sites": [
                {"id": member.id, "name": member.name, "ik": member.identity.hex()}
                for member in self.members
            ],
            "ck": self.coordinator.hex(),
            "min_sites": self.min_sites,
            "scheme": self.scheme,
            "delta_min": self.delta_min,
            "verifiers": list(self.verifiers),
            "simulated": self.simulated,
        }
        return canonical_json(value)

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Roster":
        """Read the bytes of `to_bytes`, and nothing but them.

        Raises
        ------
        RosterError
            If they are no roster, or not in the one encoding that a roster has.
        """
        try:
            roster = _parsed(json.loads(raw))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            raise RosterError("the bytes are no roster (SPEC 2.4)") from None
        if roster.to_bytes() != raw:
            raise RosterError("the roster is not in its one canonical encoding (SPEC 2.4)")
        return roster


def simulated_roster(study: str, members: tuple[Member, ...], coordinator: bytes) -> Roster:
    """Name the members of a simulation on one machine: any number from one, marked as such."""
    return Roster(
        federation="simulated",
        study=study,
        version=1,
        prev_digest=FIRST,
        not_before="1970-01-01",
        expires="9999-12-31",
        members=members,
        coordinator=coordinator,
        min_sites=1,
        simulated=True,
    )


def fault_of_keys(where: str, keys: Sequence[bytes]) -> str | None:
    """Say what is wrong with the identity keys in one document, if anything is (SPEC 2.5)."""
    if any(len(key) != KEY_SIZE for key in keys):
        return f"a key in {where} has not {KEY_SIZE} bytes"
    heights = [int.from_bytes(key, "little") % 2**255 for key in keys]
    if any(y >= _PRIME or y in _LOW_ORDER for y in heights):
        return f"a key in {where} is not canonical or binds nobody to a signature"
    if len(set(keys)) != len(keys):
        return f"two parties in {where} have one key: whose signature would it be?"
    return None


def moment(text: str) -> datetime:
    """Read a roster's time; a date alone is the beginning of its day in UTC (SPEC 2.4).

    Raises
    ------
    ValueError
        If the text is neither `2030-01-31` nor `2030-01-31T12:00:00Z`.
    """
    if not _TIME.fullmatch(text):
        raise ValueError("not a UTC time such as 2030-01-31T12:00:00Z")
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _parsed(value: Mapping[str, Any]) -> Roster:
    return Roster(
        federation=value["federation"],
        study=value["study"],
        version=value["version"],
        prev_digest=bytes.fromhex(value["prev_digest"]),
        not_before=value["not_before"],
        expires=value["expires"],
        members=tuple(
            Member(site_id(site["id"]), site["name"], bytes.fromhex(site["ik"]))
            for site in value["sites"]
        ),
        coordinator=bytes.fromhex(value["ck"]),
        min_sites=value["min_sites"],
        scheme=value["scheme"],
        delta_min=value["delta_min"],
        verifiers=tuple(site_id(site) for site in value["verifiers"]),
        simulated=value["simulated"],
    )


def _check_names(roster: Roster) -> None:
    for site in (*roster.sites, *roster.verifiers):
        try:
            site_id(site)
        except ValueError as error:
            raise RosterError(str(error)) from None
    texts = (roster.federation, roster.study, *(member.name for member in roster.members))
    if not all(text and text.isprintable() for text in texts):
        raise RosterError("a name in the roster is empty or holds a character that does not print")
    if len(set(roster.sites)) != len(roster.sites):
        raise RosterError("two hospitals in the roster have one id")
    if len(set(roster.verifiers)) != len(roster.verifiers) or len(roster.verifiers) == 1:
        raise RosterError("verifier sites must be two or more different ones, or none")
    if not set(roster.verifiers) <= set(roster.sites):
        raise RosterError("a verifier site is not a member of the roster")


def _check_keys(roster: Roster) -> None:
    keys = [roster.coordinator, *(member.identity for member in roster.members)]
    fault = fault_of_keys("the roster", keys)
    if fault is not None:
        raise RosterError(fault)


def _check_sizes(roster: Roster) -> None:
    if not isinstance(roster.simulated, bool):
        raise RosterError("a roster is simulated or not: true or false")
    _whole("version", roster.version, 1)
    _whole("min_sites", roster.min_sites, 1 if roster.simulated else MIN_SITES)
    # An atom of one hospital is that hospital's own numbers.
    _whole("delta_min", roster.delta_min, 2)
    if len(roster.members) < roster.min_sites:
        raise RosterError(
            f"the roster names {len(roster.members)} hospitals where at least "
            f"{roster.min_sites} must be added together",
            fix="add hospitals; one or two can only be simulated on one machine",
        )
    if roster.scheme != "A":
        raise RosterError("the roster asks for a masking scheme that this version does not have")


def _check_history(roster: Roster) -> None:
    if len(roster.prev_digest) != DIGEST_SIZE:
        raise RosterError(f"prev_digest has not {DIGEST_SIZE} bytes")
    if (roster.prev_digest == FIRST) != (roster.version == 1):
        raise RosterError("version 1, and no other, follows no earlier roster")
    if _time("not_before", roster.not_before) >= _time("expires", roster.expires):
        raise RosterError("the roster expires before it begins")


def _whole(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise RosterError(f"{name} must be a whole number of at least {least}")


def _time(name: str, text: str) -> datetime:
    try:
        return moment(text)
    except (TypeError, ValueError):
        raise RosterError(f"{name} must be a UTC time such as 2030-01-31T12:00:00Z") from None
