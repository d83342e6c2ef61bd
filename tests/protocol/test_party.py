"""A party's moves: what it asks follows from what it re-added, and nothing is said twice."""

from dataclasses import dataclass, replace

import pytest

from protocol.cohort import Cohort
from protocol.disclosure import DisclosureError
from protocol.ids import site_id
from protocol.party import (
    Hospital,
    Known,
    Replay,
    StatementError,
    begin,
    public_statement,
    withheld,
)
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from protocol.play import Finished
from protocol.secagg.messages import RunError, View
from protocol.secagg.run import NO_DEADLINE, simulate
from protocol.secagg.site import FIRST_STEP, TripError
from protocol.secagg.transcript import parameters
from protocol.steps.lock import Lock
from tests.federation.cohorts import changed, clinics, small_plan
from tests.federation.table import accepted, after, answered, gathered, short_plan, to_the_end


@dataclass(frozen=True)
class Loud(Lock):
    """A step that says something of its own."""

    def statement(self, cohort: Cohort) -> bytes:
        return b"loud" + Lock().statement(cohort)


def test_steps_are_numbered_through_and_bound_to_the_chain() -> None:
    table, expected = after(0), FIRST_STEP
    while not table.over:
        known = table.office.known
        assert [block.step for block in known.blocks] == list(
            range(expected, expected + len(known.steps))
        )
        for block, step in zip(known.blocks, known.steps, strict=True):
            assert block.kind == step.name
            assert block.params == parameters(known.chain, step.key())
            assert block.lock == (step.layout().fields == ())
        expected += len(known.blocks)
        table = accepted(answered(table))
    assert expected > 10
    assert table.office.known.steps == ()
    assert table.office.known.blocks == ()


def test_only_one_step_of_a_trip_may_speak() -> None:
    site = clinics()[0]
    assert public_statement((Lock(),), site) == Lock().statement(site)
    assert public_statement((), site) == b""
    with pytest.raises(StatementError, match="two steps of one trip"):
        public_statement((Lock(), Loud()), site)


def test_what_is_withheld_follows_the_profile() -> None:
    for profile, kept in (("exact", False), ("standard", True)):
        plan, table = short_plan(profile), after(0, profile)
        while "risk-table/1" not in [s.name for s in table.office.known.steps]:
            table = accepted(answered(table))
        known = table.office.known
        numbers = withheld(plan, known.blocks, known.steps)
        partners = {
            b.step for b, s in zip(known.blocks, known.steps, strict=True) if s.partners_only
        }
        assert partners
        assert numbers == (partners if kept else set())
        assert set(answered(table).uploads) == {b.step for b in known.blocks} - numbers


def test_parties_around_one_table_share_what_they_work_out() -> None:
    """What one has re-added, another gets by itself, and builds on under the same chain only."""
    closing = answered(after(1))
    first, second = list(closing.hospitals.values())[:2]
    readded = first.readd(closing.closed.result, closing.uploads)
    other = second.build_on(readded)
    alone = second.accept(closing.closed.result, closing.uploads)
    assert alone.known.chain == other.known.chain
    assert [s.key() for s in alone.known.steps] == [s.key() for s in other.known.steps]
    with pytest.raises(TripError, match="under other results"):
        other.build_on(readded)


def test_the_lock_carries_no_patients() -> None:
    closing = answered(after(0))
    (total,) = closing.closed.totals
    assert (total.patients, dict(total.sums)) == (0, {})
    assert answered(accepted(closing)).closed.totals[0].patients == sum(s.size for s in clinics())


def test_another_plan_is_another_run_from_the_first_key() -> None:
    """A hospital that approved another plan cannot even read the coordinator's request."""
    plan, other = short_plan("exact"), short_plan("standard")
    mine, theirs = gathered(plan), gathered(other)
    with pytest.raises(RunError, match="another run"):
        mine.one.reply(theirs.office.request(NO_DEADLINE))


def test_a_run_is_of_one_plan() -> None:
    """Else the digest of the plan that is in every key would bind nothing."""
    view = gathered(short_plan("exact")).office.known.view
    with pytest.raises(RunError, match="another plan"):
        begin(short_plan("standard"), view)


def view_of(plan: Plan, sites: int, *, simulated: bool = True) -> View:
    """Set up a run of a plan, without its hospitals."""
    names = [site_id(f"s{k}") for k in range(sites)]
    view = simulate(plan.study.id, names, plan_digest(plan), bytes(32)).view
    roster = replace(view.run.roster, simulated=simulated, min_sites=3)
    return replace(view, run=replace(view.run, roster=roster))


def test_a_plan_begins_with_as_many_hospitals_as_it_asks_for() -> None:
    plan = changed(short_plan("exact"), "disclosure", min_sites=5)
    assert begin(plan, view_of(plan, 5)).steps[0].name == "lock/1"
    with pytest.raises(DisclosureError, match=r"4 hospitals: .* ask for 5"):
        begin(plan, view_of(plan, 4))
    strict = changed(short_plan("exact"), "disclosure", profile="strict", min_sites=3)
    with pytest.raises(DisclosureError, match="profile `strict` ask for 5"):
        begin(strict, view_of(strict, 4))


def test_a_plan_without_rules_begins_in_simulations_only() -> None:
    plan = short_plan("open")
    assert begin(plan, view_of(plan, 4)).steps[0].name == "lock/1"
    with pytest.raises(DisclosureError, match="profile `open` has no rules"):
        begin(plan, view_of(plan, 4, simulated=False))


def test_a_hospital_replays_to_the_offices_question_after_every_trip() -> None:
    table = gathered(small_plan("exact"))
    for _ in range(4):
        table = accepted(answered(table))
        for hospital in table.hospitals.values():
            assert hospital.known.blocks == table.office.known.blocks


def test_a_replay_that_waits_asks_what_a_new_one_asks() -> None:
    """Also after another branch went on with it, from the start again, and at the end."""
    table, walked = gathered(small_plan("exact")), [gathered(small_plan("exact")).office.known]
    while not table.over:
        table = accepted(answered(table))
        walked.append(table.office.known)
    replay, alone = walked[-1].replay, [asked(Replay(), known) for known in walked]
    assert [asked(replay, known) for known in (*walked, *reversed(walked))] == [
        *alone,
        *reversed(alone),
    ]
    assert [asked(replay, known) for known in walked[1:3] * 2] == alone[1:3] * 2


def asked(replay: Replay, known: Known) -> list[tuple[str, tuple[int | str, ...]]]:
    found = replace(known, replay=replay).next
    return [] if isinstance(found, Finished) else [(step.name, step.key()) for step in found]


def test_a_finished_study_asks_nothing_more() -> None:
    table = to_the_end(after(3))
    assert isinstance(table.one.known.next, Finished)
    request = table.office.request(NO_DEADLINE)
    assert request.steps == ()


def test_secrets_do_not_show_in_a_repr() -> None:
    table = after(1)
    hospital: Hospital = table.one
    shown = repr(replace(hospital, known=begin(short_plan(), hospital.known.view)))
    assert str(hospital.cohort.secret) not in shown
    assert str(hospital.state.identity_seed) not in shown
    assert str(table.office.seed) not in repr(table.office)
