"""Results are a pure fold: numbers equal those of pooled rows, and what cannot be is said."""

import math
from functools import cache

import numpy as np
import pytest

from protocol.plan.adjustment import Weighting
from protocol.results import Results, results
from protocol.results.values.causes import CauseResult
from protocol.results.values.survival import SurvivalResult
from protocol.run import play
from protocol.stats.competing import tabulate_causes
from protocol.stats.cox import fit
from protocol.stats.cumulative_incidence import cumulative_incidence
from protocol.stats.fine_gray import fine_gray
from protocol.stats.gray import gray
from protocol.stats.km import at, curve
from protocol.stats.log_rank import log_rank, xie_liu
from protocol.stats.table import tabulate
from protocol.steps.population import Filtered
from tests.federation.cohorts import clinics, cohort, pool, small_plan

SEED = b"results".ljust(32, b"\0")
GRID = np.arange(61.0)


@cache
def found() -> Results:
    plan = small_plan().model_copy(
        update={"weightings": (Weighting(name="overlap", target="overlap"),)}
    )
    return results(play(plan, clinics(), SEED))


def survival(population: str) -> SurvivalResult:
    return next(s for s in found().survival if (s.population, s.level) == (population, ""))


def rows(weight: bool = False) -> tuple[np.ndarray, ...]:
    """Cells, arms, status and survey weights of all patients with a time."""
    everybody = pool(clinics())
    weights = Filtered(small_plan(), small_plan().populations[0]).weights(everybody)
    days, status = everybody.values["days"], everybody.values["status"]
    own = (days >= 0) & (status >= 0) & (weights > 0 if weight else days >= 0)
    return days[own].astype(np.intp), everybody.arm[own].astype(np.intp), status[own], weights[own]


def test_survival_is_that_of_pooled_rows() -> None:
    cell, arm, status, _ = rows()
    table = tabulate(GRID, cell, arm, (status == 1).astype(np.intp), None)
    here = survival("all")
    assert (here.patients.comparator, here.patients.treated) == tuple(table.patients)
    assert here.hazard_ratios[0].log_hr == pytest.approx(fit(table).log_hr, rel=1e-9)
    assert here.log_rank[0].test.statistic == pytest.approx(log_rank(table).chi_square, rel=1e-9)
    for side, points in ((0, here.landmarks.comparator), (1, here.landmarks.treated)):
        edges = np.array([float(p.time) for p in points])
        expected = at(curve(table.arm(side)), edges).survival
        np.testing.assert_allclose([p.survival for p in points], expected, rtol=1e-12)


def test_weighted_survival_is_that_of_pooled_rows() -> None:
    cell, arm, status, weights = rows(weight=True)
    table = tabulate(GRID, cell, arm, (status == 1).astype(np.intp), weights)
    here, cox = survival("survey"), fit(table)
    robust = next(h for h in here.hazard_ratios if h.method == "efron robust")
    assert robust.log_hr == pytest.approx(cox.log_hr, rel=1e-9)
    assert robust.std_error == pytest.approx(cox.robust_std_error, rel=1e-9)
    assert here.log_rank[0].test.statistic == pytest.approx(xie_liu(table).chi_square, rel=1e-9)
    assert not here.proportional_hazards


def test_competing_causes_are_those_of_pooled_rows() -> None:
    cell, arm, status, _ = rows()
    table = tabulate_causes(GRID, cell, arm, status.astype(np.intp), 2).compact()
    here = next(c for c in found().competing if c.population == "all")
    assert len(here.causes) == 2
    for number, cause in enumerate(here.causes):
        for side, points in ((0, cause.curves.comparator), (1, cause.curves.treated)):
            expected = cumulative_incidence(table, side, number)
            np.testing.assert_allclose(points.incidence, expected.incidence, rtol=1e-12)
            np.testing.assert_allclose(points.std_error, expected.std_error, rtol=1e-12)
        assert cause.gray.statistic == pytest.approx(gray(table, number).test.statistic, rel=1e-9)
        assert_ratio(cause, fine_gray(table, number).log_hr, fit(table.cause(number)).log_hr)


def assert_ratio(cause: CauseResult, subdistribution: float, specific: float) -> None:
    assert cause.subdistribution is not None
    assert cause.cause_specific is not None
    assert cause.subdistribution.log_hr == pytest.approx(subdistribution, rel=1e-9)
    assert cause.cause_specific.log_hr == pytest.approx(specific, rel=1e-9)


def test_incidences_and_survival_add_up_to_one() -> None:
    """At the last landmark: nobody is lost between the causes."""
    cell, arm, status, _ = rows()
    table = tabulate(GRID, cell, arm, (status > 0).astype(np.intp), None)
    here = next(c for c in found().competing if c.population == "all")
    for side in (0, 1):
        ends = [(c.curves.comparator, c.curves.treated)[side].incidence[-1] for c in here.causes]
        free = float(curve(table.arm(side)).survival[-1])
        assert sum(ends) + free == pytest.approx(1, abs=1e-12)


def test_a_weighting_says_its_estimand_and_effective_size() -> None:
    card = next(p for p in found().populations if p.name == "overlap")
    assert "overlap weights" in card.estimand
    assert card.effective is not None
    assert 0 < card.effective.treated < card.patients.treated


def test_an_arm_without_events_has_no_hazard_ratio() -> None:
    """The reason is a sentence; curves and counts are there all the same."""
    sites = [
        cohort(f"s{k}", [0, 1] * 6, status=[1, 0] * 6, days=range(10, 22), age=range(50, 62))
        for k in range(4)
    ]
    here = results(play(small_plan(), sites, SEED))
    one = next(s for s in here.survival if (s.population, s.level) == ("all", ""))
    assert one.hazard_ratios == ()
    assert one.not_estimable == "the treated arm has no event while both arms are at risk"
    assert one.events.treated == 0
    assert one.curves.treated.survival[-1] == 1
    assert math.isnan(one.quantiles.treated[1].estimate)
    assert one.e_value is None


def test_weighted_outcomes_are_shares_of_weights_of_pooled_rows() -> None:
    everybody = pool(clinics())
    plan = small_plan()
    weights = Filtered(plan, plan.populations[0]).weights(everybody)
    here = next(b for b in found().binary if (b.population, b.level) == ("survey", ""))
    shares = []
    for side in (0, 1):
        own = (everybody.arm == side) & (weights > 0) & (everybody.values["fever"] >= 0)
        shares.append(np.average(everybody.values["fever"][own], weights=weights[own]))
    assert (here.risk.comparator, here.risk.treated) == pytest.approx(shares, rel=1e-12)
    assert here.risk_difference.estimate == pytest.approx(shares[1] - shares[0], rel=1e-9)
    assert 0 <= here.risk_difference.p_value <= 1
    assert math.isnan(here.fisher_p)
    assert math.isnan(here.chi_square.p_value)
