"""A forecast shows what imputation would let leave."""

import numpy as np

from protocol.forecast import forecast
from protocol.plan.adjustment import Imputation, Weighting
from tests.federation.cohorts import small_plan


def test_made_up_patients_miss_covariates_where_the_plan_imputes() -> None:
    plan = small_plan("exact").model_copy(
        update={
            "weightings": (Weighting(name="overlap", target="overlap"),),
            "imputation": Imputation(imputations=2, cycles=1),
        }
    )
    asked = [step.name for step in forecast(plan, np.random.default_rng(1)).asked]
    assert asked.count("cross-products/1") == 3  # age, marker and stage may be missing
    assert asked.count("completed-balance/1") == 2
    plain = forecast(plan.model_copy(update={"imputation": None}), np.random.default_rng(1))
    assert "cross-products/1" not in [step.name for step in plain.asked]
