"""Outcomes locked behind balance: none is asked before a person gives a reason, which stays."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.control import RunStateError, request_abort, request_resume
from coordinator.journal import Journal, Kind, RunState, due_runs
from coordinator.points import Point
from coordinator.status import run_status
from coordinator.unlock import ReasonError, request_unlock, told_balance
from protocol.plan.digest import plan_digest
from protocol.plan.explain import LOCKED, explain
from protocol.plan.model import Plan
from protocol.results import results
from protocol.run import play
from protocol.wire.codec import decode_trip
from site_node.ledger import Kind as Line
from tests.coordinator.hospitals import brief_plan
from tests.federation.centre import Centre, founded
from tests.federation.cohorts import changed, clinics, small_plan
from tests.site_node.town import Killed

OUTCOMES = {
    "risk-table/1",
    "outcome-table/1",
    "contributors/1",
    "stratified-log-rank/1",
    "stratified-cox/1",
    "residuals/1",
    "hazard/1",
}
REASON = "Balance is within 0.1 for every covariate; the design is finished."


def locked(plan: Plan) -> Plan:
    return changed(plan, "study", outcomes_locked=True)


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    with founded(tmp_path, locked(brief_plan())) as made:
        yield made


def asked(centre: Centre, run: bytes) -> list[str]:
    """Name the steps that any hospital was ever asked."""
    journal, found = Journal(centre.store, run), list[str]()
    for trip in range(1, 100):
        raw = journal.body(Kind.TRIP, trip)
        if raw is None:
            return found
        found += [kind for _, kind in decode_trip(raw).steps]
    raise AssertionError("a run of so many trips")


def test_design_comes_before_the_lock_and_outcomes_after_it() -> None:
    played = play(locked(small_plan("exact")), clinics(), bytes(32))
    (at,) = [step.trip for step in played.asked if step.name == "unlock/1"]
    assert [step.name for step in played.asked if step.trip == at] == ["unlock/1"]
    before = {step.name for step in played.asked if step.trip < at}
    after = {step.name for step in played.asked if step.trip > at}
    assert not before & OUTCOMES
    assert "describe/1" not in after
    assert OUTCOMES & after >= {"risk-table/1", "outcome-table/1"}


def test_a_lock_changes_no_result() -> None:
    plan = small_plan("exact")
    free, held = (results(play(one, clinics(), bytes(32))) for one in (plan, locked(plan)))
    # Another plan draws another lottery; populations without one have the same results.
    kept = [
        [one for one in found.survival if one.population in ("all", "survey") and not one.level]
        for found in (free, held)
    ]
    assert repr(kept[0]) == repr(kept[1])  # in words, as NaN is not itself
    assert {one.endpoint for one in kept[0]} == {e.name for e in plan.survival}
    assert repr(free.table_one[0]) == repr(held.table_one[0])


def test_a_lock_is_told_and_makes_another_plan() -> None:
    plan = small_plan("exact")
    told = [s for section in explain(locked(plan)) for s in section.sentences]
    assert LOCKED in told
    assert LOCKED not in [s for section in explain(plan) for s in section.sentences]
    assert plan_digest(plan) != plan_digest(locked(plan))


def test_a_run_waits_for_a_reason_and_keeps_it(centre: Centre) -> None:
    run = centre.start()
    assert centre.conduct(run) is RunState.LOCKED
    assert not set(asked(centre, run)) & {*OUTCOMES, "unlock/1"}
    assert not due_runs(centre.store)
    assert centre.conduct(run) is RunState.LOCKED  # nothing happens by itself
    assert not run_status(centre.store, run).waiting
    request_unlock(centre.store, run, f"  {REASON}\n", centre.town.clock())
    assert [row.run_id for row in due_runs(centre.store)] == [run]
    assert centre.conduct(run) is RunState.FINISHED
    names = asked(centre, run)
    assert "unlock/1" in names
    assert not set(names[: names.index("unlock/1")]) & OUTCOMES
    said = [event for _, event in Journal(centre.store, run).events() if event.kind == "unlocked"]
    assert [event.text for event in said] == [REASON]
    (played,) = centre.published
    assert played.proof is not None
    assert played.proof.unlocked is not None
    assert played.proof.unlocked.reason == REASON
    (trip,) = [step.trip for step in played.asked if step.name == "unlock/1"]
    assert played.proof.unlocked.trip == trip
    assert {done.runs for done in played.proof.done} == {(run,)}
    for house in centre.town.houses.values():
        with house.ledger() as ledger:
            assert sum(b"unlock/1" in (x.body or b"") for x in ledger.lines(None, Line.RELEASE))


def test_balance_is_told_before_any_outcome(tmp_path: Path) -> None:
    with founded(tmp_path, locked(small_plan("exact"))) as centre:
        run = centre.start()
        assert centre.conduct(run) is RunState.LOCKED
        lines = told_balance(centre.store, run)
        request_unlock(centre.store, run, REASON, centre.town.clock())
        assert centre.conduct(run) is RunState.FINISHED
        (played,) = centre.published
    rows = [row for row in results(played).balance if row.population == "complete"]
    worst = max(rows, key=lambda row: abs(row.smd))
    first = f"complete: largest |SMD| {abs(worst.smd):.3f} ({worst.label}); "
    assert lines[0].startswith(first)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_a_reason_is_said_in_a_sentence(centre: Centre, reason: str) -> None:
    run = centre.start()
    centre.conduct(run)
    with pytest.raises(ReasonError):
        request_unlock(centre.store, run, reason, centre.town.clock())
    assert centre.conduct(run) is RunState.LOCKED


def test_only_what_is_locked_is_unlocked_once(centre: Centre) -> None:
    run = centre.start()
    with pytest.raises(RunStateError, match="not locked: queued"):
        request_unlock(centre.store, run, REASON, centre.town.clock())
    centre.conduct(run)
    with pytest.raises(RunStateError, match="going on: locked"):
        request_resume(centre.store, run, centre.town.clock())
    request_unlock(centre.store, run, REASON, centre.town.clock())
    with pytest.raises(RunStateError, match="not locked: locked unlock"):
        request_unlock(centre.store, run, REASON, centre.town.clock())


def test_a_locked_run_can_be_aborted(centre: Centre) -> None:
    run = centre.start()
    centre.conduct(run)
    request_abort(centre.store, run, centre.town.clock())
    assert centre.conduct(run) is RunState.ABORTED
    assert not centre.keys_left()


@pytest.mark.parametrize("point", [Point.TRIP_WRITTEN, Point.RESULT_WRITTEN, Point.BEFORE_CLOSE])
def test_an_office_that_dies_unlocks_nothing(centre: Centre, point: Point) -> None:
    """Wherever the coordinator ends, the lock holds until somebody gave a reason."""
    run, seen = centre.start(), 0

    def dies(at: Point) -> None:
        nonlocal seen
        seen += at is point
        if at is point and seen % 2:
            raise Killed

    for _ in range(100):
        try:
            state = centre.conduct(run, dies)
        except Killed:
            continue
        break
    assert state is RunState.LOCKED
    assert not set(asked(centre, run)) & {*OUTCOMES, "unlock/1"}
    request_unlock(centre.store, run, REASON, centre.town.clock())
    assert centre.conduct(run) is RunState.FINISHED
