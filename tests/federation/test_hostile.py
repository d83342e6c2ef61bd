"""A coordinator that lies, step by step: refused by name, or left with noise that never opens."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from protocol import party
from protocol.governance.identity import SignatureError, identity_public
from protocol.governance.roster import Member, RosterError, simulated_roster
from protocol.ids import SiteId
from protocol.party import Hospital, Office, begin
from protocol.plan.digest import plan_digest
from protocol.secagg.block import SumError
from protocol.secagg.masks import add
from protocol.secagg.messages import KeyShare, MaskedVector, Run, RunError, View
from protocol.secagg.run import NO_DEADLINE
from protocol.secagg.site import (
    Advertised,
    EquivocationError,
    TripError,
    advertise,
    receive_keys,
    state_publicly,
)
from protocol.secagg.total import open_total, read
from protocol.steps.lock import CommitmentError
from protocol.steps.plausible import ImpossibleTotalError
from tests.federation.cohorts import clinics, part, small_plan, with_design
from tests.federation.table import (
    Table,
    accepted,
    after,
    answered,
    gathered,
    resigned,
    secret,
    short_plan,
)

SITES = tuple(site.site for site in clinics())


def test_an_honest_trip_is_accepted_by_all() -> None:
    """What the other tests bend does open when nobody bends it."""
    table = accepted(answered(after(1)))
    assert {h.known.chain for h in table.hospitals.values()} == {table.office.known.chain}
    assert [step.name for step in table.one.known.steps] == ["atoms/1"]


def test_steps_in_another_order() -> None:
    table = after(1)
    request = table.office.request(NO_DEADLINE)
    (first, flow), (second, describe) = request.steps
    for steps in (
        ((first, describe), (second, flow)),
        ((second, describe), (first, flow)),
        ((first, flow),),
        ((first, flow), (second, "residuals/1")),
        ((first, flow), (second, describe), (second + 1, "atoms/1")),
        (),
    ):
        with pytest.raises(TripError):
            table.one.reply(resigned(table.office, request, steps=steps))


def test_a_refusal_comes_before_any_row_is_read() -> None:
    """Else its time, or an error on the way, would say something of the hospital's patients."""
    table = after(1)
    request = table.office.request(NO_DEADLINE)
    blind = replace(table.one, cohort=replace(table.one.cohort, values={}))
    with pytest.raises(KeyError):
        blind.reply(request)
    for changed in ({"trip": 9}, {"chain": bytes(32)}, {"steps": request.steps[:1]}):
        with pytest.raises(TripError):
            blind.reply(resigned(table.office, request, **changed))


def test_a_trip_that_is_too_large_is_neither_asked_nor_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = after(1)
    request = table.office.request(NO_DEADLINE)
    size = sum(block.length * block.width // 8 for block in table.office.known.blocks)
    monkeypatch.setattr(party, "TRIP_LIMIT", size)
    table.one.reply(table.office.request(NO_DEADLINE))
    monkeypatch.setattr(party, "TRIP_LIMIT", size - 1)
    with pytest.raises(party.TripSizeError, match=r"flow/1, describe/1"):
        table.office.request(NO_DEADLINE)
    blind = replace(table.one, cohort=replace(table.one.cohort, values={}))
    with pytest.raises(party.TripSizeError):
        blind.reply(request)


def test_a_hospital_that_counts_other_patients_later() -> None:
    """Its extract is fixed at the lock: sums over others would be differences of two cohorts."""
    table = after(2)
    bent = replace(table.one, cohort=part(table.one.cohort, SITES[0], np.arange(1, 40)))
    hospitals = {**table.hospitals, SITES[0]: bent}
    moves = {site: h.reply(table.office.request(NO_DEADLINE)) for site, h in hospitals.items()}
    replies = {site: reply for site, (_, reply) in moves.items()}
    with pytest.raises(ImpossibleTotalError, match="trip 3: sums are over different patients"):
        table.office.close(replies, lambda: bytes(32))


def test_a_request_that_nobody_signed() -> None:
    request = after(1).office.request(NO_DEADLINE)
    with pytest.raises(SignatureError):
        after(1).one.reply(replace(request, deadline="2030-01-01T00:00:00Z"))


def test_a_trip_asked_again_after_other_results() -> None:
    """The same steps under another chain would be other parameters: evidence is kept."""
    table = after(1)
    request = table.office.request(NO_DEADLINE)
    hospital, _ = table.one.reply(request)
    other = resigned(table.office, request, chain=bytes(32))
    with pytest.raises(EquivocationError, match="asks again, differently") as caught:
        hospital.reply(other)
    assert caught.value.state.evidence == ((request, other),)


def test_an_answered_step_under_a_new_trip_number() -> None:
    table = after(2)
    first = after(1).office.request(NO_DEADLINE)
    again = resigned(table.office, first, trip=3, chain=table.office.known.chain)
    with pytest.raises(EquivocationError):
        table.one.reply(again)


def test_a_coordinator_with_another_plan_opens_nothing() -> None:
    """It asks the same kinds of steps, and would read the sums as answers to other questions."""
    table = gathered(small_plan("exact"))
    other = with_design(small_plan("exact"), caliper_sd=0.01)
    bent = replace(table.office, known=replace(table.office.known, plan=other))
    trips = 0
    while {s.name for s in bent.known.steps} != {"overlap/1"}:
        closing = answered(table)
        table, trips = accepted(closing), trips + 1
        bent, _, _ = bent.close(closing.replies, lambda: bytes(32))
    moves = [h.reply(bent.request(NO_DEADLINE)) for h in table.hospitals.values()]
    replies = {reply.site: reply for _, reply in moves}
    with pytest.raises(SumError, match=r"answered another question|another length"):
        bent.close(replies, lambda: bytes(32))
    assert trips > 4


def test_another_endpoint_under_the_same_name_opens_nothing() -> None:
    """The question is bound by its key, so a total cannot pass for that of another."""
    closing = answered(after(1))
    view, blocks = closing.office.known.view, after(1).office.known.blocks
    vectors = {s: reply.vectors[0] for s, reply in closing.replies.items()}
    assert open_total(view, blocks[0], vectors).sites == 4
    with pytest.raises(SumError, match="answered another question"):
        open_total(view, replace(blocks[0], params=blocks[0].params + b"x"), vectors)


def test_a_false_total() -> None:
    closing = answered(after(1))
    first, *others = closing.closed.result.steps
    false = (replace(first, total_digest=bytes(32)), *others)
    result = resigned(closing.office, closing.closed.result, steps=false)
    for hospital in closing.hospitals.values():
        with pytest.raises(SumError, match="not the sum of the uploads"):
            hospital.accept(result, closing.uploads)


def changed_upload(
    uploads: Mapping[int, Mapping[SiteId, MaskedVector]], vector: MaskedVector
) -> dict[int, dict[SiteId, MaskedVector]]:
    copy = {step: dict(vectors) for step, vectors in uploads.items()}
    copy[vector.step][vector.site] = vector
    return copy


def test_a_changed_upload() -> None:
    closing = answered(after(1))
    step, vectors = next(iter(closing.uploads.items()))
    words = np.frombuffer(vectors[SITES[1]].words, dtype="<u8").copy()
    words[-1] += 1
    forged = replace(vectors[SITES[1]], words=words.tobytes())
    with pytest.raises(SignatureError, match="not signed by s1"):
        closing.hospitals[SITES[0]].accept(
            closing.closed.result, changed_upload(closing.uploads, forged)
        )
    assert step == forged.step


def test_two_uploads_swapped() -> None:
    """Each under the other's name: neither signature fits."""
    closing = answered(after(1))
    vectors = next(iter(closing.uploads.values()))
    uploads = changed_upload(closing.uploads, replace(vectors[SITES[1]], site=SITES[2]))
    swapped = changed_upload(uploads, replace(vectors[SITES[2]], site=SITES[1]))
    with pytest.raises(SignatureError):
        closing.hospitals[SITES[0]].accept(closing.closed.result, swapped)
    replies = {**closing.replies, SITES[1]: closing.replies[SITES[2]]}
    with pytest.raises(SumError, match="s1's reply is not its whole answer"):
        after(1).office.close(replies, lambda: bytes(32))


def test_one_upload_twice() -> None:
    closing = answered(after(1))
    step, vectors = next(iter(closing.uploads.items()))
    twice = {**closing.uploads, step: {**vectors, SITES[1]: vectors[SITES[2]]}}
    with pytest.raises(SumError, match="s2 is there twice"):
        closing.hospitals[SITES[0]].accept(closing.closed.result, twice)


@pytest.mark.parametrize("left_out", SITES)
def test_a_dropped_hospital(left_out: SiteId) -> None:
    closing = answered(after(1))
    fewer = {site: reply for site, reply in closing.replies.items() if site != left_out}
    with pytest.raises(SumError, match=f"differ from the roster at {left_out}"):
        after(1).office.close(fewer, lambda: bytes(32))
    uploads = {
        step: {site: vector for site, vector in vectors.items() if site != left_out}
        for step, vectors in closing.uploads.items()
    }
    for site, hospital in closing.hospitals.items():
        if site != left_out:
            with pytest.raises(SumError, match=f"no vector from {left_out}"):
                hospital.accept(closing.closed.result, uploads)


def test_what_is_left_without_a_hospital_is_noise() -> None:
    """A coordinator that ignores the rules and adds three of four vectors reads nothing."""
    closing = answered(after(1))
    view, block = closing.office.known.view, after(1).office.known.blocks[0]
    total = np.zeros(block.length * block.width // 64, dtype=np.uint64)
    for site in SITES[:3]:
        add(total, np.frombuffer(closing.replies[site].vectors[0].words, "<u8"), block.width)
    with pytest.raises(SumError):
        read(view, block, total)
    add(total, np.frombuffer(closing.replies[SITES[3]].vectors[0].words, "<u8"), block.width)
    assert read(view, block, total).sites == 4


def test_an_old_request_gets_the_old_bytes() -> None:
    """Also later, and under a later deadline; never anything computed anew."""
    sent = {site: answered(after(1)).replies[site] for site in SITES}
    old = after(1).office.request(NO_DEADLINE)
    later = resigned(after(1).office, old, deadline="2031-01-01T00:00:00Z")
    for trips in (2, 3):
        for site, hospital in after(trips).hospitals.items():
            for request in (old, later):
                state, reply = hospital.reply(request)
                assert reply == sent[site]
                assert state is hospital


def test_a_request_or_result_of_another_run() -> None:
    other = accepted(answered(gathered(short_plan(), seed=b"another".ljust(32))))
    with pytest.raises(RunError, match="another run"):
        after(1).one.reply(other.office.request(NO_DEADLINE))
    closing, foreign = answered(after(1)), answered(other)
    with pytest.raises(RunError, match="another run"):
        closing.hospitals[SITES[0]].accept(foreign.closed.result, foreign.uploads)


def test_another_runs_upload() -> None:
    closing = answered(after(1))
    other = answered(accepted(answered(gathered(short_plan(), seed=b"another".ljust(32)))))
    step, vectors = next(iter(other.uploads.items()))
    with pytest.raises(SumError, match="another question"):
        closing.hospitals[SITES[0]].accept(
            closing.closed.result, changed_upload(closing.uploads, vectors[SITES[1]])
        )
    assert step in closing.uploads


def test_a_chain_one_trip_short_or_of_other_results() -> None:
    table = after(2)
    request = table.office.request(NO_DEADLINE)
    for chain in (after(1).office.known.chain, bytes(32)):
        with pytest.raises(TripError, match="follows from other results"):
            table.one.reply(resigned(table.office, request, chain=chain))


def test_the_next_request_before_the_last_result() -> None:
    closing = answered(after(1))
    request = closing.office.request(NO_DEADLINE)
    for hospital in closing.hospitals.values():
        with pytest.raises(TripError, match="has no result that this site re-added"):
            hospital.reply(request)


def test_an_old_result_again() -> None:
    old = answered(after(0))
    with pytest.raises(SumError, match="other questions"):
        answered(after(1)).hospitals[SITES[0]].accept(old.closed.result, old.uploads)


def shares(run: Run, again: str = "") -> dict[SiteId, tuple[Advertised, KeyShare]]:
    return {
        site: advertise(run, site, secret("identity", site), secret("fresh", site, again))
        for site in run.roster.sites
    }


def run_of(sites: tuple[SiteId, ...]) -> Run:
    members = tuple(Member(s, s, identity_public(secret("identity", s))) for s in sites)
    roster = simulated_roster("small", members, identity_public(secret("office")))
    return Run(b"run of the tests", plan_digest(short_plan()), roster)


def seat(
    states: Mapping[SiteId, Advertised], keys: Mapping[SiteId, KeyShare], site: SiteId
) -> Hospital:
    keyed = receive_keys(states[site], keys)
    cohort = next(c for c in clinics() if c.site == site)
    return Hospital(cohort, keyed, begin(short_plan(), keyed.view))


def noise(parties: Mapping[SiteId, Hospital]) -> None:
    """Let each party answer its own view's request, and see that the sum opens in no view."""
    replies, views = {}, list[View]()
    for site, hospital in parties.items():
        office = Office(secret("office"), hospital.known)
        _, replies[site] = hospital.reply(office.request(NO_DEADLINE))
        views.append(hospital.known.view)
    for hospital, view in zip(parties.values(), views, strict=True):
        (block,) = hospital.known.blocks
        vectors = {site: reply.vectors[0] for site, reply in replies.items()}
        with pytest.raises(SumError):
            open_total(view, block, vectors)
        total = np.zeros(block.length, dtype=np.uint64)
        for vector in vectors.values():
            add(total, np.frombuffer(vector.words, "<u8"), block.width)
        with pytest.raises(SumError):
            read(view, block, total)


def test_other_keys_to_two_hospitals() -> None:
    """A colluding hospital signs two fresh keys; the coordinator shows each to another."""
    run = run_of(SITES)
    honest, bent = shares(run), shares(run, "again")
    keys = {site: share for site, (_, share) in honest.items()}
    other = {**keys, SITES[3]: bent[SITES[3]][1]}
    states = {site: state for site, (state, _) in honest.items()}
    parties = {site: seat(states, keys, site) for site in (SITES[0], SITES[3])}
    parties |= {site: seat(states, other, site) for site in SITES[1:3]}
    transcripts = {h.known.view.transcript for h in parties.values()}
    assert len(transcripts) == 2
    request = Office(secret("office"), parties[SITES[0]].known).request(NO_DEADLINE)
    with pytest.raises(RunError):
        parties[SITES[1]].reply(request)
    noise(parties)


def test_other_rosters_to_two_hospitals() -> None:
    """One is shown three hospitals, the others four: contexts differ, nothing cancels."""
    large, small = run_of(SITES), run_of(SITES[:3])
    of_large, of_small = shares(large), shares(small)
    keys = {site: share for site, (_, share) in of_large.items()}
    parties = {s: seat({s: of_large[s][0]}, keys, s) for s in SITES[1:]}
    fewer = {site: share for site, (_, share) in of_small.items()}
    parties[SITES[0]] = seat({SITES[0]: of_small[SITES[0]][0]}, fewer, SITES[0])
    noise(parties)
    with pytest.raises(RosterError):
        receive_keys(of_large[SITES[0]][0], fewer)


def coin_trip() -> Table:
    table = gathered(small_plan("exact"))
    while table.one.known.steps[0].name != "coin/1":
        table = accepted(answered(table))
    return table


def test_a_hospital_that_changes_or_hides_its_share_is_named_by_all() -> None:
    """It sees the others' shares first. Its signature is right; its share is not."""
    table = coin_trip()
    closing = answered(table)
    last = closing.hospitals[SITES[3]]
    trip = closing.closed.result.trip
    forged = state_publicly(last.state, trip, b"f" * 64)
    cases = {
        forged: "s3: the coin share is not the one committed to",
        None: "s3: the coin share is missing",
    }
    for statement, words in cases.items():
        reply = replace(closing.replies[SITES[3]], statement=statement)
        replies = {**closing.replies, SITES[3]: reply}
        office, closed, uploads = table.office.close(replies, lambda: bytes(32))
        with pytest.raises(CommitmentError, match=words):
            _ = office.known.next
        for site in SITES[:3]:
            hospital = closing.hospitals[site].accept(closed.result, uploads)
            with pytest.raises(CommitmentError, match=words):
                _ = hospital.known.next


def test_a_share_that_the_coordinator_hides_is_missed_by_its_hospital() -> None:
    table = coin_trip()
    closing = answered(table)
    said = closing.closed.result.statements
    result = resigned(closing.office, closing.closed.result, statements=said[1:])
    with pytest.raises(TripError, match="another answer than this site sent"):
        closing.hospitals[SITES[0]].accept(result, closing.uploads)
    hospital = closing.hospitals[SITES[1]].accept(result, closing.uploads)
    with pytest.raises(CommitmentError, match="s0: the coin share is missing"):
        _ = hospital.known.next
