"""The daemon conducts what the journal asks for, whatever becomes of single runs."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import pytest

from coordinator.asking import Patience
from coordinator.carriers import Carrier
from coordinator.carriers.embedded import Embedded
from coordinator.config import CoordinatorConfig
from coordinator.control import request_abort, request_resume
from coordinator.daemon import Office, Surroundings, serve
from coordinator.journal import Journal, RunState
from coordinator.members import Presence, kept_presence, set_presence
from coordinator.publish import ResultsFolder
from coordinator.results import read_results
from coordinator.store import Store, StoreBusyError, StoreError
from protocol.ids import SiteId, site_id
from protocol.plan.digest import plan_digest
from protocol.requests import OpenRun
from protocol.run import Played
from protocol.wire.codec import decode_request
from tests.coordinator.hospitals import NOON, OFFICE, FakeHospital, brief_plan, hospitals
from tests.coordinator.office import Desk
from tests.postgres import hang_up, new_database

PATIENCE_SECONDS = 30
"""Far above what a run takes: a test that waits so long has failed."""


def config(folder: Path, runs: int = 8) -> CoordinatorConfig:
    nothing = folder / "nothing"
    return CoordinatorConfig(
        listen="127.0.0.1:0",
        store=f"sqlite:///{folder / 'journal.db'}",
        out=folder / "results",
        key=nothing,
        federation=nothing,
        tls_certificate=nothing,
        tls_key=nothing,
        patience=Patience(),
        runs=runs,
        message_mb=1,
        sessions=10,
    )


@dataclass
class Awaited:
    """Takes published runs, and lets a test wait for them."""

    then: Callable[[Played], None] = lambda _: None
    runs: dict[bytes, Event] = field(default_factory=dict)

    def publish(self, played: Played) -> None:
        self.then(played)
        self.of(played.run_id).set()

    def of(self, run: bytes) -> Event:
        return self.runs.setdefault(run, Event())

    def wait(self, run: bytes) -> None:
        assert self.of(run).wait(PATIENCE_SECONDS)


def until(journal: Journal, state: RunState, code: str = "") -> None:
    """Wait until a run is written to stand somewhere, for whatever reason or for this one."""
    tick = Event()
    for _ in range(20 * PATIENCE_SECONDS):
        row = journal.row()
        if row.state is state and code in ("", row.code):
            return
        tick.wait(0.05)
    pytest.fail(f"the run is {journal.row().state}: {journal.row().reason}")


@contextmanager
def carried(sites: Mapping[SiteId, FakeHospital]) -> Iterator[Carrier]:
    yield Embedded({site: hospital.handle for site, hospital in sites.items()})


@contextmanager
def daemon(
    settings: CoordinatorConfig,
    sites: Mapping[SiteId, FakeHospital],
    publish: Callable[[Played], None],
) -> Iterator[Event]:
    """Let a daemon work beside the test; it has ended when the block has."""
    stopped, faults = Event(), list[BaseException]()

    def carrier(_: Store) -> AbstractContextManager[Carrier]:
        return carried(sites)

    def work() -> None:
        world = Surroundings(lambda: datetime.now(UTC), os.urandom, poll_seconds=0.02)
        try:
            serve(settings, Office(OFFICE, carrier, publish), world, stopped)
        except BaseException as error:
            faults.append(error)

    thread = Thread(target=work)
    thread.start()
    try:
        yield stopped
    finally:
        stopped.set()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
    assert faults == []


def test_the_daemon_conducts_runs_and_writes_their_results(tmp_path: Path) -> None:
    settings, out = config(tmp_path), ResultsFolder(tmp_path / "results")
    done = Awaited(out.publish)
    with Store(settings.store) as store:
        desk = Desk(store)
        set_presence(store, Presence(site_id("s0"), True, NOON, "192.0.2.7", "1.0"))
        first = desk.start(number=16**31)
        with daemon(settings, desk.sites, done.publish):
            second = desk.start(number=16**30)
            done.wait(first)
            done.wait(second)
            until(Journal(store, second), RunState.FINISHED)
        assert not kept_presence(store)[site_id("s0")].connected
    folder = out.of(first)
    assert folder == tmp_path / "results" / "10000000"
    found = read_results(folder / "results.json")
    assert found.study.plan_digest == plan_digest(brief_plan()).hex()
    assert (folder / "report.html").stat().st_size > 10_000
    assert out.of(second).is_dir()


def test_a_journal_has_one_daemon(tmp_path: Path) -> None:
    settings, ready = config(tmp_path), Awaited()
    with Store(settings.store) as store:
        desk = Desk(store)
        run = desk.start()
        with daemon(settings, desk.sites, ready.publish):
            ready.wait(run)
            office = Office(OFFICE, lambda _: carried({}), ready.publish)
            world = Surroundings(lambda: datetime.now(UTC), os.urandom)
            with pytest.raises(StoreBusyError, match="another daemon"):
                serve(settings, office, world, Event())


def test_a_daemon_that_lost_its_journal_ends(postgres: Path, tmp_path: Path) -> None:
    """Another may hold it by now; whoever supervises the daemon starts it again."""
    url, ready = new_database(postgres), Awaited()
    settings = replace(config(tmp_path), store=url)
    with Store(url) as store:
        run = Desk(store).start()
        office = Office(OFFICE, lambda _: carried(hospitals()), ready.publish)
        world = Surroundings(lambda: datetime.now(UTC), os.urandom, poll_seconds=0.02)
        stopped, faults = Event(), list[str]()

        def work() -> None:
            try:
                serve(settings, office, world, stopped)
            except StoreError as error:
                faults.append(error.code)

        thread = Thread(target=work)
        thread.start()
        try:
            ready.wait(run)
            hang_up(store)
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()
        finally:
            stopped.set()
            thread.join()
    assert faults == ["journal"]


def test_a_fault_in_one_run_leaves_the_others_going(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its words stay in the log of the daemon; the journal names the kind of fault only."""
    settings, done, sites = config(tmp_path), Awaited(), hospitals()
    bad = (1).to_bytes(16, "big")

    class Faulty(FakeHospital):
        def handle(self, raw: bytes) -> bytes:
            request = decode_request(raw)
            if isinstance(request, OpenRun) and request.run_id == bad:
                raise ZeroDivisionError("a secret")
            return super().handle(raw)

    first = site_id("s0")
    sites[first] = Faulty(sites[first].cohort)
    with Store(settings.store) as store, caplog.at_level(logging.ERROR):
        desk = Desk(store, sites)
        one, two = desk.start(number=1), desk.start(number=2)
        assert one == bad
        with daemon(settings, sites, done.publish):
            done.wait(two)
            until(Journal(store, one), RunState.FAILED)
        row = Journal(store, one).row()
    assert (row.code, row.reason) == ("fault", "an unexpected error (ZeroDivisionError)")
    assert "ZeroDivisionError: a secret" in caplog.text


def test_a_daemon_that_stops_leaves_waiting_runs_to_the_next(tmp_path: Path) -> None:
    settings, done, sites = config(tmp_path), Awaited(), hospitals()
    away = sites.pop(site_id("s1"))
    with Store(settings.store) as store:
        run = Desk(store, hospitals()).start()
        with daemon(settings, sites, done.publish):
            until(Journal(store, run), RunState.OPENING)
        assert Journal(store, run).row().state is RunState.OPENING
        with daemon(settings, {**sites, away.site: away}, done.publish):
            done.wait(run)


def test_people_command_the_daemon_through_the_journal(tmp_path: Path) -> None:
    settings, done, sites = config(tmp_path, runs=1), Awaited(), hospitals()
    sites[site_id("s1")].no = "local-policy"
    with Store(settings.store) as store:
        desk = Desk(store, sites)
        one = desk.start(number=1)
        with daemon(settings, sites, done.publish):
            until(Journal(store, one), RunState.REFUSED)
            sites[site_id("s1")].no = ""
            request_resume(store, one, datetime.now(UTC))
            done.wait(one)
            sites[site_id("s1")].no = "unavailable"
            two, three = desk.start(number=2), desk.start(number=3)
            until(Journal(store, two), RunState.OPENING)
            assert Journal(store, three).row().state is RunState.QUEUED  # one run at a time
            sites[site_id("s1")].no = ""
            request_abort(store, two, datetime.now(UTC))
            until(Journal(store, two), RunState.ABORTED)
            done.wait(three)


def test_results_that_cannot_be_written_are_tried_again_when_asked(tmp_path: Path) -> None:
    settings, done, sites, full = config(tmp_path), Awaited(), hospitals(), [True]
    calls: list[bytes] = []

    def publish(played: Played) -> None:
        calls.append(played.run_id)
        if full[0]:
            raise OSError(28, "No space left on device", "results.json")
        done.publish(played)

    with Store(settings.store) as store:
        desk = Desk(store, sites)
        one, two = desk.start(number=1), desk.start(number=2)
        with daemon(settings, sites, publish):
            for run in (one, two):
                until(Journal(store, run), RunState.FINISHED, "publish")
            full[0] = False
            request_resume(store, one, datetime.now(UTC))
            done.wait(one)
        assert Journal(store, two).row().published is None
        assert (calls.count(one), calls.count(two)) == (2, 1)
        with daemon(settings, sites, publish):
            done.wait(two)  # a restart tries by itself
