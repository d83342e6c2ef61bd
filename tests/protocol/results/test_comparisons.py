"""Table 1's tests are those of pooled rows, and which one is quoted does not hang on a P value."""

import math
from functools import cache

import numpy as np
import pytest
from scipy import stats

from protocol.plan.model import Plan
from protocol.results.comparisons import (
    FISHER,
    KRUSKAL,
    PEARSON,
    RANKS,
    STUDENT,
    WELCH,
    YATES,
    arm_tests,
    large_enough,
)
from protocol.results.values.patients import ArmTest
from protocol.steps.describe import Describe
from protocol.steps.population import Complete
from tests.federation.cohorts import ask, clinics, pool, small_plan


def in_years() -> Plan:
    """Give the small plan with ages counted year by year."""
    plan = small_plan()
    years = plan.variables[0].model_copy(update={"bins": 100})
    return plan.model_copy(update={"variables": (years, *plan.variables[1:])})


@cache
def found() -> dict[tuple[str, str], ArmTest]:
    plan = in_years()
    tests = arm_tests(ask(Describe(plan, Complete(plan)), list(clinics())))
    return {(test.variable, test.method): test for test in tests}


def values(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Read a variable of the complete cases, comparator and treated."""
    everybody = pool(clinics())
    own = Complete(small_plan()).weights(everybody) > 0
    x = everybody.values[name]
    return x[own & (everybody.arm == 0)], x[own & (everybody.arm == 1)]


def cells(name: str) -> np.ndarray:
    comparator, treated = values(name)
    most = int(max(comparator.max(), treated.max())) + 1
    return np.stack([np.bincount(x[x >= 0], minlength=most) for x in (comparator, treated)], axis=1)


def test_means_and_ranks_of_whole_years_are_exact() -> None:
    comparator, treated = values("age")
    welch = stats.ttest_ind(treated, comparator, equal_var=False)
    student = stats.ttest_ind(treated, comparator)
    ranks = stats.mannwhitneyu(treated, comparator, use_continuity=False, method="asymptotic")
    assert found()["age", WELCH].p_value == pytest.approx(welch.pvalue, rel=1e-8)
    assert found()["age", WELCH].df == pytest.approx(welch.df, rel=1e-8)
    assert found()["age", STUDENT].statistic == pytest.approx(student.statistic, rel=1e-8)
    assert found()["age", RANKS].statistic == ranks.statistic
    assert found()["age", RANKS].p_value == pytest.approx(ranks.pvalue, rel=1e-8)
    kruskal = stats.kruskal(treated, comparator)
    assert found()["age", KRUSKAL].statistic == pytest.approx(kruskal.statistic, rel=1e-8)


def test_levels_are_tested_as_tables() -> None:
    stage = stats.chi2_contingency(cells("stage"), correction=False)
    assert found()["stage", PEARSON].statistic == pytest.approx(stage.statistic, rel=1e-9)
    assert found()["stage", PEARSON].df == stage.dof
    sex = cells("sex")
    assert found()["sex", FISHER].p_value == pytest.approx(stats.fisher_exact(sex).pvalue)
    yates = stats.chi2_contingency(sex, correction=True)
    assert found()["sex", YATES].p_value == pytest.approx(yates.pvalue, rel=1e-9)
    assert ("stage", YATES) not in found()  # two levels only
    assert math.isnan(found()["sex", FISHER].statistic)


def test_one_test_of_every_variable_is_quoted() -> None:
    quoted = {t.variable: t.method for t in found().values() if t.quoted}
    assert quoted.keys() == {t.variable for t in found().values()}
    # The plan takes the marker's logarithm, so its mean is not the thing to compare.
    assert (quoted["age"], quoted["marker"]) == (WELCH, RANKS)


@pytest.mark.parametrize(
    ("table", "enough"),
    [
        ([[5, 5], [5, 5]], True),
        ([[4, 4], [50, 50]], False),  # two by two: none below 5
        ([[4, 4], [50, 50], [50, 50], [60, 60], [0, 0]], False),  # 2 of 8 below 5
        ([[4, 4], [50, 50], [50, 50], [60, 60], [60, 60]], True),  # 2 of 10
        ([[1, 0], [50, 50], [50, 50], [60, 60], [60, 60]], False),  # one below 1
        ([[0, 0], [0, 0]], False),
    ],
)
def test_when_pearson_s_test_may_be_trusted(table: list[list[int]], enough: bool) -> None:
    assert large_enough(np.array(table)) is enough
