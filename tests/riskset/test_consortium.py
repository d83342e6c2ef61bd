"""A consortium on this machine whose plan locks outcomes does not wait for somebody who is away."""

from pathlib import Path

import pytest

from coordinator.journal import Journal, all_runs
from protocol.errors import Exit
from protocol.ids import SiteId
from protocol.plan.read import read_plan
from riskset import consortium_run
from riskset.consortium import ConsortiumError, assemble
from riskset.consortium_run import OutcomesLockedError, running
from tests.riskset.folders import SMALL, write_extracts

REASON = "The balance was looked at."


def test_a_machine_that_is_too_busy_is_told_what_took_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consortium_run, "START_SECONDS", 0.0)
    plan = read_plan(SMALL.read_text(encoding="utf-8"), "plan.toml")
    sites = write_extracts(tmp_path / "sites")
    extracts = {SiteId(path.stem): path for path in sorted(sites.iterdir())}
    made = assemble(tmp_path / "all", SMALL, plan, extracts, b"seed")
    with pytest.raises(ConsortiumError, match="connecting all hospitals took") as caught:
        running(made).__enter__()
    assert "less to do" in caught.value.fix


def test_locked_outcomes_stop_it_at_once_or_are_unlocked_with_the_reason(tmp_path: Path) -> None:
    text = SMALL.read_text(encoding="utf-8").replace("[study]", "[study]\noutcomes_locked = true")
    file = tmp_path / "plan.toml"
    file.write_text(text, encoding="utf-8")
    plan = read_plan(text, "plan.toml")
    sites = write_extracts(tmp_path / "sites")
    extracts = {SiteId(path.stem): path for path in sorted(sites.iterdir())}
    with running(assemble(tmp_path / "all", file, plan, extracts, b"seed")) as made:
        with pytest.raises(OutcomesLockedError, match="nobody gave a reason") as caught:
            made.conduct(lambda _: None, "  ")
        assert caught.value.exit is Exit.NOT_APPROVED
        assert not all_runs(made.store)  # no hospital was asked anything
        played = made.conduct(lambda _: None, REASON)
        assert "unlock/1" in [step.name for step in played.asked]
        events = Journal(made.store, played.run_id).events()
        assert [event.text for _, event in events if event.kind == "unlocked"] == [REASON]
