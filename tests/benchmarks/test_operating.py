"""The simulation of estimators: truths, lottery and page on a few small studies."""

import numpy as np
import pytest

from benchmarks.operating.__main__ import missing_page, page
from benchmarks.operating.estimators import (
    Estimate,
    _decide,
    _lottery,
    estimates,
    imbalance,
    scores,
)
from benchmarks.operating.missing import LOST, cohort, missing_estimates, plan, with_holes
from benchmarks.operating.studies import SCENARIOS, SIZES, TREATED_SHARE, draw_study
from benchmarks.operating.truth import truths
from protocol.steps.score import expit


def test_studies_have_the_seed_study_s_size_and_share() -> None:
    random = np.random.default_rng(3)
    drawn = [draw_study(SCENARIOS[0], random) for _ in range(40)]
    assert all(np.bincount(one.hospital).tolist() == list(SIZES) for one in drawn)
    share = float(np.mean([one.arm.mean() for one in drawn]))
    assert share == pytest.approx(TREATED_SHARE, abs=0.02)


def test_without_an_effect_the_truth_is_none_and_with_one_it_is_attenuated() -> None:
    random = np.random.default_rng(4)
    assert set(truths(SCENARIOS[0], random, 2).values()) == {0.0}
    found = truths(SCENARIOS[1], random, 100)
    # Not collapsible: nearer to 0 than given the covariates, and not far from it.
    assert all(SCENARIOS[1].log_hr < value < SCENARIOS[1].log_hr / 2 for value in found.values())


def test_the_lottery_fills_every_quota_exactly() -> None:
    random = np.random.default_rng(5)
    study = draw_study(SCENARIOS[0], random)
    place = np.floor(expit(scores(study)) * 60).astype(np.intp)
    quotas = _decide(study, place, 60)
    ranks = _lottery(study, place, quotas, random.random(len(place)))
    taken = np.zeros_like(quotas.taken)
    np.add.at(taken, (place[ranks >= 0], study.arm[ranks >= 0]), 1)
    np.testing.assert_array_equal(taken, quotas.taken)
    assert 0 < taken[:, 1].sum() == taken[:, 0].sum()


def test_best_of_twenty_is_never_worse_balanced_than_the_first() -> None:
    random = np.random.default_rng(6)
    found: dict[str, Estimate] = {}
    for _ in range(5):
        for one in estimates(draw_study(SCENARIOS[0], random), random):
            found[f"{one.method} {one.error}"] = one
        first, best = found["quotas, one key model"], found["quotas, best of 20 keys model"]
        assert best.imbalance <= first.imbalance
        assert found["overlap weights robust"].imbalance < 1e-8


def test_imbalance_of_equal_arms_is_none() -> None:
    study = draw_study(SCENARIOS[0], np.random.default_rng(7))
    both = study.where(np.repeat(np.arange(358), 2))
    both.arm[:] = np.arange(716) % 2
    assert imbalance(both, np.ones(716)) == pytest.approx(0, abs=1e-12)


def test_the_page_tells_every_method_in_every_scenario() -> None:
    text = page(studies=3, seed=1, truth_size=5)
    assert text.count("| quotas, best of 20 keys | pairs |") == len(SCENARIOS)
    assert text.count("Studies without a hazard ratio: 0.") == len(SCENARIOS)
    assert text == page(studies=3, seed=1, truth_size=5)


def test_values_get_lost_by_arm_and_outcome() -> None:
    random = np.random.default_rng(8)
    whole = cohort(draw_study(SCENARIOS[1], random, times_larger=10), plan(), random)
    holed = with_holes(whole, random)
    early = (whole.values["died"] == 1) & (whole.values["days"] < 500) & (whole.arm == 1)
    for name in LOST:
        array = holed.values[name]
        lost = np.isnan(array) if array.dtype.kind == "f" else array < 0
        assert 0.05 < lost[~early].mean() < 0.15
        assert 0.3 < lost[early].mean() < 0.5


def test_imputation_comes_nearer_to_all_values_than_complete_cases() -> None:
    random = np.random.default_rng(9)
    study = draw_study(SCENARIOS[1], random, times_larger=2)
    full, complete, imputed = missing_estimates(study, plan(), random)
    assert complete.patients < full.patients == imputed.patients == 716
    assert abs(complete.log_hr - full.log_hr) > 0.15
    assert abs(imputed.log_hr - full.log_hr) < 0.08


def test_the_page_of_missing_values_tells_all_three() -> None:
    text = missing_page(studies=2, seed=1, truth_size=5)
    for method in ("all values known", "complete cases", "imputed, Rubin's rules"):
        assert text.count(f"| {method} |") == 2
