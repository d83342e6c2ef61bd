"""The coordinator's conductor and real hospital nodes, over a line without a network."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from coordinator.control import Start, request_abort, request_resume, start_run
from coordinator.journal import Journal, RunState
from coordinator.points import At, Point, pass_by
from coordinator.run import Conductor
from coordinator.store import Store
from protocol.ids import SiteId
from protocol.plan.model import Plan
from protocol.run import Played, play
from site_node.ledger import Kind
from site_node.points import Point as NodePoint
from tests.coordinator.hospitals import brief_plan
from tests.coordinator.office import Killed as OfficeKilled
from tests.coordinator.office import killed_at
from tests.federation.cohorts import clinics
from tests.protocol.governance.parties import seed
from tests.site_node.town import Killed, Town, signed, town

S1 = SiteId("s1")
IN_NODE: list[NodePoint] = [
    p for p in NodePoint if p not in (NodePoint.BEFORE_SEND, NodePoint.AFTER_SEND)
]
"""All points but the carrier's."""


@dataclass
class Line:
    """Carries requests to nodes that may be away, or die over one: each at its points."""

    town: Town
    away: set[SiteId] = field(default_factory=set)
    deaths: dict[SiteId, list[NodePoint]] = field(default_factory=dict)

    def exchange(
        self,
        requests: Mapping[SiteId, bytes],
        deadline: datetime,  # noqa: ARG002 - whoever is here answers at once
        stopped: Callable[[], bool],
    ) -> Iterator[tuple[SiteId, bytes]]:
        for site, raw in requests.items():
            if stopped():
                return
            if site in self.away:
                continue
            house = self.town.houses[site]
            if house.dies_at is None and self.deaths.get(site):
                house.dies_at = self.deaths[site].pop(0)
            try:
                answer = house.handle(raw)
            except Killed:
                continue  # it starts again with the next request
            yield site, answer


@dataclass
class Centre:
    """A journal, and the nodes of a town."""

    store: Store
    town: Town
    line: Line
    published: list[Played] = field(default_factory=list)
    drawn: Iterator[int] = field(default_factory=lambda: iter(range(1000)))

    def start(self, number: int = 1) -> bytes:
        run_id = number.to_bytes(16, "big")
        start = Start(run_id, self.town.plan, (signed(self.town.roster),))
        return start_run(self.store, start, now=self.town.clock(), software="1.0").run_id

    def conduct(self, run: bytes, at: At = pass_by) -> RunState:
        conductor = Conductor(
            store=self.store,
            carrier=self.line,
            seed=seed("office"),
            now=self.town.clock,
            random=lambda size: next(self.drawn).to_bytes(size, "big"),
            publish=self.published.append,
            at=at,
            pause=lambda seconds: self.town.clock.advance(hours=seconds),
        )
        return conductor.conduct(run, lambda: False)

    def keys_left(self) -> list[Path]:
        """List the key files that any hospital still has."""
        houses = self.town.houses.values()
        return [f for house in houses for f in house.folder.runs.iterdir() if f.suffix == ".keys"]


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    made = town(tmp_path / "town", brief_plan())
    with Store(f"sqlite:///{tmp_path / 'journal.db'}") as store:
        yield Centre(store, made, Line(made))
    made.close()


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


def test_two_runs_share_the_nodes(centre: Centre) -> None:
    one, two = centre.start(1), centre.start(2)
    with pytest.raises(OfficeKilled):
        centre.conduct(one, killed_at(Point.TRIP_WRITTEN, 3))
    assert centre.conduct(two) is RunState.FINISHED
    assert centre.conduct(one) is RunState.FINISHED
    for played in centre.published:
        assert_sums(played, centre.town.plan)
    assert centre.published[0].chain != centre.published[1].chain
