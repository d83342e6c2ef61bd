"""Rules on what endpoints, levels and sensitivity ask beyond the comparison of the arms."""

from collections.abc import Iterator

from protocol.plan.check_sensitivity import SEES_TOTALS
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.finding import Finding
from protocol.plan.model import Plan, Sensitivity


def findings(plan: Plan) -> Iterator[Finding]:
    """Check keys of endpoints and subgroups, and what is worked out again."""
    yield from _endpoints(plan)
    yield from _levels(plan)
    yield from _fine_strata(plan)
    if plan.sensitivity is not None:
        yield from _again(plan, plan.sensitivity)


def _endpoints(plan: Plan) -> Iterator[Finding]:
    """Check keys of single endpoints that need something else in the plan."""
    for index, endpoint in enumerate(plan.endpoints):
        loc = ("endpoints", index)
        if isinstance(endpoint, TimeToEvent):
            if endpoint.gray_by_hospital and not endpoint.competing:
                rule = "Gray's test compares causes, and the endpoint has no competing one"
                fix = "name the competing causes, or remove the key"
                yield Finding((*loc, "gray_by_hospital"), rule, fix)
        elif endpoint.doubly_robust and plan.propensity is None:
            rule = (
                "there are no covariates for a model of the outcome: the plan has no [propensity]"
            )
            fix = "add the propensity model, or remove the key"
            yield Finding((*loc, "doubly_robust"), rule, fix)
    if plan.endpoints and all(endpoint.negative_control for endpoint in plan.endpoints):
        rule = "all endpoints are negative controls, so the study would have no answer"
        yield Finding(("endpoints",), rule, "add the endpoint that the study is about")


def _levels(plan: Plan) -> Iterator[Finding]:
    for index, subgroup in enumerate(plan.subgroups):
        if subgroup.test != "none" and not plan.survival:
            rule = "there are no hazards to compare: the plan has no endpoint with a time"
            yield Finding(("subgroups", index, "test"), rule, "add such an endpoint, or remove it")


def _fine_strata(plan: Plan) -> Iterator[Finding]:
    for index, weighting in enumerate(plan.weightings):
        if weighting.fine_strata is not None and plan.imputation is not None:
            rule = "fine strata are cut from complete cases, and completed data sets have others"
            fix = "weigh by the score itself, or remove [imputation]"
            yield Finding(("weightings", index, "fine_strata"), rule, fix)


def _again(plan: Plan, asked: Sensitivity) -> Iterator[Finding]:
    """Check what is worked out again under other conditions."""
    if asked.time_grid and not plan.survival:
        rule = "there is no time to lay on another grid: the plan has no endpoint with a time"
        yield Finding(("sensitivity", "time_grid"), rule, "add such an endpoint, or remove the key")
    loc = ("sensitivity", "estimated_scores")
    if not asked.estimated_scores:
        return
    if not plan.weightings or not plan.survival:
        rule = "no weighted hazard ratio is asked for, whose error could allow for the score"
        yield Finding(loc, rule, "add [[weightings]] and an endpoint with a time, or remove it")
    profile = plan.disclosure.profile
    if profile not in SEES_TOTALS:
        rule = (
            "errors that allow for an estimated score need hospitals that see the pooled tables, "
            f"which the profile '{profile}' withholds (rule L)"
        )
        fix = "the robust errors are given in any case; or agree on the profile 'exact'"
        yield Finding(loc, rule, fix)
