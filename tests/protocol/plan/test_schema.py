"""Both schemas accept the packaged plans, refuse broken ones, and are what the package ships."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protocol.plan.digest import canonical
from protocol.plan.model import Plan
from protocol.plan.read import read_plan
from protocol.plan.schema import DRAFT_4, editor_schema, plan_schema
from riskset.plans import Builtin, read_builtin, read_schema

PLANS = Path(__file__).parents[2] / "data" / "plans"
BASE = (PLANS / "base.toml").read_text()
NEW, OLD = plan_schema(), editor_schema()
KINDS: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "null": type(None),
    "integer": int,
    "boolean": bool,
    "number": (int, float),
}


def fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """Validate by the keywords that the two schemas use; an unknown keyword is a KeyError."""
    keys = sorted(schema, key=lambda key: key != "type")  # the others suppose that it fits
    return all(_KEYWORDS[key](value, schema[key], schema, root) for key in keys)


def _ref(value: Any, ref: str, schema: Any, root: Any) -> bool:
    if "$defs" not in root:
        assert len(schema) == 1, "draft 4 reads nothing beside $ref"
    here = root
    for step in ref.removeprefix("#/").split("/"):
        here = here[step]
    return fits(value, here, root)


def _type(value: Any, kind: str, schema: Any, root: Any) -> bool:
    return isinstance(value, KINDS[kind]) and isinstance(value, bool) == (kind == "boolean")


def _properties(value: Any, inner: Any, schema: Any, root: Any) -> bool:
    return all(fits(value[key], inner[key], root) for key in inner if key in value)


def _patterns(value: Any, inner: Any, schema: Any, root: Any) -> bool:
    pairs = [(v, s) for k, v in value.items() for p, s in inner.items() if re.search(p, k)]
    return all(fits(v, s, root) for v, s in pairs)


def _additional(value: Any, allowed: Any, schema: Any, root: Any) -> bool:
    assert allowed is False
    patterns = schema.get("patternProperties", {})
    known = schema.get("properties", {})
    return all(k in known or any(re.search(p, k) for p in patterns) for k in value)


def _items(value: Any, inner: Any, schema: Any, root: Any) -> bool:
    each = inner if isinstance(inner, list) else [inner] * len(value)
    return all(fits(v, s, root) for v, s in zip(value, each, strict=False))


def _minimum(value: Any, limit: Any, schema: Any, root: Any) -> bool:
    return bool(value > limit if schema.get("exclusiveMinimum") is True else value >= limit)


def _above(value: Any, limit: Any, schema: Any, root: Any) -> bool:
    return limit is True or bool(value > limit)


def _ok(*_: Any) -> bool:
    return True


_KEYWORDS: dict[str, Any] = {
    "$ref": _ref,
    "type": _type,
    "properties": _properties,
    "patternProperties": _patterns,
    "additionalProperties": _additional,
    "items": _items,
    "prefixItems": _items,
    "minimum": _minimum,
    "exclusiveMinimum": _above,
    "maximum": lambda v, limit, *_: v <= limit,
    "required": lambda v, keys, *_: all(key in v for key in keys),
    "minItems": lambda v, n, *_: len(v) >= n,
    "maxItems": lambda v, n, *_: len(v) <= n,
    "additionalItems": lambda v, _no, s, _: len(v) <= len(s["items"]),
    "minLength": lambda v, n, *_: len(v) >= n,
    "maxLength": lambda v, n, *_: len(v) <= n,
    "pattern": lambda v, p, *_: re.search(p, v) is not None,
    "enum": lambda v, allowed, *_: v in allowed,
    "const": lambda v, only, *_: v == only,
    "allOf": lambda v, inner, _, r: all(fits(v, one, r) for one in inner),
    "anyOf": lambda v, inner, _, r: any(fits(v, one, r) for one in inner),
    "oneOf": lambda v, inner, _, r: sum(fits(v, one, r) for one in inner) == 1,
}
for _said in ("$schema", "$id", "id", "title", "description", "default", "$defs", "definitions"):
    _KEYWORDS[_said] = _ok
_KEYWORDS["discriminator"] = _ok


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Walk all schemas inside a schema."""
    if isinstance(schema, dict):
        yield schema
    for inner in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(inner, dict | list):
            yield from nodes(inner)


def tables(schema: Any) -> list[dict[str, Any]]:
    return [node for node in nodes(schema) if node.get("type") == "object"]


@pytest.mark.parametrize("schema", [NEW, OLD], ids=["2020-12", "draft-4"])
@pytest.mark.parametrize("name", ["crlm", "template"])
def test_packaged_plans_fit(name: Builtin, schema: dict[str, Any]) -> None:
    assert fits(tomllib.loads(read_builtin(name)), schema, schema)


def test_canonical_form_fits_the_current_draft() -> None:
    sent = canonical(read_plan(BASE, "base.toml"))
    assert fits(json.loads(sent)["plan"], NEW, NEW)


@pytest.mark.parametrize("schema", [NEW, OLD], ids=["2020-12", "draft-4"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 1", "version = 2"),
        ('id = "base"', 'id = "a b"'),
        ('title = "A small plan that is right"', 'title = ""'),
        ("centre = 60", "center = 60"),
        ("centre = 60", 'centre = "60"'),
        ("range = [0, 50]", "range = [0, 50, 60]"),
        ("range = [0, 50]", "range = [0]"),
        ("expected_treated = 200", "expected_treated = 0"),
        ("expected_treated = 200", "expected_treated = true"),
        ("max_patients_per_hospital = 1000", "max_patients_per_hospital = 1000000000"),
        ('profile = "exact"', 'profile = "loose"'),
        ('type = "time-to-event"', 'type = "survival"'),
        ('competing = { other = ["other"] }', 'competing = { "a b" = ["other"] }'),
        ('competing = { other = ["other"] }', 'competing = { other = "other" }'),
        ('levels = ["new", "old", "none"]', 'levels = ["new"]'),
    ],
)
def test_broken_plans_do_not_fit(old: str, new: str, schema: dict[str, Any]) -> None:
    assert old in BASE
    assert fits(tomllib.loads(BASE), schema, schema)
    assert not fits(tomllib.loads(BASE.replace(old, new)), schema, schema)


def test_editor_schema_has_no_later_keyword() -> None:
    later = {"$defs", "$id", "prefixItems", "const", "discriminator", "propertyNames"}
    for node in nodes(OLD):
        # Keys of `properties` are a plan's own, and none of them is called like a keyword.
        assert not later & node.keys()
        assert node.get("default", "") is not None
        assert isinstance(node.get("exclusiveMinimum", True), bool)
        assert node != {"type": "null"}
    assert OLD["$schema"] == DRAFT_4


def test_every_key_has_a_description() -> None:
    found = 0
    for table in tables(NEW):
        for key, inner in table.get("properties", {}).items():
            target = inner.get("$ref", "").removeprefix("#/$defs/")
            assert "description" in (NEW["$defs"][target] if target else inner), key
            found += 1
    assert found > len(Plan.model_fields)


def test_tables_are_closed() -> None:
    assert all(table["additionalProperties"] is False for table in tables(OLD))
    assert len(tables(OLD)) == len(OLD["definitions"]) + 2  # the plan, and competing causes


def test_shipped_files_are_fresh() -> None:
    """To write them anew: `riskset plan schema`, with and without `--editor`."""
    assert json.loads(read_schema()) == NEW
    assert json.loads(read_schema(editor=True)) == OLD


def test_schema_line_of_packaged_plans_names_the_shipped_file() -> None:
    for name in ("crlm", "template"):
        first = read_builtin(name).splitlines()[0]
        assert first == "#:schema ./plan.editor.schema.json"
