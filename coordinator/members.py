"""Who takes part, as the coordinator keeps it: rosters, invitations, join requests, presence.

Nothing is decided here: signatures of rosters are checked by `protocol.governance.chain`, and
handshakes by `protocol.governance.joining`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, and_, delete, insert, or_, select, update

from coordinator.store import Store
from coordinator.tables import invitations, joins, presence, rosters
from protocol.errors import Exit, FederationError
from protocol.governance.chain import read_roster_file, roster_file
from protocol.governance.federation import party_words
from protocol.governance.invitation import Denial, Invitation, InvitationError, why_not
from protocol.governance.roster import Roster, RosterError, moment
from protocol.governance.signed import SignedRoster
from protocol.ids import SiteId


class JoinState(StrEnum):
    """What became of a join request."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    DECLINED = "declined"


class JoinError(FederationError):
    """There is no such join request to decide about."""

    code = "join"
    exit = Exit.USAGE
    fix = "see `riskset roster` for the requests that wait"


@dataclass(frozen=True)
class KeptInvitation:
    """An invitation in the journal. `used_by` is the identity key that it let in (32 bytes)."""

    id: str
    name: str
    secret: bytes = field(repr=False)
    created: datetime
    expires: datetime
    used: datetime | None = None
    used_by: bytes | None = None


@dataclass(frozen=True)
class Join:
    """A hospital that showed that it holds its invitation; `words` stand for its key."""

    number: int
    invitation: str
    site: SiteId
    name: str
    identity: bytes
    words: str
    time: datetime
    state: JoinState


@dataclass(frozen=True)
class Presence:
    """Whether a hospital is connected, since when, from where, with which software."""

    site: SiteId
    connected: bool
    since: datetime
    peer: str
    software: str


def keep_roster(store: Store, signed: SignedRoster, now: datetime) -> Roster:
    """Keep a version of a roster, or further signatures of one that is kept.

    Raises
    ------
    RosterError
        If the bytes are no roster, or another one is kept as this version.
    """
    roster = Roster.from_bytes(signed.payload)
    where = {"federation": roster.federation, "study": roster.study, "version": roster.version}
    same = and_(*(rosters.c[name] == value for name, value in where.items()))
    with store.write() as connection:
        kept = connection.execute(select(rosters).where(same)).one_or_none()
        if kept is not None and kept.digest != roster.digest.hex():
            raise RosterError(
                f"version {roster.version} of the roster of {roster.study} is kept with other "
                "contents",
                "make a next version; two rosters of one version would be a fork",
            )
        if kept is not None:
            signed = _merged(signed, read_roster_file(kept.file))
            connection.execute(delete(rosters).where(same))
        values = {**where, "digest": roster.digest.hex(), "file": roster_file(signed), "time": now}
        connection.execute(insert(rosters).values(**values))
    return roster


def kept_rosters(store: Store, study: str) -> tuple[SignedRoster, ...]:
    """Read all versions of a study's roster, the first one first."""
    query = select(rosters.c.file).where(rosters.c.study == study).order_by(rosters.c.version)
    with store.read() as connection:
        return tuple(read_roster_file(file) for (file,) in connection.execute(query))


def identity_of(store: Store, site: SiteId) -> bytes | None:
    """Find a hospital's identity key by the newest roster of each study, the latest kept first."""
    named = [roster for roster in newest_rosters(store) if site in roster.sites]
    return named[0].identity_of(site) if named else None


def newest_rosters(store: Store) -> tuple[Roster, ...]:
    """Read the newest roster of each study, the latest kept first."""
    query = select(rosters).order_by(rosters.c.version.desc(), rosters.c.time.desc())
    with store.read() as connection:
        kept = connection.execute(query).all()
    newest: dict[tuple[str, str], Roster] = {}
    for row in kept:
        roster = Roster.from_bytes(read_roster_file(row.file).payload)
        newest.setdefault((roster.federation, roster.study), roster)
    return tuple(newest.values())


def succession(store: Store, coordinator: bytes, now: datetime) -> tuple[SignedRoster, ...]:
    """Find rosters that give the coordinator this key now (32 bytes), the shortest chain."""
    named = [one for one in newest_rosters(store) if one.coordinator == coordinator]
    studies = [one.study for one in named if now < moment(one.expires)]
    return min((kept_rosters(store, study) for study in studies), key=len, default=())


def keep_invitation(
    store: Store, invitation: Invitation, created: datetime, expires: datetime
) -> KeptInvitation:
    """Keep an invitation until it is used or runs out."""
    kept = KeptInvitation(invitation.id, invitation.name, invitation.secret, created, expires)
    with store.write() as connection:
        connection.execute(insert(invitations).values(**vars(kept)))
    return kept


def find_invitation(store: Store, public_half: str) -> KeptInvitation | None:
    """Look an invitation up by its public half."""
    with store.read() as connection:
        query = select(invitations).where(invitations.c.id == public_half)
        found = connection.execute(query).one_or_none()
    return None if found is None else _invitation(found)


def kept_invitations(store: Store) -> tuple[KeptInvitation, ...]:
    """Read all invitations, the oldest first."""
    with store.read() as connection:
        found = connection.execute(select(invitations).order_by(invitations.c.created))
        return tuple(map(_invitation, found))


def keep_join(
    store: Store, public_half: str, site: SiteId, name: str, *, identity: bytes, now: datetime
) -> None:
    """Use an invitation up, and keep the request of the hospital that came by it.

    The same hospital with the same key may come again: nothing changes then.

    Raises
    ------
    InvitationError
        If the invitation is unknown, has run out, or let another key in.
    """
    mine = and_(
        invitations.c.id == public_half,
        or_(invitations.c.used_by.is_(None), invitations.c.used_by == identity),
    )
    with store.write() as connection:
        found = connection.execute(
            select(invitations).where(invitations.c.id == public_half)
        ).one_or_none()
        if found is None:
            raise InvitationError(Denial.UNKNOWN)
        used = {"now": now, "expires": found.expires, "used_by": found.used_by}
        if denial := why_not(**used, identity=identity):
            raise InvitationError(denial)
        if found.used_by is not None:
            return
        # Asked again in the change itself: of two that come at once, one is let in.
        taken = connection.execute(
            update(invitations).where(mine).values(used=now, used_by=identity)
        )
        if taken.rowcount != 1:
            raise InvitationError(Denial.USED)
        request = {
            "invitation": public_half,
            "site": site,
            "name": name,
            "identity": identity,
            "words": party_words(identity),
            "time": now,
            "state": JoinState.WAITING,
        }
        connection.execute(insert(joins).values(**request))


def kept_joins(store: Store, state: JoinState | None = None) -> tuple[Join, ...]:
    """Read join requests, all or those of one state, the oldest first."""
    query = select(joins).order_by(joins.c.number)
    if state is not None:
        query = query.where(joins.c.state == state)
    with store.read() as connection:
        return tuple(map(_join, connection.execute(query)))


def decide_join(store: Store, number: int, state: JoinState) -> None:
    """Accept or decline a request that waits.

    Raises
    ------
    JoinError
        If none with this number waits.
    """
    waits = and_(joins.c.number == number, joins.c.state == JoinState.WAITING)
    with store.write() as connection:
        decided = connection.execute(update(joins).where(waits).values(state=state))
        if decided.rowcount != 1:
            raise JoinError(f"no join request with number {number} waits for a decision")


def set_presence(store: Store, there: Presence) -> None:
    """Note that a hospital has come or gone."""
    with store.write() as connection:
        connection.execute(delete(presence).where(presence.c.site == there.site))
        connection.execute(insert(presence).values(**vars(there)))


def clear_presence(store: Store, now: datetime) -> None:
    """Note that nobody is connected, as when a daemon begins: it cannot know who went meanwhile."""
    gone = update(presence).where(presence.c.connected).values(connected=False, since=now)
    with store.write() as connection:
        connection.execute(gone)


def kept_presence(store: Store) -> dict[SiteId, Presence]:
    """Read which hospitals are or were connected."""
    with store.read() as connection:
        found = connection.execute(select(presence)).all()
    return {SiteId(row.site): Presence(**row._mapping) for row in found}


def _merged(new: SignedRoster, kept: SignedRoster) -> SignedRoster:
    signatures = {**dict(kept.signatures), **dict(new.signatures)}
    return SignedRoster(new.payload, tuple(sorted(signatures.items())))


def _invitation(found: Row[Any]) -> KeptInvitation:
    return KeptInvitation(**found._mapping)


def _join(found: Row[Any]) -> Join:
    columns = dict(found._mapping)
    return Join(**{**columns, "state": JoinState(columns["state"])})
