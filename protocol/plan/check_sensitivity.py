"""Rules on what is asked beside the main comparison.

Strata of the score, trimming, pairs, other lotteries, further tests, adjustment, and agreement of
hospitals.
"""

from collections.abc import Iterator

from protocol.plan.adjustment import Design
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.finding import Finding
from protocol.plan.model import Plan
from protocol.plan.sentences import Loc

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
    for index, design in enumerate(plan.designs):
        yield from _pairs(plan, design, ("designs", index, "pairs"))
    yield from _lottery(plan)
    yield from _stratification(plan)
    yield from _trimming(plan)
    yield from _sensitivity(plan)


def _pairs(plan: Plan, design: Design, loc: Loc) -> Iterator[Finding]:
    if not design.pairs:
        return
    pooled, profile = design.method == "pooled-quota", plan.disclosure.profile
    if not plan.survival:
        rule = "pairs are compared by who has an event, and the plan has no endpoint with a time"
        yield Finding(loc, rule, "add such an endpoint, or remove the key")
    if pooled and profile not in SEES_TOTALS:
        rule = (
            "groups of pairs across hospitals are looked at only where hospitals see the pooled "
            f"tables, which the profile '{profile}' withholds (rule S6)"
        )
        fix = 'use method = "within-hospital", whose pairs a hospital counts by itself'
        yield Finding(loc, rule, fix)
    if pooled and design.ratio > 1:
        rule = "nobody knows which of several partners across hospitals belong to one patient"
        yield Finding(loc, rule, 'use ratio = 1, or method = "within-hospital"')


def _lottery(plan: Plan) -> Iterator[Finding]:
    if plan.sensitivity is None or not plan.sensitivity.lottery:
        return
    loc, profile = ("sensitivity", "lottery"), plan.disclosure.profile
    drawn = [d for d in plan.designs if d.method == "pooled-quota" and d.ratio == 1]
    if not any(design.lottery_keys > 1 for design in drawn) or not plan.survival:
        rule = (
            "no other lotteries to compare: that takes a design with method 'pooled-quota', ratio "
            "1 and two lottery_keys at least, and an endpoint with a time"
        )
        yield Finding(loc, rule, "add what is missing, or remove the key")
    if profile not in SEES_TOTALS:
        rule = (
            "scores of other lotteries follow from the pooled tables, which the profile "
            f"'{profile}' withholds from hospitals"
        )
        fix = "quote a weighting ([[weightings]], target 'overlap') beside, which draws no lottery"
        yield Finding(loc, rule, fix)


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
