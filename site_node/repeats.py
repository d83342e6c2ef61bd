"""Requests that come again: the same bytes for the same question, evidence for another.

Carriers may deliver anything twice. What differs from what was answered is no fault of theirs if
the coordinator signed it.
"""

from protocol.requests import Advance, ClosedTrip, OpenRun
from protocol.secagg.keys import KeyExchangeError
from protocol.secagg.messages import KeyShare, Reply, Result
from protocol.secagg.site import EquivocationError, Keyed, recall
from protocol.wire import codec
from site_node.course import Course, Opening
from site_node.evidence import EvidenceError


def same_opening(before: Opening, raw: bytes, asked: OpenRun) -> KeyShare:
    """Give the fresh key that was sent before; other bytes under a known id are refused and kept.

    Raises
    ------
    SignatureError
        If the coordinator did not sign the other bytes.
    EvidenceError
        If it did.
    """
    if before.request == raw:
        return before.share
    # Anybody can send bytes; only what the coordinator signed says something of it.
    asked.verify(before.run.roster.coordinator)
    message = "another run was opened under the same id: a run's id is never used twice"
    raise EvidenceError(message, before.run.ctx, 0, before.request, raw)


def sent_before(course: Course, asked: Advance) -> Reply | None:
    """Find the stored answer to a request; None if the trip was not answered yet.

    Raises
    ------
    RunError, SignatureError
        If the request is not this run's coordinator's.
    KeyExchangeError
        If it brings other fresh keys than those of the run.
    EvidenceError
        If its trip was answered for another question, or after another result.
    """
    if not isinstance(course.state, Keyed):
        return None
    try:
        sent = recall(course.state, asked.trip)
    except EquivocationError as error:
        kept = [codec.encode_trip(trip) for trip in error.state.evidence[-1]]
        raise EvidenceError(str(error), course.ctx, asked.trip.trip, *kept) from None
    if sent is None:
        return None
    if isinstance(asked.since, ClosedTrip):
        is_accepted(course, asked.since.result)
    elif set(asked.since) != set(course.shares):
        raise KeyExchangeError("the run has another set of fresh keys already")
    return sent


def is_accepted(course: Course, result: Result) -> bool:
    """Say whether a result was taken in before; a trip has one and no second.

    Raises
    ------
    EvidenceError
        If the trip's result was another, and the coordinator signed both.
    """
    if not 1 <= result.trip <= len(course.results):
        return False
    before = course.results[result.trip - 1]
    if before.digest == result.digest:
        return True
    if isinstance(course.state, Keyed):
        result.verify(course.state.view)
    kept = codec.encode_result(before), codec.encode_result(result)
    message = f"trip {result.trip} has a second result that differs from the first"
    raise EvidenceError(message, course.ctx, result.trip, *kept)
