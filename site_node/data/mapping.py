"""What a hospital calls things: the optional mapping file between its extract and the study.

A mapping renames columns and spells levels; it changes no number. Encodings, separators, units
and dates are not mapped: they get tables of their own here when they are.
"""

import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from protocol.errors import Problem, ProblemsError
from protocol.plan.model import Plan, levels

ID = "\0id"
"""How the column of patients' ids is called among the plan's variables; no variable is so named."""

DEFAULT_IDS = ("patient_id", "id")


class SiteMapping(BaseModel):
    """A hospital's names and spellings."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: str | None = Field(
        default=None, description="The column of the patient's id; default patient_id, else id."
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="The extract's column of a variable of the study."
    )
    levels: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="By variable, the level that a spelling stands for; '' if for a missing value.",
    )

    def column(self, variable: str) -> str:
        """Name the extract's column of a variable."""
        return self.columns.get(variable, variable)


def read_mapping(path: Path, plan: Plan) -> SiteMapping:
    """Read a mapping file and hold it against the plan.

    Raises
    ------
    ProblemsError
        If the file is missing, is not TOML in UTF-8, or names keys, variables or levels that do
        not exist; all of them at once.
    """
    subject = str(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError:
        _refuse(subject, "cannot be read", "give the path of a mapping file, or leave it out")
    except UnicodeDecodeError:
        _refuse(subject, "is not UTF-8", "save the file as UTF-8")
    except tomllib.TOMLDecodeError as error:
        _refuse(subject, f"is not TOML: {error}", "mend the line; see docs/mapping.md")
    except (RecursionError, ValueError):
        rule = "nests too deeply or holds a number with too many digits"
        _refuse(subject, rule, "see docs/mapping.md")
    try:
        mapping = SiteMapping.model_validate(table)
    except ValidationError as error:
        raise ProblemsError(subject, [_shape_problem(e) for e in error.errors()]) from None
    problems = [*_column_problems(mapping, plan), *_level_problems(mapping, plan)]
    if problems:
        raise ProblemsError(subject, problems)
    return mapping


def choose_columns(
    subject: str, header: Sequence[str], plan: Plan, mapping: SiteMapping
) -> dict[str, int]:
    """Find the positions of the id (under `ID`) and of all variables in the header of an extract.

    Raises
    ------
    ProblemsError
        If needed columns are missing or occur twice.
    """
    wanted = {ID: _id_column(header, mapping)}
    wanted |= {variable.name: mapping.column(variable.name) for variable in plan.variables}
    _require_header(subject, header, wanted)
    problems = [
        _column_problem(name, column, header, wanted)
        for name, column in wanted.items()
        if header.count(column) != 1
    ]
    if problems:
        raise ProblemsError(subject, problems)
    return {name: header.index(column) for name, column in wanted.items()}


def did_you_mean(word: str, known: Sequence[str], otherwise: str) -> str:
    """Suggest the nearest known word."""
    # Capitals are a usual difference between two files' names; they do not make words unlike.
    folded = {other.casefold(): other for other in known}
    near = get_close_matches(word.casefold(), folded, n=1)
    return f"did you mean {folded[near[0]]!r}?" if near else otherwise


def _refuse(subject: str, rule: str, fix: str) -> NoReturn:
    raise ProblemsError(subject, [Problem("the file", rule, fix)])


def _id_column(header: Sequence[str], mapping: SiteMapping) -> str:
    if mapping.id is not None:
        return mapping.id
    return next((name for name in DEFAULT_IDS if name in header), DEFAULT_IDS[0])


def _require_header(subject: str, header: Sequence[str], wanted: Mapping[str, str]) -> None:
    """Refuse a first line that may be a patient's: names from it must not be repeated to anybody.

    A header names at least half of the needed columns, but for capitals, blanks and punctuation.
    """
    plain = {_plain(name) for name in header}
    found = sum(_plain(column) in plain for column in wanted.values())
    if 2 * found < len(wanted):
        rule = f"names {found} of the {len(wanted)} columns that the study needs"
        fix = "begin the file with the names of its columns; a mapping file says which is which"
        if len(header) == 1 and ";" in header[0]:
            fix = "save the file with commas between the fields, not semicolons"
        raise ProblemsError(subject, [Problem("line 1", rule, fix)])


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _column_problem(
    name: str, column: str, header: Sequence[str], wanted: Mapping[str, str]
) -> Problem:
    where, times = f"column {column}", header.count(column)
    if times:
        return Problem(where, f"occurs {times} times in the header", "keep the right one")
    key = 'id = "..."' if name == ID else f'[columns] {name} = "..."'
    otherwise = f"add it, or name the right one in a mapping file: {key}"
    free = [other for other in header if other not in wanted.values()]
    alike = [other for other in free if _plain(other) == _plain(column)]
    return Problem(where, "is missing", did_you_mean(column, alike or free, otherwise))


def _shape_problem(error: Any) -> Problem:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = list(SiteMapping.model_fields)
        otherwise = f"the keys are {', '.join(known)}"
        return Problem(where, "is no key of a mapping", did_you_mean(where, known, otherwise))
    wanted = "a table" if error["type"] == "dict_type" else "text in quotation marks"
    return Problem(where, f"has to be {wanted}", "see docs/mapping.md")


def _column_problems(mapping: SiteMapping, plan: Plan) -> list[Problem]:
    return [
        _unknown_variable(f"columns.{name}", name, plan)
        for name in mapping.columns
        if name not in _names(plan)
    ]


def _level_problems(mapping: SiteMapping, plan: Plan) -> list[Problem]:
    problems = []
    for name, spellings in mapping.levels.items():
        if name not in _names(plan):
            problems.append(_unknown_variable(f"levels.{name}", name, plan))
        else:
            problems += _spelling_problems(name, spellings, levels(plan.variable(name)))
    return problems


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


def _unknown_variable(where: str, name: str, plan: Plan) -> Problem:
    suggestion = did_you_mean(name, _names(plan), "use a name of the plan's variables")
    return Problem(where, "is no variable of the plan", suggestion)


def _names(plan: Plan) -> list[str]:
    return [variable.name for variable in plan.variables]
