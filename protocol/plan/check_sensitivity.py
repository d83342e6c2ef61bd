"""Rules on what is asked beside the main comparison.

Strata of the score, trimming, further tests, adjustment, and agreement of hospitals.
"""

from collections.abc import Iterator

from protocol.plan.finding import Finding
from protocol.plan.model import Plan, TimeToEvent

SEES_TOTALS = ("exact", "open")
"""Profiles under which hospitals see the tables from which they would leave themselves out."""


def findings(plan: Plan) -> Iterator[Finding]:
    """Check what the endpoints ask for beside the log-rank test, and the table [sensitivity]."""
    for index, endpoint in enumerate(plan.endpoints):
        if not isinstance(endpoint, TimeToEvent):
            continue
        loc = ("endpoints", index)
        if len(set(endpoint.further_tests)) < len(endpoint.further_tests):
            rule = "a further test is named twice"
            yield Finding((*loc, "further_tests"), rule, "name every test once")
        if endpoint.adjusted and plan.propensity is None:
            rule = "there are no covariates to adjust for: the plan has no [propensity]"
            yield Finding((*loc, "adjusted"), rule, "add the propensity model, or remove the key")
    yield from _stratification(plan)
    yield from _trimming(plan)
    yield from _sensitivity(plan)


def _stratification(plan: Plan) -> Iterator[Finding]:
    if plan.stratification is None:
        return
    loc = ("stratification",)
    if plan.propensity is None:
        rule = "strata are cut from the propensity score, and the plan has no [propensity]"
        yield Finding(loc, rule, "add the propensity model, or remove the table")
    if plan.subgroups and plan.disclosure.profile != "open":
        rule = (
            "tables of subgroups beside tables of strata could be subtracted until a few patients "
            f"are left, in the profile '{plan.disclosure.profile}' (rule D)"
        )
        fix = "leave one of them out; a weighting ([[weightings]]) goes with subgroups"
        yield Finding(loc, rule, fix)


def _trimming(plan: Plan) -> Iterator[Finding]:
    for index, weighting in enumerate(plan.weightings):
        if weighting.trim is not None and plan.imputation is not None:
            rule = "whom trimming leaves out would differ between the imputed data sets (rule D)"
            fix = "use truncate, which leaves nobody out, or remove [imputation]"
            yield Finding(("weightings", index, "trim"), rule, fix)


def _sensitivity(plan: Plan) -> Iterator[Finding]:
    asked = plan.sensitivity
    if asked is None:
        return
    profile = plan.disclosure.profile
    if asked.leave_one_out and profile not in SEES_TOTALS:
        rule = (
            f"leaving hospitals out one by one needs hospitals that see the pooled tables, which "
            f"the profile '{profile}' withholds (rule L)"
        )
        fix = "ask for heterogeneity = true instead, or agree on the profile 'exact'"
        yield Finding(("sensitivity", "leave_one_out"), rule, fix)
    if (asked.heterogeneity or asked.leave_one_out) and not plan.survival:
        rule = "there is no hazard ratio to compare: the plan has no endpoint with a time"
        yield Finding(("sensitivity",), rule, "add such an endpoint, or remove the keys")
    if asked.common_odds and not plan.binary:
        rule = "there are no odds to compare: the plan has no binary endpoint"
        fix = "add such an endpoint, or remove the key"
        yield Finding(("sensitivity", "common_odds"), rule, fix)
