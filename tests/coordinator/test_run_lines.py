"""A line that is not to be trusted costs a run time only."""

import pytest

from coordinator.asking import Patience
from coordinator.control import request_resume
from coordinator.journal import Journal, RunState
from coordinator.status import run_status
from coordinator.store import Store
from protocol.ids import SiteId
from protocol.run import Played
from tests.coordinator.office import S0, S1, Break, Desk, Replies, assert_one_upload_a_step, fine


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
    assert_one_upload_a_step(desk.sites)


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
