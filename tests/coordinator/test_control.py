"""What people ask of runs is done, or refused by name; a status shows whom a run waits for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from coordinator.control import RunStateError, Start, request_abort, request_resume, start_run
from coordinator.journal import Journal, RunState, UnknownRunError, Wish, due_runs
from coordinator.members import Presence, set_presence
from coordinator.points import Point
from coordinator.resume import ProgramError
from coordinator.status import Waiting, find_run, run_status
from coordinator.store import Store
from coordinator.tables import runs
from protocol.disclosure import DisclosureError
from protocol.governance.roster import RosterError
from protocol.governance.signed import SignedRoster
from protocol.ids import site_id
from protocol.requests import OpenRun
from protocol.wire.codec import decode_request
from tests.coordinator.hospitals import NOON, brief_plan, hospitals, signed_roster
from tests.coordinator.office import Desk

S1 = site_id("s1")


def test_a_started_run_waits_for_the_daemon(store: Store) -> None:
    desk = Desk(store)
    run = desk.start()
    (row,) = due_runs(store)
    assert (row.run_id, row.state, row.epoch) == (run, RunState.QUEUED, 0)
    status = run_status(store, run)
    assert status.waiting == ()
    assert [site.name for site in status.sites] == [f"Hospital s{k}" for k in range(4)]
    assert {site.connected for site in status.sites} == {None}


def test_a_run_of_too_few_hospitals_is_not_started(sqlite: Store) -> None:
    many = brief_plan().disclosure.model_copy(update={"min_sites": 5})
    plan = brief_plan().model_copy(update={"disclosure": many})
    with pytest.raises(DisclosureError, match="4 hospitals"):
        Desk(sqlite).start(plan)
    rosters = (SignedRoster(b"no roster", ()),)
    start = Start(bytes(16), brief_plan(), rosters)
    with pytest.raises(RosterError):
        start_run(sqlite, start, now=NOON, software="")
    assert due_runs(sqlite) == ()


def test_a_slip_in_starting_is_the_callers(sqlite: Store) -> None:
    start = Start(bytes(16), brief_plan(), (signed_roster(list(hospitals())),))
    for slip in (replace(start, run_id=bytes(15)), replace(start, rosters=())):
        with pytest.raises(ValueError, match="16 bytes and at least one roster"):
            start_run(sqlite, slip, now=NOON, software="")


def test_a_queued_run_is_aborted_at_once(store: Store) -> None:
    desk = Desk(store)
    run = desk.start()
    assert request_abort(store, run, desk.clock()) is RunState.ABORTED
    assert due_runs(store) == ()
    assert desk.conduct(run) is RunState.ABORTED
    assert all(hospital.seen == [] for hospital in desk.sites.values())


def test_what_is_over_stays_over(store: Store) -> None:
    desk = Desk(store)
    done, ended = desk.start(number=1), desk.start(number=2)
    desk.conduct(done)
    request_abort(store, ended, desk.clock())
    for ask, run, said in (
        (request_abort, done, "finished; there is nothing to abort"),
        (request_abort, ended, "aborted already"),
        (request_resume, done, "finished; its results are written"),
        (request_resume, ended, "was aborted"),
    ):
        with pytest.raises(RunStateError, match=said):
            ask(store, run, desk.clock())
    assert due_runs(store) == ()


def test_a_run_that_goes_on_is_not_resumed(sqlite: Store) -> None:
    desk = Desk(sqlite)
    run = desk.start()
    with pytest.raises(RunStateError, match="going on: queued"):
        request_resume(sqlite, run, desk.clock())


def test_an_abort_that_is_wished_for_is_not_taken_back(sqlite: Store) -> None:
    desk = Desk(sqlite)
    run = desk.start()
    desk.sites[S1].no = "local-policy"
    desk.conduct(run)
    assert request_abort(sqlite, run, desk.clock()) is RunState.REFUSED
    assert [row.wish for row in due_runs(sqlite)] == [Wish.ABORT]
    with pytest.raises(RunStateError, match="was aborted"):
        request_resume(sqlite, run, desk.clock())


def test_a_run_of_another_program_is_refused_by_name(sqlite: Store) -> None:
    desk = Desk(sqlite)
    run = desk.start()
    desk.sites[S1].no = "local-policy"
    desk.conduct(run)
    with sqlite.write() as connection:
        connection.execute(runs.update().values(program="99"))
    with pytest.raises(ProgramError, match="version 99 of the study program"):
        request_resume(sqlite, run, desk.clock())


def test_a_new_epoch_follows_an_aborted_run_only(sqlite: Store) -> None:
    desk = Desk(sqlite)
    first = desk.start(number=1)
    with pytest.raises(RunStateError, match="only an aborted run is replaced"):
        desk.start(number=2, replaces=first)
    request_abort(sqlite, first, desk.clock())
    second = desk.start(number=2, replaces=first)
    assert Journal(sqlite, second).row().epoch == 1
    assert desk.conduct(second) is RunState.FINISHED
    opened = decode_request(desk.sites[S1].seen[0])
    assert isinstance(opened, OpenRun)
    assert (opened.epoch, opened.run_id) == (1, second)


def test_a_run_is_found_by_the_beginning_of_its_id(sqlite: Store) -> None:
    desk = Desk(sqlite)
    one, two = desk.start(number=1), desk.start(number=16**31)
    assert find_run(sqlite, "0000") == one
    assert find_run(sqlite, "1") == two
    for text, said in (("f", "no run begins"), ("", "no run begins")):
        with pytest.raises(UnknownRunError, match=said):
            find_run(sqlite, text)
    desk.start(number=2)
    with pytest.raises(UnknownRunError, match="several runs begin"):
        find_run(sqlite, "00")
    with pytest.raises(UnknownRunError, match="no run has the id"):
        run_status(sqlite, bytes(15) + b"\x09")


def test_a_status_names_whom_a_run_waits_for_and_since_when(store: Store) -> None:
    desk = Desk(store)
    run, here = desk.start(), dict(desk.sites)
    desk.die(run, Point.TRIP_WRITTEN, 2)
    set_presence(store, Presence(S1, False, NOON, "192.0.2.7", "1.0"))
    del here[S1]
    stop = iter([False] * 20)
    Desk(store, here, desk.clock).conduct(run, stopped=lambda: next(stop, True))
    status = run_status(store, run)
    assert status.row.state is RunState.ASKING
    assert status.steps == ("flow/1", "describe/1")
    assert status.row.asked is not None
    assert status.waiting == (Waiting(S1, status.row.asked),)
    away, present = status.sites[1], status.sites[0]
    assert (away.connected, away.since, away.answered) == (False, NOON, 1)
    assert (present.answered, present.wrong) == (2, 0)
    assert present.bytes_up > away.bytes_up > 0
    assert present.answered_at is not None
    assert present.answered_at - NOON < timedelta(days=4)
    assert status.bytes_up == sum(site.bytes_up for site in status.sites)
    assert desk.conduct(run) is RunState.FINISHED
    assert run_status(store, run).waiting == ()


def test_bytes_in_a_status_are_those_that_travelled(sqlite: Store) -> None:
    desk = Desk(sqlite)
    run = desk.start()
    desk.conduct(run)
    first, hospital = run_status(sqlite, run).sites[0], desk.sites[site_id("s0")]
    assert first.bytes_down == sum(len(raw) for raw in hospital.seen)
    assert first.bytes_up == sum(len(hospital.handle(raw)) for raw in tuple(hospital.seen))
