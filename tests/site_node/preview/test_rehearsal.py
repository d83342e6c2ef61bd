"""What would leave a hospital: the numbers are those of the release, and masks come last."""

from collections.abc import Mapping
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
import pytest

from protocol.cohort import Cohort
from protocol.disclosure_site import Tighter, Verdict
from protocol.layout import Release
from protocol.run import play
from protocol.secagg.encoding import encode
from protocol.steps.describe import Describe
from protocol.steps.population import Complete
from site_node.preview.items import drawn, items, masked, title
from site_node.preview.rehearsal import Rehearsal, Rehearsed, partners_of, rehearse, ridged
from tests.federation.cohorts import changed, clinics, small_plan

SEED = bytes(range(32))


@cache
def clinic() -> Cohort:
    return clinics()[0]


@cache
def rehearsed() -> Rehearsal:
    return rehearse(small_plan("exact"), clinic(), SEED, Tighter())


def release_of(step: str) -> Rehearsed:
    return next(one for one in rehearsed().releases if one.asked.name == step)


def test_first_numbers_are_those_that_a_run_releases() -> None:
    """What hangs on no total is what the step computes from these rows in a run."""
    plan, own = small_plan("exact"), clinic()
    described = Describe(plan, Complete(plan)).local(own)
    assert_same(release_of("describe/1").own.release, described)
    shown = release_of("flow/1").own.release
    assert shown["patients"].tolist() == np.bincount(own.arm, minlength=2).tolist()
    assert not release_of("flow/1").about
    assert release_of("score/1").about


def assert_same(found: Release, wanted: Mapping[str, Any]) -> None:
    assert found.keys() == wanted.keys()
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name])


def test_masks_come_last_and_hide_all_words() -> None:
    flow = release_of("flow/1")
    block, words = flow.asked.block, np.frombuffer(flow.vector.words, dtype="<u8")
    own = block.layout.arranged(flow.own.release)
    plain = np.concatenate([encode(field, values, block.width) for field, values in own])
    assert len(words) * 64 == block.length * block.width
    assert not np.intersect1d(words, plain).size


def test_a_preview_asks_what_a_study_asks() -> None:
    """A federation of such hospitals asks the same kinds of steps as the preview shows."""
    plan = ridged(small_plan("exact"))
    played = play(plan, [clinic(), *partners_of(plan, clinic(), SEED)], SEED)
    asked = [(step.trip, step.name, step.key) for step in played.asked]
    assert [(r.asked.trip, r.asked.name, r.asked.key) for r in rehearsed().releases] == asked
    assert {"score/1", "atoms/1", "risk-table/1", "overlap/1"} <= {name for _, name, _ in asked}


def test_items_tell_every_number_once() -> None:
    found, releases = items(rehearsed()), rehearsed().releases
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    assert sorted(map(id, chain(*(one.releases for one in found)))) == sorted(map(id, releases))
    assert sum(one.numbers for one in found) == sum(r.asked.numbers for r in releases)
    assert {one.verdict for one in found} == {Verdict.PASS, Verdict.REVIEW}
    assert all(bool(one.why) == (one.verdict is not Verdict.PASS) for one in found)


def test_small_groups_are_marked_and_large_fields_list_what_is_not_zero() -> None:
    flow = drawn(release_of("flow/1"))
    patients = next(one for one in flow if one.field.name == "patients")
    assert [cell.text for cell in patients.rows[0]] == [
        f"{n}" for n in np.bincount(clinic().arm, minlength=2)
    ]
    events = drawn(release_of("risk-table/1"))[0]
    counts = release_of("risk-table/1").own.release["events"]
    listed = dict(events.places)
    if events.places:
        assert len(listed) == np.count_nonzero(counts)
    small = [cell.small for cell in chain(*events.rows, listed.values())]
    assert sum(small) == np.count_nonzero((counts > 0) & (counts < 5)) > 0


def test_titles_and_bytes() -> None:
    flow = release_of("flow/1")
    assert title(flow) == "trip 2 · flow/1 · exact"
    assert masked(flow).startswith(f"{flow.asked.bytes:,} bytes, SHA-256 ")


def test_a_hospital_with_few_patients_foresees_the_whole_study() -> None:
    """The others are made up to the patients that the plan expects."""
    plan, own = small_plan("exact"), clinic()
    few = Cohort(
        site=own.site,
        ids=own.ids[:10],
        arm=own.arm[:10],
        values={name: array[:10] for name, array in own.values.items()},
        excluded=own.excluded,
        rows=10 + sum(own.excluded),
        secret=own.secret,
    )
    partners = partners_of(plan, few, SEED)
    expected = plan.disclosure.expected_treated + plan.disclosure.expected_comparator
    assert sum(p.size for p in partners) + few.size >= expected
    assert len({p.site for p in partners} | {few.site}) == len(partners) + 1
    assert all(len(set(p.ids.tolist())) == p.size for p in partners)


@pytest.mark.parametrize("profile", ["standard"])
def test_stricter_profiles_and_own_limits_show_more_for_review(profile: str) -> None:
    plan = changed(small_plan("exact"), "disclosure", profile=profile)
    strict = rehearse(plan, clinic(), SEED, Tighter(published_floor=40))
    small = [one for r in strict.releases for one in r.judged if one.rule == "publication"]
    assert {one.floor for one in small} == {40}
