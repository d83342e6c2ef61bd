"""How things are written to be hashed and signed; and the refusal of a case."""

import hashlib
import json
from typing import Any


class Refused(Exception):  # noqa: N818
    """The case must not pass; the text is the stable code of the refusal."""


def need(condition: object, code: str) -> None:
    if not condition:
        raise Refused(code)


def u32(number: int) -> bytes:
    need(0 <= number < 2**32, "value")
    return number.to_bytes(4, "little")


def lp(*parts: bytes | str) -> bytes:
    out = b""
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        out += len(raw).to_bytes(4, "little") + raw
    return out


def tagged(*parts: bytes | str) -> bytes:
    return hashlib.sha256(lp("SITESUM-1", *parts)).digest()


def compact(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
