"""Table 1's tests of arms that nothing made comparable.

All usual tests are in the results; which one a table quotes is fixed by the plan and by the
table's margins, never by what a test finds.
"""

import math
from collections.abc import Iterator

import numpy as np

from protocol.plan.columns import model_columns, number_column
from protocol.plan.model import Plan
from protocol.plan.variables import Binary, Category, Number, levels
from protocol.results.values.patients import ArmTest
from protocol.stats.fisher import fisher_rx2
from protocol.stats.location import TTest, mann_whitney, student, welch
from protocol.stats.rank_tests import kruskal_wallis
from protocol.stats.table import Counts
from protocol.stats.tables import chi_square, two_by_two
from protocol.steps.describe import Description, described

NAN = math.nan

WELCH, STUDENT = "Welch's t test", "Student's t test"
RANKS, RANKS_CORRECTED = "Mann-Whitney", "Mann-Whitney, continuity corrected"
KRUSKAL = "Kruskal-Wallis"
PEARSON, YATES, FISHER = "chi-square", "chi-square, Yates' correction", "Fisher's exact test"

SMALL, TINY, FEW = 5.0, 1.0, 0.2
"""Cochran's rule: Pearson's test if at most a fifth of expected counts is below 5, none below 1."""


def arm_tests(here: Description) -> tuple[ArmTest, ...]:
    """Test every variable of Table 1 between the arms of an unweighted population."""
    found: list[ArmTest] = []
    for variable in described(here.plan):
        if isinstance(variable, Number):
            found += _number_tests(variable, here)
        else:
            found += _level_tests(variable, here)
    return tuple(found)


def _number_tests(variable: Number, here: Description) -> Iterator[ArmTest]:
    """Compare means and ranks. Ranks are quoted where the model takes the logarithm."""
    name, what = variable.name, number_column(variable)
    treated, comparator = here.moments(what, 1), here.moments(what, 0)
    skewed = is_skewed(here.plan, variable)
    yield _t_test(name, WELCH, welch(treated, comparator), quoted=not skewed)
    yield _t_test(name, STUDENT, student(treated, comparator), quoted=False)
    counts = np.stack([here.histogram(variable, arm) for arm in (0, 1)], axis=1)
    ranks = mann_whitney(counts[:, 1], counts[:, 0])
    w = ranks.w if counts.any(axis=0).all() else NAN
    yield ArmTest(name, RANKS, w, NAN, ranks.p_value, skewed)
    yield ArmTest(name, RANKS_CORRECTED, w, NAN, ranks.p_value_corrected, False)
    all_ranks = kruskal_wallis(counts)
    yield ArmTest(name, KRUSKAL, all_ranks.statistic, float(all_ranks.df), all_ranks.p_value, False)


def is_skewed(plan: Plan, variable: Number) -> bool:
    """Tell whether the plan takes a number's logarithm: its mean says little then."""
    return any(c.form == "log" and c.variable == variable.name for c in model_columns(plan))


def _t_test(name: str, method: str, found: TTest, *, quoted: bool) -> ArmTest:
    return ArmTest(name, method, found.t, found.df, found.p_value, quoted)


def _level_tests(variable: Category | Binary, here: Description) -> Iterator[ArmTest]:
    """Compare levels; the exact test is quoted where counts are small and it can be made."""
    counts = [[here.level(variable, level, arm) for arm in (0, 1)] for level in levels(variable)]
    cells = np.array(counts, dtype=np.int64)
    plain, exact = chi_square(cells), _exact(cells)
    small = not large_enough(cells) and not math.isnan(exact)
    yield ArmTest(
        variable.name, PEARSON, plain.statistic, float(plain.df), plain.p_value, not small
    )
    if len(cells) == 2:
        n = cells.sum(axis=0)
        yates = two_by_two((int(cells[1, 0]), int(cells[1, 1])), (int(n[0]), int(n[1]))).yates
        yield ArmTest(variable.name, YATES, yates.statistic, 1.0, yates.p_value, False)
    yield ArmTest(variable.name, FISHER, NAN, NAN, exact, small)


def _exact(cells: Counts) -> float:
    """Fisher's test; NaN where an arm is empty or the tables are too many."""
    return fisher_rx2(cells) if cells.any(axis=0).all() else NAN


def large_enough(cells: Counts) -> bool:
    """Tell whether Pearson's test may be trusted with these margins.

    References
    ----------
    Cochran (1954), Biometrics 10, 417-451.
    """
    cells = cells[cells.any(axis=1)][:, cells.any(axis=0)]
    if cells.size == 0:
        return False
    expected = np.outer(cells.sum(axis=1), cells.sum(axis=0)) / cells.sum()
    most = FEW if cells.shape[0] > 2 else 0.0
    return bool((expected < SMALL).mean() <= most and expected.min() >= TINY)
