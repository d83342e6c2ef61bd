"""A site's moves: what it answers once, again, and never."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.governance.identity import SignatureError, sign
from protocol.governance.roster import RosterError
from protocol.ids import SiteId
from protocol.layout import ReleaseError
from protocol.secagg.encoding import CapacityError
from protocol.secagg.keys import KeyExchangeError
from protocol.secagg.messages import Block, Contribution, Run, RunError, Trip
from protocol.secagg.office import by_step, close_trip
from protocol.secagg.result import Checked, recompute
from protocol.secagg.run import ask, blocks_of
from protocol.secagg.site import (
    Advertised,
    EquivocationError,
    Keyed,
    TripError,
    accept,
    advertise,
    answer,
    close,
    mask,
    recall,
    receive_keys,
    state_publicly,
)
from tests.protocol.secagg.parties import (
    LOCK,
    NOTHING,
    NUMBERS,
    OFFICE,
    SCORE,
    SITES,
    TABLE,
    Answered,
    answered,
    fresh,
    identity,
    request_of,
    roster,
    run,
    table,
)

ONE = SITES[0]


def advertised() -> dict[SiteId, Advertised]:
    return {s: advertise(run(), s, identity(s), fresh(s))[0] for s in SITES}


def checked(trip: Answered) -> Checked:
    view, number = trip.now.view, trip.request.trip
    opened = close_trip(view, OFFICE, number, trip.blocks, trip.replies)
    uploads = by_step(view, number, trip.blocks, trip.replies)
    return recompute(view, trip.blocks, uploads, opened.result)


def resigned(trip: Trip, /, **changed: Any) -> Trip:
    """Let the coordinator itself sign something else."""
    other = replace(trip, **changed)
    return replace(other, signature=sign(OFFICE, *other.signed))


def test_a_site_not_in_the_roster_makes_no_key() -> None:
    with pytest.raises(RosterError, match="not in the roster"):
        advertise(run(), SiteId("s7"), identity("s7"), fresh("s7"))
    with pytest.raises(RosterError, match="another identity key"):
        advertise(run(), ONE, identity("s7"), fresh("s7"))


def test_keys_must_be_exactly_the_rosters() -> None:
    states = advertised()
    shares = {site: state.share for site, state in states.items()}
    fewer = {site: shares[site] for site in SITES[:2]}
    with pytest.raises(RosterError, match="s9"):
        receive_keys(states[ONE], fewer)
    stranger = {**fewer, SiteId("s7"): shares[SITES[2]]}
    with pytest.raises(RosterError, match="s7, s9"):
        receive_keys(states[ONE], stranger)
    swapped = {**shares, SITES[1]: shares[SITES[2]], SITES[2]: shares[SITES[1]]}
    with pytest.raises(RosterError, match="delivered as"):
        receive_keys(states[ONE], swapped)


def test_own_key_must_come_back_unchanged() -> None:
    """Also if it is signed: whoever stole the identity could send another in our name."""
    states = advertised()
    shares = {site: state.share for site, state in states.items()}
    _, other = advertise(run(), ONE, identity(ONE), fresh(ONE, "again"))
    with pytest.raises(KeyExchangeError, match="came back changed"):
        receive_keys(states[ONE], {**shares, ONE: other})


def test_the_ephemeral_secret_is_gone_once_keys_are_shared() -> None:
    state = table().sites[ONE]
    assert fresh(ONE) not in vars(state).values()
    assert not hasattr(state, "ephemeral_seed")


def test_the_same_request_gets_the_same_bytes() -> None:
    trip = answered()
    state = trip.states[ONE]
    other_data = [Contribution({"events": np.zeros((2, 3), dtype=int)}), NUMBERS[ONE][1]]
    again, reply = answer(state, trip.request, trip.blocks, other_data)
    assert reply == trip.replies[ONE]
    assert again == state
    later = resigned(trip.request, deadline="2030-02-28T12:00:00Z")
    assert recall(state, later) == trip.replies[ONE]


def test_stored_bytes_are_sent_again_after_the_trip_is_closed() -> None:
    trip = answered()
    state = accept(trip.states[ONE], checked(trip))
    assert recall(state, trip.request) == trip.replies[ONE]


@pytest.mark.parametrize(
    "changed",
    [
        {"steps": ((1, "risk-table/1"),)},
        {"steps": ((1, "risk-table/1"), (2, "other/1"))},
        {"chain": bytes(32)},
        {"trip": 2},
        {"trip": 2, "steps": ((2, "propensity/1"), (3, "k"))},
    ],
)
def test_a_second_question_is_refused_and_kept(changed: dict[str, Any]) -> None:
    trip = answered()
    state, second = trip.states[ONE], resigned(trip.request, **changed)
    with pytest.raises(EquivocationError) as caught:
        answer(state, second, trip.blocks, NUMBERS[ONE])
    assert caught.value.state.evidence == ((trip.request, second),)
    assert caught.value.state.record == state.record
    # Refused stays refused, and the honest request is answered as before.
    with pytest.raises(EquivocationError):
        recall(caught.value.state, second)
    assert recall(caught.value.state, trip.request) == trip.replies[ONE]


def test_other_parameters_for_an_answered_step_are_refused() -> None:
    trip = answered()
    blocks = [replace(trip.blocks[0], params=trip.blocks[0].params + b" "), trip.blocks[1]]
    with pytest.raises(EquivocationError):
        answer(trip.states[ONE], trip.request, blocks, NUMBERS[ONE])


@given(st.lists(st.integers(0, 4), max_size=12))
@settings(max_examples=40, deadline=None)
def test_at_most_one_upload_for_each_step_whatever_is_asked(order: list[int]) -> None:
    """No sequence of signed requests makes a site send two vectors under one mask."""
    now = table()
    blocks = blocks_of(now, [TABLE, SCORE])
    first = request_of(now, blocks)
    wishes = [
        (first, blocks),
        (resigned(first, steps=first.steps[:1]), blocks[:1]),
        (resigned(first, trip=2), blocks),
        (resigned(first, trip=2, steps=first.steps[1:]), blocks[1:]),
        (resigned(first, chain=bytes(32)), blocks),
    ]
    state, sent = now.sites[ONE], set()
    for number, wish in enumerate(order):
        trip, asked = wishes[wish]
        own = [Contribution(c.release, number) for c in NUMBERS[ONE][: len(asked)]]
        if asked == blocks[1:]:
            own = [NUMBERS[ONE][1]]
        try:
            state, reply = answer(state, trip, asked, own)
        except EquivocationError as refusal:
            state = refusal.state
        except TripError:
            continue
        else:
            sent |= {(vector.step, vector.words) for vector in reply.vectors}
    assert len(sent) == len({step for step, _ in sent}) <= 2
    assert len(state.record) <= 1


def test_only_the_runs_coordinator_may_ask() -> None:
    now = table()
    blocks = blocks_of(now, [TABLE, SCORE])
    request = request_of(now, blocks)
    stranger = replace(request, signature=sign(identity(SITES[1]), *request.signed))
    with pytest.raises(SignatureError, match="coordinator"):
        answer(now.sites[ONE], stranger, blocks, NUMBERS[ONE])
    bent: list[dict[str, Any]] = [{"deadline": "9999"}, {"trip": 3}, {"steps": ()}]
    for changed in bent:
        with pytest.raises(SignatureError):
            answer(now.sites[ONE], replace(request, **changed), blocks, NUMBERS[ONE])


@pytest.mark.parametrize("other", [run(run_id=b"another run's id"), run(epoch=1)])
def test_a_request_of_another_run_is_refused(other: Run) -> None:
    now, elsewhere = table(), table(other)
    blocks = blocks_of(elsewhere, [TABLE, SCORE])
    with pytest.raises(RunError, match="another run"):
        answer(now.sites[ONE], request_of(elsewhere, blocks), blocks, NUMBERS[ONE])


def test_trips_come_in_order_and_after_their_results() -> None:
    now = table()
    blocks = blocks_of(now, [TABLE, SCORE])
    request = request_of(now, blocks)
    state = now.sites[ONE]
    wrong: list[dict[str, Any]] = [
        {"trip": 2},
        {"trip": 0},
        {"chain": bytes(32)},
        {"steps": ()},
        {"steps": ((2, "risk-table/1"), (3, "propensity/1"))},
        {"steps": ((1, "risk-table/1"), (3, "propensity/1"))},
    ]
    for changed in wrong:
        with pytest.raises(TripError):
            answer(state, resigned(request, **changed), blocks, NUMBERS[ONE])
    open_ = answered()
    more = resigned(open_.request, trip=2, steps=((3, "k/1"),))
    with pytest.raises(TripError, match="re-added"):
        answer(open_.states[ONE], more, [], [])


def test_the_site_answers_its_own_questions_only() -> None:
    """What is asked follows from plan and totals; a request names steps, never parameters."""
    now = table()
    blocks = blocks_of(now, [TABLE, SCORE])
    request = request_of(now, blocks)
    own = blocks_of(now, [SCORE, TABLE])
    with pytest.raises(TripError, match="other steps than the plan"):
        answer(now.sites[ONE], request, own, NUMBERS[ONE])
    unbound = [replace(block, params=b"") for block in blocks]
    with pytest.raises(ValueError, match="chain of results"):
        answer(now.sites[ONE], request, unbound, NUMBERS[ONE])


def test_a_trip_is_answered_whole_or_not_at_all() -> None:
    now = table()
    blocks = blocks_of(now, [TABLE, SCORE])
    bad = [NUMBERS[ONE][0], Contribution({"score": np.array([np.nan, 0]), "dead": np.array(0)})]
    with pytest.raises(ReleaseError):
        answer(now.sites[ONE], request_of(now, blocks), blocks, bad)
    assert now.sites[ONE].record == ()


def test_a_lock_takes_no_patient_data() -> None:
    now = table()
    (lock,) = blocks_of(now, [LOCK])
    with pytest.raises(ValueError, match="no patient data"):
        mask(now.sites[ONE], lock, {}, patients=3)
    assert len(mask(now.sites[ONE], lock, {}).words) == 16
    with pytest.raises(ValueError, match="no data"):
        Block(1, "lock/1", TABLE.layout, b"", lock=True)


def test_sums_that_could_overflow_are_refused_before_masking() -> None:
    now = table()
    (block,) = blocks_of(now, [TABLE])
    field = replace(block.layout.fields[0], bound=2**62)
    wide = replace(block, layout=replace(block.layout, fields=(field,)))
    with pytest.raises(CapacityError, match="3 sites"):
        mask(now.sites[ONE], wide, NUMBERS[ONE][0].release)


def test_a_result_must_list_what_this_site_sent() -> None:
    trip = answered()
    result = checked(trip)
    state = trip.states[ONE]
    assert accept(state, result).closed == 1
    other = ask(table(), [TABLE, SCORE], {**NUMBERS, ONE: NUMBERS[SITES[1]]}).result
    with pytest.raises(TripError, match="another answer"):
        accept(state, replace(result, result=other))
    with pytest.raises(TripError, match="not that of the open trip"):
        accept(accept(state, result), result)
    with pytest.raises(TripError, match="not that of the open trip"):
        accept(trip.now.sites[ONE], result)
    with pytest.raises(TripError, match="another run"):
        accept(table(run(epoch=1)).sites[ONE], result)


def test_a_dropped_statement_is_noticed_by_who_made_it() -> None:
    now = table()
    blocks = blocks_of(now, [LOCK])
    request = request_of(now, blocks)
    moves = {s: answer(state, request, blocks, NOTHING[s], b"D") for s, state in now.sites.items()}
    silent = {s: replace(reply, statement=None) for s, (_, reply) in moves.items()}
    opened = close_trip(now.view, OFFICE, 1, blocks, silent)
    result = recompute(now.view, blocks, by_step(now.view, 1, blocks, silent), opened.result)
    with pytest.raises(TripError, match="another answer"):
        accept(moves[ONE][0], result)


def test_statements_belong_to_one_trip_of_one_run() -> None:
    now = table()
    said = state_publicly(now.sites[ONE], 1, b"D")
    said.verify(now.view)
    for other in (
        replace(said, trip=2),
        replace(said, data=b"E"),
        replace(said, site=SITES[1]),
    ):
        with pytest.raises(SignatureError):
            other.verify(now.view)
    with pytest.raises(SignatureError):
        said.verify(table(run(epoch=1)).view)


def test_closing_forgets_the_keys_and_keeps_the_record() -> None:
    trip = answered()
    over = close(trip.states[ONE])
    assert over.record == trip.states[ONE].record
    held = {part for value in vars(over).values() for part in (value, repr(value)) if part}
    state: Keyed = trip.states[ONE]
    assert not any(repr(key) in str(held) for key in state.pair_keys.values())
    assert not {"pair_keys", "identity_seed"} & vars(over).keys()


def test_a_run_asks_for_a_suite_that_exists() -> None:
    for changed in ({"suite": 2}, {"scheme": "B"}):
        with pytest.raises(RunError, match="does not have"):
            run(**changed)
    assert run().ctx != run(roster(version=2, prev_digest=bytes([1]) * 32)).ctx
