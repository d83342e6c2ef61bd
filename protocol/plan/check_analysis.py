"""Rules on the analysis: the propensity model, designs, endpoints, subgroups and disclosure."""

from collections.abc import Iterator
from itertools import pairwise
from math import prod

from protocol.plan.adjustment import Covariate, Design
from protocol.plan.check_people import too_many
from protocol.plan.columns import model_columns
from protocol.plan.endpoints import AnyEndpoint, BinaryOutcome, TimeToEvent
from protocol.plan.finding import (
    AnyOf,
    Finding,
    after_time_zero,
    find,
    repeated,
    unknown_levels,
    unknown_variable,
    without_levels,
)
from protocol.plan.model import Plan
from protocol.plan.sentences import Loc
from protocol.plan.variables import Binary, Category, Number, Time, levels

MAX_COHORTS = 8
"""Every further cohort is one more way to single out a few patients by differences."""

MAX_ENTRIES = {"designs": 10, "weightings": 10, "endpoints": 30, "subgroups": 20}
MAX_COLUMNS = 100
MAX_KNOTS = 7
"""Harrell, Regression Modeling Strategies (2015), 2.4.6: more than seven are seldom needed."""

MAX_EXACT = 100
"""Combinations of levels on which pairs may have to agree: each has its own score histogram."""

FEWEST_SITES = {"exact": 3, "standard": 3, "strict": 5, "open": 1}
FEWEST_PATIENTS = {"exact": 10, "standard": 20, "strict": 50, "open": 1}
"""Patients that a hospital needs to join, by profile."""
PATIENTS_PER_COLUMN = {"exact": 10, "standard": 10, "strict": 20, "open": 1}


def findings(plan: Plan) -> Iterator[Finding]:
    """Check everything said about how patients are compared, and what may be seen of it."""
    yield from too_many(plan, MAX_ENTRIES)
    yield from _propensity(plan)
    if plan.designs and plan.propensity is None:
        rule = "designs match on the propensity score, and the plan has no [propensity]"
        yield Finding(("designs",), rule, "add the propensity model, or remove the designs")
    for index, design in enumerate(plan.designs):
        yield from _design(plan, design, ("designs", index))
    yield from _weightings(plan)
    yield from _cohorts(plan)
    yield from repeated([endpoint.name for endpoint in plan.endpoints], "endpoints", "name")
    for index, endpoint in enumerate(plan.endpoints):
        yield from _endpoint(plan, endpoint, ("endpoints", index))
    yield from _subgroups(plan)
    yield from _disclosure(plan)


def _cohorts(plan: Plan) -> Iterator[Finding]:
    """Limit the cohorts: their patterns of membership, 2 to that power, are counted (rule D)."""
    if len(plan.designs) + len(plan.populations) > MAX_COHORTS:
        rule = f"designs and populations make more than {MAX_COHORTS} cohorts"
        yield Finding(("populations",), rule, "leave some out, or plan a second study")


def _weightings(plan: Plan) -> Iterator[Finding]:
    if plan.weightings and plan.propensity is None:
        rule = "weights come from the propensity score, and the plan has no [propensity]"
        yield Finding(("weightings",), rule, "add the propensity model, or remove the weightings")
    if plan.weightings and plan.disclosure.profile == "strict":
        rule = "the profile 'strict' shows no weighted tables (rule on weights)"
        fix = "match instead ([[designs]]) or stratify ([stratification]), or agree on 'standard'"
        yield Finding(("weightings",), rule, fix)


def _propensity(plan: Plan) -> Iterator[Finding]:
    if plan.propensity is None:
        return
    seen: set[str] = set()
    sound = True
    for index, covariate in enumerate(plan.propensity.covariates):
        found = list(_covariate(plan, covariate, ("propensity", "covariates", index)))
        if covariate.variable in seen:
            loc = ("propensity", "covariates", index, "variable")
            rule = f"'{covariate.variable}' is a covariate already"
            found.append(Finding(loc, rule, "name every covariate once, with one form"))
        seen.add(covariate.variable)
        sound = sound and not found
        yield from found
    if sound:
        yield from _model_size(plan)


def _model_size(plan: Plan) -> Iterator[Finding]:
    """Limit the columns: a model with as many columns as patients gives their data away."""
    columns = len(model_columns(plan)) + 1
    expected = plan.disclosure.expected_treated + plan.disclosure.expected_comparator
    share = PATIENTS_PER_COLUMN[plan.disclosure.profile]
    if columns * share > expected:
        rule = (
            f"the model has {columns} columns with the intercept, and {expected} expected patients "
            f"allow {expected // share} in the profile '{plan.disclosure.profile}' (rule S3)"
        )
        yield Finding(("propensity", "covariates"), rule, "use fewer covariates or fewer levels")
    if columns > MAX_COLUMNS and plan.disclosure.profile != "open":
        rule = (
            f"the model has {columns} columns with the intercept; at most {MAX_COLUMNS} (rule S3)"
        )
        yield Finding(("propensity", "covariates"), rule, "use fewer covariates or fewer levels")


def _covariate(plan: Plan, covariate: Covariate, loc: Loc) -> Iterator[Finding]:
    name, variable = covariate.variable, find(plan, covariate.variable)
    yield from unknown_variable(plan, name, (*loc, "variable"))
    yield from after_time_zero(plan, name, "a covariate", (*loc, "variable"))
    yield from _not_treatment(plan, name, "a covariate", (*loc, "variable"))
    yield from _unused(covariate, isinstance(variable, Category), loc)
    match variable:
        case Category():
            yield from _factor(variable, covariate, loc)
        case Binary() if covariate.form not in ("linear", "categories"):
            rule = f"a binary variable cannot be '{covariate.form}'"
            yield Finding((*loc, "form"), rule, "leave the form out")
        case Number():
            yield from _curve(variable, covariate, loc)


def _unused(covariate: Covariate, category: bool, loc: Loc) -> Iterator[Finding]:
    """Find keys that another form or type of variable would use."""
    if covariate.reference is not None and not category:
        rule = "only a category has a reference level to choose"
        yield Finding((*loc, "reference"), rule, "remove the key")
    if covariate.knots and covariate.form != "spline":
        rule = f"the form '{covariate.form}' has no knots"
        yield Finding((*loc, "knots"), rule, 'remove them, or use form = "spline"')


def _factor(variable: Category, covariate: Covariate, loc: Loc) -> Iterator[Finding]:
    if covariate.form != "categories":
        rule = f"'{variable.name}' has levels and cannot be '{covariate.form}'"
        yield Finding((*loc, "form"), rule, 'write form = "categories"')
    if covariate.reference is not None:
        yield from unknown_levels(variable, (covariate.reference,), (*loc, "reference"))


def _curve(variable: Number, covariate: Covariate, loc: Loc) -> Iterator[Finding]:
    low, high = variable.range
    if covariate.form == "categories":
        rule = f"'{variable.name}' is a number and has no levels"
        fix = "use 'linear', 'log' or 'spline', or add a category to the dictionary"
        yield Finding((*loc, "form"), rule, fix)
    if covariate.form == "log" and low <= 0:
        rule = f"the range of '{variable.name}' reaches 0 or below, which has no logarithm"
        fix = "let the range begin above 0, at the detection limit for example, or use a spline"
        yield Finding((*loc, "form"), rule, fix)
    if covariate.form == "spline":
        yield from _knots(covariate.knots, low, high, (*loc, "knots"))


def _knots(knots: tuple[float, ...], low: float, high: float, loc: Loc) -> Iterator[Finding]:
    if not 3 <= len(knots) <= MAX_KNOTS:
        rule = f"a spline needs 3 to {MAX_KNOTS} knots"
        yield Finding(loc, rule, "give fixed knots, at round values near the usual quantiles")
    if not _rising(knots):
        yield Finding(loc, "the knots do not rise", "sort them, each once")
    if any(not low < knot < high for knot in knots):
        yield Finding(loc, "a knot lies outside the range", "keep knots inside the range")


def _rising(values: tuple[float, ...]) -> bool:
    return all(before < after for before, after in pairwise(values))


def _not_treatment(plan: Plan, name: str, what: str, loc: Loc) -> Iterator[Finding]:
    if name == plan.treatment.variable:
        rule = f"the treatment cannot be {what}"
        yield Finding(loc, rule, "remove it here; the arms are compared in any case")


def _design(plan: Plan, design: Design, loc: Loc) -> Iterator[Finding]:
    for index, name in enumerate(design.exact):
        here = (*loc, "exact", index)
        yield from unknown_variable(plan, name, here)
        yield from without_levels(find(plan, name), "exact matching", here)
        yield from after_time_zero(plan, name, "matched on", here)
        yield from _not_treatment(plan, name, "matched on", here)
    if len(set(design.exact)) < len(design.exact):
        yield Finding((*loc, "exact"), "a variable is named twice", "name every variable once")
    found = [variable for name in design.exact if (variable := find(plan, name)) is not None]
    if prod(max(1, len(levels(variable))) for variable in found) > MAX_EXACT:
        rule = f"pairs would have to agree on more than {MAX_EXACT} combinations of levels"
        yield Finding((*loc, "exact"), rule, "match exactly on fewer variables")


def _endpoint(plan: Plan, endpoint: AnyEndpoint, loc: Loc) -> Iterator[Finding]:
    match endpoint:
        case TimeToEvent():
            yield from _survival(plan, endpoint, loc)
        case BinaryOutcome():
            yield from _outcome(plan, endpoint.variable, (*loc, "variable"))
            variable = find(plan, endpoint.variable)
            yield from unknown_levels(variable, endpoint.event_levels, (*loc, "event_levels"))
            if variable is not None and set(levels(variable)) == set(endpoint.event_levels):
                rule = "every level counts as the event, so everybody would have it"
                yield Finding((*loc, "event_levels"), rule, "leave out the levels without event")
    if not endpoint.event_levels:
        rule = "no level counts as the event"
        yield Finding((*loc, "event_levels"), rule, "name the levels that are the event")


def _outcome(plan: Plan, name: str, loc: Loc) -> Iterator[Finding]:
    yield from unknown_variable(plan, name, loc)
    yield from without_levels(find(plan, name), "an event", loc)
    yield from _not_treatment(plan, name, "an endpoint", loc)


def _survival(plan: Plan, endpoint: TimeToEvent, loc: Loc) -> Iterator[Finding]:
    time, event = find(plan, endpoint.time), find(plan, endpoint.event)
    yield from unknown_variable(plan, endpoint.time, (*loc, "time"))
    yield from _outcome(plan, endpoint.event, (*loc, "event"))
    if isinstance(time, Time):
        yield from _times(endpoint, time, loc)
    elif time is not None:
        rule = f"'{time.name}' is of type '{time.type}', not a time"
        yield Finding((*loc, "time"), rule, 'give the variable type = "time"')
    yield from unknown_levels(event, endpoint.event_levels, (*loc, "event_levels"))
    yield from _competing(endpoint, event, (*loc, "competing"))


def _competing(endpoint: TimeToEvent, event: AnyOf | None, loc: Loc) -> Iterator[Finding]:
    taken = set(endpoint.event_levels)
    for cause, chosen in endpoint.competing.items():
        yield from unknown_levels(event, chosen, (*loc, cause))
        if not chosen:
            yield Finding((*loc, cause), "a competing cause has no level", "name its levels")
        if taken & set(chosen):
            rule = "a level is the event or another cause already"
            yield Finding((*loc, cause), rule, "give every level one meaning")
        taken |= set(chosen)


def _times(endpoint: TimeToEvent, time: Time, loc: Loc) -> Iterator[Finding]:
    longest = time.range[1]
    if not _rising(endpoint.landmarks):
        yield Finding((*loc, "landmarks"), "the landmarks do not rise", "sort them, each once")
    if any(not 0 < landmark <= longest for landmark in endpoint.landmarks):
        rule = f"a landmark is not within the times of '{time.name}', which end at {longest}"
        yield Finding((*loc, "landmarks"), rule, "check the unit: it is the study's time_unit")
    if endpoint.horizon is not None and endpoint.horizon > longest:
        rule = f"the horizon is beyond the times of '{time.name}', which end at {longest}"
        yield Finding((*loc, "horizon"), rule, "check the unit: it is the study's time_unit")


def _subgroups(plan: Plan) -> Iterator[Finding]:
    yield from repeated([s.variable for s in plan.subgroups], "subgroups", "variable")
    for index, subgroup in enumerate(plan.subgroups):
        loc = ("subgroups", index, "variable")
        yield from unknown_variable(plan, subgroup.variable, loc)
        yield from without_levels(find(plan, subgroup.variable), "a subgroup", loc)
        yield from after_time_zero(plan, subgroup.variable, "a subgroup", loc)
        yield from _not_treatment(plan, subgroup.variable, "a subgroup", loc)


def _disclosure(plan: Plan) -> Iterator[Finding]:
    rules = plan.disclosure
    sites, patients = FEWEST_SITES[rules.profile], FEWEST_PATIENTS[rules.profile]
    if rules.min_sites < sites:
        rule = f"the profile '{rules.profile}' takes sums over {sites} hospitals at least"
        yield Finding(("disclosure", "min_sites"), rule, f"write {sites} or more")
    if rules.max_patients_per_hospital < patients:
        rule = f"in the profile '{rules.profile}' a hospital needs {patients} patients (rule S1)"
        fix = "give a number that no hospital exceeds"
        yield Finding(("disclosure", "max_patients_per_hospital"), rule, fix)
    if rules.expected_treated + rules.expected_comparator < rules.min_sites * patients:
        rule = (
            f"{rules.min_sites} hospitals of {patients} patients, the fewest that the profile "
            f"'{rules.profile}' allows, are more patients than expected"
        )
        yield Finding(("disclosure",), rule, "find more patients, or set a lower min_sites")
