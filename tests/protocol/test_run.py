"""The whole study under masks equals the same study in the clear, and is what its plan says."""

from functools import cache

import numpy as np
import pytest

from protocol.disclosure import DisclosureError
from protocol.parts.matching import LeftOut, PooledMatch
from protocol.parts.propensity import Scores
from protocol.plan.digest import plan_digest
from protocol.program import study
from protocol.question import Record
from protocol.run import Asked, Played, play
from protocol.steps.risk_table import Events
from tests.federation.cohorts import Walked, clinics, crlm, run_through, small_plan

SEED = b"seed".ljust(32)


@cache
def played(profile: str = "exact", seed: bytes = SEED) -> Played:
    return play(small_plan(profile), clinics(), seed)


def clear(profile: str = "exact") -> Walked:
    """Walk through the same study, under the same roster, without masks."""
    whole = study(small_plan(profile), played(profile).roster_digest)
    trips, answers, findings = run_through(whole, clinics())
    return Walked(tuple(trips), tuple(answers), findings)


@pytest.mark.parametrize("profile", ["open", "exact", "standard"])
def test_masks_change_nothing(profile: str) -> None:
    """Bit for bit: every total of the masked study is that of the plain sums."""
    masked, plain = played(profile).record.answers, clear(profile).record.answers
    assert [(a.step.name, a.step.key()) for a in masked] == [
        (a.step.name, a.step.key()) for a in plain
    ]
    for one, other in zip(masked, plain, strict=True):
        assert one.opened is not None
        assert other.opened is not None
        assert one.opened.patients == other.opened.patients
        # A statement belongs to its trip, so a step beside it hears it too.
        assert other.opened.statements in ({}, one.opened.statements)
        for name, total in other.opened.sums.items():
            np.testing.assert_array_equal(one.opened.sums[name], total, err_msg=one.step.name)


def test_the_watcher_is_told_every_trip_before_it_is_asked() -> None:
    seen: list[tuple[Asked, ...]] = []
    done = play(small_plan(), clinics(), SEED, seen.append)
    assert tuple(step for trip in seen for step in trip) == done.asked
    assert [trip[0].trip for trip in seen] == list(range(1, done.trips + 1))
    assert done.sites == ("s0", "s1", "s2", "s3")
    assert all(step.bytes >= 8 * step.numbers for step in done.asked)


def test_the_run_follows_from_its_seed() -> None:
    """Another seed gives other masks, chain and run, and the same numbers."""
    again, other = play(small_plan(), clinics(), SEED), played("open", b"other".ljust(32))
    assert again.chain == played("open").chain
    assert other.chain != again.chain
    assert other.run_id != again.run_id
    one, two = (p.record.get("risk-table/1", "relapse", "all", "") for p in (again, other))
    assert isinstance(one, Events)
    assert isinstance(two, Events)
    np.testing.assert_array_equal(one.events, two.events)


def test_a_federation_that_may_not_join_is_stopped_before_any_key() -> None:
    seen: list[tuple[Asked, ...]] = []
    with pytest.raises(DisclosureError):
        play(small_plan("exact"), clinics()[:2], SEED, seen.append)
    with pytest.raises(DisclosureError, match="s0: fewer than 20 patients"):
        play(small_plan("standard"), clinics(4, 15), SEED, seen.append)
    assert seen == []


@cache
def seed_study() -> Played:
    plan, sites = crlm()
    return play(plan, sites, SEED)


def test_the_seed_study() -> None:
    """358 patients in seven hospitals, 99 pairs, within 25 trips."""
    done = seed_study()
    flow = done.record.get("flow/1")
    assert flow.patients == (255, 103)
    assert flow.hospitals_by_arm == (7, 7)
    matched = done.findings.designs[0]
    assert isinstance(matched, PooledMatch)
    assert matched.quotas.matched == (99, 99)
    assert matched.quotas.focal == 1
    assert matched.caliper == pytest.approx(0.18421, abs=5e-6)
    assert 0.06 <= matched.choice.imbalance[matched.choice.key_number] <= 0.13
    assert done.trips <= 25
    assert done.findings.left_out == ()
    assert [p.name for p in done.findings.populations] == ["all", "matched", "within", "overlap"]


def test_the_seed_study_asks_outcomes_only_when_the_match_is_made() -> None:
    names = [(step.trip, step.name) for step in seed_study().asked]
    decided = max(trip for trip, name in names if name in ("differences/1", "atoms/1", "coin/1"))
    outcomes = [t for t, n in names if n.startswith(("risk", "outcome", "strat", "resid"))]
    assert min(outcomes) > decided
    committed = next(trip for trip, name in names if name == "flow/1")
    shown = next(trip for trip, name in names if name == "coin/1")
    fitted = max(trip for trip, name in names if name == "score/1")
    assert committed < fitted < shown


def test_lock_stands_alone_and_carries_nothing() -> None:
    first = [step for step in seed_study().asked if step.trip == 1]
    assert [(step.name, step.numbers) for step in first] == [("lock/1", 0)]


def test_the_record_is_found_by_name() -> None:
    done = seed_study()
    assert isinstance(done.record, Record)
    assert isinstance(done.findings.scores, Scores)
    assert not any(isinstance(design, LeftOut) for design in done.findings.designs)
    assert len(plan_digest(done.plan)) == 32
