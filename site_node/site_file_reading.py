"""Reads `site.toml` as it stands, and says everything that is wrong in it."""

import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from protocol.errors import Problem, ProblemsError
from site_node.site_file import TABLES, SiteFile

HELP = "see deploy/site.example.toml"


def read_site_file(path: Path) -> SiteFile:
    """Read `site.toml` as it stands.

    Raises
    ------
    ProblemsError
        If the file is missing, is not TOML, lacks a key, or has one that does not exist or holds
        the wrong kind of value; all of them at once.
    """
    subject = str(path)
    table = _table(path)
    try:
        said = SiteFile.model_validate(table)
    except ValidationError as error:
        raise ProblemsError(subject, [_problem(e) for e in error.errors()]) from None
    if problems := [*_twice(said), *_without_superlink(said)]:
        raise ProblemsError(subject, problems)
    return said


def _table(path: Path) -> dict[str, Any]:
    subject = str(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError:
        refuse(subject, "cannot be read", "give the path of the node's site.toml")
    except UnicodeDecodeError:
        refuse(subject, "is not UTF-8", "save the file as UTF-8")
    except tomllib.TOMLDecodeError as error:
        refuse(subject, f"is not TOML: {error}", f"mend the line; {HELP}")
    except (RecursionError, ValueError):
        refuse(subject, "nests too deeply or holds a number with too many digits", HELP)


def refuse(subject: str, rule: str, fix: str) -> NoReturn:
    """Say what is wrong with a whole file."""
    raise ProblemsError(subject, [Problem("the file", rule, fix)])


def _twice(said: SiteFile) -> list[Problem]:
    """Report what stands twice, and the hospital as its own acquaintance."""
    known = [site.id for site in said.known_sites]
    plans = [plan.digest for plan in said.plans]
    keys = [one.key for one in said.approval.operators]
    before, once = "is named before", "keep one entry for each"
    problems = [
        *(Problem(f"known_sites.{k}.id", f"{known[k]} {before}", once) for k in _again(known)),
        *(Problem(f"plans.{k}.digest", f"the plan {before}", once) for k in _again(plans)),
        *(
            Problem(f"approval.operators.{k}.key", "is another operator's", "make one key each")
            for k in _again(keys)
        ),
    ]
    if said.site in known:
        rule = "is the hospital itself"
        problems.append(Problem("known_sites", rule, "name other hospitals only"))
    return problems


def _again(values: Sequence[str]) -> list[int]:
    """Find the places of values that stand before already."""
    return [place for place, one in enumerate(values) if one in values[:place]]


def _without_superlink(said: SiteFile) -> list[Problem]:
    if said.carrier == "flower" and said.flower is None:
        return [Problem("flower", "is missing, and carrier is flower", "name [flower] superlink")]
    return []


def _problem(error: Any) -> Problem:
    where = ".".join(str(part) for part in error["loc"])
    kind, told = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        known = _keys(error["loc"][:-1])
        return Problem(where, "is no key of site.toml", _nearest(str(error["loc"][-1]), known))
    if kind == "missing":
        return Problem(where, "is missing", HELP)
    if kind == "value_error":
        return Problem(where, str(told["error"]), HELP)
    bound = told.get("ge", told.get("le", ""))
    wanted = {"literal_error": f"one of {told.get('expected')}", **_SHAPES}.get(kind, "otherwise")
    return Problem(where, f"has to be {wanted} {bound}".rstrip(), HELP)


def _nearest(word: str, known: list[str]) -> str:
    near = get_close_matches(word.casefold(), known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(known)}"


def _keys(table: tuple[str | int, ...]) -> list[str]:
    """List the keys of the table at a place."""
    return list((TABLES[str(table[0])] if table else SiteFile).model_fields)


_SHAPES = {
    "bool_type": "true or false",
    "dict_type": "a table",
    "greater_than_equal": "a whole number of at least",
    "int_type": "a whole number",
    "less_than_equal": "a whole number of at most",
    "model_type": "a table",
    "string_too_short": "text that is not empty",
    "string_type": "text in quotation marks",
    "tuple_type": "a list of tables, each under its own [[...]]",
}
