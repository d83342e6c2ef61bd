"""The chain of signed rosters: who may take part, version by version (SPEC 2.8).

Signatures are checked over bytes before anything in them is read. The coordinator carries rosters
and signs none, so it can neither add a hospital nor hide that one left.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from protocol.canonical import Json, canonical_json
from protocol.governance.federation import Federation, coordinator_key
from protocol.governance.identity import SignatureError, identity_public, sign, signed_by
from protocol.governance.roster import FIRST, Member, Roster, RosterError, moment
from protocol.governance.signed import SignedRoster

Newest = Mapping[tuple[str, str], Roster]
"""The newest roster of each study that was verified, by federation and study."""

MAX_VERSIONS = 1000
"""Longest chain that is looked at: a version a week for twenty years."""


def sign_roster(roster: Roster, authority_seed: bytes) -> tuple[bytes, bytes]:
    """Give an authority's key and its signature over ("roster", bytes). Run by an authority."""
    signature = sign(authority_seed, "roster", roster.to_bytes())
    return identity_public(authority_seed), signature


def signed_roster(roster: Roster, *authority_seeds: bytes) -> SignedRoster:
    """Sign a roster with all these authorities' keys; none gives the form to be signed."""
    unsigned = SignedRoster(roster.to_bytes(), ())
    return unsigned.with_signatures(sign_roster(roster, seed) for seed in authority_seeds)


def next_version(
    roster: Roster,
    members: tuple[Member, ...],
    *,
    not_before: str,
    expires: str,
    coordinator: bytes | None = None,
) -> Roster:
    """Write the version that follows a roster, with other members, or another coordinator's key."""
    return replace(
        roster,
        coordinator=coordinator or roster.coordinator,
        version=roster.version + 1,
        prev_digest=roster.digest,
        members=members,
        not_before=not_before,
        expires=expires,
    )


def verify_chain(
    rosters: Sequence[SignedRoster],
    federation: Federation,
    *,
    now: datetime,
    known: Roster | None = None,
) -> tuple[Roster, ...]:
    """Check a study's rosters, from version 1 to the one in force, in the order of SPEC 2.8.

    `known` is the newest roster of this study that the hospital has seen, if any; `now` says its
    time zone. Run by a site, and by the coordinator before it asks anybody.

    Raises
    ------
    SignatureError
        If a version is not signed by enough of the roster authority.
    RosterError
        If a version is no roster, does not follow the one before, or is not in force now.
    """
    if now.utcoffset() is None:
        raise ValueError("the time must say its zone")
    if not 1 <= len(rosters) <= MAX_VERSIONS:
        raise RosterError(f"a chain of rosters has 1 to {MAX_VERSIONS} versions")
    for place, signed in enumerate(rosters, 1):
        _require_signatures(place, signed, federation)
    chain = tuple(Roster.from_bytes(signed.payload) for signed in rosters)
    _require_order(chain)
    _require_names(chain, federation)
    _require_apart(chain, federation)
    _require_fresh(chain[-1], now)
    if any(roster.simulated for roster in chain):
        raise RosterError("the roster is of a simulation, where all rows are on one machine")
    if known is not None:
        _require_no_older(chain, known)
    return chain


def require_current(roster: Roster, federation: Federation, newest: Newest) -> None:
    """Refuse a verified roster whose coordinator's key was replaced by another study's (SPEC 2.8).

    Raises
    ------
    RosterError
        If it was.
    """
    seen = {**newest, (roster.federation, roster.study): roster}
    if roster.coordinator != coordinator_key(federation, seen.values()):
        raise RosterError(
            f"version {roster.version} of the roster of {roster.study} names a coordinator's key "
            "that was replaced",
            fix="have the roster authority sign a version with the coordinator's new key",
        )


def require_succession(
    rosters: Sequence[SignedRoster],
    federation: Federation,
    coordinator: bytes,
    *,
    now: datetime,
    newest: Newest,
) -> Roster:
    """See that the roster authority made this the coordinator's key; gives the roster that says so.

    `newest` are the newest rosters that this hospital has verified, by federation and study. Run by
    a site, to whom the coordinator has shown that it holds a key (32 bytes) that is new to it.

    Raises
    ------
    SignatureError, RosterError
        If the rosters are no chain in force, are older than what was seen, or name another key.
    """
    chain = verify_chain(rosters, federation, now=now)
    last = chain[-1]
    known = newest.get((last.federation, last.study))
    verify_chain(rosters, federation, now=now, known=known)
    require_current(last, federation, newest)
    if last.coordinator != coordinator:
        raise RosterError("the rosters do not name the key that the coordinator showed")
    return last


def roster_file(signed: SignedRoster) -> bytes:
    """Write a signed roster as the file that authorities sign in turn: canonical JSON."""
    listed: Json = [{"key": k.hex(), "signature": s.hex()} for k, s in signed.signatures]
    return canonical_json({"payload": signed.payload.decode(), "signatures": listed})


def read_roster_file(raw: bytes) -> SignedRoster:
    """Read the file of `roster_file`. Its signatures are not checked yet.

    Raises
    ------
    RosterError
        If it is no such file.
    """
    try:
        value = json.loads(raw)
        signatures = tuple(
            (bytes.fromhex(entry["key"]), bytes.fromhex(entry["signature"]))
            for entry in value["signatures"]
        )
        return SignedRoster(value["payload"].encode(), signatures)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise RosterError("the file holds no signed roster") from None


def _require_signatures(place: int, signed: SignedRoster, federation: Federation) -> None:
    """Count signatures over the exact bytes; a key that is none of the authority's ends it."""
    keys = [key for key, _ in signed.signatures]
    if any(low >= high for low, high in pairwise(keys)):
        raise SignatureError(f"roster {place}: two signatures are of one key, or not in order")
    for key, signature in signed.signatures:
        if key not in federation.authorities:
            raise SignatureError(f"roster {place}: a signature is by no key of the authority")
        if not signed_by(key, signature, "roster", signed.payload):
            raise SignatureError(f"roster {place}: a signature of the authority does not verify")
    if len(keys) < federation.threshold:
        raise SignatureError(
            f"roster {place} has {len(keys)} of the {federation.threshold} signatures it needs",
            fix="have more members of the roster authority sign it",
        )


def _require_order(chain: Sequence[Roster]) -> None:
    for place, roster in enumerate(chain, 1):
        if roster.version != place:
            raise RosterError(f"version {roster.version} of the roster stands in place {place}")
    before = (FIRST, *(roster.digest for roster in chain))
    for roster, digest in zip(chain, before, strict=False):
        if roster.prev_digest != digest:
            raise RosterError(f"version {roster.version} follows another roster than the one given")


def _require_names(chain: Sequence[Roster], federation: Federation) -> None:
    for roster in chain:
        if roster.federation != federation.name:
            raise RosterError(f"version {roster.version} is another federation's roster")
        if roster.study != chain[0].study:
            raise RosterError(f"version {roster.version} is another study's roster")


def _require_apart(chain: Sequence[Roster], federation: Federation) -> None:
    """Keep those who say who takes part apart from those who do."""
    for roster in chain:
        keys = {roster.coordinator, *(member.identity for member in roster.members)}
        if keys & set(federation.authorities):
            raise RosterError(f"version {roster.version} gives an authority's key to a party")
    if chain[0].coordinator != federation.coordinator:
        raise RosterError("version 1 does not name the coordinator of the federation's file")


def _require_fresh(roster: Roster, now: datetime) -> None:
    if now < moment(roster.not_before):
        raise RosterError(
            f"version {roster.version} of the roster begins on {roster.not_before}",
            fix="wait until then, or check this machine's clock",
        )
    if now >= moment(roster.expires):
        raise RosterError(
            f"version {roster.version} of the roster expired on {roster.expires}",
            fix="have the roster authority sign a new version; check this machine's clock",
        )


def _require_no_older(chain: Sequence[Roster], known: Roster) -> None:
    if (known.federation, known.study) != (chain[0].federation, chain[0].study):
        raise ValueError("the known roster is of another study")
    if len(chain) < known.version:
        raise RosterError(
            f"the rosters end with version {len(chain)}; version {known.version} was seen before"
        )
    if chain[known.version - 1].digest != known.digest:
        raise RosterError(
            f"version {known.version} of the roster is not the one that was seen before",
            fix="two rosters of one version are a fork: tell the roster authority by telephone",
        )
