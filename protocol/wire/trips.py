"""What a trip is made of as messages, and back: keys, questions, answers, results."""

from protocol.ids import SiteId, site_id
from protocol.requests import ClosedTrip
from protocol.secagg.messages import (
    KeyShare,
    MaskedVector,
    Reply,
    Result,
    Statement,
    StepResult,
    Trip,
    Upload,
)
from protocol.wire import federation_pb2 as pb


def write_share(share: KeyShare) -> pb.KeyShare:
    """Write a hospital's fresh key."""
    return pb.KeyShare(site=share.site, ek=share.ek, signature=share.signature)


def read_share(share: pb.KeyShare) -> KeyShare:
    """Read a hospital's fresh key."""
    return KeyShare(site_id(share.site), share.ek, share.signature)


def write_trip(trip: Trip) -> pb.Trip:
    """Write a trip's request."""
    return pb.Trip(
        ctx=trip.ctx,
        transcript=trip.transcript,
        trip=trip.trip,
        steps=[pb.AskedStep(step=step, kind=kind) for step, kind in trip.steps],
        chain=trip.chain,
        deadline=trip.deadline,
        signature=trip.signature,
    )


def read_trip(trip: pb.Trip) -> Trip:
    """Read a trip's request."""
    steps = tuple((step.step, step.kind) for step in trip.steps)
    return Trip(
        trip.ctx, trip.transcript, trip.trip, steps, trip.chain, trip.deadline, trip.signature
    )


def write_answer(reply: Reply) -> pb.Answer:
    """Write a hospital's answer to a trip."""
    vectors = [_write_vector(vector) for vector in reply.vectors]
    said = None if reply.statement is None else _write_statement(reply.statement)
    return pb.Answer(site=reply.site, trip=reply.trip, vectors=vectors, statement=said)


def read_answer(reply: pb.Answer) -> Reply:
    """Read a hospital's answer to a trip."""
    said = _read_statement(reply.statement) if reply.HasField("statement") else None
    return Reply(site_id(reply.site), reply.trip, tuple(map(_read_vector, reply.vectors)), said)


def write_result(result: Result) -> pb.Result:
    """Write a trip's result."""
    return pb.Result(
        ctx=result.ctx,
        transcript=result.transcript,
        trip=result.trip,
        steps=[_write_step(step) for step in result.steps],
        statements=[_write_statement(said) for said in result.statements],
        signature=result.signature,
    )


def read_result(result: pb.Result) -> Result:
    """Read a trip's result."""
    return Result(
        ctx=result.ctx,
        transcript=result.transcript,
        trip=result.trip,
        steps=tuple(map(_read_step, result.steps)),
        statements=tuple(map(_read_statement, result.statements)),
        signature=result.signature,
    )


def write_closed(closed: ClosedTrip) -> pb.ClosedTrip:
    """Write a closed trip: its result and all uploads."""
    by_step = closed.uploads.values()
    uploads = [_write_vector(vector) for column in by_step for vector in column.values()]
    return pb.ClosedTrip(result=write_result(closed.result), uploads=uploads)


def read_closed(closed: pb.ClosedTrip) -> ClosedTrip:
    """Read a closed trip.

    Raises
    ------
    ValueError
        If a site's upload for a step comes twice.
    """
    uploads: dict[int, dict[SiteId, MaskedVector]] = {}
    for vector in map(_read_vector, closed.uploads):
        column = uploads.setdefault(vector.step, {})
        if vector.site in column:
            raise ValueError("a site's upload for a step comes twice")
        column[vector.site] = vector
    return ClosedTrip(read_result(closed.result), uploads)


def _write_step(step: StepResult) -> pb.StepResult:
    uploads = [pb.Upload(site=u.site, sha256=u.sha256, signature=u.signature) for u in step.uploads]
    return pb.StepResult(
        step=step.step, sd=step.sd, total_digest=step.total_digest, uploads=uploads
    )


def _read_step(step: pb.StepResult) -> StepResult:
    uploads = tuple(Upload(site_id(u.site), u.sha256, u.signature) for u in step.uploads)
    return StepResult(step.step, step.sd, step.total_digest, uploads)


def _write_vector(vector: MaskedVector) -> pb.MaskedVector:
    return pb.MaskedVector(
        site=vector.site,
        step=vector.step,
        sd=vector.sd,
        words=vector.words,
        signature=vector.signature,
    )


def _read_vector(vector: pb.MaskedVector) -> MaskedVector:
    site = site_id(vector.site)
    return MaskedVector(site, vector.step, vector.sd, vector.words, vector.signature)


def _write_statement(said: Statement) -> pb.Statement:
    return pb.Statement(site=said.site, trip=said.trip, data=said.data, signature=said.signature)


def _read_statement(said: pb.Statement) -> Statement:
    return Statement(site_id(said.site), said.trip, said.data, said.signature)
