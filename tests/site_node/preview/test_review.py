"""What needs a look is told in words, and as numbers only to whoever asks for them."""

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from protocol.cohort import Cohort
from protocol.disclosure_site import Tighter
from site_node.preview import review
from site_node.preview.rehearsal import Rehearsal, rehearse
from site_node.preview.review import of_rows
from tests.federation.cohorts import clinics, small_plan

SEED = bytes(range(32))
GROUPS = (
    "4 patients (Early) in all and not in matched",
    "9 patients (Late) in all and not in within",
)


@cache
def rehearsed() -> Rehearsal:
    return rehearse(small_plan("exact"), clinics()[0], SEED, Tighter())


@pytest.fixture
def clinic(monkeypatch: pytest.MonkeyPatch) -> Cohort:
    """A hospital in whose rehearsal two groups of a few tell populations apart."""
    found = replace(rehearsed(), named=GROUPS)

    def again(*_: Any) -> Rehearsal:
        return found

    monkeypatch.setattr(review, "rehearse", again)
    return clinics()[0]


def test_every_group_of_three_to_nine_is_named(clinic: Cohort) -> None:
    found = of_rows(small_plan("exact"), clinic, SEED, Tighter())
    assert found[-2:] == (
        "populations differ here by 3 to 9 patients (Early) in all and not in matched (rule D)",
        "populations differ here by 3 to 9 patients (Late) in all and not in within (rule D)",
    )


def test_a_hospitals_own_floor_is_the_least_that_is_told(clinic: Cohort) -> None:
    own = Tighter(difference_floor=4)
    *_, last = of_rows(small_plan("exact"), clinic, SEED, own)
    assert last.startswith("populations differ here by 4 to 9 patients (Late)")


def test_whoever_asks_is_told_how_many(clinic: Cohort) -> None:
    found = of_rows(small_plan("exact"), clinic, SEED, Tighter(), counts=True)
    assert found[-2:] == tuple(f"populations differ here by {one} (rule D)" for one in GROUPS)


def test_every_item_that_does_not_pass_is_told_with_its_rule() -> None:
    found = of_rows(small_plan("exact"), clinics()[0], SEED, Tighter())
    items = [one for one in found if one.startswith("item ")]
    assert items
    assert all(one.endswith(")") and ": review, smallest group " in one for one in items)


@pytest.mark.parametrize(("smallest", "told"), [(9, "fewer than 10"), (14, "10 or more")])
def test_a_larger_group_is_told_in_words_too(smallest: int, told: str) -> None:
    """Floors above ten let items of more patients be looked at; what is found may be kept."""
    assert review._group(smallest, counts=False) == told
    assert review._group(smallest, counts=True) == str(smallest)


def test_no_number_of_patients_is_told_under_a_floor_of_ones_own() -> None:
    own = Tighter(published_floor=clinics()[0].size + 1)
    found = of_rows(small_plan("exact"), clinics()[0], SEED, own)
    groups = {one.partition("smallest group ")[2].partition(" (")[0] for one in found}
    assert groups - {""} <= {"fewer than 10", "10 or more", "of nobody"}
    assert "10 or more" in groups
