"""Whether a reply is a hospital's answer to what it was asked, found as it comes.

A reply that was changed, swapped, or belongs to an earlier question is told from an answer before
anything is added up, so that it costs one more question and never the run.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from protocol.errors import Exit, FederationError
from protocol.ids import SiteId
from protocol.party import Known, are_sealed
from protocol.plan.model import Plan
from protocol.requests import Done, Refusal, Said, State, request_digest
from protocol.secagg.envelope import Envelope, unseal
from protocol.secagg.keys import check_ephemeral
from protocol.secagg.messages import KeyShare, MaskedVector, Reply, Run
from protocol.secagg.site import FIRST_TRIP
from protocol.wire.codec import decode_reply

T = TypeVar("T")
Judge = Callable[[SiteId, Said], T]

TRANSIENT = "unavailable"
"""The code of a hospital that cannot answer just now, such as for a full disk."""

OVER = "run-over"
"""The code of a hospital that has ended the run for good."""

_OVER = (
    ": the run is over there, because its time ran out (its roster serves until {expires}) or it "
    "was withdrawn; abort it here, too, and start a new run"
)

_CODE = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)


class ReplyError(FederationError):
    """A reply is no answer to the question; it is written down, and the hospital asked again."""

    code = "reply"
    exit = Exit.TAMPERING
    fix = "ask the hospital's IT whether a proxy changes traffic, then resume the run"


class RefusedError(FederationError):
    """A hospital does not answer a request; its own log says why in full."""

    code = "refused"
    exit = Exit.NOT_APPROVED
    fix = "ask the hospital for the reason in its log, then `riskset run resume` or `run abort`"


@dataclass(frozen=True)
class Question(Generic[T]):
    """A request to all hospitals of a run, the same bytes to each, and what answers it.

    `trip` is 0 for the set-up; `judge` raises a FederationError for what is no answer. To a
    `final` request a refusal is an answer too: there is nothing to wait for.
    """

    what: str
    trip: int
    raw: bytes
    judge: Judge[T]
    run: Run
    final: bool = False

    @cached_property
    def digest(self) -> bytes:
        """Name the request as a refusal does."""
        return request_digest(self.raw)

    def answered(self, site: SiteId, raw: bytes) -> T:
        """Read a hospital's reply.

        Raises
        ------
        RefusedError
            If the hospital itself refuses this very request.
        FederationError
            If the bytes are no answer to it.
        """
        said = decode_reply(raw)
        if isinstance(said, Refusal):
            refused = self._refused(site, said)
            if not (self.final and isinstance(refused, RefusedError)):
                raise refused
        return self.judge(site, said)

    def _refused(self, site: SiteId, no: Refusal) -> FederationError:
        """Say a refusal, if it is this hospital's and about this request."""
        if no.site != site or no.request != self.digest:
            return ReplyError(f"{site} sent a refusal of another request")
        no.verify(self.run.roster.identity_of(site))
        code = no.code if _CODE.fullmatch(no.code) else "unreadable"
        if code == TRANSIENT:
            return ReplyError(f"{site} cannot answer just now [{code}]")
        why = _OVER.format(expires=self.run.roster.expires) if code == OVER else ""
        return RefusedError(f"{site} refuses {self.what}{why} [{code}]")


def opening(run: Run) -> Judge[KeyShare]:
    """Accept a fresh key that its hospital signed for this run."""

    def judge(site: SiteId, said: Said) -> KeyShare:
        if not isinstance(said, KeyShare) or said.site != site:
            raise _other(site)
        check_ephemeral(site, said.ek)
        said.verify(run)
        return said

    return judge


def answering(known: Known, seed: bytes) -> Judge[Reply]:
    """Accept a hospital's whole answer to the next trip: each vector and statement signed."""
    view, number = known.view, FIRST_TRIP + len(known.answers)
    expected = [(b.step, b.digest(view.transcript), b.length * b.width // 8) for b in known.blocks]

    def judge(site: SiteId, said: Said) -> Reply:
        said = unsealed(known.plan, view.run, seed, said)
        if not isinstance(said, Reply) or (said.site, said.trip) != (site, number):
            raise _other(site)
        if [_shape(site, vector) for vector in said.vectors] != expected:
            raise _other(site)
        for vector in said.vectors:
            vector.upload.verify(view, vector.step, vector.sd)
        if said.statement is not None:
            if (said.statement.site, said.statement.trip) != (site, number):
                raise _other(site)
            said.statement.verify(view)
        return said

    return judge


def unsealed(plan: Plan, run: Run, seed: bytes, said: Said) -> Said:
    """Open an answer that is sealed to the coordinator (SPEC 9.3).

    Raises
    ------
    SealError, KeyExchangeError, MessageError
        If it was changed, or is of another run or site.
    ReplyError
        If it is sealed and should not be, or the other way round.
    """
    if not isinstance(said, Envelope | Reply):
        return said
    if isinstance(said, Envelope) != are_sealed(plan):
        raise _other(said.site)
    if isinstance(said, Reply):
        return said
    return decode_reply(unseal(said, run.run_id, run.ctx, seed))


def ending(run: Run, state: State | None = None, chain: bytes | None = None) -> Judge[Done]:
    """Accept a hospital's word that the run is over there: how, and with which chain of results.

    None takes any.
    """

    def judge(site: SiteId, said: Said) -> Done:
        if not isinstance(said, Done) or (said.site, said.ctx) != (site, run.ctx):
            raise _other(site)
        said.verify(run.roster.identity_of(site))
        said.require_run(run.run_id)
        if state is not None and said.state != state:
            raise ReplyError(f"{site}: the run is {said.state} there")
        if chain is not None and said.chain != chain:
            raise ReplyError(f"{site}: the run ended there with other results")
        return said

    return judge


def _shape(site: SiteId, vector: MaskedVector) -> tuple[int, bytes, int]:
    if vector.site != site:
        raise _other(site)
    return vector.step, vector.sd, len(vector.words)


def _other(site: SiteId) -> ReplyError:
    return ReplyError(f"{site} sent what is no answer to this question")
