"""Cases of the primitives that others have published, and of signatures."""

from collections.abc import Mapping
from typing import Any

from tests.vectors.second.curves import ed25519_public, ed25519_sign, ed25519_valid, x25519
from tests.vectors.second.streams import expand, extract, stream
from tests.vectors.second.tagged import lp, need


def case_ctr(given: Mapping[str, Any]) -> Any:
    return stream(bytes.fromhex(given["key"]), 8 * given["count"]).hex()


def case_long(given: Mapping[str, Any]) -> Any:
    """Some words of a long stream: counter mode can begin anywhere."""
    key = bytes.fromhex(given["key"])
    return stream(key, 8 * given["count"], 8 * given["first"]).hex()


def case_hkdf(given: Mapping[str, Any]) -> Any:
    salt, ikm, info = (bytes.fromhex(given[part]) for part in ("salt", "ikm", "info"))
    return expand(extract(salt, ikm), info).hex()


def case_x25519(given: Mapping[str, Any]) -> Any:
    shared = x25519(bytes.fromhex(given["scalar"]), bytes.fromhex(given["u"]))
    need(any(shared), "key-exchange")
    return shared.hex()


def case_sign(given: Mapping[str, Any]) -> Any:
    seed, message = bytes.fromhex(given["seed"]), bytes.fromhex(given["message"])
    return {"public": ed25519_public(seed).hex(), "signature": ed25519_sign(seed, message).hex()}


def case_signature(given: Mapping[str, Any]) -> Any:
    message = lp("SITESUM-1", *(bytes.fromhex(part) for part in given["parts"]))
    public, signature = bytes.fromhex(given["public"]), bytes.fromhex(given["signature"])
    need(ed25519_valid(public, message, signature), "signature")
    return True
