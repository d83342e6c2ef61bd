"""The JSON Schema of a plan, in the current draft and in the older one that editors understand.

Taplo, which completes TOML in editors, is documented up to draft 4; pydantic writes draft
2020-12. Both say the same, but for null: TOML has none, so editors are not offered it.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from protocol.plan.model import Plan

Schema = dict[str, Any]

ID = "riskset:plan/1"
"""The schema's own name: an address of no host, so that no tool fetches anything."""

DRAFT_2020_12 = "https://json-schema.org/draft/2020-12/schema"
DRAFT_4 = "http://json-schema.org/draft-04/schema#"
_TITLE = "A plan of riskset"


class _Strict(GenerateJsonSchema):
    """Leave out titles that only repeat the key, and close tables whose keys have a pattern."""

    def dict_schema(self, schema: core_schema.DictSchema) -> Schema:
        """Refuse keys that do not fit, which the plan refuses too."""
        return {**super().dict_schema(schema), "additionalProperties": False}

    def field_title_should_be_set(self, schema: core_schema.CoreSchema) -> bool:
        """Say no for every key."""
        del schema
        return False


def plan_schema() -> Schema:
    """Describe plans in JSON Schema draft 2020-12, with every key's description."""
    made = Plan.model_json_schema(schema_generator=_Strict)
    return {"$schema": DRAFT_2020_12, "$id": ID, **made, "title": _TITLE}


def editor_schema() -> Schema:
    """Describe plans in JSON Schema draft 4, for editors.

    Draft 4 has `definitions` for `$defs`, `items` for `prefixItems`, `enum` for `const`, booleans
    for exclusive limits, and a `$ref` that silences all keys beside it.
    """
    old = _converted(plan_schema())
    del old["$schema"], old["$id"]
    return {"$schema": DRAFT_4, "id": ID, **old}


def schema_text(editor: bool = False) -> str:
    """Write a schema as the text of its file."""
    schema = editor_schema() if editor else plan_schema()
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _converted(schema: Schema) -> Schema:
    """Convert one schema, and those inside it, to draft 4."""
    done: Schema = {}
    for key, value in schema.items():
        done |= _KEYWORDS.get(key, _same(key))(value)
    if len(done.get("anyOf", ())) == 1:
        done |= done.pop("anyOf")[0]
    if "$ref" in done and len(done) > 1:
        done["allOf"] = [{"$ref": done.pop("$ref")}]
    return done


def _same(key: str) -> Callable[[Any], Schema]:
    return lambda value: {key: value}


def _each(key: str) -> Callable[[Mapping[str, Schema]], Schema]:
    return lambda inner: {key: {name: _converted(schema) for name, schema in inner.items()}}


def _some(key: str) -> Callable[[list[Schema]], Schema]:
    return lambda inner: {key: [_converted(schema) for schema in inner if not _null(schema)]}


def _null(schema: Schema) -> bool:
    return schema == {"type": "null"}


def _inner(key: str) -> Callable[[Any], Schema]:
    return lambda inner: {key: _converted(inner) if isinstance(inner, dict) else inner}


def _tuple(inner: list[Schema]) -> Schema:
    return {"items": [_converted(schema) for schema in inner], "additionalItems": False}


_KEYWORDS: Mapping[str, Callable[[Any], Schema]] = {
    "$defs": _each("definitions"),
    "$ref": lambda ref: {"$ref": ref.replace("#/$defs/", "#/definitions/")},
    "properties": _each("properties"),
    "patternProperties": _each("patternProperties"),
    "additionalProperties": _inner("additionalProperties"),
    "prefixItems": _tuple,
    "items": _inner("items"),
    "anyOf": _some("anyOf"),
    "oneOf": _some("oneOf"),
    "const": lambda value: {"enum": [value]},
    "default": lambda value: {} if value is None else {"default": value},
    "discriminator": lambda _: {},
    "exclusiveMinimum": lambda limit: {"minimum": limit, "exclusiveMinimum": True},
    "exclusiveMaximum": lambda limit: {"maximum": limit, "exclusiveMaximum": True},
}
