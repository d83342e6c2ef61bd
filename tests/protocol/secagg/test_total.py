"""A hostile coordinator, a hostile carrier, a lying site: what they get is a refusal or noise."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import FederationError
from protocol.governance.identity import SignatureError, identity_public, sign
from protocol.governance.roster import Member
from protocol.ids import SiteId
from protocol.layout import Layout, count, real
from protocol.secagg.block import SumError, unpack
from protocol.secagg.encoding import Words, decode
from protocol.secagg.masks import add
from protocol.secagg.messages import Block, MaskedVector, Result, Run, View, total_digest
from protocol.secagg.office import by_step, close_trip
from protocol.secagg.result import Checked, recompute
from protocol.secagg.run import Gathered, blocks_of
from protocol.secagg.setup import agree
from protocol.secagg.site import Keyed, advertise, mask, receive_keys
from protocol.secagg.total import add_up, open_total
from protocol.secagg.transcript import next_chain
from tests.protocol.secagg.parties import (
    NUMBERS,
    OFFICE,
    SCORE,
    SITES,
    TABLE,
    answered,
    fresh,
    identity,
    roster,
    run,
    table,
)

Vectors = dict[SiteId, MaskedVector]
LAST = SITES[2]


def block(now: Gathered, **changed: Any) -> Block:
    (first,) = blocks_of(now, [TABLE])
    return replace(first, **changed)


def vector(state: Keyed, asked: Block) -> MaskedVector:
    own = NUMBERS[state.site][0]
    return mask(state, asked, own.release, own.patients, own.flag)


def vectors(now: Gathered) -> Vectors:
    return {site: vector(state, block(now)) for site, state in now.sites.items()}


def refused(view: View, asked: Block, uploads: Mapping[SiteId, MaskedVector]) -> FederationError:
    with pytest.raises(FederationError) as caught:
        open_total(view, asked, uploads)
    return caught.value


def test_any_order_of_arrival_gives_one_sum() -> None:
    now = table()
    uploads = vectors(now)
    sums = [add_up(now.view, block(now), order) for order in permutations(uploads.values())]
    assert all(added.uploads == sums[0].uploads for added in sums)
    assert len({added.words.tobytes() for added in sums}) == 1


def test_a_sum_is_added_up_from_a_stream() -> None:
    now = table()
    arriving = (vector(state, block(now)) for state in now.sites.values())
    words = add_up(now.view, block(now), arriving).words
    assert words[0] == 3


def test_missing_extra_and_doubled_sites() -> None:
    now = table()
    asked, uploads = block(now), vectors(now)
    fewer = {site: uploads[site] for site in SITES[:2]}
    assert "no vector from s9" in str(refused(now.view, asked, fewer))
    stranger = {**uploads, SiteId("s7"): replace(uploads[LAST], site=SiteId("s7"))}
    assert "s7 is not in the roster" in str(refused(now.view, asked, stranger))
    twice = [*uploads.values(), uploads[LAST]]
    with pytest.raises(SumError, match="twice"):
        add_up(now.view, asked, twice)


def test_swapped_messages() -> None:
    now = table()
    uploads, (one, two) = vectors(now), SITES[:2]
    crossed = {**uploads, one: uploads[two], two: uploads[one]}
    assert "delivered as" in str(refused(now.view, block(now), crossed))
    renamed = {site: replace(v, site=site) for site, v in crossed.items()}
    assert isinstance(refused(now.view, block(now), renamed), SignatureError)


@given(st.integers(0, 10**6), st.sampled_from(["words", "signature", "sd"]))
@settings(max_examples=40, deadline=None)
def test_a_flipped_bit_anywhere(place: int, part: str) -> None:
    now = table()
    uploads = vectors(now)
    changed: dict[str, Any] = {part: flipped(getattr(uploads[LAST], part), place)}
    bent = {**uploads, LAST: replace(uploads[LAST], **changed)}
    refused(now.view, block(now), bent)


def test_a_bit_flipped_and_signed_by_a_lying_site_is_seen_in_the_lanes() -> None:
    now = table()
    uploads = vectors(now)
    state, asked = now.sites[LAST], block(now)
    for bit in (0, 63, 64, 128 + 40, 192 + 2):  # all four lanes
        forged = resigned(state, asked, flipped(uploads[LAST].words, bit))
        assert isinstance(refused(now.view, asked, {**uploads, LAST: forged}), SumError)


def test_a_lie_within_the_bounds_is_not_seen() -> None:
    """What SPEC 10.8 says is unproven: that a hospital's own numbers are true."""
    now = table()
    uploads = vectors(now)
    forged = resigned(now.sites[LAST], block(now), flipped(uploads[LAST].words, 128 + 1))
    total = open_total(now.view, block(now), {**uploads, LAST: forged})
    assert abs(total.patients - 270) == 2


def flipped(words: bytes, bit: int) -> bytes:
    raw = bytearray(words)
    raw[bit // 8 % len(raw)] ^= 1 << bit % 8
    return bytes(raw)


def resigned(state: Keyed, asked: Block, words: bytes) -> MaskedVector:
    """Sign other words for the same step, as only the site itself can."""
    sd = asked.digest(state.view.transcript)
    forged = MaskedVector(state.site, asked.step, sd, words, b"")
    parts = forged.upload.signed(state.view, asked.step, sd)
    return replace(forged, signature=sign(state.identity_seed, *parts))


def other_runs() -> list[Callable[[], Gathered]]:
    """Every way in which one site can be shown another run than the two others."""
    newer = roster(version=2, prev_digest=roster().digest)
    bigger = roster((*SITES, SiteId("s7")))
    rekeyed = roster(
        members=tuple(
            Member(s, f"Hospital {s}", identity_public(identity("new" if s == "s8" else s)))
            for s in SITES
        )
    )
    return [
        lambda: table(run(newer)),
        lambda: table(run(bigger)),
        lambda: keyed_only_last(run(rekeyed)),
        lambda: table(run(run_id=b"another run's id")),
        lambda: table(run(epoch=1)),
        lambda: table(again="other fresh keys of all"),
    ]


def keyed_only_last(of: Run) -> Gathered:
    """Set up a run in which the coordinator made s8's identity itself."""
    made = {
        s: advertise(of, s, identity("new" if s == "s8" else s), fresh(s)) for s in of.roster.sites
    }
    shares = {site: share for site, (_, share) in made.items()}
    sites = {site: receive_keys(state, shares) for site, (state, _) in made.items()}
    return Gathered(agree(of, shares), sites, OFFICE, table().chain)


@pytest.mark.parametrize("shown", other_runs())
def test_split_views_open_nothing(shown: Callable[[], Gathered]) -> None:
    """Two sites see one run, the third another: refused by name, and noise without names."""
    now, elsewhere = table(), shown()
    asked = block(now)
    theirs = vector(elsewhere.sites[LAST], block(now))
    uploads = {**vectors(now), LAST: theirs}
    refused(now.view, asked, uploads)
    only_noise(now.view, asked, uploads)


@pytest.mark.parametrize(
    "changed",
    [
        {"step": 2},
        {"kind": "describe/1"},
        {"params": b"another iteration"},
        {"layout": Layout((count("events", (6,), "patients", 100),)), "kind": "other/1"},
    ],
)
def test_one_site_asked_another_question_opens_nothing(changed: dict[str, Any]) -> None:
    now = table()
    asked, other = block(now), block(now, **changed)
    own = {"events": np.arange(other.layout.numbers).reshape(other.layout.fields[0].shape)}
    uploads = {**vectors(now), LAST: mask(now.sites[LAST], other, own, 90)}
    refused(now.view, asked, uploads)
    only_noise(now.view, asked, uploads)


def test_a_chain_one_trip_short_opens_nothing() -> None:
    """A site that was shown another result, or none, asks itself another question."""
    now = table()
    asked = block(now, step=2)
    late = replace(asked, params=next_chain(now.chain, b"r" * 32) + asked.params[32:])
    uploads = {s: vector(state, late) for s, state in now.sites.items() if s != LAST}
    uploads[LAST] = vector(now.sites[LAST], asked)
    refused(now.view, late, uploads)
    only_noise(now.view, late, uploads)


def test_a_sum_over_fewer_sites_is_noise() -> None:
    now = table()
    uploads = vectors(now)
    del uploads[LAST]
    only_noise(now.view, block(now), uploads)


def test_one_bit_of_real_noise_is_outside_the_bounds() -> None:
    """In 128 bits too, where a score may be large: no cell of garbage passes for a real."""
    now = table()
    asked = replace(block(now), layout=Layout((real("x", (500,), "x", 1e6),)))
    release = {"x": np.zeros(500)}
    uploads = [mask(state, asked, release) for state in now.sites.values()][:2]
    total = raw_sum(uploads, 128)
    field = replace(asked.layout.fields[0], shape=(1,))
    cells = total[8:].reshape(-1, 2)
    assert all(decode(field, cell, 128, 3) is None for cell in cells)


def test_replayed_into_another_step_or_run() -> None:
    now, later = table(), table(run(epoch=1))
    uploads = vectors(now)
    refused(later.view, block(later), uploads)
    refused(now.view, block(now, step=2), uploads)
    moved = {s: replace(v, step=2) for s, v in uploads.items()}
    refused(now.view, block(now, step=2), moved)


def test_replayed_under_the_right_digest_the_signature_refuses() -> None:
    now = table()
    asked = block(now, step=2)
    sd = asked.digest(now.view.transcript)
    moved = {s: replace(v, step=2, sd=sd) for s, v in vectors(now).items()}
    assert isinstance(refused(now.view, asked, moved), SignatureError)


def result_of(tamper: Callable[[Result], Result] = lambda r: r) -> Checked:
    """Close a trip, let a tamperer with the coordinator's key change the result, check it."""
    trip = answered()
    view = trip.now.view
    opened = close_trip(view, OFFICE, 1, trip.blocks, trip.replies)
    result = tamper(opened.result)
    result = replace(result, signature=sign(OFFICE, *result.signed))
    return recompute(view, trip.blocks, by_step(view, 1, trip.blocks, trip.replies), result)


def changed_step(**changed: Any) -> Callable[[Result], Result]:
    def tamper(result: Result) -> Result:
        first = replace(result.steps[0], **changed)
        return replace(result, steps=(first, *result.steps[1:]))

    return tamper


def test_an_honest_result_is_accepted() -> None:
    """What was added again is what the coordinator adds."""
    trip = answered()
    opened = close_trip(trip.now.view, OFFICE, 1, trip.blocks, trip.replies)
    again = [total for total in result_of().totals if total is not None]
    assert len(again) == len(opened.totals) == len(trip.blocks)
    for ours, theirs in zip(again, opened.totals, strict=True):
        assert ours.patients == theirs.patients > 0
        assert ours.sums.keys() == theirs.sums.keys()
        assert all(np.array_equal(ours.sums[name], theirs.sums[name]) for name in ours.sums)


@pytest.mark.parametrize(
    "tamper",
    [
        changed_step(total_digest=total_digest(bytes(80))),
        changed_step(sd=bytes(32)),
        changed_step(step=2),
        changed_step(uploads=()),
        lambda result: replace(result, steps=result.steps[:1]),
        lambda result: replace(result, steps=result.steps[::-1]),
    ],
)
def test_a_false_result_is_refused_by_whoever_adds_again(
    tamper: Callable[[Result], Result],
) -> None:
    with pytest.raises(SumError):
        result_of(tamper)


def test_a_result_needs_the_coordinators_signature() -> None:
    trip = answered()
    view = trip.now.view
    result = close_trip(view, OFFICE, 1, trip.blocks, trip.replies).result
    uploads = by_step(view, 1, trip.blocks, trip.replies)
    forged = replace(result, signature=sign(identity(LAST), *result.signed))
    with pytest.raises(SignatureError, match="coordinator"):
        recompute(view, trip.blocks, uploads, forged)
    with pytest.raises(SumError, match="no vector"):
        recompute(view, trip.blocks, {}, result)


def test_a_withheld_total_shows_signatures_and_no_sum() -> None:
    """Its digest is salted: a table is not found by trying all tables."""
    trip = answered()
    view = trip.now.view
    opened = close_trip(view, OFFICE, 1, trip.blocks, trip.replies, salts={1: b"s" * 32})
    plain = close_trip(view, OFFICE, 1, trip.blocks, trip.replies)
    assert opened.result.steps[0].total_digest != plain.result.steps[0].total_digest
    uploads = by_step(view, 1, trip.blocks, trip.replies)
    del uploads[1]
    checked = recompute(view, trip.blocks, uploads, opened.result, withheld={1})
    assert checked.totals[0] is None
    assert checked.totals[1] is not None
    # What the plan does not withhold, a coordinator cannot.
    with pytest.raises(SumError):
        recompute(view, trip.blocks, uploads, opened.result)
    with pytest.raises(ValueError, match="32 bytes"):
        close_trip(view, OFFICE, 1, trip.blocks, trip.replies, salts={1: b"short"})


def test_an_upload_of_a_withheld_step_must_be_signed() -> None:
    trip = answered()
    view = trip.now.view
    result = close_trip(view, OFFICE, 1, trip.blocks, trip.replies, salts={1: b"s" * 32}).result
    first = result.steps[0]
    for uploads, error in (
        ((replace(first.uploads[0], sha256=bytes(32)), *first.uploads[1:]), SignatureError),
        (first.uploads[:2], SumError),
    ):
        steps = (replace(first, uploads=uploads), result.steps[1])
        other = replace(result, steps=steps)
        other = replace(other, signature=sign(OFFICE, *other.signed))
        columns = by_step(view, 1, trip.blocks, trip.replies)
        with pytest.raises(error):
            recompute(view, trip.blocks, columns, other, withheld={1})


def test_the_coordinator_opens_nothing_before_every_site_answered_whole() -> None:
    trip = answered()
    view, replies = trip.now.view, trip.replies
    fewer = {site: replies[site] for site in SITES[:2]}
    half = {**replies, LAST: replace(replies[LAST], vectors=replies[LAST].vectors[:1])}
    swapped = {**replies, LAST: replies[SITES[0]]}
    later = {**replies, LAST: replace(replies[LAST], trip=2)}
    for wrong in (fewer, half, swapped, later):
        with pytest.raises(SumError):
            close_trip(view, OFFICE, 1, trip.blocks, wrong)


def test_errors_say_nothing_of_a_total() -> None:
    now = table()
    wide = {"events": np.full((2, 3), 7919)}
    field = replace(TABLE.layout.fields[0], bound=10**6)
    asked = block(now, layout=Layout((field,)))
    uploads = {s: mask(state, asked, wide, 4) for s, state in now.sites.items()}
    words = add_up(now.view, asked, uploads.values()).words
    with pytest.raises(SumError) as caught:
        unpack(block(now), asked.digest(now.view.transcript), 3, words)
    assert "events" in str(caught.value)
    assert "7919" not in str(caught.value)
    assert str(3 * 7919) not in str(caught.value)


def raw_sum(uploads: list[MaskedVector], width: int) -> Words:
    total = np.zeros(len(uploads[0].words) // 8, dtype=np.uint64)
    for upload in uploads:
        add(total, np.frombuffer(upload.words, dtype=np.uint64), width)
    return total


def only_noise(view: View, asked: Block, uploads: Mapping[SiteId, MaskedVector]) -> None:
    """Add without any check, as only a coordinator on its own can: no cell is in its bounds."""
    sd = asked.digest(view.transcript)
    total = raw_sum(list(uploads.values()), asked.width)
    for sites in (2, 3, 4):
        with pytest.raises(SumError):
            unpack(asked, sd, sites, total)
        assert (total > sites * 2**40).all()


def test_scores_are_checked_against_their_bound() -> None:
    now = table()
    (asked,) = blocks_of(now, [SCORE])
    narrow = replace(asked.layout.fields[0], bound=1e-3)
    smaller = replace(asked, layout=replace(asked.layout, fields=(narrow, asked.layout.fields[1])))
    uploads = {
        s: mask(state, asked, NUMBERS[s][1].release, 10 * int(s[1:]))
        for s, state in now.sites.items()
    }
    # Bounds are in no digest: whoever holds a narrower plan refuses by the bound alone.
    with pytest.raises(SumError, match="score is outside"):
        open_total(now.view, smaller, uploads)
