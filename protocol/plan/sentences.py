"""What is wrong with the shape of a plan, said to the person who typed it.

The checker of shapes (pydantic) speaks of its own types; here its findings become the place in
the file's terms, the rule, and the key's own description as the way to mend it.
"""

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from protocol.errors import Problem
from protocol.plan.adjustment import (
    Covariate,
    Design,
    Imputation,
    Propensity,
    Stratification,
    Weighting,
)
from protocol.plan.endpoints import BinaryOutcome, Subgroup, TimeToEvent
from protocol.plan.model import Disclosure, Person, Plan, Sensitivity, Study
from protocol.plan.part import NAME
from protocol.plan.patients import Condition, Eligibility, Population, Treatment
from protocol.plan.variables import Binary, Category, Number, Time

Loc = tuple[int | str, ...]

TABLES: Mapping[Loc, type[BaseModel]] = {
    (): Plan,
    ("study",): Study,
    ("study", "people"): Person,
    ("disclosure",): Disclosure,
    ("variables", "integer"): Number,
    ("variables", "number"): Number,
    ("variables", "category"): Category,
    ("variables", "binary"): Binary,
    ("variables", "time"): Time,
    ("eligibility",): Eligibility,
    ("treatment",): Treatment,
    ("propensity",): Propensity,
    ("propensity", "covariates"): Covariate,
    ("designs",): Design,
    ("weightings",): Weighting,
    ("stratification",): Stratification,
    ("imputation",): Imputation,
    ("populations",): Population,
    ("populations", "conditions"): Condition,
    ("endpoints", "time-to-event"): TimeToEvent,
    ("endpoints", "binary"): BinaryOutcome,
    ("subgroups",): Subgroup,
    ("sensitivity",): Sensitivity,
}
"""The tables of a plan's file, by the keys and the entry's type that lead to them."""

_TYPED = ("variables", "endpoints")
"""Lists whose entries have a `type`; the checker puts it into the place behind the index."""

_RULES = {
    "string_type": "must be text in quotes",
    "string_too_short": "must not be empty",
    "string_too_long": "is longer than {max_length} characters",
    "string_pattern_mismatch": (
        "must begin with a letter and go on with letters, digits, '_' or '.', 64 at most"
    ),
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be {ge:g} or more",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be {le:g} or less",
    "literal_error": "must be {expected}",
    "tuple_type": "must be a list",
    "too_short": "has fewer than {min_length} entries",
    "too_long": "has more than {max_length} entries",
    "model_type": "must be a table with keys of its own",
    "dict_type": "must be a table with keys of its own",
    "missing": "is missing",
}


def where(loc: Loc, data: object) -> str:
    """Say where a place in the parsed file is: `variables[3] (age).range`.

    Entries are counted from 1 and named where they have a name.
    """
    said, here = "", data
    for step in loc:
        here = _inside(here, step)
        if isinstance(step, int):
            said += f"[{step + 1}]{_name_of(here)}"
        else:
            shown = step if re.fullmatch(NAME, step) else json.dumps(step[:64])
            said += f".{shown}" if said else shown
    return said or "the file"


def problem(error: ErrorDetails, data: object) -> Problem | None:
    """Turn one finding into a sentence; None if it only follows from others."""
    kind, loc, context = error["type"], error["loc"], error.get("ctx", {})
    place = _plain(loc)
    if kind == "too_short" and _long_enough(place, data, context["min_length"]):
        return None  # entries that are wrong themselves were not counted
    if kind == "extra_forbidden":
        return _unknown_key(loc, place, data)
    if kind.startswith("union_tag"):
        return _unknown_type((*place, "type"), data, context)
    rule = _RULES.get(kind, "is not valid here").format(**context)
    return Problem(where(place, data), rule, _fix(loc))


def _unknown_key(loc: Loc, place: Loc, data: object) -> Problem:
    table = _table(loc[:-1])
    known = list(table.model_fields) if table else []
    near = difflib.get_close_matches(str(place[-1]), known, n=1, cutoff=0.6)
    rule = f"unknown key; did you mean '{near[0]}'?" if near else "unknown key"
    fix = f"write '{near[0]}'" if near else f"remove it; here the keys are {joined(known)}"
    return Problem(where(place, data), rule, fix)


def _unknown_type(place: Loc, data: object, context: Mapping[str, Any]) -> Problem:
    types = [str(key[1]) for key in TABLES if len(key) == 2 and key[0] == place[0]]
    allowed = joined(quoted(types), "or")
    rule = f"must be {allowed}" if "tag" in context else f"is missing; must be {allowed}"
    return Problem(where(place, data), rule, "say what kind of entry this is")


def _fix(loc: Loc) -> str:
    """Quote the description of the nearest key that has one."""
    for end in range(len(loc), 0, -1):
        table, key = _table(loc[: end - 1]), loc[end - 1]
        if table and isinstance(key, str) and key in table.model_fields:
            return f"give this: {table.model_fields[key].description}"
    return "compare with the output of 'riskset plan new'"


def _table(loc: Loc) -> type[BaseModel] | None:
    return TABLES.get(tuple(step for step in loc if isinstance(step, str)))


def _plain(loc: Loc) -> Loc:
    """Leave out what the checker adds: an entry's type behind its index, and marks of keys."""
    typed = len(loc) > 2 and loc[0] in _TYPED
    plain = (*loc[:2], *loc[3:]) if typed else loc
    return tuple(step for step in plain if step != "[key]")


def _inside(here: object, step: int | str) -> object:
    match here, step:
        case dict(), str():
            return here.get(step)
        case list(), int() if step < len(here):
            return here[step]
        case _:
            return None


def _name_of(entry: object) -> str:
    if not isinstance(entry, dict):
        return ""
    name = entry.get("name", entry.get("variable"))
    fits = isinstance(name, str) and re.fullmatch(NAME, name)
    return f" ({name})" if fits else ""


def _long_enough(place: Loc, data: object, shortest: int) -> bool:
    here = data
    for step in place:
        here = _inside(here, step)
    return isinstance(here, list) and len(here) >= shortest


def joined(words: Iterable[str], last: str = "and") -> str:
    """Write a list as a person does: "a, b and c"."""
    *first, end = list(words) or ["none"]
    return f"{', '.join(first)} {last} {end}" if first else end


def quoted(words: Iterable[str]) -> list[str]:
    """Put every word in quotes, as a plan's file has them."""
    return [f"'{word}'" for word in words]
