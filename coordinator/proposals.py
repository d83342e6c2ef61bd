"""Plans that were proposed, and what hospitals answered, as the coordinator keeps them (SPEC 4.7).

The daemon asks the hospitals of the roster again and again how a plan stands there: operators take
days, and may change their minds.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event

from sqlalchemy import ColumnElement, and_, delete, insert, select

from coordinator.carriers import Carrier
from coordinator.judge import ReplyError
from coordinator.store import Store, StoreError
from coordinator.tables import decided, proposals
from protocol.errors import FederationError
from protocol.governance.approval import State
from protocol.governance.proposal import Proposal
from protocol.governance.roster import Roster, moment
from protocol.ids import SiteId
from protocol.requests import Decided, Propose
from protocol.wire.codec import decode_reply, encode_request

ROUND_SECONDS = 20.0
"""How long hospitals have to answer before they are asked the next time."""
LOOK_SECONDS = 1.0
"""How soon a new proposal is seen."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SiteDecision:
    """What a hospital answered last: its state, the signed reply, and when it came."""

    site: SiteId
    state: str
    reply: bytes
    time: datetime


def keep_proposal(store: Store, proposal: Proposal, study: str, now: datetime) -> None:
    """Keep a proposal for the daemon to ask about; one that is kept already stays.

    Pre-condition: it was verified, and its chain of rosters too.
    """
    plan, roster = proposal.plan_digest.hex(), proposal.roster_digest.hex()
    same = and_(proposals.c.plan == plan, proposals.c.roster == roster)
    with store.write() as connection:
        if connection.execute(select(proposals.c.plan).where(same)).one_or_none() is None:
            body = proposal.to_bytes()
            values = {"plan": plan, "roster": roster, "study": study, "body": body, "time": now}
            connection.execute(insert(proposals).values(**values))


def kept_proposals(store: Store) -> tuple[Proposal, ...]:
    """Read all proposals, the first one first."""
    with store.read() as connection:
        kept = connection.execute(select(proposals.c.body).order_by(proposals.c.time))
        return tuple(Proposal.from_bytes(body) for (body,) in kept)


def kept_decisions(store: Store, proposal: Proposal) -> dict[SiteId, SiteDecision]:
    """Read what each hospital answered last."""
    with store.read() as connection:
        kept = connection.execute(select(decided).where(_about(proposal))).all()
    return {
        SiteId(row.site): SiteDecision(SiteId(row.site), row.state, row.reply, row.time)
        for row in kept
    }


def find_proposal(store: Store, plan: bytes, roster: bytes) -> Proposal | None:
    """Find a proposal by the digests of plan and roster."""
    named = (plan, roster)
    kept = kept_proposals(store)
    return next((one for one in kept if (one.plan_digest, one.roster_digest) == named), None)


def kept_approvals(store: Store, plan: bytes, roster: bytes) -> tuple[Decided, ...]:
    """Read what hospitals signed about a plan under a roster, by both digests."""
    proposal = find_proposal(store, plan, roster)
    if proposal is None:
        return ()
    kept = sorted(kept_decisions(store, proposal).items())
    read = (decode_reply(one.reply) for _, one in kept)
    return tuple(one for one in read if isinstance(one, Decided))


def keep_decision(
    store: Store, proposal: Proposal, site: SiteId, reply: bytes, now: datetime
) -> Decided:
    """Keep a hospital's answer in place of its last one.

    Raises
    ------
    FederationError
        If it is no answer of this hospital's to this proposal.
    """
    said = decode_reply(reply)
    if not isinstance(said, Decided) or said.site != site:
        raise ReplyError(f"{site} does not say how the plan stands there")
    if (said.plan, said.roster) != (proposal.plan_digest, proposal.roster_digest):
        raise ReplyError(f"{site} says how another plan stands")
    said.verify(roster_of(proposal).identity_of(site))
    values = {"plan": said.plan.hex(), "roster": said.roster.hex(), "site": site}
    with store.write() as connection:
        connection.execute(delete(decided).where(_about(proposal), decided.c.site == site))
        row = {**values, "state": said.state, "reply": reply, "time": now}
        connection.execute(insert(decided).values(**row))
    return said


@dataclass(frozen=True)
class Proposer:
    """Asks hospitals how proposed plans stand, until it is stopped."""

    store: Store
    carrier: Carrier
    now: Callable[[], datetime]
    stopped: Event

    def work(self) -> None:
        """Ask about proposals in force, round by round, the newest first; about a new one soon."""
        while not self.stopped.is_set():
            try:
                kept = kept_proposals(self.store)
                for proposal in reversed(in_force(kept, self.now())):
                    self.ask(proposal)
                self._rest(len(kept))
            except StoreError as error:
                log.warning("the journal does not answer: %s", error)
                self.stopped.wait(ROUND_SECONDS)

    def _rest(self, known: int) -> None:
        """Wait for the next round, or for a proposal beside those that are known."""
        for _ in range(round(ROUND_SECONDS / LOOK_SECONDS)):
            if self.stopped.wait(LOOK_SECONDS) or len(kept_proposals(self.store)) > known:
                return

    def catch_up(self, plan: bytes, roster: bytes) -> None:
        """Ask once more where the last answer of a hospital was not that it approves.

        A run may end sooner than the next round begins, and what it rests on is kept with it.

        Raises
        ------
        StoreError
            If the journal does not take it.
        """
        proposal = find_proposal(self.store, plan, roster)
        if proposal not in in_force(kept_proposals(self.store), self.now()):
            return
        kept = kept_decisions(self.store, proposal)
        if any(
            site not in kept or kept[site].state != State.APPROVED
            for site in roster_of(proposal).sites
        ):
            self.ask(proposal)

    def ask(self, proposal: Proposal) -> None:
        """Ask all hospitals once, and keep what those answer that are there.

        Raises
        ------
        StoreError
            If the journal does not take it.
        """
        raw = encode_request(Propose(proposal))
        deadline = self.now() + timedelta(seconds=ROUND_SECONDS)
        requests = dict.fromkeys(roster_of(proposal).sites, raw)
        for site, reply in self.carrier.exchange(requests, deadline, self.stopped.is_set):
            try:
                keep_decision(self.store, proposal, site, reply, self.now())
            except StoreError:
                raise
            except FederationError as error:
                log.warning("%s: %s", site, error)


def in_force(kept: Sequence[Proposal], now: datetime) -> tuple[Proposal, ...]:
    """Give the proposals whose roster is not out of time, nor superseded by another one's.

    Of the others hospitals say nothing any more: they go by the newest roster of a study that they
    have seen (SPEC 2.8), and were shown it by the proposal under it.
    """
    rosters = [roster_of(proposal) for proposal in kept]
    newest: dict[str, int] = {}
    for roster in rosters:
        newest[roster.study] = max(roster.version, newest.get(roster.study, 0))
    return tuple(
        proposal
        for proposal, roster in zip(kept, rosters, strict=True)
        if roster.version == newest[roster.study] and now < moment(roster.expires)
    )


def roster_of(proposal: Proposal) -> Roster:
    """Give the version of the roster under which a plan is proposed."""
    return Roster.from_bytes(proposal.rosters[-1].payload)


def _about(proposal: Proposal) -> ColumnElement[bool]:
    plan, roster = proposal.plan_digest.hex(), proposal.roster_digest.hex()
    return and_(decided.c.plan == plan, decided.c.roster == roster)
