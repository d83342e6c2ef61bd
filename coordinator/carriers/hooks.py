"""What the coordinator's port needs of the rest of the coordinator, and what it tells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from coordinator.carriers.door import Alarm
from protocol.governance.heads import LedgerHead
from protocol.governance.signed import SignedRoster
from protocol.ids import SiteId


@dataclass(frozen=True)
class Tls:
    """The server's key and its certificate (with the chain above it, if any), both as PEM."""

    key: bytes = field(repr=False)
    certificate: bytes


@dataclass(frozen=True)
class Presence:
    """A hospital has come or gone: from where, with which software, and for what it went."""

    site: SiteId
    connected: bool
    peer: str
    software: str
    why: str = ""


def _no_heads(site: SiteId) -> Sequence[LedgerHead]:
    del site
    return ()


def _not_kept(site: SiteId, heads: Sequence[LedgerHead]) -> None:
    del site, heads


def no_succession() -> Sequence[SignedRoster]:
    """Show no rosters: the key is that of the federation's file."""
    return ()


@dataclass(frozen=True)
class Hooks:
    """What the port asks and tells.

    Questions are asked one after the other in one thread, and events told in another, in their
    order: a journal that is slow to write keeps no hospital waiting. `identity` gives a hospital's
    identity key (32 bytes) by the newest roster, or nothing; `heads_for` the heads of ledgers that
    its welcome brings, and `heads` is told those that it shows then (SPEC 2.11); `succession` the
    rosters that show the coordinator's key to those who go by an earlier one (SPEC 2.10).
    """

    identity: Callable[[SiteId], bytes | None]
    presence: Callable[[Presence], None]
    alarm: Callable[[Alarm], None]
    heads_for: Callable[[SiteId], Sequence[LedgerHead]] = _no_heads
    heads: Callable[[SiteId, Sequence[LedgerHead]], None] = _not_kept
    succession: Callable[[], Sequence[SignedRoster]] = no_succession
