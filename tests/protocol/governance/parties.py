"""A federation to test with: three authorities of whom two must sign, and as many hospitals."""

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from protocol.governance.chain import signed_roster
from protocol.governance.federation import Federation
from protocol.governance.identity import identity_public
from protocol.governance.roster import FIRST, Member, Roster
from protocol.governance.signed import SignedRoster
from protocol.governance.tls import make_authority
from protocol.ids import SiteId

NOW = datetime(2030, 6, 1, 12, tzinfo=UTC)


def seed(name: str) -> bytes:
    return sha256(name.encode()).digest()


CA_KEY, CA = make_authority("Leberzentren", seed("ca"), NOW)
FEDERATION = Federation(
    "Leberzentren",
    identity_public(seed("office")),
    tuple(identity_public(seed(f"authority-{k}")) for k in range(3)),
    2,
    CA,
    (identity_public(seed("signer")),),
)


def member(name: str) -> Member:
    return Member(SiteId(name), f"Spital {name}", identity_public(seed(name)))


def roster(*names: str, **changed: Any) -> Roster:
    parts = {
        "federation": "Leberzentren",
        "study": "crlm",
        "version": 1,
        "prev_digest": FIRST,
        "not_before": "2030-01-01",
        "expires": "2031-01-01T12:00:00Z",
        "members": tuple(member(name) for name in names or ("a", "b", "c")),
        "coordinator": FEDERATION.coordinator,
        **changed,
    }
    return Roster(**parts)


def after(before: Roster, *names: str, **changed: Any) -> Roster:
    members = tuple(member(name) for name in names) or before.members
    parts = {"members": members, "prev_digest": before.digest, **changed}
    return replace(before, version=before.version + 1, **parts)


def chain_of(*versions: tuple[str, ...], **changed: Any) -> tuple[Roster, ...]:
    """Make one roster after another, each of these hospitals."""
    chain = [roster(*versions[0], **changed)]
    for names in versions[1:]:
        chain.append(after(chain[-1], *names))
    return tuple(chain)


def signed(*rosters: Roster, by: tuple[int, ...] = (0, 1)) -> list[SignedRoster]:
    seeds = [seed(f"authority-{k}") for k in by]
    return [signed_roster(each, *seeds) for each in rosters]
