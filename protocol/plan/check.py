"""What the keys of a plan demand of each other. One key's own limits are in `model`.

The rules themselves stand in `check_people` (dictionary, conditions, arms, populations),
`check_analysis` (model, designs, endpoints, disclosure), `check_imputation` (missing covariates),
`check_sensitivity` (strata, trimming, adjustment, agreement of hospitals), `check_outcomes` (what
endpoints ask for beside the comparison) and `advice` (what may be meant, but rarely is).
"""

from collections.abc import Iterable

from protocol.errors import Problem
from protocol.plan import (
    advice,
    check_analysis,
    check_imputation,
    check_outcomes,
    check_people,
    check_sensitivity,
)
from protocol.plan.finding import Finding
from protocol.plan.model import Plan
from protocol.plan.sentences import where


def check(plan: Plan) -> list[Problem]:
    """List everything that makes a plan of the right shape unfit to run."""
    rules = (check_people, check_analysis, check_imputation, check_sensitivity, check_outcomes)
    return _problems(plan, [found for module in rules for found in module.findings(plan)])


def warnings(plan: Plan) -> list[Problem]:
    """List what a careful statistician would ask about. The plan runs all the same.

    For a plan without problems; see `check`.
    """
    return _problems(plan, advice.findings(plan))


def _problems(plan: Plan, findings: Iterable[Finding]) -> list[Problem]:
    data = plan.model_dump(mode="json")
    return [Problem(where(loc, data), rule, fix) for loc, rule, fix in findings]
