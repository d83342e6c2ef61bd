"""Disks that are full or read-only, files that are damaged or too old, folders that two use.

==================  =========================================================================
group               what it proves
==================  =========================================================================
no space            a hospital, then the office, can write nothing for a while in mid-run: it
                    says so, nothing is half-written, and the run goes on without a restart
read-only           the same where folders are mounted read-only: under a start, which ends and
                    says so, and under a node that lives, which answers `unavailable`
damaged             a ledger with a flipped byte stops the start, by name, until the good file
                    is back; a log of the database that was torn loses nothing that was sent
older               an old copy of a hospital's whole folder, in its place or beside the node that
                    lives, answers nothing; with the newest folder the run ends well
two on a folder     a second node on a folder, and a second daemon on a journal, end at once;
                    the first ones do not mind
clocks              hospitals a day early and a day late, and the office a day late: the same
                    sums; times order nothing
==================  =========================================================================

The same in one process, and more of it: `tests/site_node/test_resume.py`, `test_ledger.py`.
"""

import resource
import shutil
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from coordinator.control import request_resume
from coordinator.journal import Journal, RunState, Wish
from coordinator.points import Point as OfficePoint
from site_node.ledger import Kind
from site_node.points import Point
from tests.federation.crash.cluster import Cluster, Machine, cluster, running
from tests.federation.crash.ground import Ground
from tests.federation.crash.invariants import arrivals, require_sound
from tests.federation.crash.lives import Death, World, hospital, lines, office, rows, screen
from tests.federation.crash.mounts import remounted


def limited(machine: Machine, size_bytes: int) -> None:
    """Let a process write no file beyond a size, as on a disk without space; -1 lifts it."""
    assert machine.process is not None
    assert machine.process.pid is not None
    _, hard = resource.prlimit(machine.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(machine.process.pid, resource.RLIMIT_FSIZE, (size_bytes, hard))


def ended(made: Cluster, journal: Journal, sums: Any) -> None:
    made.until_published(journal)
    made.stop()
    require_sound(made.ground, journal, sums)


def test_a_hospital_without_space_goes_on_when_it_has_some(ground: Ground, sums: Any) -> None:
    site, mark = ground.sites[0], ground.folder / "mark"
    death = Death(Point.BEFORE_LEDGER, 2, signal.SIGSTOP, mark)
    made = cluster(ground, site_deaths={site: [death]})
    with running(made) as (_, journal):
        made.until(mark.exists)
        limited(made.sites[site], 1)
        made.go_on(made.sites[site], partial(has_unavailable, journal))
        limited(made.sites[site], -1)
        ended(made, journal, sums)
    assert made.sites[site].ends == []


def has_unavailable(journal: Journal) -> bool:
    return any("unavailable" in event.text for _, event in journal.events())


def test_an_office_without_space_goes_on_when_it_has_some(ground: Ground, sums: Any) -> None:
    mark, passed = ground.folder / "mark", len(ground.sites) * 3
    made = cluster(ground, [Death(OfficePoint.BEFORE_CLOSE, 2, signal.SIGSTOP, mark)])
    with running(made) as (_, journal):
        made.until(mark.exists)
        before = journal.row()
        limited(made.office, 1)
        made.go_on(made.office, lambda: len(list(arrivals(ground))) >= passed)
        assert journal.row() == before
        limited(made.office, -1)
        ended(made, journal, sums)
    assert made.office.ends == []


def test_a_hospital_with_a_read_only_folder_does_not_start(ground: Ground, sums: Any) -> None:
    site, mark = ground.sites[1], ground.folder / "mark"
    made = cluster(ground, site_deaths={site: [Death(Point.COMPUTED, 3, signal.SIGSTOP, mark)]})
    machine, state = made.sites[site], ground.state(site)
    with running(made) as (_, journal):
        made.until(mark.exists)
        before = fold(state.ledger)
        machine.again(read_only=(state.path,))
        made.until(lambda: 1 in machine.ends)
        machine.stop()
        assert set(machine.ends) == {1}
        assert journal.row().state is RunState.ASKING
        assert fold(state.ledger) == before
        machine.again(read_only=())
        ended(made, journal, sums)
    said = f"UnavailableError: {state.path / 'lock'}: read-only file system"
    assert said in screen(ground.site_file(site)).read_text()


@pytest.mark.parametrize("point", [Point.KEYS_WRITTEN, Point.CLOSING])
def test_a_hospital_that_cannot_write_keys_goes_on_when_it_can(
    ground: Ground, sums: Any, point: Point
) -> None:
    """Its folder of keys becomes read-only under it: before new ones, and before their end."""
    site, mark = ground.sites[0], ground.folder / "mark"
    made = cluster(ground, site_deaths={site: [Death(point, 1, signal.SIGSTOP, mark)]})
    machine, keys = made.sites[site], ground.state(site).runs
    machine.world = replace(machine.world, mounts=(keys,))
    with running(made) as (_, journal):
        made.until(mark.exists)
        remounted(machine.number, keys, "ro")
        made.go_on(machine, partial(has_unavailable, journal))
        assert "read-only file system" in ground.log(site)
        remounted(machine.number, keys, "rw")
        ended(made, journal, sums)
    assert machine.ends == []


def test_an_office_with_a_read_only_folder_does_not_start(ground: Ground, sums: Any) -> None:
    mark = ground.folder / "mark"
    made = cluster(ground, [Death(OfficePoint.BEFORE_CLOSE, 2, signal.SIGSTOP, mark)])
    with running(made) as (_, journal):
        made.until(mark.exists)
        before = journal.row()
        made.office.again(read_only=(ground.centre,))
        made.until(lambda: 1 in made.office.ends)
        made.office.stop()
        assert set(made.office.ends) == {1}
        assert journal.row() == before
        made.office.again(read_only=())
        ended(made, journal, sums)
    assert "read-only" in screen(ground.centre_file).read_text().lower()


def test_a_damaged_ledger_stops_the_start_until_the_good_one_is_back(
    ground: Ground, sums: Any
) -> None:
    site, mark = ground.sites[1], ground.folder / "mark"
    death = Death(Point.AFTER_LEDGER, 3, signal.SIGSTOP, mark)
    made = cluster(ground, site_deaths={site: [death]})
    with running(made) as (_, journal):
        made.until(mark.exists)
        machine, state = made.sites[site], ground.state(site)
        machine.stop()
        opened = "SELECT seq, body FROM entries WHERE kind = 'opened'"
        ((number, request),) = rows(state.ledger, opened)
        good = fold(state.ledger)
        middle = good.index(request[:100]) + 50
        state.ledger.write_bytes(good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :])
        machine.start()
        made.until(lambda: 1 in machine.ends)
        assert machine.ends == [1] * len(machine.ends)
        assert journal.row().state is RunState.ASKING
        machine.stop()
        state.ledger.write_bytes(good)
        machine.start()
        ended(made, journal, sums)
    said = screen(ground.site_file(site)).read_text()
    assert f"line {number} is not as it was written" in said


def fold(ledger: Path) -> bytes:
    """Fold the log of a database into it, as a backup does, and read it."""
    with closing(sqlite3.connect(ledger)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return ledger.read_bytes()


def test_a_torn_end_of_the_databases_log_loses_nothing_that_was_sent(
    ground: Ground, sums: Any
) -> None:
    """Bytes behind the last commit, as of a write that a power failure cut short."""
    site = ground.sites[2]
    made = cluster(ground, site_deaths={site: [Death(Point.AFTER_SEND, 3)]})
    machine, state = made.sites[site], ground.state(site)
    with running(made) as (_, journal):
        made.until(lambda: machine.killed == 1)
        machine.stop()
        with state.ledger.with_name("ledger.db-wal").open("ab") as log:
            log.write(b"\x17" * 3000)
        machine.start()
        ended(made, journal, sums)


def test_an_old_copy_of_a_hospital_answers_nothing(ground: Ground, sums: Any) -> None:
    """Its backup of the second trip comes back while the run is two answers further on."""
    site, early, late = ground.sites[0], ground.folder / "early", ground.folder / "late"
    deaths = [
        Death(Point.AFTER_SEND, 2, signal.SIGSTOP, early),
        Death(Point.AFTER_SEND, 3, signal.SIGSTOP, late),
    ]
    made = cluster(ground, site_deaths={site: deaths})
    machine, folder = made.sites[site], ground.folder / site
    with running(made) as (_, journal):
        made.until(early.exists)
        machine.stop()
        shutil.copytree(folder / "state", ground.folder / "old")
        machine.start()
        made.until(late.exists)
        made.until(lambda: journal.row().trip >= 3)
        machine.stop()
        (folder / "state").rename(ground.folder / "newest")
        (ground.folder / "old").rename(folder / "state")
        before = [reply for who, reply, _ in arrivals(ground) if who == site]
        machine.start()
        made.until(lambda: "ledger-rollback" in ground.log(site) or 1 in machine.ends)
        machine.stop()
        assert [reply for who, reply, _ in arrivals(ground) if who == site] == before
        shutil.rmtree(folder / "state")
        (ground.folder / "newest").rename(folder / "state")
        machine.start()
        made.until(partial(published_if_resumed, journal))
        ended(made, journal, sums)


def test_an_old_copy_beside_the_node_that_lives(ground: Ground, sums: Any) -> None:
    """The copy of another disk is turned away while the node lives, and finds out once it is gone.

    What it is shown at its login then is the head of the ledger that it lacks (SPEC 2.11).
    """
    site, busy, early = ground.sites[0], ground.sites[1], ground.folder / "early"
    death, pause = Death(Point.AFTER_SEND, 2, signal.SIGSTOP, early), ground.folder / "pause"
    waits = Death(Point.COMPUTED, 3, signal.SIGSTOP, pause)
    made = cluster(ground, site_deaths={site: [death], busy: [waits]})
    machine, folder = made.sites[site], ground.folder / site
    other, ledger = ground.folder / "other" / "site.toml", ground.state(site).ledger
    copy = Machine(hospital, other, machine.world)
    with running(made) as (_, journal):
        made.until(early.exists)
        machine.stop()
        shutil.copytree(folder, other.parent)
        (other.parent / "node.log").unlink()
        machine.start()
        made.until(lambda: pause.exists() and lines(ledger, Kind.RELEASE) == 3)
        before = ground.logins()[site]
        machine.again()  # its login tells where its ledger stands
        made.until(lambda: ground.logins()[site] > before)
        copy.start()
        try:
            made.until(lambda: "another program is connected" in log_at(other))
            said = [reply for who, reply, _ in arrivals(ground) if who == site]
            made.until(lambda: "another program logged in" in ground.log(site))
            machine.stop()
            made.until(lambda: "which this hospital signed at an earlier login" in log_at(other))
        finally:
            copy.stop()
        assert [reply for who, reply, _ in arrivals(ground) if who == site] == said
        before = ground.logins()[site]
        machine.start()
        made.until(lambda: ground.logins()[site] > before)
        made.go_on(made.sites[busy], lambda: lines(ground.state(busy).ledger, Kind.RELEASE) >= 3)
        made.until(partial(published_if_resumed, journal))
        ended(made, journal, sums)


def log_at(config: Path) -> str:
    file = config.with_name("node.log")
    return file.read_text() if file.exists() else ""


def published_if_resumed(journal: Journal) -> bool:
    """Let a run that was refused go on, as often as it takes; tell whether it came to its end."""
    row = journal.row()
    if row.state is RunState.REFUSED and row.wish is Wish.NONE:
        request_resume(journal.store, journal.run_id, datetime.now(UTC))
    return row.published is not None


def test_two_on_one_folder_or_journal(ground: Ground, sums: Any) -> None:
    made = cluster(ground, site_deaths={ground.sites[0]: [Death(Point.COMPUTED, 2)]})
    with running(made) as (_, journal):
        made.until(lambda: journal.row().trip >= 1)
        node = Machine(hospital, ground.site_file(ground.sites[1]), World())
        daemon = Machine(office, ground.centre_file, World())
        for second in (node, daemon):
            second.start()
            assert second.process is not None
            second.process.join()
            assert second.process.exitcode == 1
        ended(made, journal, sums)
    assert "works here" in screen(ground.site_file(ground.sites[1])).read_text()
    assert "another daemon" in screen(ground.centre_file).read_text()
    assert made.office.ends == made.sites[ground.sites[1]].ends == []


def test_clocks_that_are_a_day_off(ground: Ground, sums: Any) -> None:
    early, late, right = ground.sites
    made = cluster(
        ground,
        [Death(OfficePoint.RESULT_WRITTEN, 2)],
        {right: [Death(Point.COMPUTED, 2)]},
        hours={early: -24, late: 24},
        office_hours=24,
    )
    with running(made) as (_, journal):
        ended(made, journal, sums)
