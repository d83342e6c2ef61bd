from functools import reduce
from operator import add

import numpy as np
import pytest
from numpy.typing import NDArray

from protocol.stats import km
from protocol.stats.cox import fit_strata
from protocol.stats.log_rank import log_rank
from protocol.stats.standardised import standardised_survival
from protocol.stats.table import RiskTable
from tests.protocol.stats.pooled import ENDPOINTS, assert_agrees, results, rows


def survival(value: float, error: float) -> km.Survival:
    one: NDArray[np.float64] = np.ones(1)
    return km.Survival(one * 365, one * 10, one * value, one * error, None)


def test_by_hand() -> None:
    # 0.25 * 0.8 + 0.75 * 0.4 = 0.5; variance (0.25 * 0.12)^2 + (0.75 * 0.04)^2 = 2 * 0.03^2.
    found = standardised_survival([survival(0.8, 0.12), survival(0.4, 0.04)], [0.25, 0.75])
    assert found.survival == pytest.approx(0.5)
    assert found.std_error == pytest.approx(0.03 * np.sqrt(2))
    assert found.at_risk == pytest.approx(20)


def test_slips() -> None:
    one = survival(0.8, 0.1)
    with pytest.raises(ValueError, match="add up to 1"):
        standardised_survival([one, one], [0.5, 0.6])
    with pytest.raises(ValueError, match="one share"):
        standardised_survival([one, one], [1.0])
    later = km.Survival(one.times + 1, one.at_risk, one.survival, one.std_error, None)
    with pytest.raises(ValueError, match="different times"):
        standardised_survival([one, later], [0.5, 0.5])


EVERY_ENDPOINT = pytest.mark.parametrize(("case", "endpoint"), ENDPOINTS)


def fifths(case: str, endpoint: str) -> tuple[list[RiskTable], NDArray[np.float64]]:
    """Cut all patients at the fifths of the propensity score: tables, and shares of patients."""
    pooled = rows(case)
    cuts = np.quantile(pooled.logit(), [0.2, 0.4, 0.6, 0.8])
    fifth = np.searchsorted(cuts, pooled.logit())
    tables = [pooled.table(endpoint, fifth == k) for k in range(5)]
    return tables, np.bincount(fifth) / len(fifth)


@EVERY_ENDPOINT
def test_survival_standardised_to_all_patients(case: str, endpoint: str) -> None:
    tables, shares = fifths(case, endpoint)
    found = {}
    for arm in (0, 1):
        points = [km.at(km.curve(table.arm(arm)), rows(case).landmarks) for table in tables]
        mean = standardised_survival(points, shares)
        found[f"arm{arm}"] = {
            "time": mean.times, "surv": mean.survival, "std_err": mean.std_error,
        }  # fmt: skip
    wanted = results(case, f"weighted_{endpoint}")
    wanted = wanted[f"weighted.{endpoint}.ps_strata.landmark_standardised"]
    assert_agrees(found, wanted["value"], wanted["tol"])


@EVERY_ENDPOINT
def test_comparisons_within_fifths(case: str, endpoint: str) -> None:
    tables, _ = fifths(case, endpoint)
    reference = results(case, f"weighted_{endpoint}")
    test, cox = reduce(add, map(log_rank, tables)), fit_strata(tables)
    wanted = reference[f"weighted.{endpoint}.ps_strata.logrank_stratified"]
    found = {"observed": test.observed, "expected": test.expected, "chisq": test.chi_square}
    assert_agrees(found, {key: wanted["value"][key] for key in found}, wanted["tol"])
    wanted = reference[f"weighted.{endpoint}.ps_strata.cox_stratified"]
    estimates = {"coef": cox.log_hr, "se": cox.std_error, "loglik": cox.log_likelihood}
    assert_agrees(estimates, {key: wanted["value"][key] for key in estimates}, wanted["tol"])
