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
    if not set(wanted.values()) & set(header):
        # No names are suggested: the first line may be a patient's.
        raise ProblemsError(subject, [_no_header(header)])
    problems = [
        _column_problem(name, column, header)
        for name, column in wanted.items()
        if header.count(column) != 1
    ]
    if problems:
        raise ProblemsError(subject, problems)
    return {name: header.index(column) for name, column in wanted.items()}


def did_you_mean(word: str, known: Sequence[str], otherwise: str) -> str:
    """Suggest the nearest known word."""
    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else otherwise


def _refuse(subject: str, rule: str, fix: str) -> NoReturn:
    raise ProblemsError(subject, [Problem("the file", rule, fix)])


def _id_column(header: Sequence[str], mapping: SiteMapping) -> str:
    if mapping.id is not None:
        return mapping.id
    return next((name for name in DEFAULT_IDS if name in header), DEFAULT_IDS[0])


def _no_header(header: Sequence[str]) -> Problem:
    rule = "names none of the study's columns"
    if len(header) == 1 and ";" in header[0]:
        return Problem("line 1", rule, "save the file with commas, not semicolons")
    return Problem("line 1", rule, "begin the file with the names of its columns")


def _column_problem(name: str, column: str, header: Sequence[str]) -> Problem:
    if column in header:
        times = header.count(column)
        return Problem(
            f"column {column}", f"occurs {times} times in the header", "keep the right one"
        )
    key = 'id = "..."' if name == ID else f"[columns] {name} = ..."
    suggestion = did_you_mean(column, header, f"add it, or name the right one in a mapping: {key}")
    return Problem(f"column {column}", "is missing", suggestion)


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
