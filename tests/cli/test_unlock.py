"""`riskset run unlock` as people and scripts type it: look first, then give a reason."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from coordinator.config import read_config
from coordinator.control import Start, start_run
from coordinator.journal import UNLOCKED, Event, Journal, RunState, Wish
from coordinator.store import Store
from coordinator.unlock import BALANCE
from protocol.errors import Exit
from tests.cli.parties import Said, founded, typed
from tests.federation.cohorts import small_plan
from tests.protocol.governance.parties import roster
from tests.site_node.town import signed

NOW = datetime(2030, 6, 1, tzinfo=UTC)
RUN = bytes(range(16))
LINE = "matched: largest |SMD| 0.041 (Age); 0 of 14 above 0.1"
REASON = "Every difference is below 0.1"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Found a centre with one run whose outcomes are locked."""
    settings, _, _ = founded(tmp_path)
    start = Start(RUN, small_plan("exact"), (signed(roster("a", "b", "c")),))
    with Store(read_config(settings).store) as store:
        start_run(store, start, now=NOW, software="1.0")
        rests = {"state": RunState.LOCKED, "before": RunState.LOCKED}
        told = [Event(NOW, BALANCE, 3, text=LINE)]
        Journal(store, RUN).write(NOW, was=[RunState.QUEUED], events=told, changes=rests)
    return settings


def unlock(config: Path, *words: str) -> Said:
    return typed("riskset", "run", "unlock", RUN.hex()[:8], *words, "--config", config)


def test_looking_shows_the_balance_and_unlocks_nothing(config: Path) -> None:
    looked = unlock(config)
    assert LINE in looked.out
    assert f"riskset run unlock {RUN.hex()[:8]} --reason" in looked.out
    assert unlock(config, "--format", "json").json == {
        "schema": "riskset:run-balance/1",
        "run": RUN.hex(),
        "balance": [LINE],
    }
    with Store(read_config(config).store) as store:
        assert Journal(store, RUN).row().wish is Wish.NONE


def test_a_reason_unlocks_once_and_stays(config: Path) -> None:
    said = unlock(config, "--reason", REASON, "--format", "json")
    assert said.json["schema"] == "riskset:run-wish/1"
    again = unlock(config, "--reason", REASON, "--format", "json")
    assert (again.status, again.code) == (Exit.USAGE, "run-state")
    with Store(read_config(config).store) as store:
        journal = Journal(store, RUN)
        assert journal.row().wish is Wish.UNLOCK
        assert [e.text for _, e in journal.events() if e.kind == UNLOCKED] == [REASON]


def test_an_empty_reason_is_none(config: Path) -> None:
    said = unlock(config, "--reason", " ", "--format", "json")
    assert (said.status, said.code) == (Exit.USAGE, "unlock-reason")


def test_a_locked_run_is_watched_to_its_rest(config: Path) -> None:
    words = ["run", "watch", RUN.hex()[:8], "--config"]
    watched = typed("riskset", *words, config)
    assert watched.status == 0
    assert f"outcomes are locked: riskset run unlock {RUN.hex()[:8]}" in watched.out + watched.err
