"""Writes results as files and reads them back: `results.json`, tidy tables, all of them or none.

The JSON Schema of `results.json` follows from the dataclasses of `protocol.results.model` and its
`values`, and lies in `coordinator/report`. Tables are laid out in `coordinator.report.tidy`.
"""

import csv
import io
import json
import math
import re
import shutil
import types
import typing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from coordinator.report.estimates import Table
from coordinator.report.tidy import tidy_tables
from protocol.canonical import Json
from protocol.errors import Exit, FederationError
from protocol.results.model import SCHEMA, Results
from protocol.results.publication.withheld import Withheld

RESULTS = "results.json"
SCHEMA_FILE = Path(__file__).parent / "report" / "results.schema.json"
"""The schema as it is shipped; `results_schema` makes it."""
WITHHELD = re.compile(r"not shown|fewer than [0-9]{1,9}")
"""Words that stand in JSON for a number that a publication does not show."""
DRAFT = "https://json-schema.org/draft/2020-12/schema"


class ResultsFileError(FederationError):
    """A file is no results file of this version."""

    code = "results-file"
    exit = Exit.USAGE
    fix = "give the results.json of a run, as this version of riskset writes it"


def write_results(results: Results, folder: Path) -> tuple[Path, ...]:
    """Write `results.json` and the tidy tables into a folder, made if need be.

    The files appear together once all are written; an interrupted call leaves nothing behind.
    Returns their paths, `results.json` first.
    """
    with staged(folder) as place:
        names = write_into(results, place)
    return tuple(folder / name for name in names)


def write_into(results: Results, folder: Path) -> tuple[str, ...]:
    """Write the same files one by one into a folder that is there; give their names."""
    texts = results_texts(results)
    write_texts(texts, folder)
    return tuple(texts)


def results_texts(results: Results) -> dict[str, str]:
    """Make `results.json` and the tidy tables, name to text."""
    tables = {name: csv_text(table) for name, table in tidy_tables(results).items()}
    return {RESULTS: results_text(results), **tables}


def write_texts(texts: Mapping[str, str], folder: Path) -> None:
    """Write files as they are, without another system's line ends."""
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Give an empty folder whose files move into `folder` together when the block ends well.

    If it ends badly, `folder` is as it was before, or is not there if it was not.
    """
    made = _missing(folder)
    folder.mkdir(parents=True, exist_ok=True)
    place = Path(mkdtemp(prefix=".riskset-", dir=folder))
    try:
        yield place
        for file in sorted(path for path in place.rglob("*") if path.is_file()):
            target = folder / file.relative_to(place)
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)
        made = []
    finally:
        shutil.rmtree(place, ignore_errors=True)
        for empty in made:
            if not any(empty.iterdir()):
                empty.rmdir()


def _missing(folder: Path) -> list[Path]:
    """List the folder and those above it that are not there, the deepest first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def results_text(results: Results) -> str:
    """Write results as JSON: numbers in their shortest exact form, NaN as null."""
    return json.dumps(to_json(results), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_json(value: object) -> Json:
    """Turn dataclasses and tuples into what JSON holds; NaN becomes None, infinity a word."""
    if is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    match value:
        case tuple():
            return [to_json(item) for item in value]
        case Withheld():
            return value.words
        case float() if math.isnan(value):
            return None
        case float() if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        case None | bool() | int() | float() | str():
            return value
        case _:
            raise TypeError(f"results hold no {type(value).__name__}")


def read_results(path: Path) -> Results:
    """Read a `results.json` back, number for number.

    Raises
    ------
    ResultsFileError
        If the file cannot be read, is no JSON, or has another shape or version.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise ResultsFileError(f"{path}: cannot be read as JSON") from None
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise ResultsFileError(f"{path}: is no file of schema {SCHEMA}")
    try:
        found = from_json(data)
    except ValueError as error:
        raise ResultsFileError(f"{path}: {error}") from None
    if _hides(found):
        raise ResultsFileError(f"{path}: is of an edition for publication, which hides numbers")
    return found


def from_json(data: object) -> Results:
    """Build results from what `to_json` made of them, at full precision or reduced.

    Raises
    ------
    ValueError
        If the data have another shape.
    """
    return _built(Results, data)


def _hides(value: object) -> bool:
    """Tell whether words stand anywhere for a number."""
    if is_dataclass(value):
        return any(_hides(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, tuple):
        return any(map(_hides, value))
    return isinstance(value, Withheld)


class _ShapeError(ValueError):
    """A value has not the shape that the results model asks for."""


T = TypeVar("T")


def _built(kind: type[T], data: object) -> T:
    value: T = _value(kind, data, "results")
    return value


def _value(kind: Any, data: object, where: str) -> Any:
    """Build a value of a type of the results model from what JSON held."""
    if kind is float:
        return _number(data, where)
    if kind is int and isinstance(data, str):
        return _words(data, where, "int")
    if kind in (int, str, bool):
        if type(data) is not kind:
            raise _ShapeError(f"{where}: is no {kind.__name__}")
        return data
    if get_origin(kind) in (types.UnionType, typing.Union):
        return None if data is None else _value(_optional(kind), data, where)
    if get_origin(kind) is tuple:
        if not isinstance(data, list):
            raise _ShapeError(f"{where}: is no list")
        return tuple(_value(get_args(kind)[0], item, where) for item in data)
    return _record(kind, data, where)


def _number(data: object, where: str) -> float:
    if data is None:
        return math.nan
    if data in ("Infinity", "-Infinity"):
        return float(str(data))
    if isinstance(data, str):
        return _words(data, where, "number")
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise _ShapeError(f"{where}: is no number")
    return float(data)


def _words(data: str, where: str, kind: str) -> Withheld:
    """Read the words that stand for a number that a publication does not show."""
    if not WITHHELD.fullmatch(data):
        raise _ShapeError(f"{where}: is no {kind}")
    return Withheld(data)


def _record(kind: Any, data: object, where: str) -> Any:
    hints = _fields(kind)
    if not isinstance(data, Mapping) or data.keys() != hints.keys():
        raise _ShapeError(f"{where}: has other keys than {', '.join(hints)}")
    values = {name: _value(hint, data[name], f"{where}.{name}") for name, hint in hints.items()}
    return (get_origin(kind) or kind)(**values)


def _optional(kind: Any) -> Any:
    """Find what a value is when it is not None."""
    return next(option for option in get_args(kind) if option is not type(None))


def _fields(kind: Any) -> dict[str, Any]:
    """List a dataclass's fields with their types; those of a `Pair[X]` are X."""
    base = get_origin(kind) or kind
    arguments = get_args(kind)
    hints = get_type_hints(base)
    return {field.name: arguments[0] if arguments else hints[field.name] for field in fields(base)}


def results_schema() -> Json:
    """Describe `results.json` as a JSON Schema, draft 2020-12."""
    definitions: dict[str, Json] = {}
    top = _schema(Results, definitions)
    return {"$schema": DRAFT, "title": SCHEMA, **_mapping(top), "$defs": definitions}


def schema_text() -> str:
    """Write the schema as the file that is shipped."""
    return json.dumps(results_schema(), indent=1, ensure_ascii=False) + "\n"


def _mapping(value: Json) -> Mapping[str, Json]:
    if not isinstance(value, Mapping):
        raise TypeError("a schema is an object")
    return value


def _schema(kind: Any, definitions: dict[str, Json]) -> Json:
    plain = {int: "integer", str: "string", bool: "boolean"}
    if kind is float:
        infinite: Json = {"enum": ["Infinity", "-Infinity"]}
        return {"anyOf": [{"type": ["number", "null"]}, infinite]}
    if kind in plain:
        return {"type": plain[kind]}
    if get_origin(kind) in (types.UnionType, typing.Union):
        return {"anyOf": [_schema(_optional(kind), definitions), {"type": "null"}]}
    if get_origin(kind) is tuple:
        return {"type": "array", "items": _schema(get_args(kind)[0], definitions)}
    name = _definition_name(kind)
    if name not in definitions:
        definitions[name] = {}  # holds the place in the order of first use
        definitions[name] = _object(kind, definitions)
    return {"$ref": f"#/$defs/{name}"}


def _object(kind: Any, definitions: dict[str, Json]) -> Json:
    hints = _fields(kind)
    return {
        "type": "object",
        "description": ((get_origin(kind) or kind).__doc__ or "").split("\n")[0],
        "properties": {name: _schema(hint, definitions) for name, hint in hints.items()},
        "required": list(hints),
        "additionalProperties": False,
    }


def _definition_name(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return f"{_definition_name(get_args(kind)[0])}s"
    inner = "".join(_definition_name(argument).capitalize() for argument in get_args(kind))
    return f"{(get_origin(kind) or kind).__name__}{f'Of{inner}' if inner else ''}"


def csv_text(table: Table) -> str:
    """Write a table as RFC 4180, numbers in their shortest exact form and NaN as nothing."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.header)
    writer.writerows([_cell(value) for value in row] for row in table.rows)
    return out.getvalue()


def _cell(value: str | float | None) -> str:
    if isinstance(value, Withheld):
        return value.words
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(value) if isinstance(value, float) else str(value)
