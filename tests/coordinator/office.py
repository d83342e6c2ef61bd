"""A coordinator for the tests: one run over fake hospitals, and ways to break the line to them."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

import numpy as np
import pytest

from coordinator.asking import Patience
from coordinator.carriers import Carrier
from coordinator.carriers.embedded import Embedded
from coordinator.control import Start, start_run
from coordinator.journal import Event, Journal, RunState
from coordinator.points import At, Point, pass_by
from coordinator.run import Conductor
from coordinator.store import Store
from protocol.canonical import digest
from protocol.ids import SiteId, site_id
from protocol.plan.model import Plan
from protocol.run import Played
from tests.coordinator.hospitals import (
    OFFICE,
    Clock,
    FakeHospital,
    brief_plan,
    hospitals,
    signed_roster,
)

S0, S1 = site_id("s0"), site_id("s1")
Replies = list[tuple[SiteId, bytes]]
Break = Callable[[Replies], Replies]
"""Does something to the replies of one exchange."""


class Killed(BaseException):
    """The process ends here, without another word."""


@dataclass
class Broken:
    """A carrier that does something to the replies of its first exchanges, then is honest."""

    whole: Carrier
    breaks: deque[Break]

    def exchange(
        self, requests: Mapping[SiteId, bytes], deadline: datetime, stopped: Callable[[], bool]
    ) -> Iterator[tuple[SiteId, bytes]]:
        arrivals = list(self.whole.exchange(requests, deadline, stopped))
        yield from self.breaks.popleft()(arrivals) if self.breaks else arrivals


@dataclass
class Desk:
    """A journal, hospitals, and what became of runs."""

    store: Store
    sites: Mapping[SiteId, FakeHospital] = field(default_factory=hospitals)
    clock: Clock = field(default_factory=Clock)
    published: list[Played] = field(default_factory=list)
    patience: Patience = field(default_factory=Patience)
    seed: bytes = OFFICE
    drawn: Iterator[int] = field(default_factory=count)

    @property
    def carrier(self) -> Embedded:
        return Embedded({site: hospital.handle for site, hospital in self.sites.items()})

    def random(self, size: int) -> bytes:
        return digest("tests", "random", str(next(self.drawn)))[:size]

    def start(
        self, plan: Plan | None = None, number: int = 1, replaces: bytes | None = None
    ) -> bytes:
        """Write a run into the journal."""
        run_id, roster = number.to_bytes(16, "big"), signed_roster(list(self.sites))
        start = Start(run_id, plan or brief_plan(), (roster,), replaces=replaces)
        return start_run(self.store, start, now=self.clock(), software="1.0").run_id

    def conductor(self, carrier: Carrier | None = None, at: At = pass_by) -> Conductor:
        """Build a coordinator that knows nothing but the journal."""
        return Conductor(
            store=self.store,
            carrier=carrier or self.carrier,
            seed=self.seed,
            now=self.clock,
            random=self.random,
            publish=self.published.append,
            at=at,
            patience=self.patience,
            pause=self.clock.sleep,
        )

    def conduct(
        self, run_id: bytes, *breaks: Break, at: At = pass_by, stopped: Callable[[], bool] = bool
    ) -> RunState:
        """Conduct a run over a line that is broken in these ways, one exchange after the other."""
        carrier = Broken(self.carrier, deque(breaks)) if breaks else self.carrier
        return self.conductor(carrier, at).conduct(run_id, stopped)

    def die(self, run_id: bytes, point: Point, visit: int = 1) -> None:
        """Conduct a run until the process ends at a point, when it comes there the nth time."""
        with pytest.raises(Killed):
            self.conduct(run_id, at=killed_at(point, visit))

    def told(self, run_id: bytes, kind: str) -> list[Event]:
        """Read a run's events of one kind."""
        return [event for _, event in Journal(self.store, run_id).events() if event.kind == kind]


def fine(replies: Replies) -> Replies:
    """Break nothing."""
    return replies


def killed_at(point: Point, visit: int = 1) -> At:
    """End the process at a point, when it comes there for the nth time."""
    visits = count(1)

    def at(here: Point) -> None:
        if here is point and next(visits) == visit:
            raise Killed

    return at


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


def assert_one_upload_a_step(sites: Mapping[SiteId, FakeHospital]) -> None:
    """I1: whatever happened, a hospital sent one vector for a step."""
    for hospital in sites.values():
        assert {len(sent) for sent in hospital.uploads.values()} == {1}
