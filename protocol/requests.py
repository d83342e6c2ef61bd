"""What the coordinator asks of a hospital over a run's life, and how it answers (SPEC 4 to 7).

Each request but the first names its run by ctx, and each can be sent again: a hospital that
answered it has the same bytes ready. How they are written as bytes is `protocol.wire`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Literal

from protocol.canonical import digest
from protocol.governance.identity import require_signed, sign
from protocol.governance.proposal import Proposal
from protocol.governance.signed import Consent, SignedRoster
from protocol.ids import SiteId
from protocol.secagg.envelope import Envelope
from protocol.secagg.messages import (
    KeyShare,
    MaskedVector,
    Parts,
    Reply,
    Result,
    RunError,
    Trip,
)
from protocol.secagg.transcript import RUN_ID_SIZE, u32

Uploads = Mapping[int, Mapping[SiteId, MaskedVector]]
State = Literal["finished", "aborted"]


@dataclass(frozen=True)
class OpenRun:
    """Open a run: the plan, the whole chain of rosters, the program's version (SPEC 4.6).

    `plan` is the canonical JSON whose digest enters ctx; `rosters` begins with version 1. `seal` is
    the key that answers are sealed to (32 bytes) where the profile withholds totals, else empty.
    """

    run_id: bytes
    plan: bytes
    rosters: tuple[SignedRoster, ...]
    epoch: int
    scheme: str
    suite: int
    program: str
    consents: tuple[Consent, ...] = ()
    seal: bytes = b""
    signature: bytes = b""

    @property
    def signed(self) -> Parts:
        """The parts under the coordinator's signature."""
        rosters = tuple(digest("roster", roster.payload) for roster in self.rosters)
        consents = tuple(part for c in self.consents for part in (c.site, c.signature))
        fixed = (self.run_id, digest("plan", self.plan), u32(self.epoch), self.scheme)
        head = (*fixed, u32(self.suite), self.program)
        lists = (u32(len(rosters)), *rosters, u32(len(self.consents)), *consents)
        return ("run", *head, *lists, self.seal)

    def sign(self, coordinator_seed: bytes) -> "OpenRun":
        """Put the coordinator's signature on it."""
        return replace(self, signature=sign(coordinator_seed, *self.signed))

    def verify(self, coordinator: bytes) -> None:
        """Raise SignatureError unless this coordinator signed it."""
        require_signed("the coordinator", coordinator, self.signature, *self.signed)


@dataclass(frozen=True, eq=False)
class ClosedTrip:
    """A trip's result, and all uploads that a hospital may add up again."""

    result: Result
    uploads: Uploads


@dataclass(frozen=True, eq=False)
class Advance:
    """Go on: what the last trip came to, then the next question.

    `since` is all fresh keys before the first trip, and the trip before's result afterwards.
    """

    since: tuple[KeyShare, ...] | ClosedTrip
    trip: Trip


@dataclass(frozen=True, eq=False)
class Finish:
    """The last trip's result: the program has no further question."""

    closed: ClosedTrip


@dataclass(frozen=True)
class Abort:
    """The coordinator ends a run before its end. Always safe (SPEC 7.2)."""

    ctx: bytes
    signature: bytes = b""

    @property
    def signed(self) -> Parts:
        """The parts under the coordinator's signature."""
        return ("abort", self.ctx)

    def sign(self, coordinator_seed: bytes) -> "Abort":
        """Put the coordinator's signature on it."""
        return replace(self, signature=sign(coordinator_seed, *self.signed))

    def verify(self, coordinator: bytes) -> None:
        """Raise SignatureError unless this coordinator signed it."""
        require_signed("the coordinator", coordinator, self.signature, *self.signed)


@dataclass(frozen=True)
class Propose:
    """Ask a hospital how a plan stands there; it keeps what it does not know yet (SPEC 4.7).

    It is signed by the plan signer and the roster authority, and by nobody else.
    """

    proposal: Proposal


Request = OpenRun | Advance | Finish | Abort | Propose


@dataclass(frozen=True)
class Done:
    """A run is over at a hospital, and its keys are gone (SPEC 6.6). `chain` is its last.

    `runs` are the ids, 16 bytes each, of all runs of this plan that the hospital ever opened, in
    that order: whoever asks again and again, and shows one answer, is seen.
    """

    site: SiteId
    ctx: bytes
    state: State
    chain: bytes
    runs: tuple[bytes, ...] = ()
    signature: bytes = b""

    @property
    def signed(self) -> Parts:
        """The parts under the hospital's signature."""
        return ("done", self.ctx, self.site, self.state, self.chain, *self.runs)

    def sign(self, identity_seed: bytes) -> "Done":
        """Put the hospital's signature on it."""
        return replace(self, signature=sign(identity_seed, *self.signed))

    def verify(self, identity: bytes) -> None:
        """Raise SignatureError unless this hospital signed it."""
        require_signed(self.site, identity, self.signature, *self.signed)

    def require_run(self, run_id: bytes) -> None:
        """Refuse a list of runs that lacks this run, names one twice, or holds what is no id.

        Raises
        ------
        RunError
            Naming the hospital.
        """
        whole = all(len(one) == RUN_ID_SIZE for one in self.runs)
        if not whole or len(set(self.runs)) != len(self.runs) or run_id not in self.runs:
            raise RunError(f"{self.site}: its list of this plan's runs is not one with this run")


LOCAL_POLICY = "local-policy"
"""The only code of a refusal that may hang on patients: the full reason stays at the hospital."""


@dataclass(frozen=True)
class Refusal:
    """A hospital does not answer a request. `request` is the SHA-256 of its bytes.

    `ctx` is empty where the request could not be read. `code` is that of an error which everybody
    could have found, or `LOCAL_POLICY`.
    """

    site: SiteId
    ctx: bytes
    request: bytes
    code: str
    signature: bytes = b""

    @property
    def signed(self) -> Parts:
        """The parts under the hospital's signature."""
        return ("refusal", self.ctx, self.site, self.request, self.code)

    def sign(self, identity_seed: bytes) -> "Refusal":
        """Put the hospital's signature on it."""
        return replace(self, signature=sign(identity_seed, *self.signed))

    def verify(self, identity: bytes) -> None:
        """Raise SignatureError unless this hospital signed it."""
        require_signed(self.site, identity, self.signature, *self.signed)


@dataclass(frozen=True)
class Decided:
    """How a plan stands at a hospital: its state, and the operators' words as they signed them.

    `plan`, `roster` and `software` are digests of 32 bytes; `decisions` are `Decision.to_bytes`.
    """

    site: SiteId
    plan: bytes
    roster: bytes
    software: bytes
    state: str
    decisions: tuple[bytes, ...]
    signature: bytes = b""

    @property
    def signed(self) -> Parts:
        """The parts under the hospital's signature."""
        digests = (self.plan, self.roster, self.software)
        number = u32(len(self.decisions))
        return ("decided", self.site, *digests, self.state, number, *self.decisions)

    def sign(self, identity_seed: bytes) -> "Decided":
        """Put the hospital's signature on it."""
        return replace(self, signature=sign(identity_seed, *self.signed))

    def verify(self, identity: bytes) -> None:
        """Raise SignatureError unless this hospital signed it."""
        require_signed(self.site, identity, self.signature, *self.signed)


Said = KeyShare | Reply | Envelope | Done | Refusal | Decided


def request_digest(raw: bytes) -> bytes:
    """Name a request in a refusal by the bytes it came as."""
    return sha256(raw).digest()
