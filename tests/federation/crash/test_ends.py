"""What a run came to, it came to: refused stays refused, aborted stays aborted, over stays over.

==================  =========================================================================
group               what it proves
==================  =========================================================================
refused (I7)        a hospital's no outlives kill -9 of everybody and a resumption; it has sent
                    no number; once its people say yes, the same run goes on to the same sums
aborted             an abort outlives kill -9 of everybody in the middle of it; no key is left,
                    and nobody can resume the run
finished            a restart of everybody changes nothing, and nothing is sent again
==================  =========================================================================

Each with the office's journal in SQLite and in PostgreSQL.
"""

import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from coordinator.control import RunStateError, request_abort, request_resume
from coordinator.journal import RunState
from site_node.ledger import Kind
from site_node.points import Point
from tests.federation.crash.cluster import Cluster, cluster, running
from tests.federation.crash.ground import Ground
from tests.federation.crash.invariants import answers, arrivals, require_closed, require_sound
from tests.federation.crash.lives import Death, lines


def kill_all(made: Cluster) -> None:
    for machine in made.machines:
        machine.signal(signal.SIGKILL)
    killed = [machine.killed for machine in made.machines]
    made.until(lambda: all(m.killed > k for m, k in zip(made.machines, killed, strict=True)))


def test_refused_stays_refused(stored: Ground, sums: Any) -> None:
    unsure = stored.sites[1]
    file = stored.site_file(unsure)
    settings = file.read_text()
    file.write_text(settings.replace("[log]", "[limits]\nmin_sites = 9\n\n[log]"))
    made = cluster(stored)
    with running(made) as (_, journal):
        made.until_state(journal, RunState.REFUSED)
        for _ in range(2):
            kill_all(made)
            assert journal.row().state is RunState.REFUSED
            made.resume(journal, "stopped")
            assert journal.row().state is RunState.REFUSED
        assert journal.row().code == "refused"
        assert answers(stored, unsure) == set()
        assert lines(stored.state(unsure).ledger, Kind.REFUSED) == 1
        file.write_text(settings)
        kill_all(made)
        made.resume(journal, "resumed")
        made.until_published(journal)
        made.stop()
        require_sound(stored, journal, sums)


def test_aborted_stays_aborted(stored: Ground, tmp_path: Path) -> None:
    """One hospital computes, two die over the abort, and then everybody dies."""
    busy, first, second = stored.sites
    mark = tmp_path / "computes"
    deaths = {
        busy: [Death(Point.BEFORE_LEDGER, 3, signal.SIGSTOP, mark)],
        first: [Death(Point.CLOSING)],
        second: [Death(Point.KEYS_DELETED)],
    }
    made = cluster(stored, site_deaths=deaths)
    with running(made) as (_, journal):
        made.until(mark.exists)
        request_abort(journal.store, journal.run_id, datetime.now(UTC))
        made.until(lambda: made.sites[first].killed + made.sites[second].killed == 2)
        assert journal.row().state is RunState.ABORTING
        kill_all(made)
        made.until_state(journal, RunState.ABORTED)
        kill_all(made)
        assert journal.row().state is RunState.ABORTED
        with pytest.raises(RunStateError, match="deleted its keys"):
            request_resume(journal.store, journal.run_id, datetime.now(UTC))
        made.stop()
        for site in stored.sites:
            require_closed(stored, site)
        assert (
            lines(stored.state(busy).ledger, Kind.RELEASE) == 2
        )  # what was computed for the third is nowhere


def test_finished_stays_finished(stored: Ground, sums: Any) -> None:
    made = cluster(stored)
    with running(made) as (_, journal):
        made.until_published(journal)
        before, kept = len(list(arrivals(stored))), {s: answers(stored, s) for s in stored.sites}
        logins = stored.logins()
        kill_all(made)
        made.until(lambda: all(now > logins[site] for site, now in stored.logins().items()))
        made.stop()
        assert len(list(arrivals(stored))) == before
        assert {site: answers(stored, site) for site in stored.sites} == kept
        require_sound(stored, journal, sums)
