"""A plan's text to a plan, or to everything that is wrong with it, in sentences.

Reads TOML, and JSON where the text begins with a brace. Nothing in a plan is executed, and a
value is never bent into another type: "3" is no number and true is no 1.
"""

import json
import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from protocol import PROGRAM_VERSION
from protocol.errors import Problem, ProblemsError
from protocol.plan.check import check
from protocol.plan.digest import canonical
from protocol.plan.model import Plan
from protocol.plan.sentences import Loc, problem, where

MAX_BYTES = 1_000_000
MAX_SHOWN = 200
"""Beyond this many problems the file is another kind of file, and the rest helps nobody."""

MAX_DOTS = 200
"""Most dots in one line of TOML: far more than any text, and than any key."""

_LINE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


class _DuplicateKeyError(ValueError):
    """A JSON object holds a key twice, which readers understand differently."""


def plan_text(raw: bytes, source: str) -> str:
    """Decode a plan's file: UTF-8, with or without the mark that some editors put in front.

    Raises
    ------
    ProblemsError
        If the bytes are no UTF-8, or more than `MAX_BYTES`.
    """
    if len(raw) > MAX_BYTES:
        raise ProblemsError(source, [_not_a_file("is larger than 1 MB; no plan is")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ProblemsError(source, [_not_a_file("is not UTF-8 text")]) from None


def read_plan(text: str, source: str) -> Plan:
    """Read a plan from TOML or JSON. `source` is how errors call the file.

    Raises
    ------
    ProblemsError
        If the text is no TOML, or the plan has wrong keys, wrong values, or keys that do not fit
        each other; with all problems that can be found together.
    """
    return _plan(_data(text, source), source)


def read_canonical(sent: bytes) -> Plan:
    """Read the bytes that `canonical` wrote, as they come from another party.

    Raises
    ------
    ProblemsError
        If another program wrote them, or they are not the one way to write their plan.
    """
    source = "the plan sent"
    text = plan_text(sent, source)
    data = _data(text if text.startswith("{") else "{}", source)
    if data.get("program") != PROGRAM_VERSION:
        fix = "install the version of riskset that the coordinating centre uses"
        rule = f"the plan is not for version {PROGRAM_VERSION} of the study program"
        _stop(source, [Problem("program", rule, fix)])
    plan = _plan(data.get("plan"), source)
    if canonical(plan) != sent:
        rule = "these bytes are not the plan's canonical form"
        _stop(source, [Problem("plan", rule, "ask for the plan again")])
    return plan


def _plan(data: object, source: str) -> Plan:
    try:
        _stop(source, [*_odd_values(data, (), data)])
        # By way of JSON, so that arrays become tuples and nothing else is converted.
        plan = Plan.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems = [sentence for e in found if (sentence := problem(e, data)) is not None]
        raise ProblemsError(source, problems[:MAX_SHOWN]) from None
    except RecursionError:
        # Keys with dots nest without a bracket, which no parser minds.
        raise _beyond_python(source) from None
    _stop(source, check(plan))
    return plan


def _stop(source: str, problems: list[Problem]) -> None:
    if problems:
        raise ProblemsError(source, problems[:MAX_SHOWN])


def _not_a_file(rule: str, line: str | None = None) -> Problem:
    place = f"line {line}" if line else "the file"
    return Problem(place, rule, "compare with the output of 'riskset plan new'")


def _data(text: str, source: str) -> dict[str, Any]:
    """Parse the text into plain data, or say in which line it stops being TOML or JSON."""
    if len(text) > MAX_BYTES:
        raise ProblemsError(source, [_not_a_file("is larger than 1 MB; no plan is")])
    try:
        data = _json(text) if text.lstrip().startswith("{") else _toml(text)
    except json.JSONDecodeError as error:
        rule = f"this is no JSON: {error.msg.lower()}"
        raise ProblemsError(source, [_not_a_file(rule, str(error.lineno))]) from None
    except tomllib.TOMLDecodeError as error:
        raise ProblemsError(source, [_toml_problem(str(error), text)]) from None
    except _DuplicateKeyError as error:
        raise ProblemsError(source, [_not_a_file(str(error))]) from None
    except (RecursionError, ValueError):
        # Python's own limits: nesting, and the length of a number.
        raise _beyond_python(source) from None
    return data


def _toml(text: str) -> dict[str, Any]:
    # A parser's time grows with the square of the dots in a key, and a plan may be a stranger's.
    if any(line.count(".") > MAX_DOTS for line in text.splitlines()):
        raise RecursionError
    return tomllib.loads(text)


def _beyond_python(source: str) -> ProblemsError:
    rule = "nests too deeply or holds a number with too many digits"
    return ProblemsError(source, [_not_a_file(rule)])


def _json(text: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(text, object_pairs_hook=_distinct)
    return data


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise _DuplicateKeyError("a key stands twice in the same table")
    return table


def _toml_problem(message: str, text: str) -> Problem:
    found = _LINE.search(message)
    at_end = str(text.count("\n") + 1)
    line = (found.group(1) or at_end) if found else at_end
    said = _LINE.sub("", message)
    return _not_a_file(f"this is no TOML: {said[:1].lower()}{said[1:]}", line)


def _odd_values(value: object, loc: Loc, data: object) -> Iterator[Problem]:
    """Find what no key of a plan may hold: dates, and characters that print as something else."""
    match value:
        case Mapping():
            for key, inner in value.items():
                yield from _odd_values(inner, (*loc, key), data)
                if _unsafe(key):
                    yield _unsafe_problem(loc, data)
        case list():
            for index, inner in enumerate(value):
                yield from _odd_values(inner, (*loc, index), data)
        case str():
            if _unsafe(value):
                yield _unsafe_problem(loc, data)
        case bool() | int() | float():
            return
        case None:
            return
        case _:
            fix = "put it in quotes if it is text; a plan holds no dates"
            yield Problem(where(loc, data), "is a date or a time of day", fix)


def _unsafe(text: str) -> bool:
    """Tell control, format (such as right-to-left) and private characters, and split accents.

    A reviewer reads these texts on a screen: what is shown must be what is signed.
    """
    odd = any(unicodedata.category(character)[0] == "C" for character in text)
    return odd or not unicodedata.is_normalized("NFC", text)


def _unsafe_problem(loc: Loc, data: object) -> Problem:
    rule = "holds a line break, an invisible character, or an accent apart from its letter"
    return Problem(where(loc, data), rule, "type the text anew on one line")
