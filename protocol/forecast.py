"""What will leave each hospital, foretold by playing the program on made-up patients.

The patients are drawn from the plan's dictionary alone, so the forecast tells nothing of any
hospital. Sizes that depend on totals (score bins, lottery searches, trips of a fit) are near, not
exact, and marked so.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from protocol.canonical import digest
from protocol.cohort import MISSING_LEVEL, Cohort, Extract, enrol
from protocol.disclosure import rules
from protocol.ids import site_id
from protocol.plan.columns import model_columns
from protocol.plan.model import Plan
from protocol.plan.variables import AnyVariable, Binary, Category, Number, Time, levels
from protocol.run import Asked, play

MOST_PATIENTS = 2_000
"""More would only take longer: what leaves hardly depends on how many patients there are."""
SHARE_MISSING = 0.1
"""Made-up patients who miss a covariate, where the plan imputes."""
LOTS_OF_ROOM = 4
"""Patients drawn for one expected, so that enough are left after exclusions."""


@dataclass(frozen=True)
class Forecast:
    """What each hospital would release, step by step, in a study of `patients`."""

    asked: tuple[Asked, ...]
    patients: int
    hospitals: int


def forecast(plan: Plan, draw: Generator) -> Forecast:
    """Play the plan on patients drawn from its dictionary."""
    demands, hospitals = rules(plan), hospitals_of(plan)
    expected = (plan.disclosure.expected_comparator, plan.disclosure.expected_treated)
    shrink = min(1.0, MOST_PATIENTS / sum(expected))
    floor = max(demands.site_patients, 2 * demands.site_arm, 4)
    wanted = [max(floor, round(n * shrink / hospitals)) for n in expected]
    cohorts = [_hospital(plan, k, (wanted[0], wanted[1]), draw) for k in range(hospitals)]
    played = play(plan, cohorts, digest("forecast", str(draw.integers(2**62))))
    return Forecast(played.asked, sum(cohort.size for cohort in cohorts), hospitals)


def hospitals_of(plan: Plan) -> int:
    """Make up enough hospitals that sums stratified by hospital are asked for too (rule S7)."""
    demands = rules(plan)
    enough = max(demands.strata_hospitals, demands.fit_hospitals)
    return max(plan.disclosure.min_sites, demands.min_sites, enough)


def _hospital(plan: Plan, number: int, wanted: tuple[int, int], draw: Generator) -> Cohort:
    rows = LOTS_OF_ROOM * (wanted[0] + wanted[1])
    values = {v.name: _column(plan, v, rows, draw) for v in plan.variables}
    values[plan.treatment.variable] = _arms(plan, rows, wanted, draw)
    if plan.imputation is not None:
        _blank(plan, values, draw)
    ids = np.array([f"{row}" for row in range(rows)], dtype=np.bytes_)
    extract = Extract(ids, values, np.zeros(rows, dtype=np.bool_))
    site = site_id(f"forecast-{number + 1}")
    everybody = enrol(plan, site, extract, digest("forecast", site))
    return _first_of_each_arm(everybody, wanted)


def _blank(plan: Plan, values: dict[str, NDArray[np.generic]], draw: Generator) -> None:
    """Let some values of covariates that may be missing be missing, so that some are imputed."""
    for covariate in plan.propensity.covariates if plan.propensity else ():
        variable, array = plan.variable(covariate.variable), values[covariate.variable]
        if variable.missing == "complete-case":
            lost = draw.random(len(array)) < SHARE_MISSING
            array[lost] = np.nan if isinstance(variable, Number) else MISSING_LEVEL


def _arms(plan: Plan, rows: int, wanted: tuple[int, int], draw: Generator) -> NDArray[np.generic]:
    """Deal the arms in the proportion that the plan expects."""
    arms, variable = plan.treatment, plan.variable(plan.treatment.variable)
    names = levels(variable)
    treated = draw.random(rows) < wanted[1] / sum(wanted)
    chosen = np.where(treated, names.index(arms.treated[0]), names.index(arms.comparator[0]))
    return chosen.astype(np.int8 if isinstance(variable, Binary) else np.int16)


def _first_of_each_arm(cohort: Cohort, wanted: tuple[int, int]) -> Cohort:
    kept = np.concatenate([np.flatnonzero(cohort.arm == arm)[: wanted[arm]] for arm in (0, 1)])
    kept.sort()
    return Cohort(
        site=cohort.site,
        ids=cohort.ids[kept],
        arm=cohort.arm[kept],
        values={name: array[kept] for name, array in cohort.values.items()},
        excluded=cohort.excluded,
        rows=len(kept) + sum(cohort.excluded),
        secret=cohort.secret,
    )


def _column(plan: Plan, variable: AnyVariable, rows: int, draw: Generator) -> NDArray[np.generic]:
    match variable:
        case Number():
            return _number(plan, variable, rows, draw)
        case Category():
            allowed = _allowed_levels(plan, variable.name, variable.levels)
            return draw.choice(allowed, rows).astype(np.int16)
        case Binary():
            return draw.choice(_allowed_levels(plan, variable.name, ("0", "1")), rows).astype(
                np.int8
            )
        case Time():
            low, high = variable.range
            return draw.integers(low, high + 1, rows).astype(np.int32)


def _number(plan: Plan, variable: Number, rows: int, draw: Generator) -> NDArray[np.float64]:
    low, high = _allowed_range(plan, variable)
    logarithmic = any(c.variable == variable.name and c.form == "log" for c in model_columns(plan))
    if logarithmic:
        drawn: NDArray[np.float64] = np.exp(draw.uniform(np.log(low), np.log(high), rows))
    else:
        drawn = draw.uniform(low, high, rows)
    return np.rint(drawn) if variable.type == "integer" else drawn


def _allowed_range(plan: Plan, variable: Number) -> tuple[float, float]:
    """Narrow the dictionary's range to what eligibility lets in."""
    low, high = variable.range
    for condition in plan.eligibility:
        if condition.variable != variable.name:
            continue
        if condition.between is not None:
            low, high = max(low, condition.between[0]), min(high, condition.between[1])
        if condition.rule == "at-least" and condition.value is not None:
            low = max(low, condition.value)
        if condition.rule == "at-most" and condition.value is not None:
            high = min(high, condition.value)
    return low, high


def _allowed_levels(plan: Plan, name: str, names: tuple[str, ...]) -> list[int]:
    """Find the positions of the levels that eligibility lets in."""
    allowed = set(names)
    for condition in plan.eligibility:
        if condition.variable == name and condition.rule == "one-of":
            allowed &= set(condition.levels)
        if condition.variable == name and condition.rule == "none-of":
            allowed -= set(condition.levels)
    return [k for k, level in enumerate(names) if level in allowed] or [0]
