"""Requests and replies as bytes and back (SPEC 10): one encoding a value, anything else refused.

What is parsed is encoded again and compared, so that unknown fields, other orders of fields and
padded numbers are refused, and a stored message is the message. Decoding allocates no more than a
small multiple of the bytes it is given.
"""

from collections.abc import Iterable, Sequence
from typing import assert_never

from protocol.governance.proposal import Proposal
from protocol.governance.signed import Consent
from protocol.ids import site_id
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
from protocol.secagg.envelope import Envelope
from protocol.secagg.messages import KeyShare, Reply, Result, Trip
from protocol.secagg.transcript import RUN_ID_SIZE
from protocol.wire import federation_pb2 as pb
from protocol.wire.encoding import read, written
from protocol.wire.rosters import read_rosters, write_rosters
from protocol.wire.trips import (
    read_answer,
    read_closed,
    read_result,
    read_share,
    read_trip,
    write_answer,
    write_closed,
    write_result,
    write_share,
    write_trip,
)


def encode_request(request: Request) -> bytes:
    """Write a request to a hospital."""
    return written(_write_request(request))


def decode_request(raw: bytes) -> Request:
    """Read a request.

    Raises
    ------
    MessageError
        If the bytes are no request in its one encoding.
    """
    return read(raw, pb.Request(), _read_request, encode_request)


def encode_reply(said: Said) -> bytes:
    """Write a hospital's reply."""
    return written(_write_said(said))


def decode_reply(raw: bytes) -> Said:
    """Read a hospital's reply.

    Raises
    ------
    MessageError
        If the bytes are no reply in its one encoding.
    """
    return read(raw, pb.Reply(), _read_said, encode_reply)


def encode_trip(trip: Trip) -> bytes:
    """Write a trip's request alone, for a ledger."""
    return written(write_trip(trip))


def decode_trip(raw: bytes) -> Trip:
    """Read what `encode_trip` wrote.

    Raises
    ------
    MessageError
        If the bytes are no trip.
    """
    return read(raw, pb.Trip(), read_trip, encode_trip)


def encode_result(result: Result) -> bytes:
    """Write a trip's result alone, for a ledger."""
    return written(write_result(result))


def decode_result(raw: bytes) -> Result:
    """Read what `encode_result` wrote.

    Raises
    ------
    MessageError
        If the bytes are no result.
    """
    return read(raw, pb.Result(), read_result, encode_result)


def encode_shares(shares: Sequence[KeyShare]) -> bytes:
    """Write all fresh keys of a run, for a ledger."""
    return written(pb.Advance(keys=[write_share(share) for share in shares]))


def decode_shares(raw: bytes) -> tuple[KeyShare, ...]:
    """Read what `encode_shares` wrote.

    Raises
    ------
    MessageError
        If the bytes are no list of keys.
    """
    return read(raw, pb.Advance(), lambda m: tuple(map(read_share, m.keys)), encode_shares)


def _write_request(request: Request) -> pb.Request:
    match request:
        case OpenRun():
            return pb.Request(open=_write_open(request))
        case Advance(since, trip):
            asked = pb.Advance(trip=write_trip(trip))
            if isinstance(since, ClosedTrip):
                asked.closed.CopyFrom(write_closed(since))
            else:
                asked.keys.extend(write_share(share) for share in since)
            return pb.Request(advance=asked)
        case Finish(closed):
            return pb.Request(finish=pb.Finish(closed=write_closed(closed)))
        case Abort(ctx, signature):
            return pb.Request(abort=pb.Abort(ctx=ctx, signature=signature))
        case Propose(proposal):
            return pb.Request(propose=_write_proposal(proposal))
        case _:
            assert_never(request)


def _write_open(run: OpenRun) -> pb.OpenRun:
    return pb.OpenRun(
        run_id=run.run_id,
        plan=run.plan,
        rosters=write_rosters(run.rosters),
        epoch=run.epoch,
        scheme=run.scheme,
        suite=run.suite,
        program=run.program,
        consents=[pb.Consent(site=c.site, signature=c.signature) for c in run.consents],
        seal=run.seal,
        signature=run.signature,
    )


def _write_proposal(proposal: Proposal) -> pb.Propose:
    return pb.Propose(
        plan=proposal.plan,
        rosters=write_rosters(proposal.rosters),
        signer=proposal.signer,
        signature=proposal.signature,
    )


def _write_said(said: Said) -> pb.Reply:
    match said:
        case KeyShare():
            return pb.Reply(share=write_share(said))
        case Reply():
            return pb.Reply(answer=write_answer(said))
        case Envelope(site, ephemeral, body):
            return pb.Reply(sealed=pb.Envelope(site=site, ephemeral=ephemeral, body=body))
        case Done(site, ctx, state, chain, runs, signature):
            done = pb.Done(site=site, ctx=ctx, state=state, chain=chain, signature=signature)
            done.runs.extend(runs)
            return pb.Reply(done=done)
        case Refusal(site, ctx, request, code, signature):
            refusal = pb.Refusal(site=site, ctx=ctx, request=request, code=code)
            refusal.signature = signature
            return pb.Reply(refusal=refusal)
        case Decided():
            return pb.Reply(decided=_write_decided(said))
        case _:
            assert_never(said)


def _write_decided(said: Decided) -> pb.Decided:
    return pb.Decided(
        site=said.site,
        plan=said.plan,
        roster=said.roster,
        software=said.software,
        state=said.state,
        decisions=said.decisions,
        signature=said.signature,
    )


def _read_request(message: pb.Request) -> Request:
    match message.WhichOneof("asked"):
        case "open":
            return _read_open(message.open)
        case "advance":
            return _read_advance(message.advance)
        case "finish":
            return Finish(read_closed(message.finish.closed))
        case "abort":
            return Abort(message.abort.ctx, message.abort.signature)
        case "propose":
            p = message.propose
            made = Proposal(p.plan, read_rosters(p.rosters), p.signer, p.signature)
            made.to_bytes()  # which raises a ValueError where its texts are none
            return Propose(made)
        case _:
            raise ValueError("a request asks nothing")


def _read_open(run: pb.OpenRun) -> OpenRun:
    return OpenRun(
        run_id=run.run_id,
        plan=run.plan,
        rosters=read_rosters(run.rosters),
        epoch=run.epoch,
        scheme=run.scheme,
        suite=run.suite,
        program=run.program,
        consents=tuple(Consent(site_id(c.site), c.signature) for c in run.consents),
        seal=run.seal,
        signature=run.signature,
    )


def _read_advance(asked: pb.Advance) -> Advance:
    trip = read_trip(asked.trip)
    if asked.HasField("closed") == bool(asked.keys):
        raise ValueError("a trip follows from fresh keys or from a result")
    if asked.HasField("closed"):
        return Advance(read_closed(asked.closed), trip)
    return Advance(tuple(read_share(share) for share in asked.keys), trip)


def _read_said(message: pb.Reply) -> Said:
    match message.WhichOneof("said"):
        case "share":
            return read_share(message.share)
        case "answer":
            return read_answer(message.answer)
        case "sealed":
            one = message.sealed
            return Envelope(site_id(one.site), one.ephemeral, one.body)
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
