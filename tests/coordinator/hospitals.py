"""A small federation for the coordinator: hospitals made of the protocol's own moves, in memory.

Each keeps what it sent, and answers the same request with the same bytes, as a real node does.
Nothing is shared between them but what the coordinator sends.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import assert_never

from protocol.canonical import digest
from protocol.cohort import Cohort
from protocol.errors import FederationError
from protocol.governance.identity import identity_public
from protocol.governance.roster import FIRST, Member, Roster
from protocol.governance.signed import SignedRoster
from protocol.ids import SiteId
from protocol.party import Hospital, begin
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from protocol.plan.read import read_canonical
from protocol.requests import (
    Abort,
    Advance,
    Done,
    Finish,
    OpenRun,
    Propose,
    Refusal,
    Request,
    Said,
    State,
    request_digest,
)
from protocol.run import Played, play
from protocol.secagg.envelope import seal
from protocol.secagg.messages import Reply, Run, RunError
from protocol.secagg.site import Advertised, advertise, receive_keys
from protocol.wire.codec import decode_request, encode_reply
from protocol.wire.encoding import MessageError
from tests.federation.cohorts import clinics
from tests.federation.table import short_plan

OFFICE = digest("tests", "office")
NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)


def identity(site: SiteId) -> bytes:
    return digest("tests", "identity", site)


@dataclass
class FakeHospital:
    """A hospital's node without disk and gate. `no` is a code with which it refuses all."""

    cohort: Cohort
    no: str = ""
    seen: list[bytes] = field(default_factory=list)
    advertised: dict[bytes, Advertised] = field(default_factory=dict)
    runs: dict[bytes, Hospital] = field(default_factory=dict)
    plans: dict[bytes, Plan] = field(default_factory=dict)
    seals: dict[bytes, bytes] = field(default_factory=dict)
    over: dict[bytes, Done] = field(default_factory=dict)
    uploads: dict[tuple[bytes, int], set[bytes]] = field(default_factory=dict)

    @property
    def site(self) -> SiteId:
        return self.cohort.site

    def handle(self, raw: bytes) -> bytes:
        """Answer a request, or refuse it by its error's code."""
        self.seen.append(raw)
        try:
            if self.no:
                return self._refusal(raw, self.no)
            return encode_reply(self._answer(decode_request(raw)))
        except FederationError as error:
            return self._refusal(raw, error.code)

    def _refusal(self, raw: bytes, code: str) -> bytes:
        no = Refusal(self.site, b"", request_digest(raw), code)
        return encode_reply(no.sign(identity(self.site)))

    def _answer(self, request: Request) -> Said:
        match request:
            case OpenRun():
                return self._open(request).share
            case Advance():
                return self._enveloped(request.trip.ctx, self._advance(request))
            case Finish():
                return self._finish(request)
            case Abort():
                if request.ctx not in self.advertised:
                    raise RunError("no run of that name was opened here")
                return self.over.setdefault(request.ctx, self._done(request.ctx, "aborted"))
            case Propose():
                raise MessageError("nobody decides here")
            case _:
                assert_never(request)

    def _enveloped(self, ctx: bytes, reply: Reply) -> Said:
        to = self.seals[ctx]
        if not to:
            return reply
        return seal(encode_reply(reply), self.site, ctx, to, identity(self.site))

    def _open(self, request: OpenRun) -> Advertised:
        plan = read_canonical(request.plan)
        roster = Roster.from_bytes(request.rosters[-1].payload)
        request.verify(roster.coordinator)
        run = Run(request.run_id, plan_digest(plan), roster, request.epoch)
        if run.ctx not in self.advertised:
            fresh = digest("tests", "fresh", self.site, run.ctx)
            state, _ = advertise(run, self.site, identity(self.site), fresh)
            self.advertised[run.ctx], self.plans[run.ctx] = state, plan
            self.seals[run.ctx] = request.seal
        return self.advertised[run.ctx]

    def _advance(self, request: Advance) -> Reply:
        ctx = request.trip.ctx
        if isinstance(request.since, tuple):
            if ctx not in self.runs:
                keyed = receive_keys(self.advertised[ctx], {s.site: s for s in request.since})
                known = begin(self.plans[ctx], keyed.view)
                self.runs[ctx] = Hospital(self.cohort, keyed, known)
        elif request.since.result.trip > self.runs[ctx].state.closed:
            self.runs[ctx] = self.runs[ctx].accept(request.since.result, request.since.uploads)
        self.runs[ctx], reply = self.runs[ctx].reply(request.trip)
        for vector in reply.vectors:
            self.uploads.setdefault((ctx, vector.step), set()).add(vector.words)
        return reply

    def _finish(self, request: Finish) -> Done:
        ctx, since = request.closed.result.ctx, request.closed
        if ctx not in self.over:
            self.runs[ctx] = self.runs[ctx].accept(since.result, since.uploads)
            self.over[ctx] = self._done(ctx, "finished")
        return self.over[ctx]

    def _done(self, ctx: bytes, state: State) -> Done:
        chain = self.runs[ctx].known.chain if ctx in self.runs else b""
        opened = [one.run for one in self.advertised.values()]
        plan = next((run.plan_digest for run in opened if run.ctx == ctx), b"")
        runs = tuple(run.run_id for run in opened if run.plan_digest == plan)
        return Done(self.site, ctx, state, chain, runs).sign(identity(self.site))


def hospitals(cohorts: Sequence[Cohort] = ()) -> dict[SiteId, FakeHospital]:
    """Make a hospital of every cohort."""
    return {cohort.site: FakeHospital(cohort) for cohort in cohorts or clinics()}


def signed_roster(sites: Sequence[SiteId], office: bytes = OFFICE) -> SignedRoster:
    """Name hospitals; the authorities' signatures are nobody's business here."""
    members = tuple(Member(s, f"Hospital {s}", identity_public(identity(s))) for s in sites)
    roster = Roster(
        federation="tests",
        study="small",
        version=1,
        prev_digest=FIRST,
        not_before="2020-01-01",
        expires="2040-01-01",
        members=members,
        coordinator=identity_public(office),
    )
    return SignedRoster(roster.to_bytes(), ())


@cache
def brief_plan(profile: str = "exact") -> Plan:
    """Ask one endpoint of everybody: four trips, one of which is withheld in `standard`."""
    small = short_plan(profile)
    none: dict[str, tuple[()]] = {"subgroups": (), "populations": ()}
    return small.model_copy(update={**none, "endpoints": small.binary})


def in_one_process(plan: Plan) -> Played:
    """Play the same study without coordinator and journal."""
    return play(plan, clinics(), bytes(32))


class Clock:
    """A clock that goes on by a moment whenever it is looked at, and further if told to."""

    def __init__(self, step: timedelta = timedelta(milliseconds=1)) -> None:
        self.time, self._step = NOON, step

    def __call__(self) -> datetime:
        self.time += self._step
        return self.time

    def sleep(self, seconds: float) -> None:
        """Let time pass at once: an hour for each second, as runs wait for days."""
        self.time += timedelta(hours=seconds)
