import math

import numpy as np
import pytest

from protocol.stats.cox import NotEstimable, fit
from protocol.stats.exact_ties import exact_terms, fit_exact
from protocol.stats.table import RiskTable, Weights

DAYS = np.array([10.0, 20.0, 30.0])


def test_exact_terms_by_hand() -> None:
    # One day, 2 at risk in each arm, one event in each: k of 2 events are the treated arm's in
    # 1, 4, 1 ways, so P(k = 1) = 4 e^b / (1 + 4 e^b + e^2b) for one given pair 1/4 of that.
    table = RiskTable(np.array([[1], [1]]), np.array([[1], [1]]), np.array([10.0]))
    found = exact_terms(table, 0.0)
    assert (found.log_likelihood, found.score) == pytest.approx((-math.log(6), 0.0))
    assert found.information == pytest.approx(2 / 6)  # (0-1)^2/6 + (2-1)^2/6
    moved = exact_terms(table, math.log(2))
    # weights 1, 8, 4: mean 16/13, second moment 24/13
    assert moved.log_likelihood == pytest.approx(math.log(2 / 13))
    assert moved.score == pytest.approx(1 - 16 / 13)
    assert moved.information == pytest.approx(24 / 13 - (16 / 13) ** 2)


def test_without_ties_it_is_every_other_method() -> None:
    table = RiskTable(
        events=np.array([[0, 1, 0], [1, 0, 1]]), censored=np.array([[0, 0, 2], [0, 0, 1]]),
        times=DAYS,
    )  # fmt: skip
    found, usual = fit_exact(table), fit(table, "breslow")
    assert found.log_hr == pytest.approx(usual.log_hr)
    assert found.terms.log_likelihood == pytest.approx(usual.log_likelihood)


def test_with_ties_it_is_neither_efron_nor_breslow() -> None:
    table = RiskTable(
        events=np.array([[3, 1, 1], [1, 2, 0]]), censored=np.array([[0, 0, 4], [0, 0, 5]]),
        times=DAYS,
    )  # fmt: skip
    exact = fit_exact(table).log_hr
    for ties in ("efron", "breslow"):
        assert abs(fit(table, ties).log_hr - exact) > 1e-3


def test_who_has_no_exact_likelihood() -> None:
    table = RiskTable(np.array([[1, 1, 1], [0, 0, 0]]), np.array([[0, 0, 1], [0, 0, 3]]), DAYS)
    with pytest.raises(NotEstimable, match="treated arm has no event"):
        fit_exact(table)
    ones = np.ones((2, 3))
    weighted = RiskTable(table.events, table.censored, DAYS, Weights(ones, ones, ones, ones))
    with pytest.raises(ValueError, match="without weights"):
        exact_terms(weighted, 0.0)
