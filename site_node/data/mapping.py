"""Reads a mapping file: the optional table between a hospital's extract and the study.

`mapping_model` has its keys, `mapping_check` holds it against a plan.
"""

import re
import tomllib
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from protocol.errors import Problem, ProblemsError
from protocol.plan.model import Plan
from site_node.data.mapping_check import did_you_mean, mapping_problems
from site_node.data.mapping_model import DayCount, FileFormat, SiteMapping, Table

HELP = "see docs/mapping.md"


def read_mapping(path: Path, plan: Plan) -> SiteMapping:
    """Read a mapping file and hold it against the plan.

    Raises
    ------
    ProblemsError
        If the file is missing, is not TOML in UTF-8, names keys, variables or levels that do not
        exist, or says two things of one; all of them at once.
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
        _refuse(subject, rule, HELP)
    try:
        mapping = SiteMapping.model_validate(table)
    except ValidationError as error:
        raise ProblemsError(subject, [_shape_problem(e) for e in error.errors()]) from None
    if problems := mapping_problems(mapping, plan):
        raise ProblemsError(subject, problems)
    return mapping


def _refuse(subject: str, rule: str, fix: str) -> NoReturn:
    raise ProblemsError(subject, [Problem("the file", rule, fix)])


def _shape_problem(error: Any) -> Problem:
    """Say which key has a wrong name or shape."""
    where = ".".join(str(part) for part in error["loc"])
    kind, told = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        known = _keys(error["loc"][:-1])
        fix = did_you_mean(str(error["loc"][-1]), known, f"the keys are {', '.join(known)}")
        return Problem(where, "is no key of a mapping", fix)
    if kind == "missing":
        return Problem(where, "is missing", HELP)
    if kind == "value_error":
        return Problem(where, str(told["error"]), HELP)
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", told["expected"])
        fix = did_you_mean(str(error["input"]), known, HELP)
        return Problem(where, f"has to be one of {told['expected']}", fix)
    return Problem(where, f"has to be {_SHAPES.get(kind, 'otherwise')}", HELP)


def _keys(table: tuple[str | int, ...]) -> list[str]:
    """List the keys of the table at a place."""
    models: dict[str, type[Table]] = {"file": FileFormat, "days": DayCount}
    fields = (models[str(table[0])] if table else SiteMapping).model_fields
    return [field.alias or name for name, field in fields.items()]


_SHAPES = {
    "dict_type": "a table",
    "model_type": "a table",
    "tuple_type": "a list of texts in quotation marks",
    "string_type": "text in quotation marks",
    "bool_type": "true or false",
    "float_type": "a number",
    "greater_than": "a number above 0",
    "less_than_equal": "a number of at most 1,000,000,000",
    "finite_number": "a finite number",
}
