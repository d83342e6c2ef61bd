"""Requests and replies as bytes and back (SPEC 10): one encoding a value, anything else refused.

What is parsed is encoded again and compared, so that unknown fields, other orders of fields and
padded numbers are refused, and a stored message is the message. Decoding allocates no more than a
small multiple of the bytes it is given.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar, assert_never

from google.protobuf.message import DecodeError, Message

from protocol.errors import Exit, FederationError
from protocol.governance.proposal import Proposal
from protocol.governance.signed import Consent, SignedRoster
from protocol.ids import SiteId, site_id
from protocol.requests import (
    Abort,
    Advance,
    ClosedTrip,
    Decided,
    Done,
    Finish,
    OpenRun,
    Propose,
    Refusal,
    Request,
    Said,
    State,
)
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
from protocol.secagg.transcript import RUN_ID_SIZE
from protocol.wire import federation_pb2 as pb

M = TypeVar("M", bound=Message)
V = TypeVar("V")


class MessageError(FederationError):
    """Bytes are no message of this protocol, or not in its one encoding."""

    code = "message"
    exit = Exit.TAMPERING
    fix = "let both ends use the same version of riskset; ask IT whether a proxy changes traffic"


def encode_request(request: Request) -> bytes:
    """Write a request to a hospital."""
    match request:
        case OpenRun():
            return _written(pb.Request(open=_open(request)))
        case Advance(since, trip):
            asked = pb.Advance(trip=_trip(trip))
            if isinstance(since, ClosedTrip):
                asked.closed.CopyFrom(_closed(since))
            else:
                asked.keys.extend(_share(share) for share in since)
            return _written(pb.Request(advance=asked))
        case Finish(closed):
            return _written(pb.Request(finish=pb.Finish(closed=_closed(closed))))
        case Abort(ctx, signature):
            return _written(pb.Request(abort=pb.Abort(ctx=ctx, signature=signature)))
        case Propose(proposal):
            return _written(pb.Request(propose=_propose(proposal)))
        case _:
            assert_never(request)


def decode_request(raw: bytes) -> Request:
    """Read a request.

    Raises
    ------
    MessageError
        If the bytes are no request in its one encoding.
    """
    return _read(raw, pb.Request(), _request, encode_request)


def encode_reply(said: Said) -> bytes:
    """Write a hospital's reply."""
    match said:
        case KeyShare():
            return _written(pb.Reply(share=_share(said)))
        case Reply():
            return _written(pb.Reply(answer=_answer(said)))
        case Done(site, ctx, state, chain, runs, signature):
            done = pb.Done(site=site, ctx=ctx, state=state, chain=chain, signature=signature)
            done.runs.extend(runs)
            return _written(pb.Reply(done=done))
        case Refusal(site, ctx, request, code, signature):
            refusal = pb.Refusal(site=site, ctx=ctx, request=request, code=code)
            refusal.signature = signature
            return _written(pb.Reply(refusal=refusal))
        case Decided():
            return _written(pb.Reply(decided=_decided(said)))
        case _:
            assert_never(said)


def decode_reply(raw: bytes) -> Said:
    """Read a hospital's reply.

    Raises
    ------
    MessageError
        If the bytes are no reply in its one encoding.
    """
    return _read(raw, pb.Reply(), _said, encode_reply)


def encode_trip(trip: Trip) -> bytes:
    """Write a trip's request alone, for a ledger."""
    return _written(_trip(trip))


def decode_trip(raw: bytes) -> Trip:
    """Read what `encode_trip` wrote.

    Raises
    ------
    MessageError
        If the bytes are no trip.
    """
    return _read(raw, pb.Trip(), _trip_of, encode_trip)


def encode_result(result: Result) -> bytes:
    """Write a trip's result alone, for a ledger."""
    return _written(_result(result))


def decode_result(raw: bytes) -> Result:
    """Read what `encode_result` wrote.

    Raises
    ------
    MessageError
        If the bytes are no result.
    """
    return _read(raw, pb.Result(), _result_of, encode_result)


def encode_shares(shares: Sequence[KeyShare]) -> bytes:
    """Write all fresh keys of a run, for a ledger."""
    return _written(pb.Advance(keys=[_share(share) for share in shares]))


def decode_shares(raw: bytes) -> tuple[KeyShare, ...]:
    """Read what `encode_shares` wrote.

    Raises
    ------
    MessageError
        If the bytes are no list of keys.
    """
    return _read(raw, pb.Advance(), lambda m: tuple(map(_share_of, m.keys)), encode_shares)


def _written(message: Message) -> bytes:
    return message.SerializeToString(deterministic=True)


def _read(raw: bytes, empty: M, parse: Callable[[M], V], encode: Callable[[V], bytes]) -> V:
    try:
        empty.ParseFromString(raw)
        value = parse(empty)
    except (DecodeError, ValueError):
        raise MessageError("the bytes are no message of this protocol (SPEC 10)") from None
    if encode(value) != raw:
        raise MessageError("the message is not in its one encoding (SPEC 10)")
    return value


def _open(run: OpenRun) -> pb.OpenRun:
    return pb.OpenRun(
        run_id=run.run_id,
        plan=run.plan,
        rosters=[_roster(roster) for roster in run.rosters],
        epoch=run.epoch,
        scheme=run.scheme,
        suite=run.suite,
        program=run.program,
        consents=[pb.Consent(site=c.site, signature=c.signature) for c in run.consents],
        signature=run.signature,
    )


def _propose(proposal: Proposal) -> pb.Propose:
    return pb.Propose(
        plan=proposal.plan,
        rosters=[_roster(roster) for roster in proposal.rosters],
        signer=proposal.signer,
        signature=proposal.signature,
    )


def _decided(said: Decided) -> pb.Decided:
    return pb.Decided(
        site=said.site,
        plan=said.plan,
        roster=said.roster,
        software=said.software,
        state=said.state,
        decisions=said.decisions,
        signature=said.signature,
    )


def roster_messages(rosters: Iterable[SignedRoster]) -> list[pb.SignedRoster]:
    """Write signed rosters, as `Welcome` and `JoinReceipt` hold them."""
    return list(map(_roster, rosters))


def rosters_of(messages: Iterable[pb.SignedRoster]) -> tuple[SignedRoster, ...]:
    """Read signed rosters. Nothing in them is checked yet."""
    return tuple(map(_roster_of, messages))


def _roster(roster: SignedRoster) -> pb.SignedRoster:
    signatures = [pb.Signature(key=key, signature=s) for key, s in roster.signatures]
    return pb.SignedRoster(payload=roster.payload, signatures=signatures)


def _share(share: KeyShare) -> pb.KeyShare:
    return pb.KeyShare(site=share.site, ek=share.ek, signature=share.signature)


def _vector(vector: MaskedVector) -> pb.MaskedVector:
    return pb.MaskedVector(
        site=vector.site,
        step=vector.step,
        sd=vector.sd,
        words=vector.words,
        signature=vector.signature,
    )


def _statement(said: Statement) -> pb.Statement:
    return pb.Statement(site=said.site, trip=said.trip, data=said.data, signature=said.signature)


def _trip(trip: Trip) -> pb.Trip:
    return pb.Trip(
        ctx=trip.ctx,
        transcript=trip.transcript,
        trip=trip.trip,
        steps=[pb.AskedStep(step=step, kind=kind) for step, kind in trip.steps],
        chain=trip.chain,
        deadline=trip.deadline,
        signature=trip.signature,
    )


def _answer(reply: Reply) -> pb.Answer:
    vectors = [_vector(vector) for vector in reply.vectors]
    said = None if reply.statement is None else _statement(reply.statement)
    return pb.Answer(site=reply.site, trip=reply.trip, vectors=vectors, statement=said)


def _step_result(step: StepResult) -> pb.StepResult:
    uploads = [pb.Upload(site=u.site, sha256=u.sha256, signature=u.signature) for u in step.uploads]
    return pb.StepResult(
        step=step.step, sd=step.sd, total_digest=step.total_digest, uploads=uploads
    )


def _result(result: Result) -> pb.Result:
    return pb.Result(
        ctx=result.ctx,
        transcript=result.transcript,
        trip=result.trip,
        steps=[_step_result(step) for step in result.steps],
        statements=[_statement(said) for said in result.statements],
        signature=result.signature,
    )


def _closed(closed: ClosedTrip) -> pb.ClosedTrip:
    by_step = closed.uploads.values()
    uploads = [_vector(vector) for column in by_step for vector in column.values()]
    return pb.ClosedTrip(result=_result(closed.result), uploads=uploads)


def _request(message: pb.Request) -> Request:
    match message.WhichOneof("asked"):
        case "open":
            return _open_of(message.open)
        case "advance":
            return _advance_of(message.advance)
        case "finish":
            return Finish(_closed_of(message.finish.closed))
        case "abort":
            return Abort(message.abort.ctx, message.abort.signature)
        case "propose":
            p = message.propose
            made = Proposal(p.plan, tuple(map(_roster_of, p.rosters)), p.signer, p.signature)
            made.to_bytes()  # which raises a ValueError where its texts are none
            return Propose(made)
        case _:
            raise ValueError("a request asks nothing")


def _open_of(run: pb.OpenRun) -> OpenRun:
    return OpenRun(
        run_id=run.run_id,
        plan=run.plan,
        rosters=tuple(map(_roster_of, run.rosters)),
        epoch=run.epoch,
        scheme=run.scheme,
        suite=run.suite,
        program=run.program,
        consents=tuple(Consent(site_id(c.site), c.signature) for c in run.consents),
        signature=run.signature,
    )


def _roster_of(roster: pb.SignedRoster) -> SignedRoster:
    return SignedRoster(roster.payload, tuple((s.key, s.signature) for s in roster.signatures))


def _advance_of(asked: pb.Advance) -> Advance:
    trip = _trip_of(asked.trip)
    if asked.HasField("closed") == bool(asked.keys):
        raise ValueError("a trip follows from fresh keys or from a result")
    if asked.HasField("closed"):
        return Advance(_closed_of(asked.closed), trip)
    return Advance(tuple(_share_of(share) for share in asked.keys), trip)


def _said(message: pb.Reply) -> Said:
    match message.WhichOneof("said"):
        case "share":
            return _share_of(message.share)
        case "answer":
            return _answer_of(message.answer)
        case "done":
            done = message.done
            state = _state(done.state)
            runs = _run_ids(done.runs)
            return Done(site_id(done.site), done.ctx, state, done.chain, runs, done.signature)
        case "refusal":
            no = message.refusal
            return Refusal(site_id(no.site), no.ctx, no.request, no.code, no.signature)
        case "decided":
            d = message.decided
            site, digests = site_id(d.site), (d.plan, d.roster, d.software)
            return Decided(site, *digests, d.state, tuple(d.decisions), d.signature)
        case _:
            raise ValueError("a reply says nothing")


def _run_ids(runs: Iterable[bytes]) -> tuple[bytes, ...]:
    found = tuple(runs)
    if any(len(one) != RUN_ID_SIZE for one in found) or len(set(found)) != len(found):
        raise ValueError("run ids have 16 bytes, and none stands twice")
    return found


def _state(text: str) -> State:
    match text:
        case "finished" | "aborted":
            return text
        case _:
            raise ValueError("a run is over by being finished or aborted")


def _share_of(share: pb.KeyShare) -> KeyShare:
    return KeyShare(site_id(share.site), share.ek, share.signature)


def _vector_of(vector: pb.MaskedVector) -> MaskedVector:
    site = site_id(vector.site)
    return MaskedVector(site, vector.step, vector.sd, vector.words, vector.signature)


def _statement_of(said: pb.Statement) -> Statement:
    return Statement(site_id(said.site), said.trip, said.data, said.signature)


def _trip_of(trip: pb.Trip) -> Trip:
    steps = tuple((step.step, step.kind) for step in trip.steps)
    return Trip(
        trip.ctx, trip.transcript, trip.trip, steps, trip.chain, trip.deadline, trip.signature
    )


def _answer_of(reply: pb.Answer) -> Reply:
    said = _statement_of(reply.statement) if reply.HasField("statement") else None
    return Reply(site_id(reply.site), reply.trip, tuple(map(_vector_of, reply.vectors)), said)


def _step_result_of(step: pb.StepResult) -> StepResult:
    uploads = tuple(Upload(site_id(u.site), u.sha256, u.signature) for u in step.uploads)
    return StepResult(step.step, step.sd, step.total_digest, uploads)


def _result_of(result: pb.Result) -> Result:
    return Result(
        ctx=result.ctx,
        transcript=result.transcript,
        trip=result.trip,
        steps=tuple(map(_step_result_of, result.steps)),
        statements=tuple(map(_statement_of, result.statements)),
        signature=result.signature,
    )


def _closed_of(closed: pb.ClosedTrip) -> ClosedTrip:
    uploads: dict[int, dict[SiteId, MaskedVector]] = {}
    for vector in map(_vector_of, closed.uploads):
        column = uploads.setdefault(vector.step, {})
        if vector.site in column:
            raise ValueError("a site's upload for a step comes twice")
        column[vector.site] = vector
    return ClosedTrip(_result_of(closed.result), uploads)
