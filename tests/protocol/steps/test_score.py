"""Score: the sums at one b, by hand and by pooled rows."""

import math

import numpy as np
import pytest

from protocol.cohort import Cohort
from protocol.steps.describe import Describe
from protocol.steps.model import Model, propensity_model
from protocol.steps.population import Complete
from protocol.steps.score import Score, expit
from tests.federation.cohorts import ask, clinics, cohort, opened, pool, small_plan

PLAN = small_plan()
B = (0.2, -0.4, 0.6, 0.1, -0.3, 0.5)


def model(sites: tuple[Cohort, ...] = clinics()) -> Model:
    return propensity_model(PLAN, ask(Describe(PLAN, Complete(PLAN)), sites))


def test_at_b_zero_by_hand() -> None:
    """Everybody's propensity is a half: deviance 2 n ln 2, score (treated - comparators) / 2."""
    sites = (cohort("a", [0, 0, 1], age=[50, 60, 70]), cohort("b", [1, 1], age=[60, 80]))
    found = ask(Score(model(sites), (0.0, 0.0), "none", 0), sites)
    ages = np.array([50, 60, 70, 60, 80])
    z = (ages - ages.mean()) / ages.std(ddof=1)
    y = np.array([0, 0, 1, 1, 1])
    assert found.sums.deviance == pytest.approx(10 * math.log(2), rel=1e-15)
    assert found.sums.score == pytest.approx((0.5, float(z @ (y - 0.5))), rel=1e-12)
    expected = np.array([[5, z.sum()], [z.sum(), z @ z]]) / 4
    np.testing.assert_allclose(found.sums.information, expected, atol=1e-15)
    assert found.patients == (2, 3)
    assert (found.logit, found.logit_squares) == ((0, 0), (0, 0))
    assert (found.probability, found.probability_squares) == ((1, 1.5), (0.5, 0.75))
    assert (found.weight, found.weight_squares) == (1.25, 5 / 16)
    # Hospital a: excess 1 - 3/2, b: 2 - 1; each squared over n / 4.
    assert found.preference == pytest.approx(0.25 / 0.75 + 1 / 0.5)
    assert (found.hospitals, found.refused) == (2, 0)


def test_sums_equal_those_of_pooled_rows() -> None:
    found = ask(Score(model(), B, "none", 3), clinics())
    whole = pool(clinics())
    x = np.concatenate([x for x, _ in model().chunks(whole)])
    y, e = whole.arm.astype(float), 1 / (1 + np.exp(-x @ np.array(B)))
    np.testing.assert_allclose(found.sums.score, x.T @ (y - e), rtol=1e-9, atol=1e-11)
    information = x.T @ (x * (e * (1 - e))[:, None])
    np.testing.assert_allclose(found.sums.information, information, rtol=1e-9, atol=1e-11)
    deviance = -2 * np.log(np.where(y == 1, e, 1 - e)).sum()
    assert found.sums.deviance == pytest.approx(deviance, rel=1e-12)
    assert found.logit[1] == pytest.approx((x @ np.array(B))[y == 1].sum(), rel=1e-10)


def test_firth_adds_leverages() -> None:
    """With the inverse information at the same b, h is the hat matrix's diagonal."""
    plain = ask(Score(model(), B, "none", 0), clinics())
    inverse = np.linalg.inv(np.array(plain.sums.information))
    rows = tuple(tuple(float(v) for v in row) for row in inverse)
    firth = ask(Score(model(), B, "firth", 1, rows), clinics())
    x = np.concatenate([x for x, _ in model().chunks(pool(clinics()))])
    e = 1 / (1 + np.exp(-x @ np.array(B)))
    root = x * np.sqrt(e * (1 - e))[:, None]
    hat = np.diag(root @ inverse @ root.T)
    assert hat.sum() == pytest.approx(6, rel=1e-9)
    expected = np.array(plain.sums.score) + x.T @ (hat * (0.5 - e))
    np.testing.assert_allclose(firth.sums.score, expected, rtol=1e-9, atol=1e-10)
    assert firth.sums.information == plain.sums.information


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = opened(Score(model(), B, "none", 0), clinics()).sums
    monkeypatch.setattr("protocol.steps.model.CHUNK", 7)
    for name, total in opened(Score(model(), B, "none", 0), clinics()).sums.items():
        np.testing.assert_allclose(total, whole[name], rtol=1e-12, atol=1e-12)


def test_what_leaves_and_its_key() -> None:
    step = Score(model(), B, "ridge", 4)
    shapes = {field.name: field.shape for field in step.layout().fields}
    assert shapes["score"] == (6,)
    assert shapes["information"] == (21,)
    assert (
        sum(field.numbers for field in step.layout().fields)
        == 6 + 21 + 2 + 1 + 1 + 1 + 4 + 4 + 1 + 2
    )
    assert step.layout().width == 128
    assert step.key() == ("ridge", 4)


def test_expit_does_not_overflow() -> None:
    found = expit(np.array([-800.0, -1.0, 0.0, 1.0, 800.0]))
    np.testing.assert_allclose(found, [0, 1 / (1 + math.e), 0.5, math.e / (1 + math.e), 1])
