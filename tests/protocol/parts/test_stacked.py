"""Errors with an estimated score are those of leaving a little of each patient out of both fits."""

from functools import cache
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from protocol.cohort import complete_cases, event_status
from protocol.plan.adjustment import Target, Weighting
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.model import Plan, Sensitivity
from protocol.results.fold import results
from protocol.results.values.estimates import HazardRatio
from protocol.run import Played, play
from protocol.stats.cox import Ties, fit
from protocol.stats.table import tabulate
from protocol.steps.score import expit
from protocol.steps.weighting import Weighted, propensity_weights, weight_slopes
from tests.federation.cohorts import clinics, pool, small_plan, walk

Reals = NDArray[np.float64]
SITES = clinics(4, 25)
TARGETS: tuple[Target, ...] = get_args(Target)


def stacking(profile: str = "open", **values: object) -> Plan:
    """Ask for weighted hazard ratios with both errors, and for little else."""
    plan = small_plan(profile)
    endpoints = tuple(e for e in plan.endpoints if isinstance(e, TimeToEvent))
    return plan.model_copy(
        update={
            "endpoints": endpoints,
            "subgroups": (),
            "designs": (),
            "populations": (),
            "sensitivity": Sensitivity(estimated_scores=True),
            "weightings": (
                Weighting(name="att", target="treated"),
                Weighting(name="overlap", target="overlap"),
                Weighting(name="cut", target="everybody", truncate=2.0),
            ),
        }
        | values
    )


@cache
def played() -> Played:
    return play(stacking(), SITES, b"e" * 32)


@pytest.mark.parametrize("target", TARGETS)
def test_slopes_of_weights(target: Target) -> None:
    logit = np.array([-3.0, -0.4, 0.3, 2.0, -3.0, -0.4, 0.3, 2.0])
    treated, step = np.repeat([True, False], 4), 1e-6
    above, below = (
        propensity_weights(target, treated, logit + change, 0.4) for change in (step, -step)
    )
    slopes = weight_slopes(target, treated, logit, 0.4)
    np.testing.assert_allclose(slopes, (above - below) / (2 * step), rtol=1e-7, atol=1e-9)


def propensity(x: Reals, arm: Reals, share: Reals, start: Reals) -> Reals:
    """Fit the score with each patient counted `share` times."""
    b = start.copy()
    for _ in range(6):
        e = expit(x @ b)
        b += np.linalg.solve(x.T @ (x * (share * e * (1 - e))[:, None]), x.T @ (share * (arm - e)))
    return b


def log_hr(population: Weighted, ties: Ties, share: Reals) -> float:
    """Fit score and hazard ratio to pooled rows, patients counted `share` times in both."""
    whole, plan = pool(SITES), population.model.plan
    rows = np.flatnonzero(complete_cases(plan, whole))
    x, arm = population.model.matrix(whole, rows), whole.arm[rows]
    b = propensity(x, arm.astype(np.float64), share, np.array(population.b))
    target, treated_share = population.weighting.target, population.treated_share
    weight = propensity_weights(target, arm == 1, x @ b, treated_share)
    if population.weighting.truncate is not None:
        weight = np.minimum(weight, population.weighting.truncate)
    time, status = event_status(plan, plan.survival[0], whole)
    there = status[rows] >= 0
    table = tabulate(
        np.arange(61.0),
        time[rows][there].astype(np.intp),
        arm[there].astype(np.intp),
        (status[rows] == 1)[there].astype(np.intp),
        (weight * share)[there],
    )
    return fit(table, ties).log_hr


@pytest.mark.parametrize(("name", "ties"), [("att", "efron"), ("cut", "breslow")])
def test_it_is_the_infinitesimal_jackknife_of_both_fits(name: str, ties: str) -> None:
    """Count each patient a little more in the score's fit and in Cox's, and square what moves.

    Jaeckel (1972), The infinitesimal jackknife, Bell Laboratories memorandum.
    """
    run = played()
    population = next(p for p in run.findings.populations if p.name == name)
    assert isinstance(population, Weighted)
    n, step = int(complete_cases(run.plan, pool(SITES)).sum()), 1e-4
    moved = []
    for patient in range(n):
        more, less = np.ones(n), np.ones(n)
        more[patient] += step
        less[patient] -= step
        both = (log_hr(population, Ties(ties), share) for share in (more, less))
        moved.append((next(both) - next(both)) / (2 * step))
    expected = float(np.sqrt((np.array(moved) ** 2).sum()))
    found = ratios(run, name)[f"{ties} stacked"]
    assert found.log_hr == pytest.approx(log_hr(population, Ties(ties), np.ones(n)), abs=1e-8)
    assert found.std_error == pytest.approx(expected, rel=1e-5)


def ratios(run: Played, name: str) -> dict[str, HazardRatio]:
    whole = next(r for r in results(run).survival if r.population == name and not r.level)
    return {one.method: one for one in whole.hazard_ratios}


def test_both_corrections_of_ties_stand_beside_the_robust_errors() -> None:
    found = ratios(played(), "overlap")
    assert found.keys() >= {"efron robust", "efron stacked", "breslow robust", "breslow stacked"}
    assert found["efron stacked"].log_hr == found["efron robust"].log_hr
    assert found["efron stacked"].std_error != found["efron robust"].std_error


def test_asked_only_where_the_plan_says_so_and_hospitals_see_the_table() -> None:
    def asked(plan: Plan) -> bool:
        return "stacked-squares/1" in {name for name, _ in walk(plan, clinics(4)).questions}

    assert asked(stacking("exact"))
    assert not asked(stacking("exact", sensitivity=None))
