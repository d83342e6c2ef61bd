"""Protocol messages as canonical JSON and back: bytes in hex, one encoding a value.

Auditors read these files without this software; the shape is that of the dataclasses.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from protocol.canonical import Json, canonical_json
from protocol.errors import Exit, FederationError

T = TypeVar("T")


class BundleError(FederationError):
    """A file is no bundle, or a part of it is not what it has to be."""

    code = "bundle"
    exit = Exit.TAMPERING
    fix = "fetch the bundle again from whoever published it, and tell them if it fails again"


def plain(value: object) -> Json:
    """Turn a message into what JSON holds."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    match value:
        case bytes():
            return value.hex()
        case tuple() | list():
            return [plain(item) for item in value]
        case int() | str():
            return value
        case _:
            raise TypeError(f"messages hold no {type(value).__name__}")


def written(value: object) -> bytes:
    """Write a message as canonical JSON."""
    return canonical_json(plain(value))


def parsed(raw: bytes, member: str) -> Any:
    """Read JSON that was written canonically.

    Raises
    ------
    BundleError
        If it is no JSON, or not in its one encoding.
    """
    try:
        data = json.loads(raw)
        same = canonical_json(data) == raw
    except (ValueError, RecursionError):
        raise BundleError(f"{member}: is no JSON") from None
    if not same:
        raise BundleError(f"{member}: is not in its one encoding")
    return data


def read(kind: type[T], raw: bytes, member: str) -> T:
    """Read a message of one type back, and nothing but it.

    Raises
    ------
    BundleError
        If the member holds anything else.
    """
    data = parsed(raw, member)
    try:
        value: T = _value(kind, data)
    except (TypeError, ValueError):
        raise BundleError(f"{member}: does not hold what a bundle has there") from None
    if written(value) != raw:
        raise BundleError(f"{member}: is not in its one encoding")
    return value


def _value(kind: Any, data: object) -> Any:
    """Build a value of a type from what JSON held; a ValueError where it has another shape."""
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        names = [field.name for field in fields(kind)]
        if not isinstance(data, Mapping) or data.keys() != set(names):
            raise ValueError("other keys")
        return kind(**{name: _value(hints[name], data[name]) for name in names})
    if get_origin(kind) is tuple:
        return _tuple(get_args(kind), data)
    if get_origin(kind) is Literal:
        if data not in get_args(kind):
            raise ValueError("another word")
        return data
    base = getattr(kind, "__supertype__", kind)  # a NewType such as SiteId
    if base is bytes and isinstance(data, str):
        return bytes.fromhex(data)
    if base not in (int, str, bool) or type(data) is not base:
        raise ValueError("another type")
    return data


def _tuple(kinds: Sequence[Any], data: object) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise TypeError("no list")
    if kinds[-1] is Ellipsis:
        return tuple(_value(kinds[0], item) for item in data)
    if len(kinds) != len(data):
        raise ValueError("another length")
    return tuple(_value(kind, item) for kind, item in zip(kinds, data, strict=True))
