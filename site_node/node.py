"""A hospital's node: bytes of a request in, bytes of a reply out, whatever carries them.

The whole behaviour of a hospital in a federation is `Node.handle`. It answers one request at a
time; what it is asked, what it says and why it refuses is in its ledger.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import assert_never

from protocol.canonical import canonical_json
from protocol.errors import FederationError
from protocol.governance.federation import Federation
from protocol.governance.heads import LedgerHead
from protocol.governance.identity import identity_public
from protocol.governance.signed import SignedRoster
from protocol.requests import (
    LOCAL_POLICY,
    Abort,
    Advance,
    Finish,
    OpenRun,
    Propose,
    Refusal,
    Request,
    Said,
    request_digest,
)
from protocol.wire import codec
from protocol.wire.encoding import MessageError
from site_node.approvals import Desk, House, PausedError
from site_node.config import SiteConfig
from site_node.courses import Courses
from site_node.data.snapshot import Snapshot
from site_node.evidence import EvidenceError, RollbackError
from site_node.folder import FolderError, StateFolder, UnavailableError
from site_node.gate import Gate
from site_node.heads import Heads
from site_node.ledger import Entry, Kind, Ledger, LedgerError, RolledBackError
from site_node.logs import Event, Level, Log
from site_node.points import Point
from site_node.runs import Runs
from site_node.upkeep import was_rolled_back

MOST_KEPT = 1000
"""Most lines of one kind that a run fills with refusals or evidence: nobody reads more."""

MOST_KEPT_BYTES = 2**26
"""Most bytes of them: a coordinator that signs one lie after another shall not fill the disk."""


class StoppedError(FederationError):
    """The node has found that it is not the hospital's only one, and says nothing more."""

    code = RolledBackError.code
    exit = RolledBackError.exit
    fix = RolledBackError.fix


class FaultError(FederationError):
    """Something that nobody thought of; the log says of which kind."""

    code = "internal"


@dataclass(frozen=True)
class RunStatus:
    """An open run as its hospital's operator sees it."""

    name: str
    study: str
    trips: int
    since: datetime


class Node:
    """One hospital's node. There is one a process, and `handle` may be called from any thread.

    Parameters
    ----------
    data
        The rows of every approved plan, by the plan's digest (`load_snapshots`).
    now, random
        The clock, in UTC, and a source of so many secret random bytes.
    software
        The digest of the installed files, 32 bytes (`installed_software`).
    at
        Told of every named point on the way; a test ends the process there.

    Raises
    ------
    FolderError
        If the folder lacks a key, or does not name the federation.
    LedgerError, UnavailableError
        If an open run cannot be resumed.
    StoppedError
        If the ledger was found to be an older copy, and no new identity was made since.
    """

    def __init__(
        self,
        config: SiteConfig,
        folder: StateFolder,
        ledger: Ledger,
        data: Mapping[bytes, Snapshot],
        *,
        now: Callable[[], datetime],
        random: Callable[[int], bytes],
        software: bytes,
        at: Callable[[Point], None] = lambda _: None,
        log: Log | None = None,
    ) -> None:
        self._one_at_a_time = Lock()
        self._site = config.site
        self._seed = folder.seed(folder.identity)
        self._largest = config.message_mb * 2**20
        self._ledger = ledger
        self._log = log or Log(None, now)
        self._stopped = was_rolled_back(ledger)
        if self._stopped:
            raise _stopped()
        desk = Desk.open(house_of(config, folder, software), folder, ledger, self._log)
        self._desk = desk
        gate = Gate(config, desk.approvals, data)
        courses = Courses(config.site, self._seed, folder, ledger, now, at, self._log)
        self._runs = Runs(gate, desk, courses, folder, ledger, now, random, at, self._log)
        self._runs.resume()
        self._heads = Heads(config.site, self._seed, ledger)

    @property
    def runs(self) -> tuple[RunStatus, ...]:
        """All open runs."""
        with self._one_at_a_time:
            return tuple(
                RunStatus(
                    course.opening.name,
                    course.opening.run.roster.study,
                    course.trips,
                    course.opening.since,
                )
                for course in self._runs.courses.held.values()
            )

    def handle(self, raw: bytes) -> bytes:
        """Answer a request; the same request gets the same bytes. Raises nothing.

        What is refused is answered by a signed refusal with a code; the reason stays here.
        """
        with self._one_at_a_time:
            try:
                return codec.encode_reply(self._answer(raw))
            except FederationError as error:
                return self._refused(raw, error)
            except Exception as error:
                # Its text may hold a value of a record; its kind does not.
                kind = type(error).__name__
                return self._refused(raw, FaultError(f"something unexpected happened ({kind})"))

    def greet(self, told: Sequence[LedgerHead]) -> tuple[LedgerHead, ...]:
        """Compare heads of ledgers at a login, and give those to show there (SPEC 2.11).

        A node whose ledger lacks a line that it signed says nothing more from then on but refusals:
        shown as newer, the line would stand in the way of the newest copy. Raises nothing.
        """
        with self._one_at_a_time:
            try:
                self._heads.require_own(told)
                self._heads.take(told)
            except EvidenceError as error:
                self._note_evidence(error)
            except (UnavailableError, LedgerError) as error:
                self._log.say(Event.FAULT, Level.ERROR, code=error.code, reason=str(error))
            return () if self._stopped else self._heads.to_show()

    def succeed(self, coordinator: bytes, rosters: Sequence[SignedRoster]) -> None:
        """Go by another key of the coordinator's from now on, if rosters say so (SPEC 2.10).

        Raises
        ------
        SignatureError, RosterError
            If the roster authority did not replace the key that the hospital goes by.
        UnavailableError, LedgerError
            If disk or ledger refuse.
        """
        with self._one_at_a_time:
            self._runs.succeed(coordinator, rosters)
        self._log.say(
            Event.SUCCEEDED,
            Level.WARNING,
            reason="the roster authority replaced the coordinator's key",
        )

    def _note_evidence(self, error: EvidenceError) -> None:
        with suppress(UnavailableError, LedgerError):
            self._keep(b"", b"", error)
        self._log.say(Event.FAULT, Level.ERROR, code=error.code, reason=str(error))
        self._stopped = self._stopped or isinstance(error, RollbackError)

    def take_in(self) -> None:
        """Write down what operators decided, without waiting for a request.

        Raises
        ------
        UnavailableError, LedgerError
            If disk or ledger refuse; it is tried again with the next request.
        """
        with self._one_at_a_time:
            self._runs.take_in()

    def tidy(self) -> None:
        """End runs whose time is over. For whoever carries requests to call now and then.

        Raises
        ------
        UnavailableError
            If the disk refuses; it is tried again with the next request.
        """
        with self._one_at_a_time:
            self._runs.tidy()

    def _answer(self, raw: bytes) -> Said:
        if self._stopped:
            raise _stopped()
        if len(raw) > self._largest:
            raise MessageError("the request is larger than message_mb in site.toml allows")
        self._runs.take_in()
        self._runs.tidy()
        request: Request = codec.decode_request(raw)
        if self._desk.approvals.paused and not isinstance(request, Abort | Propose):
            raise PausedError("the hospital's operator paused the node")
        match request:
            case OpenRun():
                return self._runs.open(raw, request)
            case Advance():
                return self._runs.advance(request)
            case Finish():
                return self._runs.finish(request)
            case Abort():
                return self._runs.abort(request)
            case Propose():
                return self._runs.propose(request).sign(self._seed)
            case _:
                assert_never(request)

    def _refused(self, raw: bytes, error: FederationError) -> bytes:
        # What is too large to be answered is too large to be read for its run's name.
        ctx = _ctx_of(raw) if len(raw) <= self._largest else b""
        level = Level.INFO if isinstance(error, UnavailableError) else Level.WARNING
        self._log.say(Event.REFUSED, level, run=ctx.hex()[:8], code=error.code, reason=str(error))
        if isinstance(error, UnavailableError | LedgerError | FaultError):
            # What a failed move left behind in memory is not trusted: the ledger is.
            self._runs.forget_state()
        with suppress(UnavailableError, LedgerError):
            self._keep(raw, ctx, error)
        self._stopped = self._stopped or isinstance(error, RollbackError)
        said = Refusal(self._site, ctx, request_digest(raw), error.code)
        return codec.encode_reply(said.sign(self._seed))

    def _keep(self, raw: bytes, ctx: bytes, error: FederationError) -> None:
        """Write down evidence, and refusals whose reason nobody else knows; each once."""
        if isinstance(error, EvidenceError):
            entry = error.entry
        elif error.code == LOCAL_POLICY:
            said = {"request": request_digest(raw).hex(), "reason": str(error)}
            entry = Entry(Kind.REFUSED, ctx, 0, canonical_json(said))
        else:
            return
        before = [line.body or b"" for line in self._ledger.lines(entry.ctx, entry.kind)]
        size = sum(map(len, [entry.body, *before]))
        # The first is kept whatever its size, else a large enough lie would leave no trace.
        welcome = not before or (len(before) < MOST_KEPT and size < MOST_KEPT_BYTES)
        if welcome and entry.body not in before:
            self._ledger.append(entry)
            if entry.kind is Kind.EVIDENCE:
                run = entry.ctx.hex()[:8]
                self._log.say(Event.EVIDENCE, Level.ERROR, run=run, code=error.code)


def house_of(config: SiteConfig, folder: StateFolder, software: bytes) -> House:
    """Say who decides at a hospital, and under which software."""
    return House(
        site=config.site,
        identity=identity_public(folder.seed(folder.identity)),
        federation=read_federation(folder),
        software=software,
        operators=config.operators,
        needed=config.needed,
    )


def read_federation(folder: StateFolder) -> Federation:
    """Read whom the hospital trusts.

    Raises
    ------
    FolderError
        If the hospital has joined no federation.
    TrustError
        If the file is not as it was written.
    """
    try:
        raw = folder.federation.read_bytes()
    except OSError:
        fix = "join a federation first"
        raise FolderError(f"{folder.federation}: is not there or cannot be read", fix) from None
    return Federation.from_bytes(raw)


def _stopped() -> StoppedError:
    return StoppedError(
        "an answer with this hospital's signature is not in its ledger: this ledger is an older "
        "copy, or somebody else holds the hospital's key"
    )


def _ctx_of(raw: bytes) -> bytes:
    """Name the run that a request is about, if it can be read and names one."""
    try:
        request = codec.decode_request(raw)
    except FederationError:
        return b""
    match request:
        case OpenRun() | Propose():
            return b""
        case Advance():
            return request.trip.ctx
        case Finish():
            return request.closed.result.ctx
        case Abort():
            return request.ctx
        case _:
            assert_never(request)
