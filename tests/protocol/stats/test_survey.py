import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.stats.partial_likelihood import terms
from protocol.stats.survey import SurveyLogRank, survey_log_rank
from protocol.stats.table import tabulate
from tests.protocol.stats.pooled import ENDPOINTS, assert_agrees, results, rows

DAYS = np.array([10.0, 20.0, 30.0])


@pytest.mark.parametrize("weighting", ["ate", "sate", "att", "overlap"])
@pytest.mark.parametrize(("case", "endpoint"), ENDPOINTS)
def test_as_r_finds(case: str, endpoint: str, weighting: str) -> None:
    pooled = rows(case)
    found = survey_log_rank(pooled.table(endpoint, weight=pooled.weights(weighting)))
    wanted = results(case, f"weighted_{endpoint}")[
        f"weighted.{endpoint}.{weighting}.logrank.svylogrank"
    ]
    numbers = {
        "score": found.score, "se": found.std_error, "z": found.z, "chisq": found.chi_square,
        "p": found.p_value,
    }  # fmt: skip
    assert_agrees(numbers, wanted["value"], wanted["tol"])


def test_by_hand() -> None:
    # One of each arm, weights 3 (treated, event on day 10) and 1 (comparator, censored on day 20).
    # m = 3/4, h = 3/4: u = 1/4 - 3/4 * 1/4 = 1/16 and 0 + 3/4 * 3/4 = 9/16; w u = 3/16, 9/16.
    # Their sum is 3/4, their spread (3/16)^2 * 2 about the mean, times n/(n-1) = 2.
    one = np.array([0, 1]), np.array([1, 0]), np.array([1, 0])
    found = survey_log_rank(tabulate(DAYS, *one, np.array([3.0, 1.0])))
    assert found.score == pytest.approx(3 / 4)
    assert found.std_error == pytest.approx(math.sqrt(2 * 2 * (3 / 16) ** 2))


def test_nothing_to_compare() -> None:
    nobody = np.zeros(0, dtype=np.intp)
    empty = survey_log_rank(tabulate(DAYS, nobody, nobody, nobody, np.zeros(0)))
    assert math.isnan(empty.p_value)
    assert math.isnan(SurveyLogRank(0.0, 0.0).p_value)
    # Three patients with the same weighted part in the score show no spread.
    same = np.array([0, 0, 0]), np.array([0, 0, 1]), np.array([0, 0, 1])
    assert survey_log_rank(tabulate(DAYS, *same, np.array([0.25, 0.25, 1.0]))).std_error == 0


patients = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(0, 1), st.integers(0, 1), st.sampled_from([0.25, 1.0, 3.0])
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(patients)
def test_any_two_arms(group: list[tuple[int, int, int, float]]) -> None:
    """Arms mirror each other, a scale of all weights changes no test, and nothing warns."""
    cell, arm, event = np.array([p[:3] for p in group], dtype=np.intp).reshape(-1, 3).T
    weight = np.array([p[3] for p in group])
    found = survey_log_rank(tabulate(DAYS, cell, arm, event, weight))
    other = survey_log_rank(tabulate(DAYS, cell, 1 - arm, event, 2 * weight))
    assert other.score == pytest.approx(-2 * found.score, abs=1e-9)
    assert other.std_error == pytest.approx(2 * found.std_error, abs=1e-6, nan_ok=True)
    # Where days hold one event each, the score is that of the weighted Cox model.
    each = np.arange(len(group), dtype=np.intp)
    single = tabulate(each.astype(np.float64), each, arm, event, weight)
    assert survey_log_rank(single).score == pytest.approx(terms(single, 0.0).score, abs=1e-9)


def test_unit_weights_are_none() -> None:
    pooled = rows("veteran")
    plain = survey_log_rank(pooled.table("os"))
    weighted = survey_log_rank(pooled.table("os", weight=np.ones(len(pooled.arm))))
    assert plain == weighted
