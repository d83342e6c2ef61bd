"""A run conducted from its journal equals the study played in one process."""

import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from coordinator.asking import Patience
from coordinator.control import request_abort, request_resume
from coordinator.journal import Journal, Kind, RunState
from coordinator.points import Point
from coordinator.resume import SALT_SIZE
from coordinator.status import run_status
from coordinator.store import Store
from coordinator.tables import messages, runs
from protocol import PROGRAM_VERSION
from protocol.ids import SiteId, site_id
from protocol.requests import Abort, Done, request_digest
from protocol.run import Played
from protocol.secagg.messages import Reply
from protocol.wire.codec import decode_reply, decode_request, encode_reply
from tests.coordinator.hospitals import (
    FakeHospital,
    brief_plan,
    hospitals,
    identity,
    in_one_process,
)
from tests.coordinator.office import Break, Desk, Killed, Replies, fine, killed_at
from tests.federation.cohorts import clinics
from tests.federation.table import short_plan

S0, S1 = site_id("s0"), site_id("s1")


def assert_equal(one: Played, other: Played) -> None:
    """Bit for bit the same totals of the same questions."""
    assert len(one.record.answers) == len(other.record.answers) >= 5
    for mine, theirs in zip(one.record.answers, other.record.answers, strict=True):
        assert (mine.step.name, mine.step.key()) == (theirs.step.name, theirs.step.key())
        assert mine.opened is not None
        assert theirs.opened is not None
        assert mine.opened.patients == theirs.opened.patients
        for name, total in theirs.opened.sums.items():
            np.testing.assert_array_equal(mine.opened.sums[name], total, err_msg=name)


def assert_one_upload_a_step(sites: dict[SiteId, FakeHospital]) -> None:
    """I1: whatever happened, a hospital sent one vector for a step."""
    for hospital in sites.values():
        assert {len(sent) for sent in hospital.uploads.values()} == {1}


@cache
def undisturbed(folder: Path) -> Played:
    """Conduct the run of the tests without any trouble."""
    with Store(f"sqlite:///{folder / 'undisturbed.db'}") as store:
        desk = Desk(store)
        assert desk.conduct(desk.start()) is RunState.FINISHED
        return desk.published[0]


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return undisturbed(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("profile", ["exact", "standard"])
def test_a_run_equals_the_study_in_one_process(sqlite: Store, profile: str) -> None:
    desk, plan = Desk(sqlite), short_plan(profile)
    run = desk.start(plan)
    assert desk.conduct(run) is RunState.FINISHED
    assert_equal(desk.published[0], in_one_process(plan))
    row = Journal(sqlite, run).row()
    assert (row.published is not None, row.deadline, row.wish) == (True, None, "")
    assert desk.conduct(run) is RunState.FINISHED
    assert len(desk.published) == 1


def test_two_runs_on_one_journal_do_not_mix(store: Store) -> None:
    desk = Desk(store)
    first, second = desk.start(number=1), desk.start(brief_plan("standard"), number=2)
    with pytest.raises(Killed):
        desk.conduct(first, at=killed_at(Point.RESULT_WRITTEN, 3))
    assert desk.conduct(second) is RunState.FINISHED
    assert desk.conduct(first) is RunState.FINISHED
    assert [played.run_id for played in desk.published] == [second, first]
    assert_equal(desk.published[1], in_one_process(brief_plan()))


def test_withheld_totals_are_salted_and_the_salts_kept(sqlite: Store) -> None:
    desk = Desk(sqlite)
    run = desk.start(brief_plan("standard"))
    desk.conduct(run)
    journal = Journal(sqlite, run)
    salts = [journal.body(Kind.SALTS, trip) for trip in range(1, 5)]
    assert [len(raw or b"") for raw in salts] == [0, 0, 0, SALT_SIZE]


def test_the_journal_holds_masked_words_only(sqlite: Store) -> None:
    """I5: what it has of a hospital is what the hospital signed, and that looks like noise."""
    desk = Desk(sqlite)
    run = desk.start()
    desk.conduct(run)
    journal, words = Journal(sqlite, run), b""
    for trip in range(2, Journal(sqlite, run).row().trip):
        for site, raw in journal.bodies(Kind.REPLY, trip).items():
            said = decode_reply(raw)
            assert isinstance(said, Reply)
            own = desk.sites[site].uploads
            ctx = next(iter(own))[0]
            assert all(vector.words in own[ctx, vector.step] for vector in said.vectors)
            words += b"".join(vector.words for vector in said.vectors)
    counts = np.bincount(np.frombuffer(words, dtype=np.uint8), minlength=256)
    expected = len(words) / 256
    # Chi-square with 255 degrees of freedom: 400 is beyond chance; small counts in 8 bytes each
    # are mostly zeros, and give a hundred times that.
    assert expected > 20
    assert ((counts - expected) ** 2 / expected).sum() < 400


# ---- Crashes ----

TWICE = (
    Point.TRIP_WRITTEN,
    Point.SENT,
    Point.REPLY_RECEIVED,
    Point.BEFORE_CLOSE,
    Point.RESULT_COMPUTED,
    Point.RESULT_WRITTEN,
)
"""Points that a run comes to in every trip."""


@pytest.mark.parametrize("point", Point)
def test_a_killed_coordinator_comes_to_the_same_end(
    sqlite: Store, whole: Played, point: Point
) -> None:
    """The same chain of results: every total, upload and statement is what it would have been."""
    desk = Desk(sqlite)
    run = desk.start()
    for visit in (1, 3) if point in TWICE else (1,):
        with pytest.raises(Killed):
            desk.conduct(run, at=killed_at(point, visit))
    assert desk.conduct(run) is RunState.FINISHED
    assert desk.published[-1].chain == whole.chain
    assert_equal(desk.published[-1], in_one_process(brief_plan()))
    assert_one_upload_a_step(dict(desk.sites))


@pytest.mark.parametrize("profile", ["exact", "standard"])
def test_a_coordinator_that_dies_at_every_point_of_one_run(store: Store, profile: str) -> None:
    desk, plan = Desk(store), brief_plan(profile)
    run = desk.start(plan)
    for point in Point:
        with pytest.raises(Killed):
            desk.conduct(run, at=killed_at(point))
    assert desk.conduct(run) is RunState.FINISHED
    assert_equal(desk.published[-1], in_one_process(plan))
    assert_one_upload_a_step(dict(desk.sites))


def test_a_request_is_the_same_bytes_after_a_crash(sqlite: Store) -> None:
    desk = Desk(sqlite)
    run = desk.start()
    with pytest.raises(Killed):
        desk.conduct(run, at=killed_at(Point.SENT, 4))
    before = list(desk.sites[S0].seen)
    desk.conduct(run)
    assert desk.sites[S0].seen[len(before)] == before[-1]


def test_replies_are_kept_while_others_are_waited_for(sqlite: Store) -> None:
    """A hospital that has answered may leave: after a crash it is not needed again."""
    desk = Desk(sqlite, sites=hospitals())
    run, here = desk.start(), dict(desk.sites)
    with pytest.raises(Killed):
        desk.conduct(run, at=killed_at(Point.TRIP_WRITTEN, 3))
    stop = iter([False] * 20)
    del here[S1]
    absent = Desk(sqlite, here, desk.clock)
    assert absent.conduct(run, stopped=lambda: next(stop, True)) is RunState.ASKING
    trip = Journal(sqlite, run).row().trip
    assert set(Journal(sqlite, run).bodies(Kind.REPLY, trip)) == set(here)
    asked = len(here[S0].seen)
    alone = Desk(sqlite, {S1: desk.sites[S1]}, desk.clock)
    with pytest.raises(Killed):
        alone.conduct(run, at=killed_at(Point.RESULT_WRITTEN))
    assert len(here[S0].seen) == asked
    assert desk.conduct(run) is RunState.FINISHED


# ---- A line that is not to be trusted ----


def lost(site: SiteId) -> Break:
    return lambda replies: [one for one in replies if one[0] != site]


def twice(replies: Replies) -> Replies:
    return [one for one in replies for _ in range(2)]


def backwards(replies: Replies) -> Replies:
    return replies[::-1]


def flipped(replies: Replies) -> Replies:
    """Change one bit in the middle of a masked word."""
    (site, raw), *others = replies
    at = len(raw) // 2
    return [(site, raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]), *others]


def swapped(replies: Replies) -> Replies:
    (one, raw), (other, more), *others = replies
    return [(one, more), (other, raw), *others]


def cut(replies: Replies) -> Replies:
    return [(site, raw[:-1]) for site, raw in replies]


def noise(replies: Replies) -> Replies:
    return [(site, b"<html>proxy</html>") for site, _ in replies]


BREAKS = [lost(S0), twice, backwards, flipped, swapped, cut, noise]
NAMES = ["lost", "twice", "backwards", "flipped", "swapped", "cut", "noise"]


@pytest.mark.parametrize("harm", BREAKS, ids=NAMES)
def test_a_broken_line_costs_time_only(sqlite: Store, whole: Played, harm: Break) -> None:
    """While keys are gathered, and in a trip."""
    desk = Desk(sqlite)
    run = desk.start()
    assert desk.conduct(run, harm, *[fine] * 3, harm) is RunState.FINISHED
    assert desk.published[0].chain == whole.chain
    assert_one_upload_a_step(dict(desk.sites))


def test_the_last_result_too_may_meet_a_broken_line(sqlite: Store, whole: Played) -> None:
    desk = Desk(sqlite)
    run = desk.start()
    last, harms = whole.trips + 1, (flipped, swapped, cut, noise, lost(S0), twice)
    assert desk.conduct(run, *[fine] * last, *harms) is RunState.FINISHED
    assert desk.published[0].chain == whole.chain
    assert [event.trip for event in desk.told(run, "ignored")] == [last] * 4


@pytest.mark.parametrize("harm", [flipped, swapped, cut, noise])
def test_what_is_no_answer_is_an_event_that_says_why(sqlite: Store, harm: Break) -> None:
    desk = Desk(sqlite)
    run = desk.start()
    desk.conduct(run, fine, fine, harm)
    (event,) = desk.told(run, "ignored")
    assert (event.trip, event.site) == (2, S0)
    assert event.text.endswith("]")
    assert run_status(sqlite, run).sites[0].wrong == 1


def test_an_old_trips_reply_is_asked_again(sqlite: Store, whole: Played) -> None:
    desk, kept = Desk(sqlite), Replies()
    run = desk.start()

    def keep(replies: Replies) -> Replies:
        kept.extend(replies)
        return replies

    assert desk.conduct(run, fine, keep, lambda _: kept[:1]) is RunState.FINISHED
    assert desk.published[0].chain == whole.chain
    assert [event.trip for event in desk.told(run, "ignored")] == [2]


def test_a_hospital_that_answers_wrongly_too_often_stops_the_run_for_now(sqlite: Store) -> None:
    desk = Desk(sqlite, patience=Patience(tries=3))
    run = desk.start()
    assert desk.conduct(run, fine, *[flipped] * 9) is RunState.FAILED
    row = Journal(sqlite, run).row()
    assert row.code == "reply"
    assert "s0 was asked 3 times for trip 1" in row.reason
    assert len(desk.told(run, "ignored")) == 3
    request_resume(sqlite, run, desk.clock())
    assert desk.conduct(run) is RunState.FINISHED


def test_a_hospital_with_a_full_disk_is_asked_again(sqlite: Store) -> None:
    desk = Desk(sqlite)
    run = desk.start()
    desk.sites[S1].no = "unavailable"

    def mended(replies: Replies) -> Replies:
        desk.sites[S1].no = ""
        return replies

    assert desk.conduct(run, mended) is RunState.FINISHED
    (event,) = desk.told(run, "ignored")
    assert "cannot answer just now [unavailable]" in event.text


# ---- Refusals, deadlines, aborts ----


def test_a_refusal_stops_the_run_and_names_the_hospital(store: Store, whole: Played) -> None:
    desk = Desk(store)
    run = desk.start()
    with pytest.raises(Killed):
        desk.conduct(run, at=killed_at(Point.TRIP_WRITTEN, 2))
    desk.sites[S1].no = "local-policy"
    assert desk.conduct(run) is RunState.REFUSED
    row = Journal(store, run).row()
    assert (row.code, row.before) == ("refused", RunState.ASKING)
    assert row.reason == "s1 refuses trip 2 [local-policy]"
    assert desk.conduct(run) is RunState.REFUSED  # nothing happens by itself
    desk.sites[S1].no = ""
    request_resume(store, run, desk.clock())
    assert desk.conduct(run) is RunState.FINISHED
    assert desk.published[0].chain == whole.chain


def test_a_refusal_that_the_hospital_did_not_sign_is_no_refusal(sqlite: Store) -> None:
    desk = Desk(sqlite)
    run = desk.start()

    def forged(replies: Replies) -> Replies:
        raw = desk.sites[S0].seen[-1]
        no = desk.sites[S1]._refusal(raw, "local-policy")
        return [(S0, no), *replies[1:]]

    def stale(replies: Replies) -> Replies:
        return [(S0, desk.sites[S0]._refusal(b"another request", "local-policy")), *replies[1:]]

    assert desk.conduct(run, forged, stale) is RunState.FINISHED
    assert len(desk.told(run, "ignored")) == 2


def test_a_code_that_is_none_is_not_repeated(sqlite: Store) -> None:
    """What a hospital writes there ends up on other people's screens."""
    desk = Desk(sqlite)
    run = desk.start()
    desk.sites[S1].no = "Mrs Miller\n\x1b[31m"
    assert desk.conduct(run) is RunState.REFUSED
    assert Journal(sqlite, run).row().reason == "s1 refuses the opening [unreadable]"


def test_a_deadline_opens_nothing_and_a_person_may_wait_again(store: Store) -> None:
    desk = Desk(store)
    run, here = desk.start(), dict(desk.sites)
    with pytest.raises(Killed):
        desk.conduct(run, at=killed_at(Point.TRIP_WRITTEN, 2))
    del here[S1]
    absent = Desk(store, here, desk.clock)
    deadline = Journal(store, run).row().deadline
    assert absent.conduct(run) is RunState.FAILED
    row = Journal(store, run).row()
    assert deadline is not None
    assert row.changed >= deadline
    assert (row.code, row.trip) == ("no-answer", 2)
    assert row.reason == "no answer to trip 2 from s1 in time"
    assert Journal(store, run).body(Kind.RESULT, 2) is None
    assert absent.published == []
    request_resume(store, run, desk.clock())
    assert desk.conduct(run) is RunState.FINISHED
    assert_equal(desk.published[0], in_one_process(brief_plan()))


def test_a_hospital_that_does_not_confirm_the_end_delays_it_only(sqlite: Store) -> None:
    desk = Desk(sqlite)
    run, here = desk.start(), dict(desk.sites)
    with pytest.raises(Killed):
        desk.conduct(run, at=killed_at(Point.FINISHING))
    del here[S1]
    absent = Desk(sqlite, here, desk.clock)
    assert absent.conduct(run) is RunState.FINISHED
    assert_equal(absent.published[0], in_one_process(brief_plan()))
    (event,) = absent.told(run, "unconfirmed")
    assert event.text == "no answer to the last result from s1 in time"


def test_an_abort_while_waiting_reaches_the_hospitals(store: Store) -> None:
    desk = Desk(store)
    run, here = desk.start(), dict(desk.sites)
    with pytest.raises(Killed):
        desk.conduct(run, at=killed_at(Point.TRIP_WRITTEN, 2))
    del here[S1]
    absent, looks = Desk(store, here, desk.clock), iter(range(10**6))

    def ask_once(_: float) -> None:
        if next(looks) == 3:
            request_abort(store, run, desk.clock())
        desk.clock.sleep(0.5)

    conductor = replace(absent.conductor(), pause=ask_once)
    assert conductor.conduct(run, lambda: False) is RunState.ABORTED
    assert all(isinstance(decode_request(site.seen[-1]), Abort) for site in here.values())
    assert [event.text for event in absent.told(run, "untold")] == [
        "no answer to the end of the run from s1 in time"
    ]
    assert absent.published == []


def test_an_abort_survives_a_restart_and_is_told_until_all_have_heard(sqlite: Store) -> None:
    desk = Desk(sqlite)
    run = desk.start()
    with pytest.raises(Killed):
        desk.conduct(run, at=killed_at(Point.BEFORE_CLOSE))
    request_abort(sqlite, run, desk.clock())
    with pytest.raises(Killed):
        desk.conduct(run, at=killed_at(Point.SENT))
    assert Journal(sqlite, run).row().state is RunState.ABORTING
    assert desk.conduct(run) is RunState.ABORTED
    assert desk.conduct(run) is RunState.ABORTED


def test_hospitals_that_know_of_no_run_take_an_abort_as_well(sqlite: Store) -> None:
    desk = Desk(sqlite)
    run = desk.start()
    with pytest.raises(Killed):
        desk.conduct(run, at=killed_at(Point.OPEN_WRITTEN))
    request_abort(sqlite, run, desk.clock())
    for hospital in desk.sites.values():
        hospital.no = "run"
    assert desk.conduct(run) is RunState.ABORTED
    assert desk.told(run, "untold") == []


def test_a_refused_run_can_be_aborted(sqlite: Store) -> None:
    desk = Desk(sqlite)
    run = desk.start()
    desk.sites[S1].no = "local-policy"
    desk.conduct(run)
    desk.sites[S1].no = ""
    request_abort(sqlite, run, desk.clock())
    assert desk.conduct(run) is RunState.ABORTED


# ---- What the coordinator itself finds ----


def test_sums_that_are_none_stop_the_run(sqlite: Store) -> None:
    """A hospital that masks under other keys signs noise; nothing opens."""
    desk = Desk(sqlite)
    run = desk.start()
    with pytest.raises(Killed):
        desk.conduct(run, at=killed_at(Point.TRIP_WRITTEN, 2))
    hospital = desk.sites[S0]
    (ctx,) = hospital.runs
    state = hospital.runs[ctx].state
    other = {site: bytes(32) for site in state.pair_keys}
    hospital.runs[ctx] = replace(hospital.runs[ctx], state=replace(state, pair_keys=other))
    assert desk.conduct(run) is RunState.FAILED
    row = Journal(sqlite, run).row()
    assert row.code == "sum-refused"
    assert set(Journal(sqlite, run).bodies(Kind.REPLY, 2)) == set(desk.sites)
    assert Journal(sqlite, run).body(Kind.RESULT, 2) is None


@pytest.mark.parametrize("kind", [Kind.RESULT, Kind.REPLY, Kind.TRIP])
def test_a_changed_journal_is_found_by_replay(sqlite: Store, kind: Kind) -> None:
    desk = Desk(sqlite)
    run = desk.start()
    with pytest.raises(Killed):
        desk.conduct(run, at=killed_at(Point.TRIP_WRITTEN, 3))
    journal, trip = Journal(sqlite, run), 3 if kind is Kind.TRIP else 2
    (site, body), *_ = journal.bodies(kind, trip).items()
    changed = body[:-1] + bytes([body[-1] ^ 1])
    chosen = (messages.c.kind == kind) & (messages.c.trip == trip) & (messages.c.site == site)
    with sqlite.write() as connection:
        connection.execute(update(messages).where(chosen).values(body=changed))
    assert desk.conduct(run) is RunState.FAILED
    assert journal.row().code in ("journal-replay", "signature", "message")
    assert desk.published == []


def test_a_run_of_another_program_is_not_resumed_but_can_be_aborted(sqlite: Store) -> None:
    desk = Desk(sqlite)
    run = desk.start()
    with pytest.raises(Killed):
        desk.conduct(run, at=killed_at(Point.TRIP_WRITTEN, 2))
    with sqlite.write() as connection:
        connection.execute(update(runs).values(program="99"))
    assert desk.conduct(run) is RunState.FAILED
    row = Journal(sqlite, run).row()
    assert row.code == "program-version"
    assert "version 99 of the study program" in row.reason
    assert row.reason.endswith(f"this is version {PROGRAM_VERSION}")
    with sqlite.write() as connection:
        connection.execute(update(runs).values(program=PROGRAM_VERSION, software="0.9"))
    request_resume(sqlite, run, desk.clock())  # other software, same program
    with pytest.raises(Killed):
        desk.conduct(run, at=killed_at(Point.TRIP_WRITTEN, 2))
    with sqlite.write() as connection:
        connection.execute(update(runs).values(program="99"))
    request_abort(sqlite, run, desk.clock())
    assert desk.conduct(run) is RunState.ABORTED


def test_another_coordinators_key_is_told_before_anybody_is_asked(sqlite: Store) -> None:
    desk = Desk(sqlite, seed=bytes(32))
    run = desk.start()
    assert desk.conduct(run) is RunState.FAILED
    assert "another coordinator's key" in Journal(sqlite, run).row().reason
    assert all(hospital.seen == [] for hospital in desk.sites.values())


def test_results_that_cannot_be_written_are_written_later(sqlite: Store, whole: Played) -> None:
    desk = Desk(sqlite)
    run, full = desk.start(), OSError(28, "No space left on device", "results.json")

    def no_space(_: Played) -> None:
        raise full

    conductor = replace(desk.conductor(), publish=no_space)
    assert conductor.conduct(run, lambda: False) is RunState.FINISHED
    row = Journal(sqlite, run).row()
    assert (row.code, row.published) == ("publish", None)
    assert row.reason == "results.json: No space left on device"
    request_resume(sqlite, run, desk.clock())
    assert desk.conduct(run) is RunState.FINISHED
    assert desk.published[0].chain == whole.chain
    assert Journal(sqlite, run).row().code == ""


def test_a_done_with_other_results_is_no_end(sqlite: Store) -> None:
    desk = Desk(sqlite)
    run = desk.start()

    def lied(replies: Replies) -> Replies:
        said = decode_reply(replies[0][1])
        if not isinstance(said, Done):
            return replies
        other = replace(said, chain=hashlib.sha256(b"other").digest()).sign(identity(S0))
        return [(S0, encode_reply(other)), *replies[1:]]

    desk.patience = Patience(tries=2)
    assert desk.conduct(run, *[lied] * 40) is RunState.FAILED
    assert "ended there with other results" in Journal(sqlite, run).row().reason


@pytest.mark.parametrize("runs", [(), (bytes(16),)])
def test_a_done_that_does_not_list_the_run_is_no_end(
    sqlite: Store, runs: tuple[bytes, ...]
) -> None:
    desk = Desk(sqlite)
    run = desk.start()

    def lied(replies: Replies) -> Replies:
        said = decode_reply(replies[0][1])
        if not isinstance(said, Done):
            return replies
        return [(S0, encode_reply(replace(said, runs=runs).sign(identity(S0)))), *replies[1:]]

    desk.patience = Patience(tries=2)
    assert desk.conduct(run, *[lied] * 40) is RunState.FAILED
    assert "its list of this plan's runs is not one with this run" in _reason(sqlite, run)


def _reason(store: Store, run: bytes) -> str:
    return Journal(store, run).row().reason


def test_the_last_words_of_all_hospitals_prove_a_run(whole: Played) -> None:
    assert whole.proof is not None
    assert tuple(said.site for said in whole.proof.done) == whole.sites
    assert {said.runs for said in whole.proof.done} == {(whole.run_id,)}
    assert {said.chain for said in whole.proof.done} == {whole.chain}


def test_a_reply_names_the_request_that_it_refuses() -> None:
    hospital = FakeHospital(clinics()[0], no="run")
    said = decode_reply(hospital.handle(b"x"))
    assert getattr(said, "request", None) == request_digest(b"x")


def test_a_trip_has_one_result_even_with_two_conductors(sqlite: Store) -> None:
    """As when a database server forgets which daemon holds the journal: the first one wins."""
    desk = Desk(sqlite)
    run = desk.start(brief_plan("standard"))

    def other_first(point: Point) -> None:
        if point is Point.RESULT_COMPUTED and Journal(sqlite, run).row().trip == 4:
            other = Desk(sqlite, desk.sites, desk.clock, drawn=iter(range(99, 199)))
            with pytest.raises(Killed):
                other.conduct(run, at=killed_at(Point.RESULT_WRITTEN))

    assert desk.conduct(run, at=other_first) is RunState.FINISHING
    assert desk.conduct(run) is RunState.FINISHED
    assert_one_upload_a_step(dict(desk.sites))


def test_deleting_a_message_is_found(sqlite: Store) -> None:
    """A trip without its request, as by an old copy of one table, is no trip."""
    desk = Desk(sqlite)
    run = desk.start()
    with pytest.raises(Killed):
        desk.conduct(run, at=killed_at(Point.TRIP_WRITTEN, 2))
    with sqlite.write() as connection:
        connection.execute(messages.delete().where(messages.c.kind == Kind.TRIP))
    assert desk.conduct(run) is RunState.FAILED
    assert Journal(sqlite, run).row().code == "journal-replay"
