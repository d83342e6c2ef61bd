"""Keeps a federation's processes alive, as init systems do, until a run is where it should be."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing import connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from coordinator.control import request_resume
from coordinator.journal import Journal, RunState
from coordinator.store import Store
from protocol.governance.signed import SignedRoster
from protocol.ids import SiteId
from tests.federation.crash.ground import Ground
from tests.federation.crash.lives import LIVE, Death, World, hospital, office

PATIENCE_SECONDS = 60
"""I6: after a restart a run goes on, or says why, within this time."""

Life = Callable[[Path, World, Death], None]


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "scipy.stats", "sklearn.linear_model"])
    return context


FORKED = _context()


@dataclass
class Machine:
    """One process under supervision. `deaths` are of its first lives; later ones just live."""

    life: Life
    config: Path
    world: World
    deaths: list[Death] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    process: BaseProcess | None = None

    def start(self) -> None:
        death = self.deaths.pop(0) if self.deaths else LIVE
        self.process = FORKED.Process(target=self.life, args=(self.config, self.world, death))
        self.process.start()

    def tend(self) -> None:
        """Start the process again if it has ended."""
        if self.process is None or self.process.exitcode is None:
            return
        self.ends.append(self.process.exitcode)
        self.process.join()
        self.start()

    @property
    def killed(self) -> int:
        """How often it was killed."""
        return self.ends.count(-signal.SIGKILL)

    @property
    def number(self) -> int:
        """The process's id."""
        assert self.process is not None
        assert self.process.pid is not None
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; one that has just died does not mind."""
        with suppress(ProcessLookupError):
            os.kill(self.number, number)

    def again(self, **world: Any) -> None:
        """Start it anew, as a person does, in surroundings that are otherwise the same."""
        self.stop()
        self.world = replace(self.world, **world)
        self.start()

    def stop(self) -> None:
        """Kill it for good, and wait until it is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None


@dataclass
class Cluster:
    """An office and its hospitals."""

    ground: Ground
    office: Machine
    sites: dict[SiteId, Machine]

    @property
    def machines(self) -> list[Machine]:
        return [self.office, *self.sites.values()]

    def start(self) -> None:
        for machine in self.machines:
            machine.start()

    def until(self, reached: Callable[[], bool]) -> None:
        """Keep all processes alive until something holds."""
        for _ in range(20 * PATIENCE_SECONDS):
            if reached():
                return
            alive = [m.process.sentinel for m in self.machines if m.process is not None]
            connection.wait(alive, 0.05)
            for machine in self.machines:
                machine.tend()
        ends = {machine.config.parent.name: machine.ends for machine in self.machines}
        raise AssertionError(f"it does not come to that; processes ended with {ends}")

    def until_state(self, journal: Journal, *wanted: RunState) -> None:
        """Wait for a run to stand somewhere; one that stops elsewhere has failed the test."""
        over = {RunState.FINISHED, RunState.REFUSED, RunState.ABORTED, RunState.FAILED}

        def reached() -> bool:
            row = journal.row()
            assert row.state in wanted or row.state not in over, f"{row.state}: {row.reason}"
            return row.state in wanted

        self.until(reached)

    def until_published(self, journal: Journal) -> None:
        self.until_state(journal, RunState.FINISHED)
        self.until(lambda: journal.row().published is not None)

    def go_on(self, machine: Machine, reached: Callable[[], bool]) -> None:
        """Let a process that stopped go on, until something holds."""

        def gone_on() -> bool:
            machine.signal(signal.SIGCONT)  # again, as a mark is made just before the stop
            return reached()

        self.until(gone_on)

    def resume(self, journal: Journal, told: str) -> None:
        """Have a run go on, and wait for what is told of that."""
        before = count(journal, told)
        request_resume(journal.store, journal.run_id, datetime.now(UTC))
        self.until(lambda: count(journal, told) > before)

    def stop(self) -> None:
        for machine in self.machines:
            machine.stop()


def count(journal: Journal, kind: str) -> int:
    """Count the events of a kind."""
    return sum(event.kind == kind for _, event in journal.events())


def cluster(
    ground: Ground,
    office_deaths: Sequence[Death] = (),
    site_deaths: dict[SiteId, list[Death]] | None = None,
    hours: dict[SiteId, float] | None = None,
    office_hours: float = 0,
) -> Cluster:
    """Put the machines of a federation together; none is started."""
    ledgers = {site: ground.state(site).ledger for site in ground.sites}
    world = World(office_hours, ground.clock, tap=ground.tap, ledgers=ledgers)
    sites = {
        site: Machine(
            hospital,
            file,
            World((hours or {}).get(site, 0), ground.clock),
            list((site_deaths or {}).get(site, ())),
        )
        for site, file in ground.site_files.items()
    }
    return Cluster(ground, Machine(office, ground.centre_file, world, list(office_deaths)), sites)


@contextmanager
def running(made: Cluster, roster: SignedRoster | None = None) -> Iterator[tuple[Cluster, Journal]]:
    """Start a run and all machines; at the end every process is gone."""
    with Store(made.ground.office.store) as store:
        journal = made.ground.start(store, roster or made.ground.roster())
        try:
            made.start()
            yield made, journal
        finally:
            made.stop()
