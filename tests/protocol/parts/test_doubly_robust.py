"""Doubly robust risks over hospitals are those of pooled rows, and asked only where they may be."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from protocol.cohort import complete_cases, outcome
from protocol.parts.doubly_robust import no_model
from protocol.parts.propensity import Scores
from protocol.plan.endpoints import BinaryOutcome
from protocol.plan.model import Plan
from protocol.results.fold import results
from protocol.results.values.binary import DoublyRobust
from protocol.run import Played, play
from protocol.steps.doubly_robust import OutcomeCounts
from tests.federation.cohorts import clinics, cohort, part, pool, small_plan, walk

SITES = clinics(5)


def robust(profile: str = "open", **values: Any) -> Plan:
    """Ask for doubly robust risks; of survival and subgroups nothing."""
    plan = small_plan(profile)
    asked = tuple(e.model_copy(update={"doubly_robust": True}) for e in plan.binary)
    return plan.model_copy(
        update={"endpoints": asked, "subgroups": (), "designs": (), "populations": ()} | values
    )


@cache
def played() -> Played:
    return play(robust(), SITES, b"d" * 32)


def estimates(run: Played) -> DoublyRobust:
    (found,) = results(run).doubly_robust
    return found


def logistic(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit by Newton's method on rows."""
    b = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ b))
        b += np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]), x.T @ (y - p))
    return b


def test_it_is_what_pooled_rows_give() -> None:
    """Against both fits and the mean influence worked out row by row, all patients together."""
    run = played()
    scores, whole, plan = run.findings.scores, pool(SITES), run.plan
    assert isinstance(scores, Scores)
    complete = complete_cases(plan, whole)
    y = outcome(plan, plan.binary[0], whole)
    arm = whole.arm.astype(np.float64)
    x = scores.model.matrix(whole, np.arange(whole.size))
    own = complete & (y >= 0)

    def risk(rows: NDArray[np.bool_], of: NDArray[np.float64]) -> NDArray[np.float64]:
        fitted: NDArray[np.float64] = 1 / (1 + np.exp(-x[own] @ logistic(x[rows], of[rows])))
        return fitted

    happened = y.astype(np.float64)
    e = risk(complete, arm)
    m0, m1 = (risk(own & (arm == a), happened) for a in (0, 1))
    a, o = arm[own], happened[own]
    psi1, psi0 = m1 + a * (o - m1) / e, m0 + (1 - a) * (o - m0) / (1 - e)
    d = psi1 - psi0
    here = estimates(run)
    assert here.stopped == ""
    assert here.penalties.treated == "none"
    assert here.risk.comparator.estimate == pytest.approx(psi0.mean(), rel=1e-8)
    assert here.risk_difference.estimate == pytest.approx(d.mean(), rel=1e-7)
    half = (here.risk_difference.conf_high - here.risk_difference.conf_low) / 2
    assert half / 1.959963985 == pytest.approx(d.std() / np.sqrt(len(d)), rel=1e-7)
    assert here.patients.treated == int((a == 1).sum())
    assert here.events.treated == int(o[a == 1].sum())


def test_however_patients_are_spread_it_is_the_same() -> None:
    whole = pool(SITES)
    shuffled = np.random.default_rng(3).permutation(whole.size)
    sites = [part(whole, f"t{k}", shuffled[k::3]) for k in range(3)]
    one, other = estimates(played()), estimates(play(robust(), sites, b"d" * 32))
    assert one.risk_difference.estimate == pytest.approx(other.risk_difference.estimate)
    assert one.risk_ratio.conf_high == pytest.approx(other.risk_ratio.conf_high)


def test_separated_outcomes_are_fitted_with_the_plans_prior() -> None:
    """Everybody older than 60 has the outcome: without a prior the model runs away."""
    sites = []
    for k in range(4):
        age = np.tile([50.0, 70.0, 55.0, 65.0], 10) + k
        fever = np.where(age > 60, 1, 0)
        arm = [0, 0, 1, 1] * 10
        sites.append(cohort(f"s{k}", arm, 100 * k, age=age, fever=fever, marker=5.0 + age % 7))
    here = estimates(play(robust(), sites, b"d" * 32))
    assert here.stopped == ""
    assert "ridge" in (here.penalties.comparator, here.penalties.treated)


def test_no_model_where_few_are_left_out_or_have_the_outcome() -> None:
    plan = robust("exact")
    fine = OutcomeCounts((60, 60), (20, 20), (0, 5))
    assert no_model(plan, 5, fine) == ""
    assert "rule D" in no_model(plan, 5, OutcomeCounts((60, 60), (20, 20), (0, 2)))
    assert "fewer than 5" in no_model(plan, 5, OutcomeCounts((60, 60), (20, 57), (0, 0)))
    assert "rule S3" in no_model(plan, 7, fine)


def test_nothing_is_asked_where_there_is_no_model() -> None:
    few = [cohort(f"s{k}", [0, 1] * 10, 100 * k, age=range(50, 70)) for k in range(4)]
    walked = walk(robust("exact"), few)
    names = {name for name, _ in walked.questions}
    assert "assessed-counts/1" in names
    assert "doubly-robust/1" not in names


def test_why_there_is_none_is_said() -> None:
    few = [cohort(f"s{k}", [0, 1] * 10, 100 * k, age=range(50, 70)) for k in range(4)]
    here = estimates(play(robust(), few, b"d" * 32))
    assert "fewer than 5 patients with the outcome" in here.stopped
    assert np.isnan(here.risk_difference.estimate)


def test_each_arm_has_a_fit_of_its_own_beside_that_of_the_score() -> None:
    endpoint: BinaryOutcome = robust().binary[0]
    steps = [a.step for a in played().record.answers if a.step.name == "score/1"]
    kinds = {step.key()[0] for step in steps}
    assert {f"none of {endpoint.name} in arm {arm}" for arm in (0, 1)} < kinds
