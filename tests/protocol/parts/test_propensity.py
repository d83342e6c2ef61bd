"""The pooled propensity fit meets an independent fit of pooled rows, and fails by name."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from protocol.cohort import Cohort
from protocol.parts.matching import LeftOut
from protocol.parts.propensity import NoFit, Scores, firth, fit_propensity, newton
from protocol.plan.model import Plan
from protocol.question import Answer
from protocol.steps.describe import Describe
from protocol.steps.local import LocalFit, LocalFits
from protocol.steps.model import Model, propensity_model
from protocol.steps.population import Complete
from protocol.steps.score import Score
from tests.federation.cohorts import (
    ask,
    changed,
    clinics,
    cohort,
    crlm,
    federations,
    opened,
    pool,
    run_through,
    small_plan,
    walk,
)

Reals = NDArray[np.float64]
NOBODY = LocalFits(0, None)


def model_of(plan: Plan, sites: Sequence[Cohort]) -> Model:
    return propensity_model(plan, ask(Describe(plan, Complete(plan)), sites))


def fit(plan: Plan, sites: Sequence[Cohort]) -> Scores | NoFit:
    model = model_of(plan, sites)
    _, _, found = run_through(fit_propensity(model, ask(LocalFit(model), sites)), sites)
    return found


def fitted(plan: Plan, sites: Sequence[Cohort]) -> Scores:
    found = fit(plan, sites)
    assert isinstance(found, Scores), found
    return found


def rows(plan: Plan, sites: Sequence[Cohort]) -> tuple[Reals, Reals]:
    """Build the design matrix in raw units from the pooled rows, without the model's code."""
    whole = pool(sites)
    v = whole.values
    assert plan.propensity is not None
    columns = [np.ones(whole.size), v["age"], np.log(v["marker"])]
    columns += [(v["stage"] == k).astype(float) for k in (1, 2)] + [(v["sex"] == 1).astype(float)]
    x = np.column_stack(columns)
    complete = ~np.isnan(x).any(axis=1) & (v["stage"] >= 0)
    return x[complete], whole.arm[complete].astype(float)


def standardised(x: Reals) -> Reals:
    """Centre and scale the two numeric columns."""
    z = x.copy()
    z[:, 1:3] = (x[:, 1:3] - x[:, 1:3].mean(axis=0)) / x[:, 1:3].std(axis=0, ddof=1)
    return z


def solve(x: Reals, y: Reals, ridge: float = 0.0, *, firth: bool = False) -> Reals:
    """Fit by Newton's method on rows; the textbook's formulas, by numpy.

    `ridge` is the precision of all coefficients but the intercept.
    """
    b = np.zeros(x.shape[1])
    penalty = ridge * np.append(0.0, np.ones(x.shape[1] - 1))
    for _ in range(500):
        e = 1 / (1 + np.exp(-x @ b))
        information = x.T @ (x * (e * (1 - e))[:, None]) + np.diag(penalty)
        residual = y - e
        if firth:
            root = x * np.sqrt(e * (1 - e))[:, None]
            hat = np.diag(root @ np.linalg.inv(information) @ root.T)
            residual = residual + hat * (0.5 - e)
        step = np.linalg.solve(information, x.T @ residual - penalty * b)
        b = b + step * min(1.0, 1.0 / np.abs(step).max())
        if np.abs(step).max() < 1e-13:
            break
    return b


def test_the_fit_equals_that_of_pooled_rows() -> None:
    x, y = rows(small_plan(), clinics())
    found = fitted(small_plan(), clinics())
    raw = solve(x, y)
    np.testing.assert_allclose(found.fit.raw, raw, rtol=1e-9, atol=1e-11)
    e = 1 / (1 + np.exp(-x @ raw))
    covariance = np.linalg.inv(x.T @ (x * (e * (1 - e))[:, None]))
    np.testing.assert_allclose(found.fit.covariance, covariance, rtol=1e-7, atol=1e-12)
    deviance = -2 * (y * np.log(e) + (1 - y) * np.log(1 - e)).sum()
    assert found.fit.deviance == pytest.approx(deviance, rel=1e-12)
    null = -2 * (len(y) * np.log([y.mean(), 1 - y.mean()]) * [y.mean(), 1 - y.mean()]).sum()
    assert found.fit.null_deviance == pytest.approx(null, rel=1e-12)


def test_logits_have_the_mean_and_sd_of_pooled_rows() -> None:
    x, y = rows(small_plan(), clinics())
    logit = x @ solve(x, y)
    found = fitted(small_plan(), clinics()).logit_mean_sd
    assert found == pytest.approx((logit.mean(), logit.std(ddof=1)), rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(federations(most=30))
def test_any_federation_is_fitted_or_refused_with_a_reason(sites: list[Cohort]) -> None:
    """Never a huge coefficient, and one hospital comes to the same as many."""
    model = model_of(small_plan(), sites)
    start = ask(LocalFit(model), sites)
    _, _, found = run_through(fit_propensity(model, start), sites)
    _, _, alone = run_through(fit_propensity(model, start), [pool(sites)])
    if isinstance(found, NoFit):
        assert len(found.reason) > 20
        assert isinstance(alone, NoFit)
    else:
        assert isinstance(alone, Scores)
        assert max(map(abs, found.b)) < 10
        np.testing.assert_allclose(found.b, alone.b, rtol=1e-7, atol=1e-9)


def test_the_start_does_not_matter() -> None:
    model = model_of(small_plan(), clinics())
    runs = [newton(model, b) for b in ((0.0,) * 6, (1.0,) * 6, (-3.0,) * 6)]
    found = [run_through(run, clinics())[2] for run in runs]
    assert all(isinstance(one, Scores) for one in found)
    first, *others = [one.b for one in found if isinstance(one, Scores)]
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-9, atol=1e-11)


def test_a_step_too_long_is_halved() -> None:
    """Where a penalty makes whole steps overshoot, the deviance rises and the step is halved."""
    model = model_of(small_plan(), clinics())
    play = newton(model, (0.0,) * 6)
    ((first,),) = [next(play)]
    assert isinstance(first, Score)
    honest = opened(first, clinics())
    (second,) = play.send((Answer(first, honest),))
    assert isinstance(second, Score)
    risen = {**honest.sums, "deviance": honest.sums["deviance"] * 2}
    (third,) = play.send((Answer(second, replace(honest, sums=risen)),))
    assert isinstance(third, Score)
    assert third.b == tuple((a + b) / 2 for a, b in zip(first.b, second.b, strict=True))
    assert (first.trip, second.trip, third.trip) == (0, 1, 2)


def test_a_deviance_that_never_falls_ends_the_fit() -> None:
    model = model_of(small_plan(), clinics())
    play = newton(model, (0.0,) * 6)
    (step,) = next(play)
    sums = opened(step, clinics())
    ends: list[object] = []
    for k in range(1, 50):
        rising = {**sums.sums, "deviance": sums.sums["deviance"] * k}
        try:
            (step,) = play.send((Answer(step, replace(sums, sums=rising)),))
        except StopIteration as end:
            ends.append(end.value)
            break
    assert ends == [NoFit("the deviance does not fall along the fit's direction")]


def separated() -> list[Cohort]:
    """All treated are older than all comparators."""
    random = np.random.default_rng(5)
    arms = [[0, 1] * 15] * 3
    return [
        cohort(
            f"s{k}",
            arm,
            age=[int(random.integers(20, 50)) + 40 * a for a in arm],
            marker=random.lognormal(1.5, 0.5, 30),
            stage=random.integers(0, 3, 30),
            sex=random.integers(0, 2, 30),
        )
        for k, arm in enumerate(arms)
    ]


def with_fallback(fallback: str, profile: str = "open", **values: Any) -> Plan:
    return changed(small_plan(profile), "propensity", fallback=fallback, **values)


def test_separation_is_named_not_fitted() -> None:
    found = fit(with_fallback("stop"), separated())
    assert isinstance(found, NoFit)
    assert "separate the arms: the coefficient of age runs away" in found.reason


def test_hospitals_hold_back_before_a_separated_fit_shows_few() -> None:
    """Rule S4: under `exact` the fit stops by name before its coefficients run away."""
    found = fit(with_fallback("stop", "exact"), separated())
    assert isinstance(found, NoFit)
    assert "(rule S4), most of all by age" in found.reason


def test_a_hospital_that_holds_back_sends_zeros_and_says_so() -> None:
    model = model_of(small_plan("exact"), separated())
    far = Score(model, (0.0, 9.0, 0.0, 0.0, 0.0, 0.0), "none", 0)
    release = far.local(separated()[0])
    assert int(release["refused"]) == 1
    assert list(release["patients"]) == [15, 15]
    for name in (
        "deviance",
        "score",
        "information",
        "logit",
        "probability",
        "weight",
        "preference",
    ):
        assert not release[name].any(), name
    near = replace(far, b=(0.0,) * 6).local(separated()[0])
    assert int(near["refused"]) == 0
    assert near["information"].any()


@pytest.mark.parametrize("complete", [1, 2, 3, 4, 6])
def test_a_hospital_with_few_complete_cases_stops_no_ordinary_fit(complete: int) -> None:
    few = cohort(
        "few",
        [0, 1] * 6,
        first_id=9000,
        age=[40.0 + 7 * k if k < complete else np.nan for k in range(12)],
    )
    assert fitted(small_plan("exact"), [*clinics(), few]).at_solution.refused == 0


@pytest.mark.parametrize("profile", ["open", "exact"])
@pytest.mark.parametrize("prior_sd", [2.5, 0.5])
def test_separation_continues_as_ridge(profile: str, prior_sd: float) -> None:
    plan = with_fallback("ridge", profile, ridge_prior_sd=prior_sd)
    x, y = rows(plan, separated())
    found = fitted(plan, separated())
    assert found.fit.penalty == "ridge"
    np.testing.assert_allclose(found.b, solve(standardised(x), y, prior_sd**-2), rtol=1e-8)
    assert max(map(abs, found.b)) < 8


def quasi_separated() -> list[Cohort]:
    """Nobody with stage III is a comparator: one coefficient has no finite estimate."""
    sites = []
    for site in clinics():
        stage = site.values["stage"]
        values = {**site.values, "stage": np.where(site.arm == 0, np.minimum(stage, 1), stage)}
        sites.append(replace(site, values=values))
    return sites


def test_quasi_separation_is_named() -> None:
    found = fit(with_fallback("stop"), quasi_separated())
    assert isinstance(found, NoFit)
    assert "the coefficient of stage=III runs away" in found.reason


@pytest.mark.parametrize("profile", ["open", "exact"])
@pytest.mark.parametrize("sites", [separated(), quasi_separated()], ids=["complete", "quasi"])
def test_separation_continues_as_firth(profile: str, sites: list[Cohort]) -> None:
    plan = with_fallback("firth", profile)
    x, y = rows(plan, sites)
    found = fitted(plan, sites)
    assert found.fit.penalty == "firth"
    expected = solve(standardised(x), y, firth=True)
    np.testing.assert_allclose(found.b, expected, rtol=1e-6, atol=1e-6)


def test_firth_without_separation_equals_a_fit_of_pooled_rows() -> None:
    x, y = rows(small_plan(), clinics())
    model = model_of(small_plan(), clinics())
    _, _, found = run_through(firth(model), clinics())
    assert isinstance(found, Scores)
    np.testing.assert_allclose(found.b, solve(standardised(x), y, firth=True), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("fallback", ["stop", "ridge", "firth"])
def test_a_fit_without_separation_needs_no_fallback(fallback: str) -> None:
    assert fitted(with_fallback(fallback), clinics()).fit.penalty == "none"


def collinear() -> list[Cohort]:
    """Stage III is just the men: the columns stage=III and sex say one thing."""
    sites = []
    for site in clinics():
        stage = site.values["stage"]
        values = {**site.values, "sex": (stage == 2).astype(np.int8)}
        sites.append(
            Cohort(site.site, site.ids, site.arm, values, site.excluded, site.rows, site.secret)
        )
    return sites


@pytest.mark.parametrize("fallback", ["stop", "firth"])
def test_collinear_columns_are_named(fallback: str) -> None:
    found = fit(with_fallback(fallback), collinear())
    assert isinstance(found, NoFit)
    assert "the column sex is a combination of the columns before it" in found.reason


def nearly_collinear(own: float) -> list[Cohort]:
    """The marker is the age, but for noise of `own` of its spread."""
    draw, sites = np.random.default_rng(11), []
    for site in clinics():
        noise = draw.normal(size=len(site.arm))
        marker = np.exp((site.values["age"] - 60) / 40 + own * noise / 4)
        sites.append(replace(site, values={**site.values, "marker": marker}))
    return sites


def test_columns_nearly_alike_are_fitted_and_not_called_separated() -> None:
    """As glm fits them: with large coefficients of opposite sign, and errors as large."""
    x, y = rows(small_plan(), nearly_collinear(0.002))
    found = fitted(with_fallback("stop"), nearly_collinear(0.002))
    assert found.fit.penalty == "none"
    assert max(map(abs, found.b)) > 8
    np.testing.assert_allclose(found.b, solve(standardised(x), y), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("fallback", ["stop", "firth"])
def test_columns_too_nearly_alike_are_named(fallback: str) -> None:
    found = fit(with_fallback(fallback), nearly_collinear(1e-5))
    assert isinstance(found, NoFit)
    assert "is a combination of the columns before it, or nearly so" in found.reason


def test_collinear_columns_can_be_fitted_by_ridge() -> None:
    found = fitted(with_fallback("ridge"), collinear())
    assert found.fit.penalty == "ridge"
    b = dict(zip(found.model.names, found.b, strict=True))
    assert b["sex"] == pytest.approx(b["stage=III"], rel=1e-6)


@pytest.mark.parametrize("profile", ["open", "exact"])
def test_the_whole_study_says_why_there_is_no_score(profile: str) -> None:
    for sites in (separated(), collinear()):
        walked = walk(small_plan(profile), sites)
        assert isinstance(walked.findings.scores, NoFit)
        assert [type(design) for design in walked.findings.designs] == [LeftOut, LeftOut]
        assert walked.record.get("risk-table/1", "relapse", "all", "") is not None


def test_no_model_without_an_arm() -> None:
    found = walk(small_plan(), [cohort(f"s{k}", [0] * 5) for k in range(3)]).findings
    assert found.scores == NoFit("an arm has no patient without missing covariates")
    assert found.model is None


def test_the_seed_study_prefers_patients_unlike() -> None:
    """Hospitals treat more or fewer than their patients' covariates predict: 16.84 on 6 df."""
    plan, sites = crlm()
    found = fitted(plan, sites)
    assert found.at_solution.preference == pytest.approx(16.84, abs=0.005)
    assert found.at_solution.hospitals - 1 == 6


def test_deviance_is_finite_at_far_scores() -> None:
    """By the branch that cannot overflow: log(1 + e^z) at z = 500 is 500."""
    model = model_of(small_plan(), clinics())
    far = (300.0, *model.size * (0.0,))[: model.size]
    release = Score(model, far, "none", 0).local(pool(clinics()))
    comparators = int((pool(clinics()).arm == 0).sum())
    assert float(release["deviance"]) == pytest.approx(2 * 300 * comparators)


@pytest.mark.parametrize("penalty", ["ridge", "firth"])
def test_a_plan_can_penalise_from_the_start(penalty: str) -> None:
    """Also where nothing is separated, and without a trip of maximum likelihood before."""
    plan = changed(small_plan(), "propensity", penalty=penalty)
    x, y = rows(plan, clinics())
    ridge, firth_too = (2.5**-2, False) if penalty == "ridge" else (0.0, True)
    found = fitted(plan, clinics())
    assert found.fit.penalty == penalty
    expected = solve(standardised(x), y, ridge, firth=firth_too)
    np.testing.assert_allclose(found.b, expected, rtol=1e-6, atol=1e-8)
