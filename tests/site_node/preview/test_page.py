"""The preview on the screen and on its page: self-contained, and the quick look checked."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from protocol.cohort import Cohort
from protocol.disclosure_site import Tighter
from protocol.plan.explain import NEVER_LEAVES
from site_node.preflight import quick_look
from site_node.preview.items import items
from site_node.preview.look import NEVER, own_propensity, own_survival
from site_node.preview.page import page, write_page
from site_node.preview.rehearsal import Rehearsal, rehearse
from site_node.preview.text import in_bytes, in_numbers, in_words
from tests.federation.cohorts import clinics, cohort, crlm, small_plan


@cache
def found() -> tuple[Rehearsal, Cohort]:
    own = clinics()[0]
    return rehearse(small_plan("exact"), own, bytes(32), Tighter()), own


def test_words_numbers_and_bytes_on_the_screen() -> None:
    rehearsal, own = found()
    text = in_words(rehearsal, own, "our plan.toml")
    # By the name that was typed: a plan that was not proposed has no other.
    assert "riskset-site preview 'our plan.toml' ITEM --numbers" in text
    for item in items(rehearsal):
        assert f"\n{item.number:>3}  {item.what[:20]}" in text
    assert NEVER in text
    assert NEVER_LEAVES[0] in text
    flow = items(rehearsal)[1]
    counts = np.bincount(own.arm, minlength=2)
    assert f"    {counts[0]} {counts[1]}\n" in in_numbers(flow)
    assert flow.releases[0].vector.words[:8].hex() in in_bytes(flow)


def test_the_page_needs_no_other_file_and_is_for_its_owner(tmp_path: Path) -> None:
    rehearsal, own = found()
    text = page(rehearsal, own)
    assert not re.search(r"(src|href)=\"(?!#)|<script|@import|url\(", text)
    assert "default-src 'none'" in text
    assert text.count("<details>") == len(rehearsal.releases)
    assert "STAYS HERE" in text
    write_page(rehearsal, own, tmp_path / "preview.html")
    assert (tmp_path / "preview.html").stat().st_mode & 0o777 == 0o600


def test_own_propensity_finds_who_is_treated() -> None:
    # The marker alone tells the arms apart; age is the same in both.
    arm = [0, 1] * 30
    marker = [1.0 + 9.0 * a + 0.1 * k for k, a in enumerate(arm)]
    fit = own_propensity(
        small_plan("exact"), cohort("A", arm, marker=marker, age=[50.0 + k // 2 for k in range(60)])
    )
    assert fit is not None
    assert fit.patients == (30, 30)
    assert max(fit.log_odds) == fit.log_odds[fit.names.index("log(marker)")] > 1
    assert fit.c_statistic == pytest.approx(1.0)


def test_no_quick_look_without_both_arms() -> None:
    assert own_propensity(small_plan("exact"), cohort("A", [1] * 20)) is None


def test_own_survival_is_that_of_the_check() -> None:
    plan, hospitals = crlm()
    assert own_survival(plan, hospitals[0]) == tuple(quick_look(plan, hospitals[0]))[1:]
    assert len(own_survival(plan, hospitals[0])) == len(plan.survival)
