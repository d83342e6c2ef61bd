"""What a hospital's operators decided, as ledger and inbox tell it, and what follows for requests.

Nothing is approved before they say so. What they decide acts before the next message, and once more
before an answer is written.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from protocol.canonical import lp
from protocol.errors import FederationError
from protocol.governance.approval import (
    Decision,
    DecisionError,
    Standing,
    State,
    Subject,
    standing,
)
from protocol.governance.chain import verify_chain
from protocol.governance.federation import Federation
from protocol.governance.proposal import Proposal
from protocol.governance.roster import Roster, RosterError
from protocol.ids import SiteId
from protocol.plan.read import read_canonical
from protocol.requests import Decided
from site_node.course import parts_of
from site_node.folder import FOLDER_MODE, StateFolder, delete, write_private
from site_node.inbox import Item, ItemKind, put_aside, waiting
from site_node.ledger import Entry, Kind, Ledger, Line
from site_node.logs import Event, Level, Log

PAUSED = "paused"
RESUMED = "resumed"


class PausedError(FederationError):
    """The hospital's operator paused the node. Its code is that of a passing trouble."""

    code = "unavailable"
    fix = "riskset-site resume lets the node answer again"


@dataclass(frozen=True)
class House:
    """Who a hospital is and who decides there. `identity` and `software` are 32 bytes each."""

    site: SiteId
    identity: bytes
    federation: Federation
    software: bytes
    operators: Mapping[bytes, str]
    needed: int

    def subject(self, plan: bytes, roster: bytes) -> Subject:
        """Name what a decision is about, here and now."""
        return Subject(self.federation.digest, plan, roster, self.software)


@dataclass
class Approvals:
    """Proposals and decisions of one hospital, in the order of its ledger."""

    house: House
    proposals: list[Proposal] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    paused: bool = False

    @classmethod
    def read(cls, house: House, ledger: Ledger) -> "Approvals":
        """Read what the ledger has."""
        found = cls(house)
        for line in ledger.lines(None, Kind.PROPOSED, Kind.DECIDED, Kind.NOTE):
            found._add(line)
        return found

    def find(self, plan: bytes, roster: bytes) -> Proposal | None:
        """Find the proposal of a plan under a roster, by both digests."""
        same = (one for one in self.proposals if _names(one) == (plan, roster))
        return next(same, None)

    def stands(self, plan: bytes, roster: bytes) -> Standing:
        """Say how a plan stands under a roster, and under the software of now."""
        house = self.house
        subject = house.subject(plan, roster)
        return standing(self.decisions, subject, house.operators, house.needed)

    def decided(self, proposal: Proposal) -> Decided:
        """Say how a plan stands, for its hospital to sign."""
        plan, roster = _names(proposal)
        stands = self.stands(plan, roster)
        words = tuple(one.to_bytes() for one in stands.words)
        house = self.house
        return Decided(house.site, plan, roster, house.software, stands.state, words)

    def during(self, plan: bytes, roster: bytes) -> Standing:
        """Say how it stands for a run that has begun: its software was looked at then."""
        house = self.house
        own = house.software
        same = [replace(d, subject=replace(d.subject, software=own)) for d in self.decisions]
        return standing(same, house.subject(plan, roster), house.operators, house.needed)

    def require(self, plan: bytes, roster: Roster, steps: Iterable[str], now: datetime) -> None:
        """Refuse to go on with a run of what is not approved, or no longer.

        Raises
        ------
        NotApprovedError
            With the reason.
        """
        terms = self.during(plan, roster.digest).require()
        # How many runs and patients was asked when it began.
        terms.require(now=now, sites=len(roster.sites), patients=terms.site_patients)
        terms.require_wanted(steps)

    def ended(self, plan: bytes, roster: bytes) -> bool:
        """Say whether an operator withdrew the plan, so that its runs end."""
        return self.during(plan, roster).state is State.WITHDRAWN

    def accept(self, item: Item, newest: Mapping[tuple[str, str], Roster], now: datetime) -> Entry:
        """Check what was left or proposed, and give the line that the ledger gets.

        Raises
        ------
        FederationError
            If it is nothing that this hospital takes in.
        """
        match item.kind:
            case ItemKind.PROPOSAL:
                proposal = Proposal.from_bytes(item.body.encode())
                self._check_proposal(proposal, newest, now)
                return Entry(Kind.PROPOSED, body=proposal.to_bytes())
            case ItemKind.DECISION:
                decision = Decision.from_bytes(item.body.encode())
                self._check_decision(decision)
                return Entry(Kind.DECIDED, body=decision.to_bytes())
            case ItemKind.PAUSE:
                return Entry(Kind.NOTE, body=lp(PAUSED, item.body))
            case ItemKind.RESUME:
                return Entry(Kind.NOTE, body=lp(RESUMED, item.body))

    def add(self, entry: Entry) -> None:
        """Hold an entry to be true that is in the ledger now."""
        self._take(entry.kind, entry.body)

    def has(self, entry: Entry) -> bool:
        """Say whether the ledger has it already, as after a crash; a pause is always new."""
        match entry.kind:
            case Kind.PROPOSED:
                plan, roster = _names(Proposal.from_bytes(entry.body))
                return self.find(plan, roster) is not None
            case Kind.DECIDED:
                return Decision.from_bytes(entry.body) in self.decisions
            case _:
                return self.paused == (parts_of(entry.body)[0] == PAUSED.encode())

    def _check_proposal(
        self, proposal: Proposal, newest: Mapping[tuple[str, str], Roster], now: datetime
    ) -> None:
        """Hold a proposal to SPEC 4.7."""
        house = self.house
        chain = verify_chain(proposal.rosters, house.federation, now=now)
        known = newest.get((chain[-1].federation, chain[-1].study))
        verify_chain(proposal.rosters, house.federation, now=now, known=known)
        if chain[-1].identity_of(house.site) != house.identity:
            raise RosterError(f"the roster names another identity key for {house.site}")
        proposal.verify(house.federation)
        read_canonical(proposal.plan)

    def _check_decision(self, decision: Decision) -> None:
        house, about = self.house, decision.subject
        if decision.site != house.site or about.federation != house.federation.digest:
            raise DecisionError("the decision is another hospital's or federation's")
        if decision.key not in house.operators:
            raise DecisionError(
                f"{decision.operator}: the key is no operator's of this hospital",
                "name the operator under [[approval.operators]] in site.toml",
            )
        decision.verify()
        if self.find(about.plan, about.roster) is None:
            raise DecisionError("the decision is about a plan that was not proposed here")

    def _add(self, line: Line) -> None:
        if line.body is not None:
            self._take(line.kind, line.body)

    def _take(self, kind: Kind, body: bytes) -> None:
        match kind:
            case Kind.PROPOSED:
                self.proposals.append(Proposal.from_bytes(body))
            case Kind.DECIDED:
                self.decisions.append(Decision.from_bytes(body))
            case _:
                first = parts_of(body)[0]
                if first in (PAUSED.encode(), RESUMED.encode()):
                    self.paused = first == PAUSED.encode()


@dataclass
class Desk:
    """The approvals of a hospital whose ledger is open here, and the way into it."""

    approvals: Approvals
    folder: StateFolder
    ledger: Ledger
    log: Log

    @classmethod
    def open(cls, house: House, folder: StateFolder, ledger: Ledger, log: Log) -> "Desk":
        """Read the ledger."""
        return cls(Approvals.read(house, ledger), folder, ledger, log)

    def take_in(self, newest: Mapping[tuple[str, str], Roster], now: datetime) -> bool:
        """Write down what waits in the inbox, in its order; says whether there was anything.

        What a crash interrupts is taken in once: a file goes when its line is on disk. A file
        that is not accepted is put aside, and the log says why.

        Raises
        ------
        UnavailableError, LedgerError
            If disk or ledger refuse.
        """
        found = list(waiting(self.folder))
        for path, item in found:
            if item is None:
                self._refuse("the file is no item of the inbox", DecisionError.code)
                put_aside(path)
                continue
            try:
                self.keep(self.approvals.accept(item, newest, now))
            except (FederationError, ValueError) as error:
                if getattr(error, "code", "") in ("unavailable", "ledger"):
                    raise
                self._refuse(str(error), getattr(error, "code", "value"))
                put_aside(path)
            else:
                delete(path)
        return bool(found)

    def keep(self, entry: Entry) -> None:
        """Write an accepted entry into the ledger, once.

        Raises
        ------
        UnavailableError, LedgerError
            If disk or ledger refuse.
        """
        if entry.kind is Kind.PROPOSED:
            self._write_plan(Proposal.from_bytes(entry.body))
        if self.approvals.has(entry):
            return
        self.ledger.append(entry)
        self.approvals.add(entry)

    def _write_plan(self, proposal: Proposal) -> None:
        """Put the plan's body beside the ledger: its rows are read by it."""
        path = self.folder.plan(proposal.plan_digest)
        path.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
        if not path.exists():
            write_private(path, proposal.plan)

    def _refuse(self, reason: str, code: str) -> None:
        self.log.say(Event.REFUSED, Level.WARNING, code=code, reason=reason)


def _names(proposal: Proposal) -> tuple[bytes, bytes]:
    return proposal.plan_digest, proposal.roster_digest
