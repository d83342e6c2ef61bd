"""Names each threshold in force and who bound: the strictest of plan, profile and hospitals."""

from protocol.disclosure_site import Tighter, bound_by, site_rules
from protocol.plan.model import Plan
from protocol.results.values.thresholds import Threshold

NO_CONDITIONS = Tighter()

_ROWS = {
    "min_sites": "hospitals in every opened sum, at the least",
    "site_patients": "patients of a hospital that takes part, at the least (S1)",
    "site_arm": "patients of each arm that a hospital has, at the least (S1)",
    "level_floor": "patients of a level that has a column of its own, at the least (S2)",
    "level_hospitals": "hospitals that contribute to such a level, at the least (S7)",
    "strata_hospitals": "hospitals that contribute to a stratified sum, at the least (S7)",
    "fit_hospitals": "hospitals whose own estimates are summed, at the least (S7)",
    "difference_floor": "patients by which two populations differ, if they do, at the least (D)",
    "bins_per_caliper": "bins of the score to one caliper, at the most (S6)",
    "grid_step": "the grid of times (S5)",
    "weight_digits": "significant digits of a patient's weight, at the most",
    "subgroup_patients": "patients of each arm of a subgroup, at the least",
    "published_floor": "patients of a count that is published, if there are any, at the least (P1)",
}


def thresholds(plan: Plan, conditions: Tighter = NO_CONDITIONS) -> tuple[Threshold, ...]:
    """List all thresholds of a study; there are none in profile `open`.

    `conditions` are the strictest of those under which hospitals approved the plan. Settings that
    a hospital keeps to itself may be tighter still, and are known to nobody else.
    """
    if plan.disclosure.profile == "open":
        return ()
    demands, binds = site_rules(plan, conditions), bound_by(plan, conditions)
    found = [
        Threshold(row, _ROWS[row], _told(plan, getattr(demands, row)), by)
        for row, by in binds.items()
    ]
    most = str(plan.disclosure.max_patients_per_hospital)
    told = "patients of a hospital, at the most"
    return (*found, Threshold("max_patients_per_hospital", told, most, "plan"))


def _told(plan: Plan, value: int | str) -> str:
    return plan.study.time_unit if value == "unit" else str(value)
