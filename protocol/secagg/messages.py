"""What the parties send each other, and which bytes of it they sign (SPEC 4 to 6).

A message's `signed` parts name the run, the keys in it and the place it belongs to, so that none
can be moved to another run, trip, step or site.
"""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import ClassVar, Literal

from protocol.canonical import digest
from protocol.errors import Exit, FederationError
from protocol.governance.identity import require_signed
from protocol.governance.roster import Roster
from protocol.ids import SiteId
from protocol.layout import Layout, Release
from protocol.secagg.transcript import context, step_digest, u32

Parts = tuple[bytes | str, ...]

SCHEME = "A"
SUITE_X25519 = 1
"""Suite 1: X25519, HKDF-SHA256, AES-256-CTR, Ed25519 (SPEC 1.4)."""

LANES = 4
LOCK_LANES = 2


class RunError(FederationError):
    """A message belongs to another run, or a run asks for what this version does not have."""

    code = "run"
    exit = Exit.TAMPERING
    fix = "ask the coordinator which run is open, and start a new one if the answers differ"


@dataclass(frozen=True)
class Run:
    """One run of a plan: what is fixed before its first message (SPEC 4.1).

    `run_id` has 16 bytes and is never used twice; `plan_digest` has 32.
    """

    run_id: bytes
    plan_digest: bytes
    roster: Roster
    epoch: int = 0
    scheme: str = SCHEME
    suite: int = SUITE_X25519

    def __post_init__(self) -> None:
        if (self.scheme, self.suite) != (self.roster.scheme, SUITE_X25519):
            raise RunError("the run asks for a scheme or suite that this version does not have")

    @cached_property
    def ctx(self) -> bytes:
        """The digest that stands for this run everywhere."""
        return context(
            self.run_id,
            self.plan_digest,
            self.roster.digest,
            epoch=self.epoch,
            scheme=self.scheme,
            suite=self.suite,
        )


@dataclass(frozen=True)
class View:
    """What anyone may hold of a run once the fresh keys are known: no secret is in it."""

    run: Run
    transcript: bytes

    @property
    def sites(self) -> tuple[SiteId, ...]:
        """All sites of the run, in the order of their ids' bytes."""
        return self.run.roster.sites


@dataclass(frozen=True)
class KeyShare:
    """A site's fresh public key for one run (SPEC 4.2)."""

    site: SiteId
    ek: bytes
    signature: bytes

    def signed(self, run: Run) -> Parts:
        """Give the parts under the signature."""
        return ("setup", run.ctx, self.site, self.ek)

    def verify(self, run: Run) -> None:
        """Raise SignatureError unless the roster's key of this site signed it."""
        require_signed(
            self.site, run.roster.identity_of(self.site), self.signature, *self.signed(run)
        )


@dataclass(frozen=True)
class Block:
    """One step as it is masked: a layout under a step number, a kind and parameters (SPEC 5.3).

    A lock block carries no patient data: its layout is empty, and it has only the two lanes that
    show that the masks cancel.
    """

    step: int
    kind: str
    layout: Layout
    params: bytes
    lock: bool = False

    def __post_init__(self) -> None:
        u32(self.step)
        if not self.kind.isascii() or not self.kind:
            raise ValueError("a step's kind is ASCII text")
        if self.lock and self.layout.fields:
            raise ValueError("a lock block carries no data: its layout has no field")

    @property
    def width(self) -> Literal[64, 128]:
        """Bits of one masked word."""
        return self.layout.width

    @property
    def lanes(self) -> int:
        """How many words of the protocol's own precede the payload (SPEC 3.3)."""
        return LOCK_LANES if self.lock else LANES

    @property
    def length(self) -> int:
        """How many masked words travel, lanes included: L."""
        return self.lanes + self.layout.numbers

    def digest(self, transcript: bytes) -> bytes:
        """Name this question under the run's transcript: sd (SPEC 5.4)."""
        return step_digest(
            transcript,
            step=self.step,
            kind=self.kind,
            width=self.width,
            length=self.length,
            params=self.params,
        )


@dataclass(frozen=True)
class Contribution:
    """What one hospital puts into one block, in the clear: never leaves it.

    `flag` is 1 if a soft local rule fired; only the number of such sites is seen.
    """

    release: Release
    patients: int = 0
    flag: int = 0


@dataclass(frozen=True)
class Trip:
    """The coordinator's request: which steps, after which results. No parameters (SPEC 5.1)."""

    tag: ClassVar[str] = "trip"
    ctx: bytes
    transcript: bytes
    trip: int
    steps: tuple[tuple[int, str], ...]
    chain: bytes
    deadline: str
    signature: bytes = b""

    @property
    def signed(self) -> Parts:
        """The parts under the coordinator's signature."""
        steps = tuple(part for step, kind in self.steps for part in (u32(step), kind))
        head = (self.ctx, self.transcript, u32(self.trip), self.chain, self.deadline)
        return (self.tag, *head, u32(len(self.steps)), *steps)

    def verify(self, view: View) -> None:
        """Raise RunError or SignatureError unless this run's coordinator signed it."""
        _verify_office(self, view)


@dataclass(frozen=True)
class MaskedVector:
    """What a site uploads for one step: words little-endian, signed by their hash (SPEC 5.8)."""

    site: SiteId
    step: int
    sd: bytes
    words: bytes
    signature: bytes

    @cached_property
    def upload(self) -> "Upload":
        """The upload as a result lists it."""
        return Upload(self.site, sha256(self.words).digest(), self.signature)


@dataclass(frozen=True)
class Upload:
    """A masked vector's trace in a result: hash and signature (SPEC 6.1)."""

    site: SiteId
    sha256: bytes
    signature: bytes

    def signed(self, view: View, step: int, sd: bytes) -> Parts:
        """Give the parts under the site's signature."""
        return (
            "release",
            view.run.ctx,
            view.transcript,
            u32(step),
            sd,
            self.site,
            self.sha256,
        )

    def verify(self, view: View, step: int, sd: bytes) -> None:
        """Raise SignatureError unless the site signed this vector for this step."""
        identity = view.run.roster.identity_of(self.site)
        require_signed(self.site, identity, self.signature, *self.signed(view, step, sd))


@dataclass(frozen=True)
class Statement:
    """What a site says in public beside its masked vectors: a commitment, say (SPEC 5.9)."""

    site: SiteId
    trip: int
    data: bytes
    signature: bytes

    def signed(self, view: View) -> Parts:
        """Give the parts under the site's signature."""
        place = (view.run.ctx, view.transcript, u32(self.trip), self.site)
        return ("statement", *place, sha256(self.data).digest())

    def verify(self, view: View) -> None:
        """Raise SignatureError unless the site said it in this trip."""
        identity = view.run.roster.identity_of(self.site)
        require_signed(self.site, identity, self.signature, *self.signed(view))


@dataclass(frozen=True)
class Reply:
    """A site's whole answer to a trip: one vector for each step, and what it states."""

    site: SiteId
    trip: int
    vectors: tuple[MaskedVector, ...]
    statement: Statement | None = None


@dataclass(frozen=True)
class StepResult:
    """One step of a result: every site's upload, and the total by its digest (SPEC 6.1)."""

    step: int
    sd: bytes
    total_digest: bytes
    uploads: tuple[Upload, ...]

    @property
    def signed(self) -> Parts:
        """The parts of this step under the coordinator's signature."""
        uploads = tuple(p for u in self.uploads for p in (u.site, u.sha256, u.signature))
        return (u32(self.step), self.sd, self.total_digest, u32(len(self.uploads)), *uploads)


@dataclass(frozen=True)
class Result:
    """The coordinator's word on a closed trip; statements are public and travel whole."""

    tag: ClassVar[str] = "result"
    ctx: bytes
    transcript: bytes
    trip: int
    steps: tuple[StepResult, ...]
    statements: tuple[Statement, ...]
    signature: bytes = b""

    @property
    def signed(self) -> Parts:
        """The parts under the coordinator's signature."""
        steps = tuple(part for step in self.steps for part in step.signed)
        said = tuple(
            part for s in self.statements for part in (s.site, sha256(s.data).digest(), s.signature)
        )
        head = (self.tag, self.ctx, self.transcript, u32(self.trip), u32(len(self.steps)))
        return (*head, *steps, u32(len(self.statements)), *said)

    @property
    def digest(self) -> bytes:
        """What enters the chain: a hash of all that is signed, but of no signature over it."""
        return digest(self.tag, *self.signed[1:])

    def verify(self, view: View) -> None:
        """Raise RunError or SignatureError unless this run's coordinator signed it."""
        _verify_office(self, view)


def total_digest(words: bytes, salt: bytes = b"") -> bytes:
    """Stand for a total: unsalted where everybody gets it, else under 32 random bytes (SPEC 6.2).

    A bare hash of a small table is found by trying all tables.
    """
    return digest("total", salt, words)


def _verify_office(message: Trip | Result, view: View) -> None:
    if (message.ctx, message.transcript) != (view.run.ctx, view.transcript):
        raise RunError(f"a message of kind {message.tag!r} belongs to another run or other keys")
    key = view.run.roster.coordinator
    require_signed("the coordinator", key, message.signature, *message.signed)
