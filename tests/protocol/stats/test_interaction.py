"""The interaction of arm and level: against a fit to single patients, and what must not matter."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from protocol.stats.cox import NotEstimable, fit
from protocol.stats.interaction import interaction, spread_of_levels
from protocol.stats.table import RiskTable

DAYS = 12
Patients = tuple[NDArray[np.int64], ...]


def patients(seed: int, levels: int = 3, size: int = 90) -> Patients:
    """Draw level, arm, day and event; ties are many."""
    random = np.random.default_rng(seed)
    level, arm = random.integers(0, levels, size), random.integers(0, 2, size)
    hazard = 0.1 * np.exp(0.3 * level - 0.8 * arm * (level == 1))
    day = np.minimum(np.ceil(random.exponential(1 / hazard)), DAYS).astype(int)
    return level, arm, day, ((day < DAYS) & (random.random(size) < 0.8)).astype(int)


def tables(found: Patients) -> list[RiskTable]:
    level, arm, day, event = found
    made = []
    for one in range(level.max() + 1):
        counts = np.zeros((2, 2, DAYS + 1), dtype=np.int64)
        own = level == one
        np.add.at(counts, (event[own], arm[own], day[own]), 1)
        made.append(RiskTable(counts[1], counts[0], np.arange(DAYS + 1.0)))
    return made


def best(found: Patients, *, products: bool) -> float:
    """Maximise Efron's log partial likelihood patient by patient."""
    level, arm, day, event = found
    dummies = [level == k for k in range(1, level.max() + 1)]
    columns = [arm, *dummies, *([arm * d for d in dummies] if products else [])]
    x = np.array(columns, dtype=float).T

    def less(b: NDArray[np.float64]) -> float:
        risk, total = np.exp(x @ b), 0.0
        for t in np.unique(day[event == 1]):
            dead = (day == t) & (event == 1)
            total += float((x[dead] @ b).sum())
            for left in range(dead.sum()):
                share = left / dead.sum()
                total -= float(np.log(risk[day >= t].sum() - share * risk[dead].sum()))
        return -total

    return -float(minimize(less, np.zeros(x.shape[1]), method="BFGS").fun)


@pytest.mark.parametrize("seed", [1, 2])
def test_interaction_is_that_of_single_patients(seed: int) -> None:
    found = patients(seed)
    test = interaction(tables(found))
    gain = best(found, products=True) - best(found, products=False)
    assert test.df == 2
    assert test.statistic == pytest.approx(2 * gain, abs=1e-6)


def test_the_order_of_levels_does_not_matter() -> None:
    made = tables(patients(3))
    assert interaction(made[::-1]).statistic == pytest.approx(interaction(made).statistic)


def test_levels_that_are_alike_do_not_differ() -> None:
    one = tables(patients(4, levels=1))[0]
    assert interaction([one, one]).statistic == pytest.approx(0, abs=1e-9)
    assert spread_of_levels([one, one]).statistic == pytest.approx(0, abs=1e-9)


def test_spread_of_two_levels_by_hand() -> None:
    one, two = tables(patients(5, levels=2))
    a, b = fit(one), fit(two)
    # Of two levels the spread is (a - b)^2 over the sum of both variances.
    apart = (a.log_hr - b.log_hr) ** 2 / (a.robust_std_error**2 + b.robust_std_error**2)
    found = spread_of_levels([one, two])
    assert found.statistic == pytest.approx(apart)
    assert found.df == 1


def test_a_level_without_a_ratio_has_no_interaction() -> None:
    empty = RiskTable(np.zeros((2, 3), int), np.ones((2, 3), int), np.arange(3.0))
    with pytest.raises(NotEstimable):
        interaction([empty, empty])
