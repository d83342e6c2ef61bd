"""What a node keeps because it may have to be shown: signed words that do not go together."""

from typing import ClassVar

from protocol.canonical import lp
from protocol.errors import Exit, FederationError
from protocol.governance.identity import signed_by
from protocol.ids import SiteId
from protocol.requests import ClosedTrip
from protocol.secagg.messages import KeyShare, Result, Upload
from protocol.secagg.site import Keyed
from protocol.secagg.transcript import u32
from site_node.course import Course
from site_node.ledger import Entry, Kind, RolledBackError


class EvidenceError(FederationError):
    """Two signed messages contradict each other. `kept` are their bytes, for the ledger."""

    code = "equivocation"
    exit = Exit.TAMPERING
    fix = "keep the ledger, stop the run, and ask the coordinating centre for the reason"

    def __init__(self, message: str, ctx: bytes, trip: int, *kept: bytes) -> None:
        super().__init__(message)
        self.ctx = ctx
        self.trip = trip
        self.kept = kept

    @property
    def entry(self) -> Entry:
        """The line that the ledger gets."""
        return Entry(Kind.EVIDENCE, self.ctx, self.trip, lp(self.code, *self.kept))


class CoinError(EvidenceError):
    """A hospital commits to another share of the coin than before, for the same study and rows."""

    code = "commitment"
    fix = "ask the hospital named: with another share it could draw the lottery again"


class RollbackError(EvidenceError):
    """A signature of this hospital's stands under an answer that its ledger does not have.

    The ledger is an older copy, or somebody else has the hospital's key. Either way the node stops.
    """

    code: ClassVar[str] = RolledBackError.code
    fix = RolledBackError.fix


def require_own_words(
    site: SiteId,
    identity: bytes,
    course: Course | None,
    ctx: bytes,
    since: tuple[KeyShare, ...] | ClosedTrip,
) -> None:
    """Look for this hospital's signature under anything that its ledger does not have.

    `course` is the run of `ctx` as the ledger tells it, None where it tells none. What carries
    no valid signature of ours is left to the checks that follow.

    Raises
    ------
    RollbackError
        If there is such a signature.
    """
    if isinstance(since, ClosedTrip):
        # Another run's result in this run's request is refused later, and proves nothing.
        if since.result.ctx == ctx:
            _require_own_uploads(site, identity, course, since.result)
        return
    for share in since:
        strange = course is None or share != course.opening.share
        parts = ("setup", ctx, site, share.ek)
        if share.site == site and strange and signed_by(identity, share.signature, *parts):
            raise RollbackError(
                f"{site}: a fresh key with this hospital's signature is not in its ledger", ctx, 0
            )


def _require_own_uploads(
    site: SiteId, identity: bytes, course: Course | None, result: Result
) -> None:
    sent = _sent(course) if course is not None else {}
    for step in result.steps:
        for upload in step.uploads:
            if upload.site != site or sent.get(step.step) == upload:
                continue
            place = (result.ctx, result.transcript, u32(step.step), step.sd)
            if signed_by(identity, upload.signature, "release", *place, site, upload.sha256):
                raise RollbackError(
                    f"{site}: an answer to step {step.step} with this hospital's signature is not "
                    "in its ledger",
                    result.ctx,
                    result.trip,
                    step.sd,
                    upload.sha256,
                    upload.signature,
                )


def _sent(course: Course) -> dict[int, Upload]:
    if not isinstance(course.state, Keyed):
        return {}
    vectors = (vector for answer in course.state.record for vector in answer.reply.vectors)
    return {vector.step: vector.upload for vector in vectors}
