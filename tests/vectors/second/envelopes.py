"""Answers that the coordinator alone opens (SPEC 9.3)."""

from collections.abc import Mapping
from typing import Any

from tests.vectors.second.curves import fresh_of, x25519
from tests.vectors.second.runs import check_ek
from tests.vectors.second.streams import expand, extract, gcm_code, gcm_text
from tests.vectors.second.tagged import lp, need, tagged


def derived(secret: bytes, *names: bytes | str) -> bytes:
    return expand(extract(b"", secret), lp("SITESUM-1", *names))


def run_seed(given: Mapping[str, Any]) -> bytes:
    own = bytes.fromhex(given["coordinator_seed"])
    return derived(own, "envelope-run", bytes.fromhex(given["run_id"]))


def case_envelope_key(given: Mapping[str, Any]) -> Any:
    return fresh_of(run_seed(given).hex()).hex()


def case_envelope(given: Mapping[str, Any]) -> Any:
    answer, ctx, to = (bytes.fromhex(given[part]) for part in ("answer", "ctx", "to"))
    check_ek(to)
    parts = ("envelope-fresh", ctx, to, tagged("envelope", answer))
    fresh = derived(bytes.fromhex(given["identity_seed"]), *parts)
    ephemeral = fresh_of(fresh.hex())
    names = (ctx, given["site"], ephemeral, to)
    key = derived(x25519(fresh, to), "envelope-key", *names)
    text = gcm_text(key, 0, answer)
    code = gcm_code(key, 0, text, lp("SITESUM-1", *names))
    return {"ephemeral": ephemeral.hex(), "body": (text + code).hex()}


def case_open_envelope(given: Mapping[str, Any]) -> Any:
    ctx, ephemeral, body = (bytes.fromhex(given[part]) for part in ("ctx", "ephemeral", "body"))
    check_ek(ephemeral)
    own = run_seed(given)
    names = (ctx, given["site"], ephemeral, fresh_of(own.hex()))
    key = derived(x25519(own, ephemeral), "envelope-key", *names)
    text, code = body[:-16], body[-16:]
    need(len(body) >= 16 and code == gcm_code(key, 0, text, lp("SITESUM-1", *names)), "seal")
    return gcm_text(key, 0, text).hex()
