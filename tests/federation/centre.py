"""The coordinator's conductor over real hospital nodes, on a line without a network."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from coordinator.control import Start, start_run
from coordinator.journal import RunState
from coordinator.points import At, pass_by
from coordinator.run import Conductor
from coordinator.store import Store
from protocol.ids import SiteId
from protocol.plan.model import Plan
from protocol.run import Played
from site_node.points import Point as NodePoint
from tests.protocol.governance.parties import seed
from tests.site_node.town import Killed, Town, signed, town


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


@contextmanager
def founded(folder: Path, plan: Plan) -> Iterator[Centre]:
    made = town(folder / "town", plan)
    with Store(f"sqlite:///{folder / 'journal.db'}") as store:
        yield Centre(store, made, Line(made))
    made.close()
