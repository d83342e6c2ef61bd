"""How a run ended: hospitals' last words, which runs there were, and why outcomes were asked."""

from dataclasses import replace
from pathlib import Path

import pytest

from coordinator.bundle import names
from coordinator.bundle.closing import closing_files, member
from coordinator.bundle.plain import written
from coordinator.bundle.reader import open_bundle
from coordinator.bundle.write import write_bundle
from coordinator.checks import Verdict
from coordinator.publish import write_run
from coordinator.recompute import recompute
from coordinator.verify import verify
from protocol.ids import SiteId
from protocol.requests import Done
from protocol.run import Played, Unlocked, play
from tests.coordinator.bundle.made import (
    Members,
    both_forms,
    bundle_of,
    ctx_of,
    identity_seed,
    members_of,
    opened,
    sealed,
)
from tests.federation.cohorts import changed, clinics, small_plan

EARLIER = bytes(range(16))
"""A run of the plan that was asked before, and is shown nowhere."""


def verdict_of(path: Path, members: Members) -> Verdict:
    with opened(path / "changed.zip", members) as bundle:
        return verify(bundle)


def done(played: Played, place: int, *runs: bytes, **changes: object) -> Done:
    site = SiteId(played.sites[place])
    said = Done(site, ctx_of(played), "finished", played.chain, runs or (played.run_id,))
    return replace(said, **changes).sign(identity_seed(site))  # type: ignore[arg-type]


def ended(played: Played, *said: Done, unlocked: Unlocked | None = None) -> Played:
    assert played.proof is not None
    return replace(played, proof=replace(played.proof, done=said, unlocked=unlocked))


def test_all_runs_of_the_plan_are_told_in_both_forms(played: Played, tmp_path: Path) -> None:
    words = [done(played, 0, EARLIER, played.run_id), done(played, 1), done(played, 2)]
    full = both_forms(ended(played, *words), tmp_path)
    for path in (full, full.with_name(names.READER)):
        ticks = {tick.what: tick for tick in verdict_of(tmp_path, members_of(path)).ticks}
        assert ticks["Closing"].found == (
            "3 of 3 hospitals signed this chain of results; they opened 2 runs of this plan, "
            "beside this one 00010203"
        )


def test_a_missing_word_is_told(played: Played, path: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "b.zip", ended(played, done(played, 1)), path.parent)
    ticks = {tick.what: tick for tick in verdict_of(tmp_path, members_of(tmp_path / "b.zip")).ticks}
    first, _, third = played.sites
    assert ticks["Closing"].found == (
        f"1 of 3 hospitals signed this chain of results; the word of {first}, {third} is missing; "
        "this is the plan's only run"
    )


def test_a_bent_word_is_named(played: Played, members: Members, tmp_path: Path) -> None:
    first = SiteId(played.sites[0])
    other = SiteId(played.sites[1])
    mine = played.run_id
    for bad, why in (
        (replace(done(played, 0), runs=(mine, EARLIER)), "is not signed by"),
        (done(played, 0, EARLIER), "its list of this plan's runs is not one with this run"),
        (done(played, 0, mine, mine), "its list of this plan's runs is not one with this run"),
        (done(played, 0, mine, b"short"), "its list of this plan's runs is not one with this run"),
        (done(played, 0, chain=bytes(32)), "ended there with other results"),
        (done(played, 0, state="aborted"), "is about another run, or one that was not finished"),
        (done(played, 0, ctx=bytes(32)), "is about another run, or one that was not finished"),
        (replace(done(played, 0), site=other), f"is the word of {other}"),
    ):
        forged = sealed({**members, member(first): written(bad)}, ctx_of(played))
        verdict = verdict_of(tmp_path, forged)
        assert not verdict.holds
        assert verdict.ticks[-1].what == "Closing"
        assert verdict.ticks[-1].fault.startswith(member(first))
        assert why in verdict.ticks[-1].fault


@pytest.fixture(scope="module")
def locked() -> Played:
    plan = changed(small_plan("exact"), "study", outcomes_locked=True)
    return play(plan, clinics(), bytes(32), keep=True)


def unlocking(played: Played) -> int:
    return next(one.trip for one in played.asked if one.name == "unlock/1")


def test_the_reason_for_unlocking_is_told(locked: Played, tmp_path: Path) -> None:
    trip = unlocking(locked)
    said = Unlocked("Balanced;\x1b the design is finished.", "2030-06-01T00:00:00Z", trip)
    path = bundle_of(ended(locked, unlocked=said), tmp_path)
    ticks = {tick.what: tick for tick in verdict_of(tmp_path, members_of(path)).ticks}
    assert ticks["Unlocking"].found == (
        f"before trip {trip}, 2030-06-01T00:00:00Z: Balanced; the design is finished."
    )


@pytest.mark.parametrize(
    ("reason", "shift", "why"),
    [
        ("", 0, "holds no reason"),
        ("x" * 501, 0, "holds no reason"),
        ("Too early.", -1, "belongs to no trip that unlocks outcomes"),
    ],
)
def test_what_is_no_reason(
    locked: Played, tmp_path: Path, reason: str, shift: int, why: str
) -> None:
    said = Unlocked(reason, "2030-06-01T00:00:00Z", unlocking(locked) + shift)
    path = bundle_of(ended(locked, unlocked=said), tmp_path)
    told = verdict_of(tmp_path, members_of(path)).ticks[-1]
    assert told.fault == f"{names.UNLOCKED}: {why}"


def test_a_reason_where_nothing_is_locked(played: Played, members: Members, tmp_path: Path) -> None:
    said = dict(closing_files((), Unlocked("Why not?", "2030-06-01T00:00:00Z", 2)))
    verdict = verdict_of(tmp_path, sealed({**members, **said}, ctx_of(played)))
    assert verdict.ticks[-1].fault == f"{names.UNLOCKED}: the plan locks no outcome"


def test_words_are_in_their_one_encoding(played: Played, members: Members, tmp_path: Path) -> None:
    name = member(SiteId(played.sites[0]))
    raw = written(done(played, 0)).replace(b'"finished"', b'"whatever"')
    forged = sealed({**members, name: raw}, ctx_of(played))
    assert (
        verdict_of(tmp_path, forged).ticks[-1].fault
        == f"{name}: does not hold what a bundle has there"
    )


def test_the_report_counts_the_runs_and_recompute_finds_them(
    played: Played, tmp_path: Path
) -> None:
    words = [done(played, 0, EARLIER, played.run_id), done(played, 1)]
    write_run(ended(played, *words), tmp_path)
    told = f"2, beside this one {EARLIER.hex()}"
    assert told in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert told in members_of(tmp_path / names.READER)[names.REPORT].decode()
    with open_bundle(tmp_path / names.BUNDLE) as bundle:
        assert recompute(bundle).holds
