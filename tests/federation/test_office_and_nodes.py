"""The office and its nodes come to one end, whichever of them dies, is away, or is set back."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from coordinator.backup import backup, restore
from coordinator.control import request_abort, request_resume
from coordinator.journal import Journal, RunState, all_runs
from coordinator.points import Point
from coordinator.store import Store
from protocol.ids import SiteId
from protocol.plan.model import Plan
from protocol.run import Played, play
from site_node.ledger import Kind
from site_node.points import Point as NodePoint
from tests.coordinator.hospitals import brief_plan
from tests.coordinator.office import Killed as OfficeKilled
from tests.coordinator.office import killed_at
from tests.federation.centre import Centre, founded
from tests.federation.cohorts import clinics

ROOT = Path(__file__).parents[2]
S1 = SiteId("s1")
IN_NODE: list[NodePoint] = [
    p for p in NodePoint if p not in (NodePoint.BEFORE_SEND, NodePoint.AFTER_SEND)
]
"""All points but the carrier's."""


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    with founded(tmp_path, brief_plan()) as made:
        yield made


def assert_sums(played: Played, plan: Plan) -> None:
    """I3: bit for bit the sums of the same study in one process."""
    other = play(plan, clinics(3, 40), bytes(32))
    assert len(played.record.answers) == len(other.record.answers)
    for mine, theirs in zip(played.record.answers, other.record.answers, strict=True):
        assert mine.opened is not None
        assert theirs.opened is not None
        for name, total in theirs.opened.sums.items():
            np.testing.assert_array_equal(mine.opened.sums[name], total)


def test_the_office_and_its_nodes_come_to_the_sums_of_one_process(centre: Centre) -> None:
    run = centre.start()
    assert centre.conduct(run) is RunState.FINISHED
    assert_sums(centre.published[0], centre.town.plan)
    assert centre.keys_left() == []


def test_both_sides_may_die_at_every_point_of_one_run(centre: Centre) -> None:
    """The office in each of its points in turn, and a node meanwhile in each of its own.

    Neighbouring points are different nodes', as a restart may pass over the next one.
    """
    run, sites = centre.start(), list(centre.town.houses)
    centre.line.deaths = {site: IN_NODE[place::3] for place, site in enumerate(sites)}
    for point in Point:
        with pytest.raises(OfficeKilled):
            centre.conduct(run, killed_at(point))
    assert centre.conduct(run) is RunState.FINISHED
    assert [left for left in centre.line.deaths.values() if left] == []
    assert {house.dies_at for house in centre.town.houses.values()} == {None}
    assert_sums(centre.published[-1], centre.town.plan)
    for house in centre.town.houses.values():
        (released,) = house.query("SELECT count(*) FROM entries WHERE kind = ?", Kind.RELEASE)
        assert released == (4,)  # I1: one answer a trip, ever
    assert centre.keys_left() == []


def test_a_run_survives_kill_nine(tmp_path: Path) -> None:
    """The office and all its nodes at once, before a result is written and after it."""
    for point in (Point.RESULT_COMPUTED, Point.RESULT_WRITTEN):
        command = [sys.executable, "-m", "tests.federation.killed", str(tmp_path), point]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    with founded(tmp_path, brief_plan()) as centre:
        (row,) = all_runs(centre.store)
        assert row.trip == 4  # one result is from before the first death, two from after it
        assert centre.conduct(row.run_id) is RunState.FINISHED
        assert_sums(centre.published[0], centre.town.plan)
        assert centre.keys_left() == []


def test_a_run_waits_beyond_its_deadline_when_a_person_says_so(centre: Centre) -> None:
    """The same question under a later deadline is the same question; nothing opened meanwhile."""
    run = centre.start()
    with pytest.raises(OfficeKilled):
        centre.conduct(run, killed_at(Point.TRIP_WRITTEN, 3))
    centre.line.away.add(S1)
    assert centre.conduct(run) is RunState.FAILED
    assert Journal(centre.store, run).row().code == "no-answer"
    centre.line.away.clear()
    request_resume(centre.store, run, centre.town.clock())
    assert centre.conduct(run) is RunState.FINISHED
    assert_sums(centre.published[0], centre.town.plan)


def test_an_abort_deletes_the_keys_everywhere(centre: Centre) -> None:
    run = centre.start()
    with pytest.raises(OfficeKilled):
        centre.conduct(run, killed_at(Point.TRIP_WRITTEN, 3))
    assert len(centre.keys_left()) == 3
    request_abort(centre.store, run, centre.town.clock())
    assert centre.conduct(run) is RunState.ABORTED
    assert centre.keys_left() == []


def test_an_abort_before_a_hospital_heard_of_the_run_is_taken(centre: Centre) -> None:
    run = centre.start()
    centre.line.away.add(S1)
    with pytest.raises(OfficeKilled):
        centre.conduct(run, killed_at(Point.REPLY_RECEIVED))
    request_abort(centre.store, run, centre.town.clock())
    centre.line.away.clear()
    assert centre.conduct(run) is RunState.ABORTED
    untold = [e for _, e in Journal(centre.store, run).events() if e.kind == "untold"]
    assert untold == []
    assert centre.keys_left() == []


@pytest.mark.parametrize("profile", ["exact", "standard"])
def test_an_older_journal_goes_on_or_is_told(tmp_path: Path, profile: str) -> None:
    """It goes on where nothing random is in a result; else hospitals see that there are two."""
    with founded(tmp_path, brief_plan(profile)) as centre:
        run = centre.start()
        with pytest.raises(OfficeKilled):
            centre.conduct(run, killed_at(Point.TRIP_WRITTEN, 4))
        backup(centre.store, tmp_path / "copy")
        assert centre.conduct(run) is RunState.FINISHED
        restore(tmp_path / "copy", tmp_path / "old.db")
        with Store(f"sqlite:///{tmp_path / 'old.db'}") as store:
            again = Centre(store, centre.town, centre.line, drawn=iter(range(50, 99)))
            state = again.conduct(run)
            if profile == "exact":
                assert state is RunState.FINISHED
                assert again.published[0].chain == centre.published[0].chain
            else:
                assert state in (RunState.REFUSED, RunState.FAILED)
                assert again.published == []
                assert "s0" in Journal(store, run).row().reason


def test_two_runs_share_the_nodes(centre: Centre) -> None:
    one, two = centre.start(1), centre.start(2)
    with pytest.raises(OfficeKilled):
        centre.conduct(one, killed_at(Point.TRIP_WRITTEN, 3))
    assert centre.conduct(two) is RunState.FINISHED
    assert centre.conduct(one) is RunState.FINISHED
    for played in centre.published:
        assert_sums(played, centre.town.plan)
    assert centre.published[0].chain != centre.published[1].chain
