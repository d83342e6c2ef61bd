"""Heads of hospitals' ledgers, as the coordinator keeps them and hands them on (SPEC 2.11).

The newest head of each hospital and key is held for good: a ledger that was set back meets it at
its next login.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select

from coordinator.members import newest_rosters
from coordinator.store import Store
from coordinator.tables import heads
from protocol.governance.heads import LedgerHead, Since, since
from protocol.ids import SiteId

_WORDS = {
    Since.OLDER: "shows an older ledger than before: a copy was brought back, or somebody holds "
    "its key",
    Since.FORKED: "signed two different lines of one number: two ledgers are written with its key",
}


def heads_for(store: Store, site: SiteId) -> tuple[LedgerHead, ...]:
    """Give a hospital the newest heads that are held: its own first, then those of its rosters."""
    rosters = [roster for roster in newest_rosters(store) if site in roster.sites]
    keys = {member.id: member.identity for roster in rosters for member in roster.members}
    with store.read() as connection:
        held = [h for one, key in keys.items() if (h := _held(connection, one, key)) is not None]
    return tuple(sorted(held, key=lambda head: (head.site != site, head.site)))


def keep_heads(
    store: Store, site: SiteId, told: Iterable[LedgerHead], now: datetime
) -> tuple[str, ...]:
    """Keep what is newer; gives a sentence for whatever a person has to know.

    Of the hospital that shows them only its own can be too old: of others it may know less.
    """
    keys = {m.id: m.identity for roster in newest_rosters(store) for m in roster.members}
    known = [(h, keys[h.site]) for h in told if h.site in keys and h.is_signed_by(keys[h.site])]
    with store.write() as connection:
        found = [(head, _keep(connection, head, key, now)) for head, key in known]
    return tuple(_alarms(site, found))


def _alarms(site: SiteId, found: Iterable[tuple[LedgerHead, Since]]) -> Iterator[str]:
    for head, how in found:
        if how is Since.FORKED or (how is Since.OLDER and head.site == site):
            yield f"{head.site} {_WORDS[how]}"


def _keep(connection: Connection, head: LedgerHead, key: bytes, now: datetime) -> Since:
    how = since(_held(connection, head.site, key), head)
    if how is Since.NEWER:
        connection.execute(delete(heads).where(_place(head.site, key)))
        values = {"lines": head.lines, "digest": head.digest, "signature": head.signature}
        connection.execute(insert(heads).values(site=head.site, identity=key, time=now, **values))
    return how


def _held(connection: Connection, site: SiteId, key: bytes) -> LedgerHead | None:
    row = connection.execute(select(heads).where(_place(site, key))).one_or_none()
    return None if row is None else LedgerHead(site, row.lines, row.digest, row.signature)


def _place(site: SiteId, key: bytes) -> ColumnElement[bool]:
    return and_(heads.c.site == site, heads.c.identity == key)
