"""One finding about a plan, and the questions about names and levels that all rules share."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from protocol.plan.endpoints import TimeToEvent
from protocol.plan.model import Plan
from protocol.plan.sentences import Loc, joined, quoted
from protocol.plan.variables import Binary, Category, Number, Time, levels

AnyOf = Number | Category | Binary | Time


class Finding(NamedTuple):
    """Where something stands in the plan, the rule it breaks, and how to mend it."""

    loc: Loc
    rule: str
    fix: str


def find(plan: Plan, name: str) -> AnyOf | None:
    """Find a variable by its name, if the dictionary has it."""
    return next((variable for variable in plan.variables if variable.name == name), None)


def outcome_variables(plan: Plan) -> frozenset[str]:
    """Name the variables that hold endpoints: what happened after time zero."""
    times = {name for e in plan.survival for name in (e.time, e.event)}
    return frozenset(times | {e.variable for e in plan.binary})


def unknown_variable(plan: Plan, name: str, loc: Loc) -> Iterator[Finding]:
    """Find a name that the dictionary lacks."""
    if find(plan, name) is None:
        rule = f"the dictionary has no variable '{name}'"
        yield Finding(loc, rule, "add it to [[variables]], or mend the name")


def repeated(names: Sequence[str], section: str, key: str) -> Iterator[Finding]:
    """Find names that an earlier entry has; letters of either case count as the same."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name.casefold() in seen:
            rule = f"'{name}' is there already; large and small letters count as the same"
            yield Finding((section, index, key), rule, "give every entry a name of its own")
        seen.add(name.casefold())


def unknown_levels(variable: AnyOf | None, chosen: Sequence[str], loc: Loc) -> Iterator[Finding]:
    """Find chosen levels that a variable lacks, and levels chosen twice."""
    if variable is None:
        return
    known = levels(variable)
    missing = [level for level in dict.fromkeys(chosen) if level not in known]
    if missing and known:
        rule = f"'{variable.name}' has no level {joined(quoted(missing), 'or')}"
        yield Finding(loc, rule, f"its levels are {joined(quoted(known))}")
    if len(set(chosen)) < len(chosen):
        yield Finding(loc, "a level is named twice", "name every level once")


def without_levels(variable: AnyOf | None, what: str, loc: Loc) -> Iterator[Finding]:
    """Find a variable that should have levels and has none."""
    if isinstance(variable, Number | Time):
        rule = (
            f"{what} needs a variable with levels; '{variable.name}' is of type '{variable.type}'"
        )
        yield Finding(loc, rule, "name a category or a binary variable")


def after_time_zero(plan: Plan, name: str, what: str, loc: Loc) -> Iterator[Finding]:
    """Find an endpoint's variable where only what is known at time zero may stand."""
    holder = next((e for e in plan.endpoints if name in _held(e)), None)
    if holder is not None:
        rule = f"'{name}' belongs to the endpoint '{holder.name}' and cannot be {what}"
        yield Finding(loc, rule, "use only what is known at time zero")
    elif isinstance(find(plan, name), Time):
        rule = f"'{name}' is a time and cannot be {what}"
        yield Finding(loc, rule, "use only what is known at time zero")


def _held(endpoint: object) -> tuple[str, ...]:
    if isinstance(endpoint, TimeToEvent):
        return (endpoint.time, endpoint.event)
    return (getattr(endpoint, "variable", ""),)
