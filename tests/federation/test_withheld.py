"""Totals that a profile keeps from hospitals: never there, never needed, and the chain is one."""

from dataclasses import replace
from functools import cache

import pytest

from protocol.plan.model import Plan
from protocol.play import Finished
from protocol.question import WithheldError
from protocol.secagg.block import SumError
from protocol.secagg.messages import Result
from tests.federation.cohorts import changed, clinics, small_plan
from tests.federation.table import (
    Table,
    accepted,
    answered,
    gathered,
    resigned,
    short_plan,
    to_the_end,
)

LARGE = {"exact": clinics(4, 60), "standard": clinics(4, 90), "strict": clinics(5, 90)}


@cache
def played(profile: str) -> Table:
    return to_the_end(gathered(plan_of(profile), LARGE[profile]))


def plan_of(profile: str) -> Plan:
    if profile != "strict":
        return small_plan(profile)
    plan = changed(small_plan("standard"), "disclosure", profile="strict", min_sites=5)
    return plan.model_copy(update={"populations": ()})  # strict shows no weighted tables


@pytest.mark.parametrize("profile", ["standard", "strict"])
def test_hospitals_never_hold_a_withheld_total(profile: str) -> None:
    table = played(profile)
    asked = [a for trip in table.office.known.answers for a in trip]
    partners = [a for a in asked if a.step.partners_only]
    assert {a.step.name for a in partners} >= {"risk-table/1", "outcome-table/1"}
    assert "residuals/1" not in {a.step.name for a in asked}
    assert all(a.opened is not None for a in asked)
    for hospital in table.hospitals.values():
        own = [a for trip in hospital.known.answers for a in trip]
        assert [(a.step.name, a.step.key()) for a in own] == [
            (a.step.name, a.step.key()) for a in asked
        ]
        for answer in own:
            assert (answer.opened is None) == answer.step.partners_only
        withheld = next(a for a in own if a.step.partners_only)
        with pytest.raises(WithheldError):
            _ = withheld.learnt


def test_two_hospitals_shown_two_digests_part_ways() -> None:
    """Neither can check a withheld total; they share no further question. Anything else is none."""
    table = gathered(short_plan("standard"))
    while "risk-table/1" not in [step.name for step in table.office.known.steps]:
        table = accepted(answered(table))
    closing = answered(table)
    first, second, *_ = closing.hospitals.values()
    kept = [s for s in closing.closed.result.steps if s.step not in closing.uploads]

    def shown(digest: bytes) -> Result:
        false = {kept[0].step: replace(kept[0], total_digest=digest)}
        steps = tuple(false.get(step.step, step) for step in closing.closed.result.steps)
        result: Result = resigned(closing.office, closing.closed.result, steps=steps)
        return result

    one = first.accept(shown(bytes(32)), closing.uploads)
    other = second.accept(closing.closed.result, closing.uploads)
    assert one.known.chain != other.known.chain
    for size in (0, 31, 33):
        with pytest.raises(SumError, match="digest of the withheld total"):
            first.accept(shown(bytes(size)), closing.uploads)


@pytest.mark.parametrize("profile", ["exact", "standard"])
def test_every_hospital_comes_to_the_same_end(profile: str) -> None:
    """By its own replay, without the totals that are kept from it."""
    table = played(profile)
    end = table.office.known.next
    assert isinstance(end, Finished)
    for hospital in table.hospitals.values():
        assert hospital.known.chain == table.office.known.chain == hospital.state.chain
        own = hospital.known.next
        assert isinstance(own, Finished)
        assert [p.name for p in own.value.populations] == [p.name for p in end.value.populations]
        assert own.value.scores == end.value.scores
        assert own.value.left_out == end.value.left_out


def test_partners_hold_every_total() -> None:
    table = played("exact")
    for hospital in table.hospitals.values():
        answers = [a for trip in hospital.known.answers for a in trip]
        assert all(a.opened is not None for a in answers)
        assert "residuals/1" in {a.step.name for a in answers}
