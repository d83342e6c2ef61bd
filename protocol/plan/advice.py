"""What a plan may say, but what is rarely meant: questions of a careful statistician."""

from collections.abc import Iterator, Sequence

from protocol.plan.adjustment import Design
from protocol.plan.columns import model_columns
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.finding import Finding, find, outcome_variables
from protocol.plan.model import Plan
from protocol.plan.patients import Condition
from protocol.plan.sentences import Loc
from protocol.plan.variables import Category, Number, Time, levels

FEW_PER_COLUMN = 5
"""Patients of the smaller arm per model column below which coefficients are unsteady."""

WIDE_CALIPER_SD = 0.5
FEW_IN_ARM = 10


def findings(plan: Plan) -> Iterator[Finding]:
    """Ask about everything odd in a plan that has no problems."""
    yield from _dictionary(plan)
    yield from _conditions(plan)
    yield from _arms(plan)
    yield from _model(plan)
    for index, design in enumerate(plan.designs):
        yield from _design(plan, design, ("designs", index))
    yield from _endpoints(plan)
    yield from _labels(plan)


def _dictionary(plan: Plan) -> Iterator[Finding]:
    used = {endpoint.time for endpoint in plan.survival}
    for index, variable in enumerate(plan.variables):
        loc: Loc = ("variables", index)
        if isinstance(variable, Time) and variable.name not in used:
            rule = "no endpoint uses this time"
            yield Finding(loc, rule, "ask hospitals only for what the study needs")
        if isinstance(variable, Category):
            yield from _category(variable, loc)


def _category(variable: Category, loc: Loc) -> Iterator[Finding]:
    if len({level.casefold() for level in variable.levels}) < len(variable.levels):
        rule = "levels differ only in large and small letters"
        yield Finding((*loc, "levels"), rule, "make them easier to tell apart")
    if variable.missing_level is not None and variable.missing != "refuse":
        rule = "has no effect beside 'missing_level': no value is missing then"
        yield Finding((*loc, "missing"), rule, "leave out one of the two")


def _conditions(plan: Plan) -> Iterator[Finding]:
    entries: list[tuple[Loc, Condition]] = [
        (("eligibility", i), condition) for i, condition in enumerate(plan.eligibility)
    ]
    for i, population in enumerate(plan.populations):
        inner = enumerate(population.conditions)
        entries += [(("populations", i, "conditions", j), condition) for j, condition in inner]
    for loc, condition in entries:
        if condition.variable in outcome_variables(plan):
            rule = f"'{condition.variable}' is an endpoint: this picks patients by what came later"
            yield Finding(loc, rule, "keep it only if the study begins at a landmark")
        elif _everybody(plan, condition):
            rule = "every value that the dictionary allows fulfils this"
            yield Finding(loc, rule, "remove it, or check the limits and the range")


def _everybody(plan: Plan, condition: Condition) -> bool:
    variable = find(plan, condition.variable)
    if variable is None or variable.missing == "complete-case":
        return False  # those without a value are left out
    match condition.rule:
        case "one-of":
            return set(levels(variable)) <= set(condition.levels)
        case "at-least" | "at-most" | "between" if isinstance(variable, Number | Time):
            low, high = _limits(condition)
            return low <= variable.range[0] and high >= variable.range[1]
        case _:
            return condition.rule == "known"


def _limits(condition: Condition) -> tuple[float, float]:
    value = condition.value or 0.0
    if condition.rule == "at-least":
        return value, float("inf")
    return condition.between or (float("-inf"), value)


def _arms(plan: Plan) -> Iterator[Finding]:
    arms, rules = plan.treatment, plan.disclosure
    variable = find(plan, arms.variable)
    if variable is not None and variable.missing == "complete-case":
        rule = "a patient without a treatment is in neither arm, so this means 'exclude'"
        loc = ("variables", plan.variables.index(variable), "missing")
        yield Finding(loc, rule, "write 'exclude', or 'refuse' if it is always recorded")
    if min(rules.expected_treated, rules.expected_comparator) < FEW_IN_ARM:
        rule = f"fewer than {FEW_IN_ARM} patients are expected in an arm"
        yield Finding(("disclosure",), rule, "most of the report would be left blank")


def _model(plan: Plan) -> Iterator[Finding]:
    if plan.propensity is None:
        return
    if not _is_used(plan):
        rule = "the model is fitted, and nothing uses it"
        fix = "add a design or a weighting, or leave the model out"
        yield Finding(("propensity",), rule, fix)
    columns = len(model_columns(plan))
    smaller = min(plan.disclosure.expected_treated, plan.disclosure.expected_comparator)
    if smaller < FEW_PER_COLUMN * columns:
        rule = (
            f"{columns} columns for the {smaller} patients expected in the smaller arm are more "
            f"than one to {FEW_PER_COLUMN}"
        )
        fix = "use fewer columns, or choose a fallback: hospitals' covariates may separate the arms"
        yield Finding(("propensity", "covariates"), rule, fix)
    for index, covariate in enumerate(plan.propensity.covariates):
        variable = find(plan, covariate.variable)
        if variable is not None and isinstance(variable, Number) and variable.centre is None:
            rule = "a covariate without a 'centre': sums of squares lose digits far from the mean"
            loc = ("propensity", "covariates", index)
            yield Finding(loc, rule, f"give '{variable.name}' a centre in the dictionary")


def _is_used(plan: Plan) -> bool:
    """Tell whether anything is matched, weighted, cut into strata or adjusted by the model."""
    return (
        bool(plan.designs or plan.weightings)
        or plan.stratification is not None
        or any(endpoint.adjusted for endpoint in plan.survival)
        or any(endpoint.doubly_robust for endpoint in plan.binary)
    )


def _design(plan: Plan, design: Design, loc: Loc) -> Iterator[Finding]:
    arms = sorted((plan.disclosure.expected_treated, plan.disclosure.expected_comparator))
    if design.ratio * arms[0] > arms[1]:
        rule = f"ratio {design.ratio} needs more patients than the larger arm is expected to have"
        yield Finding((*loc, "ratio"), rule, "choose a smaller ratio")
    if design.caliper_sd > WIDE_CALIPER_SD:
        rule = f"a caliper beyond {WIDE_CALIPER_SD} pairs patients who are unlike"
        yield Finding((*loc, "caliper_sd"), rule, "0.2 is usual (Austin 2011)")
    if design.caliper == "none":
        rule = "without a caliper patients are paired however unlike they are"
        fix = "look at balance, and have a design with a caliper beside it"
        yield Finding((*loc, "caliper"), rule, fix)


def _endpoints(plan: Plan) -> Iterator[Finding]:
    if not plan.endpoints:
        rule = "the plan has no endpoint, so it describes and compares nothing"
        yield Finding(("endpoints",), rule, "add [[endpoints]]")
    for index, endpoint in enumerate(plan.endpoints):
        loc: Loc = ("endpoints", index)
        if endpoint.event_levels == ("0",):
            rule = "the level 0, not 1, is the event"
            yield Finding((*loc, "event_levels"), rule, "check that this is meant")
        if isinstance(endpoint, TimeToEvent):
            yield from _survival(plan, endpoint, loc)


def _survival(plan: Plan, endpoint: TimeToEvent, loc: Loc) -> Iterator[Finding]:
    event = find(plan, endpoint.event)
    ends = {*endpoint.event_levels, *(lv for c in endpoint.competing.values() for lv in c)}
    if event is not None and ends >= set(levels(event)):
        rule = "no level is left for patients without an event, so nobody is censored"
        yield Finding((*loc, "event_levels"), rule, "keep only if everybody was followed to an end")
    if not endpoint.landmarks:
        rule = "no landmark: the report has no survival at a fixed time"
        yield Finding((*loc, "landmarks"), rule, "add times that readers know, such as 5 years")
    if endpoint.horizon is None:
        rule = "no horizon: the report has no mean survival time"
        yield Finding((*loc, "horizon"), rule, "add the time up to which it is taken")


def _labels(plan: Plan) -> Iterator[Finding]:
    yield from _same("variables", [variable.label for variable in plan.variables])
    yield from _same("designs", [design.label for design in plan.designs])
    yield from _same("populations", [population.label for population in plan.populations])
    yield from _same("endpoints", [endpoint.label for endpoint in plan.endpoints])


def _same(section: str, labels: Sequence[str]) -> Iterator[Finding]:
    for index, label in enumerate(labels):
        if label in labels[:index]:
            rule = f"the label '{label}' is used twice"
            yield Finding((section, index, "label"), rule, "tables would show two rows alike")
