"""When covariates may be imputed, in words with a way out."""

from typing import Any

import pytest

from protocol.plan.adjustment import Imputation, Weighting
from protocol.plan.check import check
from protocol.plan.digest import canonical, plan_digest
from protocol.plan.explain import explain
from protocol.plan.model import Plan
from tests.federation.cohorts import changed, small_plan

OVERLAP = (Weighting(name="overlap", target="overlap"),)


def plan(**changes: Any) -> Plan:
    wanted = {"weightings": OVERLAP, "imputation": Imputation()}
    return small_plan("exact").model_copy(update={**wanted, **changes})


def rules(of: Plan) -> list[str]:
    return [p.rule for p in check(of) if p.where.startswith("imputation")]


def test_a_sound_plan_has_no_problem() -> None:
    assert check(plan()) == []


@pytest.mark.parametrize("profile", ["standard", "strict"])
def test_profiles_that_withhold_outcomes_refuse_it_and_say_what_to_do(profile: str) -> None:
    here = changed(plan(), "disclosure", profile=profile)
    (found,) = [p for p in check(here) if p.where == "imputation"]
    assert f"the profile '{profile}' withholds" in found.rule
    assert "missing_level" in found.fix


def test_it_needs_weights() -> None:
    assert rules(plan(weightings=())) == [
        "completed data sets are compared by weights, and the plan has no [[weightings]]"
    ]


def test_it_needs_something_to_impute() -> None:
    covariates = [c for c in plan().propensity.covariates if c.variable == "sex"]  # type: ignore[union-attr]
    only_sex = changed(plan(), "propensity", covariates=tuple(covariates))
    assert ["nothing to impute" in rule for rule in rules(only_sex)] == [True]


def test_its_tables_are_limited() -> None:
    many = tuple(Weighting(name=f"w{k}", target="overlap") for k in range(6))
    found = rules(plan(weightings=many, imputation=Imputation(imputations=50)))
    assert found == ["asks for 600 tables of completed data sets; 200 are allowed"]


def test_a_plan_without_the_key_keeps_its_name() -> None:
    """The key is left out of what is hashed unless it is asked for."""
    assert b"imputation" not in canonical(small_plan("exact"))
    assert b"imputation" in canonical(plan())
    assert plan_digest(plan()) != plan_digest(plan(imputation=None))


def test_reviewers_are_told() -> None:
    told = " ".join(s for section in explain(plan()) for s in section.sentences)
    assert "imputed 10 times by chained equations in 5 sweeps" in told
    assert "imputed" not in " ".join(
        s for section in explain(plan(imputation=None)) for s in section.sentences
    )
