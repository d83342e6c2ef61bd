"""Nodes of several hospitals in one process."""

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

from protocol import PROGRAM_VERSION
from protocol.cohort import Cohort
from protocol.governance.approval import Conditions, Decision, Subject, Verdict
from protocol.governance.chain import signed_roster
from protocol.governance.federation import party_words
from protocol.governance.identity import identity_public
from protocol.governance.proposal import Proposal, propose
from protocol.governance.roster import Roster
from protocol.governance.signed import SignedRoster
from protocol.ids import SiteId
from protocol.party import seal_key
from protocol.plan.digest import canonical, plan_digest
from protocol.plan.model import Plan
from protocol.requests import (
    OpenRun,
    Refusal,
    Request,
    Said,
    request_digest,
)
from protocol.wire import codec
from site_node.config import SiteConfig
from site_node.data.snapshot import Snapshot
from site_node.deciding import decision_item, proposal_item
from site_node.folder import StateFolder, make_folder, state_folder, write_private
from site_node.inbox import leave
from site_node.ledger import Kind, Ledger
from site_node.logs import Level, Log
from site_node.node import Node
from site_node.points import Point
from tests.federation.cohorts import clinics
from tests.federation.table import short_plan
from tests.protocol.governance.parties import FEDERATION, NOW, roster, seed

SOFTWARE = seed("software")
OPERATOR = "Dr Martin"


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Clock:
    """A clock that tests set."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class House:
    """One hospital: its folder, its rows, and its node when it runs."""

    config: SiteConfig
    snapshots: Mapping[bytes, Snapshot]
    clock: Clock
    drawn: int = 0
    log: StringIO = field(default_factory=StringIO)
    dies_at: Point | None = None
    seen: list[Point] = field(default_factory=list)
    _open: ExitStack = field(default_factory=ExitStack)
    _node: Node | None = None

    @property
    def node(self) -> Node:
        """The node, started if it does not run."""
        if self._node is None:
            self._node = self.start()
        return self._node

    @property
    def folder(self) -> StateFolder:
        return StateFolder(self.config.state)

    def start(self) -> Node:
        with ExitStack() as stack:
            folder = stack.enter_context(state_folder(self.config.state))
            ledger = Ledger.open(folder.ledger, folder.head, self.clock)
            stack.callback(ledger.close)
            log = Log(self.log, self.clock, Level.DEBUG)
            node = Node(
                self.config,
                folder,
                ledger,
                self.snapshots,
                now=self.clock,
                random=self._random,
                software=SOFTWARE,
                at=self._at,
                log=log,
            )
            self._open = stack.pop_all()
        return node

    def stop(self) -> None:
        self._node = None
        self._open.close()

    def handle(self, raw: bytes) -> bytes:
        """Answer; a node that dies is stopped, and says nothing."""
        try:
            return self.node.handle(raw)
        except Killed:
            self.stop()
            raise

    def ask(self, request: Request) -> Said:
        return codec.decode_reply(self.handle(codec.encode_request(request)))

    def refusal(self, request: Request) -> str:
        """Ask for what must be refused; gives the code, and sees that the refusal is signed."""
        raw = codec.encode_request(request)
        said = codec.decode_reply(self.handle(raw))
        assert isinstance(said, Refusal), said
        assert said.request == request_digest(raw)
        said.verify(self.identity)
        return said.code

    @property
    def identity(self) -> bytes:
        """The public key that the hospital signs under now."""
        return identity_public(self.folder.identity.read_bytes())

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """Open the ledger of a node that is stopped."""
        self.stop()
        ledger = Ledger.open(self.folder.ledger, self.folder.head, self.clock)
        try:
            yield ledger
        finally:
            ledger.close()

    def query(self, sql: str, *values: Any) -> list[Any]:
        """Look into the database beside the node, as another process would."""
        database = sqlite3.connect(f"file:{self.folder.ledger}?mode=ro", uri=True)
        try:
            return database.execute(sql, values).fetchall()
        finally:
            database.close()

    def kinds(self) -> list[str]:
        """List the kinds of the ledger's lines."""
        return [kind for (kind,) in self.query("SELECT kind FROM entries ORDER BY seq")]

    def bodies(self, kind: Kind) -> list[bytes]:
        """Give what the ledger's lines of one kind hold."""
        found = self.query("SELECT body FROM entries WHERE kind = ? ORDER BY seq", kind)
        return [body for (body,) in found]

    def _random(self, size: int) -> bytes:
        # No two draws are alike, not even over restarts.
        self.drawn += 1
        return hashlib.shake_256(f"{self.config.site} {self.drawn}".encode()).digest(size)

    def _at(self, point: Point) -> None:
        self.seen.append(point)
        if point is self.dies_at:
            self.dies_at = None
            raise Killed


@dataclass
class Town:
    """All hospitals of a federation, and the clock they share."""

    plan: Plan
    roster: Roster
    houses: dict[SiteId, House]
    clock: Clock

    def opening(self, run: str = "run", **changed: Any) -> OpenRun:
        """Write and sign the request that opens a run."""
        parts = {
            "run_id": seed(run)[:16],
            "plan": canonical(self.plan),
            "rosters": (signed(self.roster),),
            "epoch": 0,
            "scheme": "A",
            "suite": 1,
            "program": PROGRAM_VERSION,
            "seal": seal_key(self.plan, seed(run)[:16], seed("office")),
            **changed,
        }
        return OpenRun(**parts).sign(seed("office"))

    def runs_begun(self, site: SiteId) -> int:
        """Count the runs that began at a hospital, as its ledger has them."""
        ((number,),) = self.houses[site].query("SELECT count(*) FROM entries WHERE kind = 'opened'")
        return int(number)

    def close(self) -> None:
        for house in self.houses.values():
            house.stop()


def signed(one: Roster) -> SignedRoster:
    return signed_roster(one, seed("authority-0"), seed("authority-1"))


def town(
    folder: Path,
    plan: Plan | None = None,
    cohorts: Sequence[Cohort] = (),
    *,
    approved: bool = True,
    **limits: Any,
) -> Town:
    """Found a town: keys, folders and settings of as many hospitals as there are cohorts.

    Every hospital's operator approves the plan, unless that is for the test to see to.
    """
    plan, cohorts, clock = plan or short_plan(), cohorts or clinics(3, 40), Clock()
    names = [cohort.site for cohort in cohorts]
    houses = {}
    for cohort in cohorts:
        known = {s: party_words(identity_public(seed(s))) for s in names if s != cohort.site}
        config = SiteConfig(
            site=cohort.site,
            name=f"Spital {cohort.site}",
            state=folder / cohort.site,
            address="office.example:7443",
            proxy=None,
            ca=None,
            plans=(),
            known_sites=known,
            **{"operators": {identity_public(seed(OPERATOR)): OPERATOR}, **limits},
        )
        settle(config, cohort)
        data = {plan_digest(plan): Snapshot(plan, cohort, ())}
        houses[cohort.site] = House(config, data, clock)
    made = Town(plan, roster(*names), houses, clock)
    if approved:
        for house in houses.values():
            approve(house, plan, made.roster)
    return made


def proposal(plan: Plan, *rosters: Roster, signer: str = "signer") -> Proposal:
    return propose(canonical(plan), tuple(map(signed, rosters)), FEDERATION, seed(signer))


def decision(
    house: House,
    plan: Plan,
    one: Roster,
    verdict: str = "approve",
    /,
    by: str = OPERATOR,
    **terms: Any,
) -> Decision:
    subject = Subject(FEDERATION.digest, plan_digest(plan), one.digest, SOFTWARE)
    unsigned = Decision(
        verdict=Verdict(verdict),
        site=house.config.site,
        subject=subject,
        conditions=Conditions(**terms),
        comment="",
        operator=by,
        key=b"",
        time=f"{house.clock():%Y-%m-%dT%H:%M:%SZ}",
    )
    return unsigned.sign(seed(by))


def approve(house: House, plan: Plan, *rosters: Roster, **terms: Any) -> None:
    """Propose and approve a plan under the last of these rosters, by the node's inbox."""
    leave(house.folder, proposal_item(proposal(plan, *rosters)))
    leave(house.folder, decision_item(decision(house, plan, rosters[-1], **terms)))


def settle(config: SiteConfig, cohort: Cohort) -> None:
    """Write a hospital's keys, as joining does."""
    folder = make_folder(config.state)
    write_private(folder.identity, seed(config.site))
    write_private(folder.secret, cohort.secret)
    write_private(folder.federation, FEDERATION.to_bytes())
