import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import CoxPHFitter
from numpy.typing import NDArray

from protocol.stats import cox, linear
from protocol.stats.adjusted import (
    AdjustedFit,
    AdjustedTerms,
    RiskSums,
    adjusted_leeway,
    adjusted_step,
    adjusted_terms,
    risk_sums,
)
from protocol.stats.cox import Ties
from protocol.stats.table import tabulate

Draw = tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.bool_]]


def patients(seed: int, n: int = 60, days: int = 12, q: int = 3) -> Draw:
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, q))
    x[:, 0] = random.integers(0, 2, n)
    return x, random.integers(0, days, n), random.random(n) < 0.7


def test_terms_by_hand() -> None:
    # One day, events of x = 1 and x = 3, and x = 2 at risk; b = 0, so every risk is 1.
    # Breslow: mean 2 twice, S2/S0 = 14/3; Efron's second step leaves 3 - 1 at risk, their sum
    # 6 - 2 and sum of squares 14 - 5: mean 2, 9/2.
    x = np.array([[1.0], [3.0], [2.0]])
    sums = risk_sums(x, np.zeros(3, dtype=np.intp), np.array([True, True, False]), (0.0,), 1)
    breslow, efron = adjusted_terms(sums, "breslow"), adjusted_terms(sums, "efron")
    assert breslow.log_likelihood == pytest.approx(-2 * math.log(3))
    assert efron.log_likelihood == pytest.approx(-math.log(3) - math.log(2))
    assert (breslow.score, efron.score) == ((0.0,), (0.0,))
    assert breslow.information[0][0] == pytest.approx(2 * (14 / 3 - 4))
    assert efron.information[0][0] == pytest.approx(14 / 3 - 4 + 9 / 2 - 4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 999), st.floats(-1, 1), st.sampled_from(list(Ties)))
def test_with_the_arm_alone_it_is_the_hazard_ratio_of_a_table(
    seed: int, b: float, ties: Ties
) -> None:
    x, cell, event = patients(seed)
    arm = x[:, 0].astype(np.intp)
    table = tabulate(np.arange(12.0), cell, arm, event.astype(np.intp))
    found = adjusted_terms(risk_sums(x[:, :1], cell, event, (b,), 12), ties)
    wanted = cox.terms(table, b, ties)
    got = (found.log_likelihood, found.score[0], found.information[0][0])
    assert got == pytest.approx(
        (wanted.log_likelihood, wanted.score, wanted.information), rel=1e-9, abs=1e-9
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999), st.integers(0, 60))
def test_split_equals_pooled(seed: int, cut: int) -> None:
    """Risk-set sums add over hospitals, wherever the patients are."""
    x, cell, event = patients(seed)
    b = (0.3, -0.2, 0.1)
    one, two = (risk_sums(x[s], cell[s], event[s], b, 12) for s in (slice(cut), slice(cut, None)))
    added = RiskSums(
        one.leaving + two.leaving, one.dying + two.dying, one.events + two.events,
        one.fitted + two.fitted, one.observed + two.observed,
    )  # fmt: skip
    whole = adjusted_terms(risk_sums(x, cell, event, b, 12))
    np.testing.assert_allclose(adjusted_terms(added).information, whole.information, rtol=1e-9)
    assert adjusted_terms(added).log_likelihood == pytest.approx(whole.log_likelihood)


def test_the_score_is_the_slope_of_the_likelihood() -> None:
    x, cell, event = patients(5)

    def at(b: tuple[float, ...]) -> AdjustedTerms:
        return adjusted_terms(risk_sums(x, cell, event, b, 12))

    b, step = (0.2, -0.1, 0.4), 1e-5
    for j in range(3):
        up = at(tuple(v + step * (k == j) for k, v in enumerate(b)))
        down = at(tuple(v - step * (k == j) for k, v in enumerate(b)))
        slope = (up.log_likelihood - down.log_likelihood) / (2 * step)
        assert at(b).score[j] == pytest.approx(slope, abs=1e-6)
        bend = (down.score[j] - up.score[j]) / (2 * step)
        assert at(b).information[j][j] == pytest.approx(bend, rel=1e-6)


@pytest.mark.parametrize("strata", [False, True])
def test_lifelines_finds_the_same(strata: bool) -> None:
    x, cell, event = patients(11, n=120, days=400)
    site = np.arange(120) % 4 if strata else np.zeros(120, dtype=int)
    b: tuple[float, ...] = (0.0, 0.0, 0.0)
    trips = []
    for _ in range(12):
        parts = [
            adjusted_terms(risk_sums(x[site == s], cell[site == s], event[site == s], b, 400))
            for s in np.unique(site)
        ]
        whole = AdjustedTerms(
            sum(part.log_likelihood for part in parts),
            tuple(np.sum([part.score for part in parts], axis=0)),
            tuple(map(tuple, np.sum([part.information for part in parts], axis=0))),
        )
        trips.append(whole)
        b = tuple(old + move for old, move in zip(b, adjusted_step(whole), strict=True))
    found = AdjustedFit(
        ("arm", "u", "v"), b, (1.0, 2.0, 1.0), trips[0], trips[-1], 120, int(event.sum()),
        Ties.EFRON, 12,
    )  # fmt: skip
    frame = pd.DataFrame(x, columns=["arm", "u", "v"])
    frame["u"] *= 2  # the fit's column was divided by its scale
    frame["t"], frame["d"], frame["site"] = cell + 1, event, site
    fitter = CoxPHFitter().fit(frame, "t", "d", strata=["site"] if strata else None,
                               formula="arm + u + v")  # fmt: skip
    assert found.raw == pytest.approx(fitter.params_.tolist(), rel=1e-5)
    assert found.std_error == pytest.approx(fitter.standard_errors_.tolist(), rel=1e-5)
    ratio = math.exp(found.raw[0])
    lower, upper = found.interval(0)
    assert lower < ratio < upper
    assert math.log(upper / lower) == pytest.approx(2 * 1.959964 * found.std_error[0], rel=1e-6)
    assert found.p_value(0) == pytest.approx(fitter.summary["p"].iloc[0], rel=1e-4)
    assert found.wald_test > 0
    assert found.score_test == pytest.approx(
        float(np.array(found.null.score) @ np.linalg.solve(found.null.information,
                                                            found.null.score))
    )  # fmt: skip


def test_columns_nearly_alike_are_no_separation() -> None:
    """Their limits widen by how much the one repeats the other, the arm's do not."""
    x, cell, event = patients(7, n=200)
    x[:, 2] = x[:, 1] + 1e-3 * x[:, 2]
    null = adjusted_terms(risk_sums(x, cell, event, (0.0, 0.0, 0.0), 12))
    wider = adjusted_leeway(null)
    assert wider[0] == 1.0
    inflation = np.diag(null.information) * np.diag(np.linalg.inv(null.information))
    assert wider[1:] == pytest.approx(np.sqrt(inflation[1:] / 100), rel=1e-4)
    assert min(wider[1:]) > 50
    # A step of this size would be shortened to 2 without it, and the search not settle.
    assert max(map(abs, adjusted_step(null, wider))) > max(map(abs, adjusted_step(null)))


def test_a_column_constant_in_every_risk_set_adds_nothing() -> None:
    x, cell, event = patients(3)
    x[:, 2] = 1 / 3
    with pytest.raises(linear.NotPositive) as singular:
        adjusted_step(adjusted_terms(risk_sums(x, cell, event, (0.1, 0.0, 0.0), 12)))
    assert singular.value.column == 2


def test_nobody_has_no_terms() -> None:
    empty = np.empty((0, 2))
    none = risk_sums(empty, np.empty(0, dtype=np.intp), np.empty(0, dtype=np.bool_), (0.0, 0.0), 0)
    assert adjusted_terms(none) == AdjustedTerms(0.0, (0.0, 0.0), ((0.0, 0.0), (0.0, 0.0)))
