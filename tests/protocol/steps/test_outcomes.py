"""The steps beside the risk table: binary outcomes, tests by hospital, residuals, level sizes."""

import numpy as np
import pytest
from hypothesis import given, settings

from protocol.cohort import Cohort
from protocol.parts.matching import PooledMatch, with_borders
from protocol.stats.cox import Ties, fit, fit_strata, score_residuals
from protocol.stats.log_rank import log_rank
from protocol.steps.level_sizes import LevelSize, LevelSizes, small_levels
from protocol.steps.outcome_table import OutcomeTable
from protocol.steps.population import Everybody
from protocol.steps.quota import Matched
from protocol.steps.residuals import GRAIN, SMALLEST_GROUP, Residuals, merged_cells
from protocol.steps.risk_table import Level, RiskTableStep
from protocol.steps.stratified import Contributors, StratifiedCox, StratifiedLogRank
from tests.federation.cohorts import (
    ask,
    clinics,
    cohort,
    federations,
    run_through,
    small_plan,
    walk,
)

PLAN = small_plan()
(RELAPSE,), (FEVER,) = PLAN.survival, PLAN.binary
TABLE = RiskTableStep(PLAN, RELAPSE, Everybody())


def test_outcome_table_by_hand() -> None:
    sites = [
        cohort("a", [0, 0, 1, 1], fever=[1, 0, 1, -1]),
        cohort("b", [0, 1], fever=[-1, 1], sex=[1, 1]),
    ]
    found = ask(OutcomeTable(PLAN, FEVER, Everybody()), sites)
    assert (found.events, found.patients, found.unassessed) == ((1, 2), (2, 2), (1, 1))
    women = ask(OutcomeTable(PLAN, FEVER, Everybody(), Level("sex", "1")), sites)
    assert (women.events, women.patients, women.unassessed) == ((0, 1), (0, 1), (1, 0))
    assert OutcomeTable(PLAN, FEVER, Everybody()).layout().numbers == 6


def test_stratified_log_rank_is_the_sum_of_the_hospitals_tests() -> None:
    found = ask(StratifiedLogRank(TABLE), clinics())
    own = [log_rank(ask(TABLE, [site]).table) for site in clinics()]
    assert found.observed[1] == pytest.approx(sum(t.observed[1] for t in own))
    assert found.expected[1] == pytest.approx(sum(t.expected[1] for t in own), rel=1e-12)
    assert found.variance == pytest.approx(sum(t.variance for t in own), rel=1e-12)
    assert StratifiedLogRank(TABLE).layout().numbers == 5


@pytest.mark.parametrize("ties", list(Ties))
def test_stratified_cox_comes_to_the_strata_fit(ties: Ties) -> None:
    """The program's trips end where a fit on all hospitals' tables ends."""
    walked = walk(PLAN, clinics())
    trips = [
        (step, answer.learnt)
        for trip in walked.answers
        for answer in trip
        if isinstance(step := answer.step, StratifiedCox)
        and (step.ties, step.table.population.name) == (ties, "all")
    ]
    expected = fit_strata([ask(TABLE, [site]).table for site in clinics()], ties)
    step, learnt = trips[-1]
    assert [s.trip for s, _ in trips] == list(range(len(trips)))
    assert step.log_hr == pytest.approx(expected.log_hr, rel=1e-9)
    assert 1 / np.sqrt(learnt.terms.information) == pytest.approx(expected.std_error, rel=1e-9)
    assert step.key() == ("relapse", "all", "", str(ties), len(trips) - 1)


@settings(max_examples=15, deadline=None)
@given(federations())
def test_stratified_steps_take_any_hospital(sites: list[Cohort]) -> None:
    """Also one without patients at risk in both arms: it adds nothing."""
    informative = ask(StratifiedCox(TABLE, Ties.EFRON, 0.0, 0), sites).informative
    contributing = ask(Contributors(TABLE), sites)
    assert (sum(informative) > 0) == (contributing > 0)
    assert contributing <= len(sites)
    found = ask(StratifiedLogRank(TABLE), sites)
    assert found.variance >= 0
    lonely = [*sites, cohort("lonely", [1, 1], days=[5, 9], status=[1, 1])]
    assert ask(StratifiedLogRank(TABLE), lonely).variance == found.variance
    assert ask(Contributors(TABLE), lonely) == contributing


def matched() -> Matched:
    design = walk(PLAN, clinics()).findings.designs[0]
    assert isinstance(design, PooledMatch)
    _, _, draw = run_through(with_borders("cells", design.population.draw), clinics())
    return Matched(design.population.design, draw)


def test_merged_cells_hold_five_pairs_at_least() -> None:
    quotas = matched().draw.quotas
    group, pairs = merged_cells(quotas)
    by_hand = np.bincount(group, weights=[c.pairs for c in quotas.all_passes])
    assert list(by_hand) == list(pairs)
    assert min(pairs) >= SMALLEST_GROUP
    assert (np.diff(group) >= 0).all()
    assert sum(pairs) == quotas.matched[quotas.focal]


def test_residual_sums_follow_the_rows() -> None:
    """Each matched patient's rounded residual, added up by group and side."""
    population = matched()
    table = ask(RiskTableStep(PLAN, RELAPSE, population), clinics()).table
    residuals = score_residuals(table, fit(table).log_hr)
    found = ask(Residuals(PLAN, RELAPSE, population, residuals), clinics())
    group, pairs = merged_cells(population.draw.quotas)
    sums = np.zeros((len(pairs), 2))
    for site in clinics():
        for row, cell in enumerate(population.draw.cells(site)):
            if cell >= 0:
                day, arm = int(site.values["days"][row]), int(site.arm[row])
                own = residuals[arm, day, int(site.values["status"][row] == 1)]
                side = int(arm != population.draw.quotas.focal)
                sums[group[cell], side] += round(own / GRAIN) * GRAIN
    np.testing.assert_array_equal([[c.sum_focal, c.sum_control] for c in found], sums)
    assert [c.pairs for c in found] == list(pairs)


def test_level_sizes_by_hand() -> None:
    sites = [
        cohort("a", [0, 0, 1], sex=[1, 0, 1]),
        cohort("b", [1, 1], sex=[1, 1]),
    ]
    found = ask(LevelSizes(PLAN, Everybody()), sites)
    assert found == (
        LevelSize(Level("sex", "0"), (1, 0), 1),
        LevelSize(Level("sex", "1"), (1, 3), 2),
    )


def sizes(no: tuple[int, int], yes: tuple[int, int], hospitals: int = 4) -> list[LevelSize]:
    return [LevelSize(Level("sex", "0"), no, 4), LevelSize(Level("sex", "1"), yes, hospitals)]


def test_a_small_level_takes_the_next_smallest_with_it() -> None:
    """Or the whole less the other would show it."""
    plan = small_plan("exact")
    assert small_levels(plan, sizes((30, 30), (10, 10))) == {}
    left = small_levels(plan, sizes((30, 30), (9, 40)))
    assert set(left) == {"sex=0", "sex=1"}
    assert "fewer than 10 patients" in left["sex=1"]
    assert "give the small level away" in left["sex=0"]
    assert set(small_levels(plan, sizes((30, 30), (20, 20), hospitals=3))) == {"sex=0", "sex=1"}
    assert small_levels(small_plan("open"), sizes((1, 0), (0, 1), hospitals=1)) == {}
