"""An office that asks a town's nodes, message by message."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from coordinator.judge import unsealed
from protocol.governance.identity import sign
from protocol.ids import SiteId
from protocol.party import Office, begin
from protocol.play import Finished
from protocol.requests import (
    Abort,
    Advance,
    ClosedTrip,
    Done,
    Finish,
    OpenRun,
    Refusal,
    Request,
    Said,
)
from protocol.secagg.messages import KeyShare, Reply
from protocol.secagg.run import NO_DEADLINE
from protocol.secagg.setup import agree
from protocol.wire import codec
from site_node.course import run_of
from tests.protocol.governance.parties import seed
from tests.site_node.town import Town

SALT = b"salt".ljust(32)


@dataclass
class Drive:
    """A run as the office drives it: one request to all at a time."""

    town: Town
    opening: OpenRun
    office: Office | None = None
    shares: tuple[KeyShare, ...] = ()
    closed: ClosedTrip | None = None
    finished: bool = False
    said: dict[tuple[SiteId, bytes], set[bytes]] = field(default_factory=dict)

    @property
    def request(self) -> Request:
        """What is asked now."""
        if self.office is None:
            return self.opening
        if isinstance(self.office.known.next, Finished):
            assert self.closed is not None
            return Finish(self.closed)
        trip = self.office.request(NO_DEADLINE)
        return Advance(self.closed or self.shares, trip)

    @property
    def raw(self) -> bytes:
        return codec.encode_request(self.request)

    @property
    def ctx(self) -> bytes:
        return run_of(self.opening).ctx

    def deliver(self, site: SiteId) -> bytes:
        """Ask one hospital, and note what it says."""
        raw = self.raw
        answer = self.town.houses[site].handle(raw)
        self.said.setdefault((site, raw), set()).add(answer)
        return answer

    def collect(self) -> dict[SiteId, Said]:
        return {site: codec.decode_reply(self.deliver(site)) for site in self.town.houses}

    def take(self, replies: Mapping[SiteId, Said]) -> None:
        """Go on with all answers."""
        assert not any(isinstance(said, Refusal) for said in replies.values()), replies
        if self.office is None:
            self.shares = tuple(said for said in replies.values() if isinstance(said, KeyShare))
            view = agree(run_of(self.opening), {share.site: share for share in self.shares})
            self.office = Office(seed("office"), begin(self.town.plan, view))
        elif isinstance(self.request, Finish):
            assert {said.state for said in replies.values() if isinstance(said, Done)} == {
                "finished"
            }
            self.finished = True
        else:
            plan, run, own = self.town.plan, run_of(self.opening), seed("office")
            read = {site: unsealed(plan, run, own, said) for site, said in replies.items()}
            answers = {site: said for site, said in read.items() if isinstance(said, Reply)}
            self.office, opened, uploads = self.office.close(answers, lambda: SALT)
            self.closed = ClosedTrip(opened.result, uploads)

    def go(self, trips: int | None = None) -> "Drive":
        """Go on to the end, or for so many rounds."""
        rounds = 0
        while not self.finished and rounds != trips:
            self.take(self.collect())
            rounds += 1
        return self


def drive(where: Town, run: str = "run", **changed: Any) -> Drive:
    return Drive(where, where.opening(run, **changed))


def abort(of: Drive) -> Abort:
    return Abort(of.ctx).sign(seed("office"))


def resigned(_: Drive, message: Any, /, **changed: Any) -> Any:
    """Let the office itself sign something else."""
    other = replace(message, **changed)
    return replace(other, signature=sign(seed("office"), *other.signed))
