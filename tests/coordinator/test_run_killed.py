"""A coordinator that dies, wherever it is in a run, comes to the same end."""

import pytest

from coordinator.journal import Journal, Kind, RunState
from coordinator.points import Point
from coordinator.store import Store
from protocol.run import Played
from tests.coordinator.hospitals import brief_plan, hospitals, in_one_process
from tests.coordinator.office import S0, S1, Desk, assert_equal, assert_one_upload_a_step

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
        desk.die(run, point, visit)
    assert desk.conduct(run) is RunState.FINISHED
    assert desk.published[-1].chain == whole.chain
    assert_equal(desk.published[-1], in_one_process(brief_plan()))
    assert_one_upload_a_step(desk.sites)


@pytest.mark.parametrize("profile", ["exact", "standard"])
def test_a_coordinator_that_dies_at_every_point_of_one_run(store: Store, profile: str) -> None:
    desk, plan = Desk(store), brief_plan(profile)
    run = desk.start(plan)
    for point in Point:
        desk.die(run, point)
    assert desk.conduct(run) is RunState.FINISHED
    assert_equal(desk.published[-1], in_one_process(plan))
    assert_one_upload_a_step(desk.sites)


def test_a_request_is_the_same_bytes_after_a_crash(sqlite: Store) -> None:
    desk = Desk(sqlite)
    run = desk.start()
    desk.die(run, Point.SENT, 4)
    before = list(desk.sites[S0].seen)
    desk.conduct(run)
    assert desk.sites[S0].seen[len(before)] == before[-1]


def test_replies_are_kept_while_others_are_waited_for(sqlite: Store) -> None:
    """A hospital that has answered may leave: after a crash it is not needed again."""
    desk = Desk(sqlite, sites=hospitals())
    run, here = desk.start(), dict(desk.sites)
    desk.die(run, Point.TRIP_WRITTEN, 3)
    stop = iter([False] * 20)
    del here[S1]
    absent = Desk(sqlite, here, desk.clock)
    assert absent.conduct(run, stopped=lambda: next(stop, True)) is RunState.ASKING
    trip = Journal(sqlite, run).row().trip
    assert set(Journal(sqlite, run).bodies(Kind.REPLY, trip)) == set(here)
    asked = len(here[S0].seen)
    alone = Desk(sqlite, {S1: desk.sites[S1]}, desk.clock)
    alone.die(run, Point.RESULT_WRITTEN)
    assert len(here[S0].seen) == asked
    assert desk.conduct(run) is RunState.FINISHED


def test_a_trip_has_one_result_even_with_two_conductors(sqlite: Store) -> None:
    """As when a database server forgets which daemon holds the journal: the first one wins."""
    desk = Desk(sqlite)
    run = desk.start(brief_plan("standard"))

    def other_first(point: Point) -> None:
        if point is Point.RESULT_COMPUTED and Journal(sqlite, run).row().trip == 4:
            other = Desk(sqlite, desk.sites, desk.clock, drawn=iter(range(99, 199)))
            other.die(run, Point.RESULT_WRITTEN)

    assert desk.conduct(run, at=other_first) is RunState.FINISHING
    assert desk.conduct(run) is RunState.FINISHED
    assert_one_upload_a_step(desk.sites)
