"""Rules on the dictionary and on who is studied: variables, conditions, arms, populations."""

from collections.abc import Iterator

from protocol.plan.finding import (
    Finding,
    find,
    repeated,
    unknown_levels,
    unknown_variable,
    without_levels,
)
from protocol.plan.model import Plan
from protocol.plan.patients import Condition, Population
from protocol.plan.sentences import Loc
from protocol.plan.variables import Category, Number, Time, Variable, levels

MAX_ENTRIES = {"variables": 500, "eligibility": 50, "populations": 20}
MAX_LEVELS = 100
MAX_TIME = 40_000
"""Longest time: a century of days. Every unit of it is a cell that every hospital sends."""

MAX_WEIGHT = 10_000
SUM_LIMIT = 2**62
"""Below it stays the sum of real numbers over all hospitals: 126 bits, 64 of them a fraction."""

RESERVED = ("all", "complete")
"""Names of the populations that every study has: all patients, and those with all covariates."""

_OPERANDS = {
    "at-least": "value",
    "at-most": "value",
    "between": "between",
    "one-of": "levels",
    "none-of": "levels",
    "known": "",
}


def findings(plan: Plan) -> Iterator[Finding]:
    """Check everything said about variables and patients."""
    yield from too_many(plan, MAX_ENTRIES)
    yield from repeated([variable.name for variable in plan.variables], "variables", "name")
    for index, variable in enumerate(plan.variables):
        yield from _variable(variable, ("variables", index))
        if isinstance(variable, Number):
            yield from _sums(plan, variable, ("variables", index))
            yield from _quartiles(plan, variable, ("variables", index))
    for index, condition in enumerate(plan.eligibility):
        yield from _condition(plan, condition, ("eligibility", index))
    yield from _treatment(plan)
    yield from _population_names(plan)
    for index, population in enumerate(plan.populations):
        yield from _population(plan, population, ("populations", index))


def too_many(plan: Plan, most: dict[str, int]) -> Iterator[Finding]:
    """Find lists that are longer than any study needs."""
    for section, limit in most.items():
        if len(getattr(plan, section)) > limit:
            yield Finding((section,), f"has more than {limit} entries", "leave some out")


def _variable(variable: Variable, loc: Loc) -> Iterator[Finding]:
    match variable:
        case Number():
            yield from _number(variable, loc)
        case Category():
            yield from _category(variable, loc)
        case Time():
            yield from _range(variable.range, (*loc, "range"))
            if variable.range[0] < 0:
                rule = "a time begins before time zero"
                yield Finding((*loc, "range"), rule, "times count from time zero: begin at 0 or 1")
            if variable.range[1] > MAX_TIME:
                rule = f"the longest time is beyond {MAX_TIME}"
                fix = "every unit of time is counted: give the longest follow-up that can be"
                yield Finding((*loc, "range"), rule, fix)


def _number(variable: Number, loc: Loc) -> Iterator[Finding]:
    low, high = variable.range
    yield from _range(variable.range, (*loc, "range"))
    if variable.centre is not None and low < high and not low <= variable.centre <= high:
        rule = "the centre lies outside the range"
        yield Finding((*loc, "centre"), rule, "give a round value near the mean")
    if variable.type == "integer" and not (low.is_integer() and high.is_integer()):
        rule = "the range of an integer has limits that are not whole"
        yield Finding((*loc, "range"), rule, 'give whole numbers, or type = "number"')


def _quartiles(plan: Plan, variable: Number, loc: Loc) -> Iterator[Finding]:
    profile = plan.disclosure.profile
    if variable.quartiles == "exact" and profile not in ("exact", "open"):
        rule = f"the profile '{profile}' shows no patient's own value, and exact quartiles are some"
        fix = "write quartiles = \"histogram\" and more bins, or agree on the profile 'exact'"
        yield Finding((*loc, "quartiles"), rule, fix)


def _sums(plan: Plan, variable: Number, loc: Loc) -> Iterator[Finding]:
    """See that the squares of all patients, about the centre, add up without overflow."""
    reach = max(abs(limit - (variable.centre or 0.0)) for limit in variable.range)
    patients = plan.disclosure.max_patients_per_hospital * plan.disclosure.min_sites
    # By division, because the square of a large number may itself be beyond a float.
    if reach > 1 and patients * reach >= SUM_LIMIT / reach:
        rule = "the range is so wide that sums of squares could outgrow their numbers"
        fix = "give a narrower range, a centre inside it, or a smaller max_patients_per_hospital"
        yield Finding((*loc, "range"), rule, fix)


def _range(limits: tuple[float, float], loc: Loc) -> Iterator[Finding]:
    if limits[0] >= limits[1]:
        rule = "the range does not rise from its first to its second limit"
        yield Finding(loc, rule, "give the smallest value first, then the largest")


def _category(variable: Category, loc: Loc) -> Iterator[Finding]:
    where = (*loc, "levels")
    if len(set(variable.levels)) < len(variable.levels):
        yield Finding(where, "a level is listed twice", "list every level once")
    if any(level != level.strip() for level in variable.levels):
        rule = "a level begins or ends with a space"
        yield Finding(where, rule, "write it without; hospitals map their codes to it")
    if len(variable.levels) > MAX_LEVELS:
        rule = f"has more than {MAX_LEVELS} levels"
        yield Finding(where, rule, "group them: rare levels show single patients")
    if variable.missing_level is not None:
        yield from unknown_levels(variable, (variable.missing_level,), (*loc, "missing_level"))


def _condition(plan: Plan, condition: Condition, loc: Loc) -> Iterator[Finding]:
    wanted = _OPERANDS[condition.rule]
    given = {
        "value": condition.value is not None,
        "between": condition.between is not None,
        "levels": bool(condition.levels),
    }
    if wanted and not given[wanted]:
        rule = f"the rule '{condition.rule}' needs the key '{wanted}'"
        yield Finding(loc, rule, f"add {wanted} = ...")
    for key in (key for key, there in given.items() if there and key != wanted):
        rule = f"the rule '{condition.rule}' does not use '{key}'"
        yield Finding((*loc, key), rule, "remove the key, or change the rule")
    yield from unknown_variable(plan, condition.variable, (*loc, "variable"))
    yield from _operand(plan, condition, loc)


def _operand(plan: Plan, condition: Condition, loc: Loc) -> Iterator[Finding]:
    variable, wanted = find(plan, condition.variable), _OPERANDS[condition.rule]
    if wanted == "levels":
        yield from without_levels(variable, f"the rule '{condition.rule}'", (*loc, "rule"))
        yield from unknown_levels(variable, condition.levels, (*loc, "levels"))
        if variable is not None:
            yield from _empty_arm(plan, condition, (*loc, "levels"))
    elif wanted and variable is not None and levels(variable):
        rule = f"the rule '{condition.rule}' needs a number; '{variable.name}' has levels"
        yield Finding((*loc, "rule"), rule, "use 'one-of' or 'none-of'")
    elif isinstance(variable, Number | Time):
        yield from _nobody(variable, condition, loc)


def _nobody(variable: Number | Time, condition: Condition, loc: Loc) -> Iterator[Finding]:
    """Find conditions that no value of the variable's range fulfils."""
    low, high = condition.between or (float("-inf"), float("inf"))
    if low > high:
        rule = "the limits are in the wrong order"
        yield Finding((*loc, "between"), rule, "give the smaller one first")
        return
    if condition.value is not None:
        low = condition.value if condition.rule == "at-least" else low
        high = condition.value if condition.rule == "at-most" else high
    if low > variable.range[1] or high < variable.range[0]:
        rule = f"no value in the range of '{variable.name}' fulfils this, so nobody would be left"
        yield Finding(loc, rule, "check the limits against the variable's unit and range")


def _empty_arm(plan: Plan, condition: Condition, loc: Loc) -> Iterator[Finding]:
    if condition.variable != plan.treatment.variable:
        return
    for arm in (plan.treatment.treated, plan.treatment.comparator):
        staying = set(arm) & set(condition.levels)
        if condition.rule == "none-of":
            staying = set(arm) - set(condition.levels)
        if not staying:
            rule = "leaves an arm of the comparison without patients"
            yield Finding(loc, rule, "keep at least one level of each arm")


def _treatment(plan: Plan) -> Iterator[Finding]:
    arms, variable = plan.treatment, find(plan, plan.treatment.variable)
    yield from unknown_variable(plan, arms.variable, ("treatment", "variable"))
    yield from without_levels(variable, "the treatment", ("treatment", "variable"))
    yield from unknown_levels(variable, arms.treated, ("treatment", "treated"))
    yield from unknown_levels(variable, arms.comparator, ("treatment", "comparator"))
    if set(arms.treated) & set(arms.comparator):
        rule = "a level is in both arms"
        yield Finding(("treatment", "comparator"), rule, "put every level into one arm")
    if arms.treated_label == arms.comparator_label:
        rule = "both arms have the same label"
        yield Finding(("treatment", "comparator_label"), rule, "label them apart")


def _population_names(plan: Plan) -> Iterator[Finding]:
    """Designs and populations share one list of names with the two that every study has."""
    names = [("designs", i, d.name) for i, d in enumerate(plan.designs)]
    names += [("weightings", i, w.name) for i, w in enumerate(plan.weightings)]
    names += [("populations", i, p.name) for i, p in enumerate(plan.populations)]
    seen: set[str] = set()
    for section, index, name in names:
        folded = name.casefold()
        if folded in RESERVED or folded in seen:
            kind = "reserved" if folded in RESERVED else "the name of another population"
            rule, fix = f"'{name}' is {kind}", "choose another name"
            yield Finding((section, index, "name"), rule, fix)
        seen.add(folded)


def _population(plan: Plan, population: Population, loc: Loc) -> Iterator[Finding]:
    for index, condition in enumerate(population.conditions):
        yield from _condition(plan, condition, (*loc, "conditions", index))
    if not population.conditions and population.weight is None:
        rule = "has neither conditions nor a weight, so it is all patients"
        yield Finding(loc, rule, "add a condition, or remove it: all patients are always there")
    if population.weight is not None:
        yield from _weight(plan, population.weight, (*loc, "weight"))


def _weight(plan: Plan, name: str, loc: Loc) -> Iterator[Finding]:
    variable = find(plan, name)
    yield from unknown_variable(plan, name, loc)
    if variable is not None and not isinstance(variable, Number):
        rule = f"a weight needs a number; '{name}' is of type '{variable.type}'"
        yield Finding(loc, rule, "name a variable of type 'number'")
    if isinstance(variable, Number) and variable.range[0] < 0:
        fix = "let its range begin at 0 or above"
        yield Finding(loc, f"'{name}' can be negative and so is no weight", fix)
    if isinstance(variable, Number) and variable.range[1] > MAX_WEIGHT:
        rule = f"'{name}' can be above {MAX_WEIGHT:,}, more than a weight may be"
        yield Finding(loc, rule, "divide all weights by the same number")
    if plan.disclosure.profile == "strict":
        rule = "the profile 'strict' shows no weighted tables (rule on weights)"
        fix = (
            "choose patients by conditions instead of a weight, or agree on the profile 'standard'"
        )
        yield Finding(loc, rule, fix)
