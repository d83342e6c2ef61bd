"""One encoding per value: what is hashed, signed and compared byte for byte (SPEC 1)."""

import hashlib
import json
from collections.abc import Mapping, Sequence

SUITE = "SITESUM-1"
DIGEST_SIZE = 32

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
"""What canonical JSON may hold."""


def lp(*parts: bytes | str) -> bytes:
    """Join parts, each behind its length as u32 little-endian, so that no two lists collide."""
    raw = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join(len(part).to_bytes(4, "little") + part for part in raw)


def digest(tag: str, *parts: bytes | str) -> bytes:
    """Hash parts under a tag: H(tag, ...) = SHA256(lp("SITESUM-1", tag, ...)), 32 bytes."""
    return hashlib.sha256(lp(SUITE, tag, *parts)).digest()


def canonical_json(value: Json) -> bytes:
    """Write JSON with sorted keys, no spaces, UTF-8, and floats in their shortest exact form.

    Raises
    ------
    ValueError
        If the value holds NaN, an infinity or a type that JSON has not.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()
