"""The disclosure profiles: what each rule demands, in one table.

Under masks nobody sees one hospital's numbers, so rules on them protect against colluders only;
rules on pooled sums protect the readers. A plan names a profile; `open` has no rules and exists
only where all rows are on one machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from protocol.cohort import Cohort
from protocol.errors import Exit, FederationError
from protocol.grid import Grid, grid
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.model import Plan
from protocol.plan.variables import Time


class DisclosureError(FederationError):
    """A rule of the profile forbids what the plan asks."""

    code = "disclosure"
    exit = Exit.DISCLOSURE
    fix = "leave the hospital out, or have the plan signed again with another profile"


@dataclass(frozen=True)
class Rules:
    """What a profile demands.

    Attributes
    ----------
    min_sites
        Hospitals in every opened sum.
    site_patients, site_arm
        Patients of a hospital that joins (S1), and of each arm that it has.
    level_floor
        Patients that a level of a covariate needs, pooled, to have its own model column (S2).
    level_hospitals, strata_hospitals, fit_hospitals
        Hospitals that must contribute to a level, to a stratified sum, and to the sums of the
        hospitals' own fits (S7).
    difference_floor
        Patients by which two released cohorts may differ at the least, if they differ (D).
    bins_per_caliper
        Score bins of one caliper's width (S6).
    grid_step
        The time grid: "unit" (day), "month" or "quarter" (S5).
    weight_digits
        Significant digits of a patient's weight; 0 leaves weights exact.
    totals_to_sites
        Whether hospitals are partners who get every total back.
    subgroup_patients
        Patients that every arm of a subgroup needs for its outcomes to be asked for.
    published_floor
        The smallest pooled cell that may be published. Nothing here publishes: it is told to
        whoever does.
    """

    min_sites: int
    site_patients: int
    site_arm: int
    level_floor: int
    level_hospitals: int
    strata_hospitals: int
    fit_hospitals: int
    difference_floor: int
    bins_per_caliper: int
    grid_step: str
    weight_digits: int
    totals_to_sites: bool
    subgroup_patients: int
    published_floor: int


_PROFILES = {
    "exact": Rules(3, 10, 0, 1, 3, 4, 5, 3, 10, "unit", 3, True, 10, 5),
    "standard": Rules(3, 20, 5, 5, 3, 4, 5, 10, 2, "month", 2, False, 10, 10),
    "strict": Rules(5, 50, 10, 10, 3, 4, 5, 20, 1, "quarter", 2, False, 20, 10),
    "open": Rules(1, 0, 0, 1, 1, 1, 0, 1, 10, "unit", 0, True, 0, 1),
}


def rules(plan: Plan) -> Rules:
    """Return what the plan's profile demands."""
    return _PROFILES[plan.disclosure.profile]


def time_grid(plan: Plan, endpoint: TimeToEvent, *, weighted: bool = False) -> Grid:
    """Lay an endpoint's time grid up to the longest time that the dictionary allows.

    Under `standard` weighted tables have quarters: a month's cell could hold one weight.
    """
    variable = plan.variable(endpoint.time)
    if not isinstance(variable, Time):
        raise TypeError(f"{endpoint.time} is no time variable")
    step = rules(plan).grid_step
    if weighted and step == "month":
        step = "quarter"
    return grid(step, plan.study.time_unit, variable.range[1])


def too_many_columns(plan: Plan, columns: int, patients: int) -> str:
    """Say why a propensity model has too many columns for its patients; "" if it has not (S3).

    With as many coefficients as patients the fitted values would be the data.
    """
    if plan.disclosure.profile == "open":
        return ""
    share = 20 if plan.disclosure.profile == "strict" else 10
    if columns * share <= patients and columns <= 100 and patients - columns >= 10:
        return ""
    return f"the model has {columns} columns for {patients} patients; rule S3 asks for {share} each"


def small_difference(plan: Plan, groups: list[int]) -> bool:
    """Tell whether a group of patients by which two cohorts differ is too small (rule D)."""
    floor = rules(plan).difference_floor
    return any(0 < group < floor for group in groups)


def check_federation(plan: Plan, cohorts: Sequence[Cohort]) -> None:
    """Refuse a federation of too few hospitals, or a hospital with too few patients (S1).

    Raises
    ------
    DisclosureError
        Naming the rule, and the hospital where the rule is about one.
    """
    check_sites(plan, len(cohorts))
    for cohort in cohorts:
        check_hospital(plan, cohort)


def check_roster(plan: Plan, sites: int, *, simulated: bool) -> None:
    """Refuse a plan's run over too few hospitals, or one without rules over real ones.

    Raises
    ------
    DisclosureError
        Naming the rule.
    """
    if plan.disclosure.profile == "open" and not simulated:
        raise DisclosureError(
            "profile `open` has no rules, and is only for rosters that are marked as simulated",
            "name another profile in the plan, and have it signed again",
        )
    check_sites(plan, sites)


def check_sites(plan: Plan, sites: int) -> None:
    """Refuse sums over fewer hospitals than the plan and its profile ask for.

    Raises
    ------
    DisclosureError
        Naming the rule.
    """
    fewest, profile = max(plan.disclosure.min_sites, rules(plan).min_sites), plan.disclosure.profile
    if sites < fewest:
        told = "1 hospital" if sites == 1 else f"{sites} hospitals"
        raise DisclosureError(
            f"{told}: the plan and profile `{profile}` ask for {fewest}",
            "let more hospitals join; one or two can be simulated under profile `open`",
        )


def check_hospital(plan: Plan, cohort: Cohort) -> None:
    """Refuse a hospital with too few patients in all or in an arm that it has (S1).

    Raises
    ------
    DisclosureError
        Naming the rule; it does not say how many there are.
    """
    asked = f"`{plan.disclosure.profile}`"
    require_patients(plan, cohort, rules(plan), asked, asked)


def require_patients(
    plan: Plan, cohort: Cohort, demands: Rules, patients_by: str, arm_by: str
) -> None:
    """Refuse a hospital as `check_hospital` does, by rules that `patients_by`, `arm_by` asked for.

    Raises
    ------
    DisclosureError
        Naming the rule and who asked for it; it does not say how many there are.
    """
    treated = int(cohort.arm.sum())
    arms = (cohort.size - treated, treated)
    if cohort.size < demands.site_patients:
        raise DisclosureError(
            f"{cohort.site}: fewer than {demands.site_patients} patients (rule S1, {patients_by})"
        )
    if any(0 < arm < demands.site_arm for arm in arms):
        raise DisclosureError(
            f"{cohort.site}: an arm under {demands.site_arm} patients (rule S1, {arm_by})"
        )
    if cohort.size > plan.disclosure.max_patients_per_hospital:
        raise DisclosureError(
            f"{cohort.site}: more patients than the plan's max_patients_per_hospital",
            "raise max_patients_per_hospital in the plan and have it signed again",
        )
