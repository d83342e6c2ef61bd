"""Local fits: each hospital's own ridge fit, of which only sums are seen."""

import numpy as np
import pytest
from numpy.typing import NDArray

from protocol.cohort import Cohort
from protocol.stats.distributions import ChiSquare
from protocol.steps.describe import Describe
from protocol.steps.local import PRIOR_SD, LocalFit, ridge_fit
from protocol.steps.model import Model, propensity_model
from protocol.steps.population import Complete
from tests.federation.cohorts import ask, clinics, cohort, opened, small_plan

PLAN = small_plan()
MODEL = propensity_model(PLAN, ask(Describe(PLAN, Complete(PLAN)), clinics()))


def matrix(model: Model, site: Cohort) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    parts = list(model.chunks(site))
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


def ridge_score(
    x: NDArray[np.float64], y: NDArray[np.float64], b: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Score of the likelihood with a normal prior on coefficients in SD units but the first."""
    prior = np.append(0.0, b[1:] * np.array(MODEL.spread[1:]) ** 2) / PRIOR_SD**2
    score: NDArray[np.float64] = x.T @ (y - 1 / (1 + np.exp(-x @ b))) - prior
    return score


def test_the_fit_solves_the_penalised_likelihood() -> None:
    for site in clinics():
        x, y = matrix(MODEL, site)
        b = ridge_fit(MODEL, site)
        assert b is not None
        np.testing.assert_allclose(ridge_score(x, y, b), 0, atol=1e-6)


def test_what_leaves_is_information_and_its_product() -> None:
    site = clinics()[0]
    x, _ = matrix(MODEL, site)
    b = ridge_fit(MODEL, site)
    assert b is not None
    e = 1 / (1 + np.exp(-x @ b))
    information = x.T @ (x * (e * (1 - e))[:, None])
    release = LocalFit(MODEL).local(site)
    p = MODEL.size
    np.testing.assert_allclose(release["information"], information[np.triu_indices(p)], rtol=1e-12)
    np.testing.assert_allclose(release["weighted"], information @ b, rtol=1e-10)
    assert float(release["quadratic"]) == pytest.approx(b @ information @ b, rel=1e-10)
    shapes = {field.name: field.shape for field in LocalFit(MODEL).layout().fields}
    assert shapes == {"hospital": (), "information": (21,), "weighted": (6,), "quadratic": ()}


def test_one_shot_is_the_inverse_variance_mean() -> None:
    found = ask(LocalFit(MODEL), clinics())
    fits, informations = [], []
    for site in clinics():
        x, _ = matrix(MODEL, site)
        b = ridge_fit(MODEL, site)
        assert b is not None
        e = 1 / (1 + np.exp(-x @ b))
        fits.append(b)
        informations.append(x.T @ (x * (e * (1 - e))[:, None]))
    products = [i @ b for i, b in zip(informations, fits, strict=True)]
    mean = np.linalg.solve(np.sum(informations, axis=0), np.sum(products, axis=0))
    q = sum((b - mean) @ i @ (b - mean) for b, i in zip(fits, informations, strict=True))
    assert found.hospitals == 4
    assert found.combined is not None
    np.testing.assert_allclose(found.combined.estimate, mean, rtol=1e-9)
    assert found.combined.spread.statistic == pytest.approx(q, rel=1e-9)
    assert found.combined.spread == ChiSquare(found.combined.spread.statistic, 3 * 6)


def test_a_hospital_with_one_arm_sends_zeros() -> None:
    """Zeros under a mask look like anything: nobody sees that it has one arm."""
    single = cohort("one", [1, 1, 1], age=[50, 60, 70])
    sums, alone = (
        opened(LocalFit(MODEL), [*clinics(), single]).sums,
        opened(LocalFit(MODEL), clinics()).sums,
    )
    assert int(sums["hospital"]) == 4
    for name, total in alone.items():
        np.testing.assert_array_equal(sums[name], total)


def test_nobody_with_both_arms_gives_no_estimate() -> None:
    found = ask(LocalFit(MODEL), [cohort("a", [1, 1]), cohort("b", [0])])
    assert (found.hospitals, found.combined) == (0, None)


def test_a_singular_sum_gives_no_estimate_either() -> None:
    """Two patients cannot determine six coefficients; the pooled fit will say so by name."""
    found = ask(LocalFit(MODEL), [cohort("a", [1, 0], age=[50, 60])])
    assert (found.hospitals, found.combined) == (1, None)


def test_separated_hospitals_have_a_fit_that_stays_small() -> None:
    site = cohort("a", [0] * 10 + [1] * 10, age=[40] * 10 + [80] * 10)
    b = ridge_fit(MODEL, site)
    assert b is not None
    assert np.abs(b).max() < 5
