"""Finds the columns that the study needs in the header of an extract.

Names are compared letter by letter, but for letters that Unicode can write in two ways.
"""

import unicodedata
from collections.abc import Mapping, Sequence

from protocol.errors import Problem, ProblemsError
from protocol.plan.model import Plan
from site_node.data.mapping_check import did_you_mean
from site_node.data.mapping_model import SiteMapping

ID = "\0id"
"""How the column of patients' ids is called among the plan's variables; no variable is so named."""

DEFAULT_IDS = ("patient_id", "id")


def start_of(variable: str) -> str:
    """Name the date that a variable's days count from; no variable is so named."""
    return f"\0from {variable}"


def end_of(variable: str) -> str:
    """Name the date that a variable's days count to; no variable is so named."""
    return f"\0to {variable}"


def choose_columns(
    subject: str, header: Sequence[str], plan: Plan, mapping: SiteMapping
) -> dict[str, int]:
    """Find the positions of the id (under `ID`) and of all variables in the header of an extract.

    A variable that is counted from dates has two, under `start_of` and `end_of`.

    Raises
    ------
    ProblemsError
        If needed columns are missing or occur twice.
    """
    names = [_name(name, mapping) for name in header]
    wanted = {ID: _id_column(names, mapping)} | wanted_columns(plan, mapping)
    wanted = {name: _name(column, mapping) for name, column in wanted.items()}
    _require_header(subject, names, wanted, mapping)
    problems = [
        _column_problem(name, column, names, wanted)
        for name, column in wanted.items()
        if names.count(column) != 1
    ]
    if problems:
        # One date may be missing for several times.
        raise ProblemsError(subject, list(dict.fromkeys(problems)))
    return {name: names.index(column) for name, column in wanted.items()}


def wanted_columns(plan: Plan, mapping: SiteMapping) -> dict[str, str]:
    """Name the columns of all variables in the hospital's words."""
    wanted: dict[str, str] = {}
    for variable in plan.variables:
        if days := mapping.days.get(variable.name):
            wanted |= {start_of(variable.name): days.start, end_of(variable.name): days.end}
        else:
            wanted[variable.name] = mapping.column(variable.name)
    return wanted


def plain(name: str) -> str:
    """Leave of a name what capitals, blanks and punctuation do not change."""
    return "".join(sign for sign in name.casefold() if sign.isalnum())


def _name(name: str, mapping: SiteMapping) -> str:
    """Write composed letters one way (NFC), and take off blanks where the hospital asks for it."""
    whole = unicodedata.normalize("NFC", name)
    return whole.strip() if mapping.file.trim else whole


def _id_column(header: Sequence[str], mapping: SiteMapping) -> str:
    if mapping.id is not None:
        return mapping.id
    return next((name for name in DEFAULT_IDS if name in header), DEFAULT_IDS[0])


def _require_header(
    subject: str, header: Sequence[str], wanted: Mapping[str, str], mapping: SiteMapping
) -> None:
    """Refuse a first line that may be a patient's: names from it must not be repeated to anybody.

    A header names at least half of the needed columns, but for capitals, blanks and punctuation.
    """
    there = {plain(name) for name in header}
    found = sum(plain(column) in there for column in wanted.values())
    if 2 * found < len(wanted):
        rule = f"names {found} of the {len(wanted)} columns that the study needs"
        fix = "begin the file with the names of its columns; a mapping file says which is which"
        others = [sign for sign in ";\t|," if sign != mapping.file.separator]
        if len(header) == 1 and (signs := [sign for sign in others if sign in header[0]]):
            sign = signs[0].replace("\t", "\\t")
            fix = f'say in a mapping file what stands between fields: [file] separator = "{sign}"'
        raise ProblemsError(subject, [Problem("line 1", rule, fix)])


def _column_problem(
    name: str, column: str, header: Sequence[str], wanted: Mapping[str, str]
) -> Problem:
    where, times = f"column {column}", header.count(column)
    if times:
        return Problem(where, f"occurs {times} times in the header", "keep the right one")
    key = 'id = "..."' if name == ID else f'[columns] {name} = "..."'
    if name.startswith("\0") and name != ID:
        key = f'[days.{name.split(" ")[1]}] from = "...", to = "..."'
    otherwise = f"add it, or name the right one in a mapping file: {key}"
    free = [other for other in header if other not in wanted.values()]
    alike = [other for other in free if plain(other) == plain(column)]
    return Problem(where, "is missing", did_you_mean(column, alike or free, otherwise))
