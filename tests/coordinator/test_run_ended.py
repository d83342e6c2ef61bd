"""Refusals, deadlines and aborts: what ends a run before its last trip, and who may go on."""

from dataclasses import replace

from coordinator.control import request_abort, request_resume
from coordinator.journal import Journal, Kind, RunState
from coordinator.points import Point
from coordinator.store import Store
from protocol.requests import Abort, request_digest
from protocol.run import Played
from protocol.wire.codec import decode_reply, decode_request
from tests.coordinator.hospitals import FakeHospital, brief_plan, in_one_process
from tests.coordinator.office import S0, S1, Desk, Replies, assert_equal
from tests.federation.cohorts import clinics


def test_a_refusal_stops_the_run_and_names_the_hospital(store: Store, whole: Played) -> None:
    desk = Desk(store)
    run = desk.start()
    desk.die(run, Point.TRIP_WRITTEN, 2)
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
    desk.die(run, Point.TRIP_WRITTEN, 2)
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
    desk.die(run, Point.FINISHING)
    del here[S1]
    absent = Desk(sqlite, here, desk.clock)
    assert absent.conduct(run) is RunState.FINISHED
    assert_equal(absent.published[0], in_one_process(brief_plan()))
    (event,) = absent.told(run, "unconfirmed")
    assert event.text == "no answer to the last result from s1 in time"


def test_an_abort_while_waiting_reaches_the_hospitals(store: Store) -> None:
    desk = Desk(store)
    run, here = desk.start(), dict(desk.sites)
    desk.die(run, Point.TRIP_WRITTEN, 2)
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
    desk.die(run, Point.BEFORE_CLOSE)
    request_abort(sqlite, run, desk.clock())
    desk.die(run, Point.SENT)
    assert Journal(sqlite, run).row().state is RunState.ABORTING
    assert desk.conduct(run) is RunState.ABORTED
    assert desk.conduct(run) is RunState.ABORTED


def test_hospitals_that_know_of_no_run_take_an_abort_as_well(sqlite: Store) -> None:
    desk = Desk(sqlite)
    run = desk.start()
    desk.die(run, Point.OPEN_WRITTEN)
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


def test_a_reply_names_the_request_that_it_refuses() -> None:
    hospital = FakeHospital(clinics()[0], no="run")
    said = decode_reply(hospital.handle(b"x"))
    assert getattr(said, "request", None) == request_digest(b"x")
