"""Pairs and lotteries that a plan wants looked at: asked only there, and as good as promised."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from protocol.parts.matching import LocalMatch, PooledMatch
from protocol.plan.check import check
from protocol.plan.digest import canonical
from protocol.plan.model import Plan, Sensitivity
from protocol.results import Results, results
from protocol.run import play
from protocol.stats.cox import fit, score_residuals
from protocol.stats.sandwich import strangers_residuals
from protocol.steps.lotteries import LotteryOverlap, LotteryScores
from protocol.steps.pair_cells import PairCellEvents
from protocol.steps.population import Everybody
from protocol.steps.quota import Matched
from protocol.steps.risk_table import RiskTableStep
from tests.federation.cohorts import Walked, ask, clinics, opened, part, small_plan, walk

LOTTERY = Sensitivity(lottery=True)


def asking(profile: str = "exact", **sensitivity: Any) -> Plan:
    """Let all designs of the small plan look at pairs; without subgroups, which take longer."""
    plan = small_plan(profile)
    designs = tuple(
        d.model_copy(
            update={"pairs": d.method == "within-hospital" or profile in ("exact", "open")}
        )
        for d in plan.designs
    )
    return plan.model_copy(
        update={"designs": designs, "subgroups": (), "populations": ()}
        | ({"sensitivity": Sensitivity(**sensitivity)} if sensitivity else {})
    )


PLAN = asking("open", lottery=True)
SITES = tuple(
    part(site, f"s{k}", np.flatnonzero((site.arm == 0) | (np.arange(site.size) % 2 == 0)))
    for k, site in enumerate(clinics(5, 120))
)
"""Hospitals with fewer treated patients than others, so that lotteries have somebody to choose."""
(RELAPSE,) = PLAN.survival


@cache
def walked() -> Walked:
    return walk(PLAN, SITES)


@cache
def found() -> Results:
    return results(play(PLAN, SITES, b"p" * 32))


def made(kind: type[Any]) -> Any:
    return next(one for one in walked().findings.designs if isinstance(one, kind)).population


def celled() -> Matched:
    """Give the pooled match whose patients know their cells."""
    steps = [step for trip in walked().trips for step in trip if isinstance(step, PairCellEvents)]
    return steps[0].population


def test_a_plan_that_asks_for_nothing_more_keeps_its_name() -> None:
    for key in (b'"pairs"', b'"caliper"', b'"lottery"'):
        assert key not in canonical(small_plan())
    assert b'"lottery"' not in canonical(asking(heterogeneity=True))
    assert b'"lottery"' in canonical(PLAN)


def test_pairs_are_looked_at_only_where_the_plan_asks() -> None:
    kinds = {"paired-times/1", "paired-events/1", "set-squares/1", "pair-cells/1",
             "lottery-overlap/1", "lottery-scores/1"}  # fmt: skip
    assert {name for name, _ in walked().questions} >= kinds
    plain = walk(small_plan("exact").model_copy(update={"subgroups": ()}), SITES)
    assert not {name for name, _ in plain.questions} & kinds


def test_pairs_of_hospitals_are_counted_where_tables_are_withheld_too() -> None:
    plan = asking("standard")
    plan = plan.model_copy(update={"designs": plan.designs[1:]})
    names = {name for name, _ in walk(plan, SITES).questions}
    assert {"paired-times/1", "paired-events/1"} <= names
    assert not {"set-squares/1", "pair-cells/1"} & names


def test_nothing_about_pairs_is_asked_of_too_few_hospitals() -> None:
    plan = asking("exact").model_copy(update={"designs": asking("exact").designs[1:]})
    assert ("paired-times/1", ("relapse", "within")) in walk(plan, clinics(4, 60)).questions
    names = {name for name, _ in walk(plan, clinics(3, 60)).questions}
    assert not {"paired-times/1", "set-squares/1"} & names  # rule S7: four at least


def test_cells_count_everybody_who_is_matched() -> None:
    population = celled()
    cells = ask(PairCellEvents(PLAN, RELAPSE, population, 30), SITES)
    table = ask(RiskTableStep(PLAN, RELAPSE, population), SITES).table
    events = table.events[:, :31].sum(axis=1)
    for arm, side in ((0, "control"), (1, "treated")):
        counted = np.array([getattr(cell, side) for cell in cells])
        assert counted.sum() == table.patients[arm]
        assert counted[:, 0].sum() == events[arm]
    assert all(cell.pairs >= 5 for cell in cells)


def test_cells_add_up_over_hospitals() -> None:
    step = PairCellEvents(PLAN, RELAPSE, celled(), 30)
    parts = [opened(step, [site]).sums["patients"] for site in SITES]
    np.testing.assert_array_equal(sum(parts), opened(step, SITES).sums["patients"])


def test_lotteries_that_differ_by_few_patients_are_left_out() -> None:
    population = made(PooledMatch)
    step = LotteryOverlap(PLAN, population)
    differ = opened(step, SITES).sums["differ"]
    draws = (population.draw, *population.rivals)
    taken = [np.concatenate([d.taken(s) for s in SITES]) for d in draws]
    arm = np.concatenate([s.arm for s in SITES])
    assert differ[0, 1, 1] == (taken[0] & ~taken[1] & (arm == 1)).sum()
    for other in ask(step, SITES):
        k = draws.index(other)
        assert ((differ[0, k] == 0) | (differ[0, k] >= 5)).all()


def test_the_first_order_of_another_lottery_is_near_its_own_fit() -> None:
    population = made(PooledMatch)
    kept = ask(RiskTableStep(PLAN, RELAPSE, population), SITES).table
    cox = fit(kept)
    step = LotteryScores(
        PLAN, RELAPSE, population, population.rivals, strangers_residuals(kept, cox.log_hr)
    )
    scores = ask(step, SITES)
    for draw, score in zip(population.rivals, scores, strict=True):
        rival = Matched(population.design, draw)
        own = fit(ask(RiskTableStep(PLAN, RELAPSE, rival), SITES).table)
        foretold = cox.log_hr + score * cox.std_error**2
        assert foretold == pytest.approx(own.log_hr, abs=0.1 * own.std_error)


def test_strangers_have_the_tables_residuals_where_it_has_events() -> None:
    table = ask(RiskTableStep(PLAN, RELAPSE, Everybody()), SITES).table
    own, other = score_residuals(table, 0.3), strangers_residuals(table, 0.3)
    some = table.events.sum(axis=0) > 0
    np.testing.assert_array_equal(own[:, some], other[:, some])
    np.testing.assert_array_equal(own[..., 0], other[..., 0])


def test_results_of_known_pairs() -> None:
    (here,) = [one for one in found().pairs if not one.by_cell]
    assert here.population == "within"
    matched = next(d for d in found().designs if d.name == "within").matched
    assert here.pairs == matched.treated
    assert here.log_rank is not None
    assert here.log_rank.name == "log-rank by pair"
    assert here.hazard_ratio is not None
    (test,) = here.discordant
    assert test.only_treated == int(test.only_treated)
    assert test.spread == 0
    assert test.bounds[0].gamma == 1
    assert test.exact_p == pytest.approx(min(1.0, 2 * test.bounds[0].p_value))
    bounds = [bound.p_value for bound in test.bounds]
    assert bounds == sorted(bounds)


def test_results_of_pairs_by_cell_are_marked() -> None:
    (here,) = [one for one in found().pairs if one.by_cell]
    assert (here.population, here.log_rank, here.hazard_ratio) == ("matched", None, None)
    (test,) = here.discordant
    curves = next(r.curves for r in found().survival if r.population == "matched" and not r.level)
    treated, control = (
        sum(d for time, d in zip(arm.times, arm.events, strict=True) if time <= 30)
        for arm in (curves.treated, curves.comparator)
    )
    assert test.only_treated - test.only_comparator == pytest.approx(treated - control)
    assert test.spread > 0


def test_pairs_have_a_robust_error_in_both_designs() -> None:
    for name in ("matched", "within"):
        one = next(r for r in found().survival if r.population == name and not r.level)
        errors = {hr.method: hr.std_error for hr in one.hazard_ratios}
        assert errors["efron pair-robust"] == pytest.approx(errors["efron robust"], rel=0.25)
        assert errors["efron pair-robust"] != errors["efron robust"]


def test_sets_of_several_partners_have_a_robust_error_too() -> None:
    design = PLAN.designs[1].model_copy(update={"ratio": 2})
    here = walk(PLAN.model_copy(update={"designs": (design,), "sensitivity": None}), SITES)
    assert isinstance(here.findings.designs[0], LocalMatch)
    assert ("set-squares/1", ("relapse", "within", "", "efron")) in here.questions


def test_results_of_lotteries() -> None:
    (here,) = found().lotteries
    assert here.population == "matched"
    assert 2 <= here.lotteries <= 3
    assert here.low <= here.hazard_ratio <= here.high
    assert here.std_dev > 0
    assert 0 < here.share < 1


def test_without_a_caliper_everybody_who_can_be_is_matched() -> None:
    free = PLAN.designs[0].model_copy(update={"caliper": "none", "pairs": False})
    near = PLAN.designs[1].model_copy(update={"caliper": "none", "pairs": False})
    here = walk(PLAN.model_copy(update={"designs": (free, near), "sensitivity": None}), SITES)
    pooled, local = here.findings.designs
    assert isinstance(pooled, PooledMatch)
    assert isinstance(local, LocalMatch)
    assert pooled.quotas.left_out[pooled.quotas.focal] == 0
    for site in SITES:  # within a hospital the smaller arm sets the limit
        arms = np.bincount(site.arm, minlength=2)
        assert len(local.population.pairs(site)) == arms.min()


def rules_of(plan: Plan) -> str:
    return " ".join(f"{finding.rule} {finding.fix}" for finding in check(plan))


def test_what_a_profile_forbids_is_refused_with_what_it_permits() -> None:
    allowed = asking("standard")
    assert not check(allowed)
    pooled = allowed.designs[0].model_copy(update={"pairs": True})
    said = rules_of(allowed.model_copy(update={"designs": (pooled,)}))
    assert "rule S6" in said
    assert 'method = "within-hospital"' in said
    said = rules_of(allowed.model_copy(update={"sensitivity": LOTTERY}))
    assert "target 'overlap'" in said
    assert not check(PLAN)


def test_what_cannot_be_looked_at_is_refused() -> None:
    several = PLAN.designs[0].model_copy(update={"ratio": 2})
    assert "belong to one patient" in rules_of(PLAN.model_copy(update={"designs": (several,)}))
    assert "no other lotteries" in rules_of(PLAN.model_copy(update={"designs": PLAN.designs[1:]}))
    assert "no endpoint with a time" in rules_of(PLAN.model_copy(update={"endpoints": ()}))
