"""What runs out, and what is upgraded, in the middle of a run: it goes on or ends, by rule.

==================  =========================================================================
group               what it proves
==================  =========================================================================
the roster          a run ends with its roster, at every hospital and for good (SPEC 6.6); under
                    a longer one a new run of the same plan comes to the same sums
an approval         nothing is answered from then on (SPEC 4.8); once an operator approves anew,
                    the same run goes on
the certificate     nobody gets in, and the run waits; with a new one it goes on by itself
a node's software   a run goes on with other files of one study program; the next run needs a
                    new approval (SPEC 4.8). With another program the node is turned away
the office's        with another program the run stops, by name, and nothing is asked
==================  =========================================================================

Everybody's clock is a file: time passes for processes that live. What people are told is looked
for where they find it: in the journal, in a hospital's log, on a screen.
"""

import json
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

from coordinator.control import request_abort
from coordinator.journal import Journal, RunState
from coordinator.points import Point as OfficePoint
from protocol.governance.approval import Conditions
from protocol.governance.chain import next_version, signed_roster
from protocol.governance.roster import Roster
from protocol.plan.digest import plan_digest
from riskset.centre import certify
from site_node.ledger import Kind
from site_node.points import Point
from tests.federation.crash.cluster import Cluster, cluster, count, running
from tests.federation.crash.ground import PLAN, Ground, replace_text
from tests.federation.crash.invariants import published, require_sound
from tests.federation.crash.lives import Death, lines
from tests.ports import HOST

DAY, NEXT_DAY = 24, 25
"""Hours in which something runs out, and in which it has; the office waits for three days."""


def in_a_day() -> str:
    return f"{datetime.now(UTC) + timedelta(hours=DAY):%Y-%m-%dT%H:%M:%SZ}"


def ended(made: Cluster, journal: Journal, sums: Any) -> None:
    made.until_published(journal)
    made.stop()
    require_sound(made.ground, journal, sums)


def refused_again(made: Cluster, journal: Journal) -> None:
    """Ask once more, for nothing."""
    stopped = count(journal, "stopped")
    made.resume(journal, "resumed")
    made.until(lambda: count(journal, "stopped") > stopped)
    assert journal.row().state is RunState.REFUSED


def test_a_run_ends_with_its_roster(ground: Ground, sums: Any) -> None:
    mark, first = ground.folder / "mark", ground.roster(expires=in_a_day())
    made = cluster(ground, [Death(OfficePoint.TRIP_WRITTEN, 3, signal.SIGSTOP, mark)])
    with running(made, first) as (_, journal):
        made.until(mark.exists)
        ground.pass_hours(NEXT_DAY)
        made.go_on(made.office, lambda: journal.row().state is RunState.REFUSED)
        assert "trip 3" in journal.row().reason
        assert "run-over" in journal.row().reason
        assert Roster.from_bytes(first.payload).expires in journal.row().reason
        refused_again(made, journal)
        request_abort(journal.store, journal.run_id, datetime.now(UTC))
        made.until(lambda: journal.row().state is RunState.ABORTED)
        for site in ground.sites:
            assert "the roster expired" in ground.log(site)
            assert [path.name for path in ground.state(site).runs.iterdir()] == ["head"]
            assert lines(ground.state(site).ledger, Kind.RELEASE) == 2
        before = Roster.from_bytes(first.payload)
        begins, years = before.not_before, "2090-01-01T00:00:00Z"
        longer = next_version(before, before.members, not_before=begins, expires=years)
        chain = (first, signed_roster(longer, ground.authority_seed))
        again = ground.start(journal.store, *chain, replaces=journal.run_id)
        made.until_published(again)
        made.stop()
    assert published_sums(ground, again) == sums


def published_sums(ground: Ground, journal: Journal) -> Any:
    return json.loads(published(ground, journal))


def test_a_run_stops_with_an_approval_and_goes_on_with_the_next(ground: Ground, sums: Any) -> None:
    """It runs out while the hospital computes: what was computed is not written either."""
    site, mark = ground.sites[1], ground.folder / "mark"
    made = cluster(ground, site_deaths={site: [Death(Point.COMPUTED, 3, signal.SIGSTOP, mark)]})
    with running(made) as (_, journal):
        made.until(mark.exists)
        ground.approve(site, conditions=Conditions(expires=in_a_day()))
        ground.pass_hours(NEXT_DAY)
        made.go_on(made.sites[site], lambda: journal.row().state is RunState.REFUSED)
        assert f"{site} refuses trip 3 [local-policy]" in journal.row().reason
        assert "the approval expired on" in ground.log(site)
        assert lines(ground.state(site).ledger, Kind.RELEASE) == 2
        refused_again(made, journal)
        ground.approve(site)
        made.resume(journal, "resumed")
        ended(made, journal, sums)


def test_a_run_waits_for_a_certificate(ground: Ground, sums: Any) -> None:
    mark, keys = ground.folder / "mark", ground.folder / "authority"
    made = cluster(ground, [Death(OfficePoint.TRIP_WRITTEN, 3, signal.SIGSTOP, mark)])
    with running(made) as (_, journal):
        made.until(mark.exists)
        certify(ground.centre, keys, [HOST], datetime.now(UTC) - timedelta(days=500))
        made.office.again()
        made.until(lambda: all("certificate expired on" in ground.log(s) for s in made.sites))
        assert journal.row().state is RunState.ASKING
        certify(ground.centre, keys, [HOST], datetime.now(UTC))
        made.office.again()
        ended(made, journal, sums)


def test_other_files_of_one_program_go_on_with_a_run_and_begin_none(
    ground: Ground, sums: Any
) -> None:
    site, mark, newer = ground.sites[2], ground.folder / "mark", bytes(31) + b"2"
    made = cluster(ground, site_deaths={site: [Death(Point.COMPUTED, 3, signal.SIGSTOP, mark)]})
    with running(made) as (_, journal):
        made.until(mark.exists)
        made.sites[site].again(software=newer)
        made.until_published(journal)
        second = ground.start(journal.store)
        made.until_state(second, RunState.REFUSED)
        assert f"{site} refuses the opening [local-policy]" in second.row().reason
        assert "approved for another version of the software" in ground.log(site)
        ground.approve(site, software=newer)
        made.resume(second, "resumed")
        made.until(lambda: second.row().published is not None)
        made.stop()
    assert published_sums(ground, journal) == published_sums(ground, second) == sums


def test_a_node_of_another_program_waits_outside(ground: Ground, sums: Any) -> None:
    site, mark = ground.sites[0], ground.folder / "mark"
    named = f'[[plans]]\nfile = "{PLAN}"\ndigest = "{plan_digest(ground.plan).hex()}"\n'
    replace_text(ground.site_file(site), named, "")  # the plan is the one that was proposed
    made = cluster(ground, site_deaths={site: [Death(Point.COMPUTED, 3, signal.SIGSTOP, mark)]})
    with running(made) as (_, journal):
        made.until(mark.exists)
        made.sites[site].again(program="2")
        turned_away = "the coordinator runs version '1' of the study program, we '2'"
        made.until(lambda: turned_away in ground.log(site))
        assert journal.row().state is RunState.ASKING
        assert lines(ground.state(site).ledger, Kind.RELEASE) == 2
        made.sites[site].again(program="1")
        ended(made, journal, sums)


def test_an_office_of_another_program_asks_nothing(ground: Ground, sums: Any) -> None:
    mark = ground.folder / "mark"
    made = cluster(ground, [Death(OfficePoint.TRIP_WRITTEN, 3, signal.SIGSTOP, mark)])
    with running(made) as (_, journal):
        made.until(mark.exists)
        made.office.again(program="2")
        made.until_state(journal, RunState.FAILED)
        assert journal.row().code == "program-version"
        assert "begun by version 1 of the study program; this is version 2" in journal.row().reason
        counted = [lines(ground.state(site).ledger, Kind.RELEASE) for site in ground.sites]
        assert counted == [2] * len(ground.sites)
        made.office.again(program="1")
        made.resume(journal, "resumed")
        ended(made, journal, sums)
