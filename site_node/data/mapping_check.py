"""Holds a mapping against a plan: what it names has to be there, and to be said once.

Everything wrong is listed at once, with the nearest right word.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from protocol.errors import Problem
from protocol.plan.model import Plan
from protocol.plan.variables import Binary, Number, Time, levels
from site_node.data.mapping_model import SiteMapping


def mapping_problems(mapping: SiteMapping, plan: Plan) -> list[Problem]:
    """List what a mapping says that the plan has no place for."""
    return [
        *_unknown_variables(mapping, plan),
        *_level_problems(mapping, plan),
        *_gap_problems(mapping, plan),
        *_unit_problems(mapping, plan),
        *_day_problems(mapping, plan),
    ]


def did_you_mean(word: str, known: Sequence[str], otherwise: str) -> str:
    """Suggest the nearest known word."""
    # Capitals are a usual difference between two files' names; they do not make words unlike.
    folded = {other.casefold(): other for other in known}
    near = get_close_matches(word.casefold(), folded, n=1)
    return f"did you mean {folded[near[0]]!r}?" if near else otherwise


def _unknown_variables(mapping: SiteMapping, plan: Plan) -> Iterator[Problem]:
    tables: dict[str, Mapping[str, object]] = {
        "columns": mapping.columns,
        "levels": mapping.levels,
        "missing": mapping.missing,
        "units": mapping.units,
        "days": mapping.days,
    }
    for table, said in tables.items():
        for name in said:
            if name not in _names(plan):
                fix = did_you_mean(name, _names(plan), "use a name of the plan's variables")
                yield Problem(f"{table}.{name}", "is no variable of the plan", fix)


def _level_problems(mapping: SiteMapping, plan: Plan) -> Iterator[Problem]:
    for name, spellings in mapping.levels.items():
        if name in _names(plan):
            variable = plan.variable(name)
            yield from _spelling_problems(name, spellings, levels(variable))
            if isinstance(variable, Binary):
                yield from _code_problems(name, spellings)


def _spelling_problems(
    name: str, spellings: Mapping[str, str], known: tuple[str, ...]
) -> list[Problem]:
    where = f"levels.{name}"
    if not known:
        rule = f"{name} has no levels in the plan"
        return [Problem(where, rule, "leave the table out")]
    otherwise = f"the levels are {', '.join(known)}"
    return [
        Problem(where, f"the plan has no level {level!r}", did_you_mean(level, known, otherwise))
        for level in dict.fromkeys(spellings.values())
        if level not in ("", *known)
    ]


def _code_problems(name: str, spellings: Mapping[str, str]) -> Iterator[Problem]:
    """Report 2 for an event where nothing is said of 1, which would be an event as well."""
    if "1" in spellings or "0" in spellings.values():
        return
    for code in (text for text, level in spellings.items() if text.isdigit() and level == "1"):
        rule = f"both {code!r} and '1' would be read as '1'"
        yield Problem(f"levels.{name}", rule, 'say what 1 stands for, such as 1 = "0"')


def _gap_problems(mapping: SiteMapping, plan: Plan) -> Iterator[Problem]:
    """Report words of the whole file that are levels: the file would lose them unseen."""
    for variable in plan.variables:
        if variable.name in mapping.missing:
            continue
        known, recoded = levels(variable), mapping.levels.get(variable.name, {})
        for word in mapping.file.missing:
            if word in known and word not in recoded:
                yield Problem(
                    "file.missing",
                    f"{word!r} is a level of {variable.name}, and would be read as missing",
                    f"say which it is: under [missing], {variable.name} = [...] is for this "
                    f"variable alone",
                )


def _unit_problems(mapping: SiteMapping, plan: Plan) -> Iterator[Problem]:
    for name in mapping.units:
        if name in _names(plan) and not isinstance(plan.variable(name), Number | Time):
            fix = f"leave it out; spellings of levels stand under [levels.{name}]"
            yield Problem(f"units.{name}", f"{name} is no number in the plan", fix)


def _day_problems(mapping: SiteMapping, plan: Plan) -> Iterator[Problem]:
    for name in (name for name in mapping.days if name in _names(plan)):
        where = f"days.{name}"
        if not isinstance(plan.variable(name), Time):
            yield Problem(where, f"{name} is no time in the plan", "leave the table out")
        elif plan.study.time_unit != "day":
            rule = f"the plan counts times in {plan.study.time_unit}s, and dates give days"
            yield Problem(where, rule, "count the time in the export, and name its column")
        if name in mapping.columns:
            rule = "the time is read from a column and counted from dates too"
            yield Problem(where, rule, f"keep either [columns] {name} or [{where}]")
        if name in mapping.units:
            rule = "days that are counted from dates need no factor"
            yield Problem(f"units.{name}", rule, "leave it out")


def _names(plan: Plan) -> list[str]:
    return [variable.name for variable in plan.variables]
