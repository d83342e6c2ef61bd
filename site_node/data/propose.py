"""Proposes a mapping file from the beginning of an extract and the plan.

What is certain is a line of the mapping; what a person has to decide is a comment that says so.
The text names columns, the plan's words and well-known ones such as `yes`, and no other value
of the file unless spellings are asked for.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from protocol.plan.model import Plan
from protocol.plan.variables import Binary, Category, Number, Time
from site_node.data.header import DEFAULT_IDS
from site_node.data.propose_levels import propose_levels, quoted
from site_node.data.similar import Match, looks_like_id, match_columns
from site_node.data.sniff import (
    MISSING_WORDS,
    Sniffed,
    date_forms,
    decimal_signs,
    distinct,
    present,
    share_of_numbers,
)
from site_node.data.source import Column
from site_node.data.units import Strays, Suspicion, named_otherwise
from site_node.data.values import AnyVariable, Notation, type_column

MOST_LEVELS = 40
"""A column with more different spellings holds no levels."""

DECIDE = "# decide: "


@dataclass(frozen=True)
class Proposal:
    """A mapping as TOML, and what it leaves to a person: one sentence each."""

    text: str

    @property
    def decisions(self) -> tuple[str, ...]:
        """List what has to be decided."""
        lines = self.text.splitlines()
        return tuple(line.removeprefix(DECIDE) for line in lines if line.startswith(DECIDE))


def propose(plan: Plan, sniffed: Sniffed, *, values: bool = False) -> Proposal:
    """Propose a mapping; `values` lists the spellings of columns with few of them, for decisions.

    `read_mapping` accepts the text as it is.
    """
    seen = _Seen(plan, sniffed)
    parts = [
        _opening(plan, sniffed),
        _id_lines(seen),
        _table("file", _file_lines(seen)),
        _table("columns", _column_lines(seen)),
        _table("units", _unit_lines(seen)),
        _day_lines(seen),
        *(
            propose_levels(variable, column, seen.column(column), values=values)
            for variable, column in seen.with_levels()
        ),
    ]
    return Proposal("\n\n".join("\n".join(part) for part in parts if part) + "\n")


def _table(name: str, lines: Iterable[str]) -> list[str]:
    filled = list(lines)
    return [f"[{name}]", *filled] if filled else []


class _Seen:
    """The columns by name, what they hold, and which variable each is likely to be."""

    def __init__(self, plan: Plan, sniffed: Sniffed) -> None:
        self.plan, self.sniffed = plan, sniffed
        once = [name for name in sniffed.header if sniffed.header.count(name) == 1]
        self.columns = {
            name: column
            for name, column in zip(sniffed.header, sniffed.columns, strict=False)
            if name in once
        }
        self.dates = {n: forms for n, c in self.columns.items() if (forms := date_forms(c))}
        self.id = self._find_id()
        possible = {
            variable.name: [name for name in self.columns if self._may_be(variable, name)]
            for variable in plan.variables
        }
        self.matches = match_columns(plan, possible, self.id)

    def _find_id(self) -> str | None:
        """Choose the first column of distinct values that is called like an id."""
        known = [name for name in DEFAULT_IDS if name in self.columns]
        called = [n for n, c in self.columns.items() if looks_like_id(n) and distinct(c)]
        return next(iter([*known, *called]), None)

    def _may_be(self, variable: AnyVariable, name: str) -> bool:
        column = self.columns[name]
        match variable:
            case Number() | Time():
                return name not in self.dates and share_of_numbers(column) > 0.5
            case Category() | Binary():
                return len(column.spellings) <= MOST_LEVELS and name not in self.dates
            case _:
                assert_never(variable)

    def match(self, variable: AnyVariable) -> Match:
        """Say which columns may be a variable's."""
        return self.matches[variable.name]

    def with_levels(self) -> Iterator[tuple[Category | Binary, str]]:
        """Pair the variables with levels with the columns that are surely theirs."""
        for variable in self.plan.variables:
            found = self.match(variable)
            if isinstance(variable, Category | Binary) and found.sure:
                yield variable, found.columns[0]

    def column(self, name: str) -> Column:
        """Give a column by its name."""
        return self.columns[name]


def _opening(plan: Plan, sniffed: Sniffed) -> list[str]:
    """Say what the file is, and that it is a draft."""
    lines = [
        f"# A draft of a mapping to the variables of {quoted(plan.study.id)}, made from the first",
        f"# {sniffed.rows:,} rows of the extract. Read every line; docs/mapping.md explains them.",
    ]
    if sniffed.marked:
        lines.append("# The file begins with a byte order mark, which needs no line here.")
    return lines


def _id_lines(seen: _Seen) -> list[str]:
    if seen.id in DEFAULT_IDS:
        return []
    if seen.id is None:
        return [f"{DECIDE}which column holds the patients' ids?", '# id = "..."']
    return [f"id = {quoted(seen.id)}"]


def _file_lines(seen: _Seen) -> Iterator[str]:
    dialect = seen.sniffed.dialect
    if not seen.sniffed.sure:
        yield f"{DECIDE}bytes do not tell encodings apart: do names and words look right?"
        yield "# Central European files are windows-1250."
    if dialect.encoding != "utf-8":
        yield f"encoding = {quoted(dialect.encoding)}"
    if dialect.separator != ",":
        yield f"separator = {json.dumps(dialect.separator)}"
    signs = decimal_signs(seen.columns.values())
    if signs == {","}:
        yield 'decimal = ","'
    elif len(signs) == 2:
        yield f"{DECIDE}numbers have decimal points and commas: which is it?"
        yield '# decimal = ","'
    if any(text != text.strip() for c in seen.columns.values() for text in c.spellings):
        yield "trim = true"
    yield from _missing_lines(seen)
    yield from _date_lines(seen)


def _missing_lines(seen: _Seen) -> Iterator[str]:
    """Name well-known words, but numbers: those may be measured values."""
    words = [word for word in MISSING_WORDS if not word.lstrip("-").isdigit()]
    used = {name for match in seen.matches.values() for name in match.columns[:1]}
    found = {w for name in used for w in present(seen.column(name), words)}
    if found:
        listed = ", ".join(quoted(word) for word in sorted(found))
        yield f"{DECIDE}which of these words stand for a missing value, and which for a level?"
        yield f"# missing = [{listed}]"


def _date_lines(seen: _Seen) -> Iterator[str]:
    if not seen.dates:
        return
    shared = set.intersection(*(set(forms) for forms in seen.dates.values()))
    if shared == {"YYYY-MM-DD"}:
        return
    if len(shared) == 1:
        yield f"dates = {quoted(shared.pop())} # the only usual form that all dates fit"
        return
    yield f"{DECIDE}03/04/2013 can be 3 April or 4 March: which form do the dates have?"
    forms = shared or {form for found in seen.dates.values() for form in found}
    yield from (f"# dates = {quoted(form)}" for form in sorted(forms))


def _column_lines(seen: _Seen) -> Iterator[str]:
    for variable in seen.plan.variables:
        found = seen.match(variable)
        if found.sure:
            if found.columns[0] != variable.name:
                yield f"{variable.name} = {quoted(found.columns[0])}"
        elif found.columns:
            listed = " or ".join(map(quoted, found.columns))
            yield f"{DECIDE}{variable.name} ({_line(variable.label)}): is it {listed}?"
            yield f"# {variable.name} = {quoted(found.columns[0])}"
        elif not (isinstance(variable, Time) and len(seen.dates) > 1):
            yield f"{DECIDE}{variable.name} ({_line(variable.label)}): which column is it?"
            yield f'# {variable.name} = "..."'


def _unit_lines(seen: _Seen) -> Iterator[str]:
    for variable in seen.plan.variables:
        found = seen.match(variable)
        if isinstance(variable, Number) and found.sure:
            column = found.columns[0]
            named = named_otherwise(variable, column, None)
            counted = _out_of_range(seen, variable, column)
            yield from _factor_lines(variable, named, counted)


def _factor_lines(
    variable: Number, named: Suspicion | None, counted: Suspicion | None
) -> Iterator[str]:
    """State a factor where name and numbers agree on it, and ask where one of them is silent."""
    found = named or counted
    if found is None or found.factor is None:
        return
    line = f"{variable.name} = {found.factor:.6g}"
    if named and counted and np.isclose(found.factor, counted.factor or 0, rtol=0.01):
        yield f"{line} # to {_line(variable.unit)}"
        return
    yield f"{DECIDE}{variable.name}: {_line(found.words)}"
    yield f"# {line}"


def _out_of_range(seen: _Seen, variable: Number, name: str) -> Suspicion | None:
    strays = Strays(seen.plan)
    decimal = "," if decimal_signs([seen.column(name)]) == {","} else "."
    typed = type_column(variable, seen.column(name), Notation(decimal=decimal, trim=True))
    strays.add(variable.name, typed.outside)
    return strays.suspicion(variable.name, int((typed.rules == 0).sum()))


def _day_lines(seen: _Seen) -> list[str]:
    """Offer the dates for times that no column holds."""
    lines: list[str] = []
    times = [v for v in seen.plan.variables if isinstance(v, Time)]
    for variable in times if len(seen.dates) > 1 else ():
        if not seen.match(variable).columns:
            listed = ", ".join(map(quoted, seen.dates))
            lines += [
                f"{DECIDE}{variable.name} ({_line(variable.label)}): from which date to which?",
                f"# The dates are {listed}.",
                f"# [days.{variable.name}]",
                f"# from = {quoted(next(iter(seen.dates)))}",
                '# to = "..."',
            ]
    return lines


def _line(text: str) -> str:
    """Write a plan's text on one line of a comment."""
    return " ".join(text.split())
