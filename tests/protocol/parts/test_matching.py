"""Making designs: what is asked in which order, and what happens when matching is impossible."""

import pytest

from protocol.disclosure import rules
from protocol.parts.matching import LeftOut, PooledMatch, caliper_of, strata_of
from protocol.parts.propensity import Scores
from protocol.stats import transport
from protocol.steps.population import Population
from tests.federation.cohorts import Walked, clinics, small_plan, walk, with_design


def scores_of(walked: Walked) -> Scores:
    assert isinstance(walked.findings.scores, Scores)
    return walked.findings.scores


@pytest.mark.parametrize("profile", ["exact", "standard"])
def test_the_caliper_is_in_sds_and_holds_the_profiles_bins(profile: str) -> None:
    walked = walk(small_plan(profile), clinics())
    scores, design = scores_of(walked), small_plan(profile).designs[0]
    caliper = caliper_of(scores, design)
    assert caliper == pytest.approx(0.2 * scores.logit_mean_sd[1])
    bins = strata_of(scores, design).bins
    assert bins.width * rules(small_plan(profile)).bins_per_caliper == pytest.approx(caliper)


def test_every_key_is_drawn_and_cells_only_for_the_chosen_one() -> None:
    walked = walk(small_plan(), clinics())
    (match, _) = walked.findings.designs
    assert isinstance(match, PooledMatch)
    assert set(match.choice.imbalance) == {1, 2, 3}
    steps = [step for trip in walked.trips for step in trip if step.name == "slices/1"]
    drawn = {step.search_name: set(step.draws) for step in steps}  # type: ignore[attr-defined]
    assert drawn == {"matched": {1, 2, 3}, "matched cells": {match.choice.key_number}}


def test_a_pairing_that_is_too_large_is_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_CELLS", 10)
    left = walk(with_design(small_plan()), clinics()).findings.designs[0]
    assert isinstance(left, LeftOut)
    assert "exceed the 10 pairs" in left.reason
    assert "match within exact categories" in left.reason


def test_designs_are_made_side_by_side() -> None:
    """Two pooled designs share trips and coin, and each has its own lottery."""
    first = small_plan().designs[0]
    second = first.model_copy(update={"name": "wide", "caliper_sd": 1.0})
    walked = walk(small_plan().model_copy(update={"designs": (first, second)}), clinics())
    asked = [[(s.name, s.key()) for s in trip] for trip in walked.trips]
    assert [("overlap/1", ("matched",)), ("overlap/1", ("wide",))] in asked
    assert sum(name == "coin/1" for trip in asked for name, _ in trip) == 1
    one, other = walked.findings.designs
    assert isinstance(one, PooledMatch)
    assert isinstance(other, PooledMatch)
    populations: list[Population] = [one.population, other.population]
    assert [p.name for p in populations] == ["matched", "wide"]
    assert sum(other.quotas.matched) >= sum(one.quotas.matched)
