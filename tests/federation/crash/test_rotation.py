"""The coordinator's key is replaced while hospitals serve: they follow the authority alone.

==================  =========================================================================
group               what it proves
==================  =========================================================================
between runs        hospitals that serve learn the new key at their next login, by the rosters
                    that the authority signed; runs go on as before, and the old key is worth
                    nothing any more, whoever holds it
in mid-run          with the key lost, the open run ends at every hospital by itself, its keys
                    are deleted, and a new run of the plan comes to the same sums
==================  =========================================================================
"""

import json
import shutil
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from coordinator.control import request_abort
from coordinator.journal import Journal, RunState
from coordinator.members import kept_rosters
from coordinator.points import Point as OfficePoint
from coordinator.store import Store
from riskset.rotation import Rotation, RotationError, register_of, rotate
from site_node.ledger import Kind
from tests.federation.crash.cluster import cluster, running
from tests.federation.crash.ground import Ground
from tests.federation.crash.invariants import published
from tests.federation.crash.lives import Death, lines

LEARNT = '"coordinator-key-replaced"'


def turned(ground: Ground, store: Store, *, abandon: bool = False) -> Rotation:
    """Type `riskset rotate`."""
    now = datetime.now(UTC)
    return rotate(ground.centre, ground.office, store, now=now, abandon=abandon)


def changed(ground: Ground, store: Store, *, abandon: bool = False) -> None:
    """Give the centre a new key, which the authority's member signs."""
    waits = turned(ground, store, abandon=abandon).waits
    assert [file.parent for file in waits] == [ground.centre]
    study = ground.plan.study.id
    register = register_of(ground.centre, ground.office, store, study)
    _, in_force = register.sign(ground.authority_seed, datetime.now(UTC))
    assert in_force
    assert turned(ground, store, abandon=abandon).waits == ()


def started(ground: Ground, store: Store, **further: Any) -> Journal:
    return ground.start(store, *kept_rosters(store, ground.plan.study.id), **further)


def test_hospitals_follow_the_authority_to_a_new_key(
    ground: Ground, sums: Any, tmp_path: Path
) -> None:
    made, stolen = cluster(ground), tmp_path / "stolen.key"
    with running(made) as (_, journal):
        made.until_published(journal)
        shutil.copy2(ground.office.key, stolen)
        changed(ground, journal.store)
        made.office.again()
        made.until(lambda: all(LEARNT in ground.log(site) for site in ground.sites))
        again = started(ground, journal.store)
        made.until_published(again)
        shutil.copy2(stolen, ground.office.key)
        made.office.again()
        refused = "does not hold the coordinator's identity key"
        made.until(lambda: all(refused in ground.log(site) for site in ground.sites))
        made.stop()
    assert json.loads(published(ground, again)) == sums
    for site in ground.sites:
        assert lines(ground.state(site).ledger, Kind.SUCCEEDED) == 1
        assert ground.log(site).rindex('"connected"') < ground.log(site).rindex(refused)


def test_a_run_ends_with_the_key(ground: Ground, sums: Any) -> None:
    mark = ground.folder / "mark"
    made = cluster(ground, [Death(OfficePoint.TRIP_WRITTEN, 3, signal.SIGSTOP, mark)])
    with running(made) as (_, journal):
        made.until(mark.exists)
        with pytest.raises(RotationError, match="runs are open, and end with the key: 0000"):
            turned(ground, journal.store)
        made.office.stop()
        ground.office.key.unlink()
        changed(ground, journal.store, abandon=True)
        made.office.start()
        made.until_state(journal, RunState.FAILED)
        assert "names another coordinator's key than this one's" in journal.row().reason
        request_abort(journal.store, journal.run_id, datetime.now(UTC))
        made.until(lambda: journal.row().state is RunState.ABORTED)
        for site in ground.sites:
            assert "a newer roster of the study takes back a party" in ground.log(site)
            assert [path.name for path in ground.state(site).runs.iterdir()] == ["head"]
        again = started(ground, journal.store, replaces=journal.run_id)
        made.until_published(again)
        made.stop()
    assert json.loads(published(ground, again)) == sums
