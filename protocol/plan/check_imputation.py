"""Rules on missing data: when covariates may be imputed."""

from collections.abc import Iterator

from protocol.plan.finding import Finding, find
from protocol.plan.model import Plan

PROFILES = ("exact", "open")
"""Profiles that give hospitals the totals of outcomes, by which values are foretold."""

MAX_TABLES = 200
"""Completed data sets times weightings times endpoints: each is a table, up to a megabyte large."""


def findings(plan: Plan) -> Iterator[Finding]:
    """Check what is said about imputation, if anything is."""
    if plan.imputation is None:
        return
    loc = ("imputation",)
    profile = plan.disclosure.profile
    if profile not in PROFILES:
        rule = (
            f"the profile '{profile}' withholds totals of outcomes from hospitals, and values are "
            "imputed by them (rule on totals)"
        )
        fix = (
            "make 'unknown' a level of the category (missing_level), keep to complete cases, or "
            "agree on the profile 'exact'"
        )
        yield Finding(loc, rule, fix)
    if not plan.weightings:
        rule = "completed data sets are compared by weights, and the plan has no [[weightings]]"
        yield Finding(loc, rule, "add a weighting, such as target = 'overlap', or remove it")
    if plan.propensity is not None and not _imputable(plan):
        rule = "no covariate of the propensity model may be missing, so there is nothing to impute"
        fix = 'write missing = "complete-case" where values may be missing, or remove it'
        yield Finding(loc, rule, fix)
    tables = plan.imputation.imputations * len(plan.weightings) * len(plan.endpoints)
    if tables > MAX_TABLES:
        rule = f"asks for {tables} tables of completed data sets; {MAX_TABLES} are allowed"
        yield Finding((*loc, "imputations"), rule, "impute fewer times, or leave weightings out")


def _imputable(plan: Plan) -> bool:
    covariates = plan.propensity.covariates if plan.propensity else ()
    found = (find(plan, one.variable) for one in covariates)
    return any(one is not None and one.missing == "complete-case" for one in found)
