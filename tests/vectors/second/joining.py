"""Invitations, what the two ends of a joining show each other, and logins."""

import hmac
import re
from collections.abc import Mapping
from typing import Any

from tests.vectors.second.curves import ed25519_public, need_signed, signed_parts
from tests.vectors.second.tagged import lp, need, tagged
from tests.vectors.second.trust import SITE, check_identities

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def lettered(raw: bytes) -> str:
    bits = "".join(f"{byte:08b}" for byte in raw)
    return "".join(LETTERS[int(bits[i : i + 5], 2)] for i in range(0, len(bits), 5))


def checksum(name: str, secret: bytes) -> str:
    folded = name.replace("I", "1").replace("L", "1").replace("O", "0")
    return lettered(tagged("invitation-check", folded, secret)[:5])[:4]


def joined_digest(seen: Mapping[str, str]) -> bytes:
    """Check what both ends saw (SPEC 2.9), and hash it."""
    code = "invitation"
    for part in ("site_nonce", "centre_nonce", "certificate"):
        need(len(seen[part]) == 64, code)
    need(SITE.fullmatch(seen["site"]) and seen["name"].isprintable(), code)
    need(1 <= len(seen["name"]) <= 200, code)
    check_identities([seen["identity"]], code)
    hexes = ("site_nonce", "centre_nonce", "identity", "certificate")
    parts = {k: bytes.fromhex(v) if k in hexes else v for k, v in seen.items()}
    order = ("invitation", "site_nonce", "centre_nonce", "site", "name", "identity")
    return tagged("join", *(parts[k] for k in (*order, "federation", "certificate")))


def case_new_invitation(given: Mapping[str, Any]) -> Any:
    secret = bytes.fromhex(given["secret"])
    name = re.sub("[^A-Z0-9]+", "-", given["name"].upper())[:40].strip("-")
    need(name and len(secret) == 15, "value")
    letters = lettered(secret) + checksum(name, secret)
    return "-".join([name, *(letters[i : i + 4] for i in range(0, 28, 4))])


def case_invitation(given: Mapping[str, Any]) -> Any:
    *name, a, b, c, d, e, f, check = [""] * 8 + given["code"].upper().replace("-", " ").split()
    label = "-".join(part for part in name if part)
    groups = [g.replace("I", "1").replace("L", "1").replace("O", "0") for g in (a, b, c, d, e, f)]
    letters = "".join(groups)
    need(label and all(len(group) == 4 for group in (*groups, check)), "invitation")
    need(set(letters) <= set(LETTERS), "invitation")
    secret = int("".join(f"{LETTERS.index(x):05b}" for x in letters), 2).to_bytes(15, "big")
    shown = check.replace("I", "1").replace("L", "1").replace("O", "0")
    need(shown == checksum(label, secret), "invitation")
    return {"id": tagged("invitation", secret)[:16].hex(), "secret": secret.hex()}


def case_join(given: Mapping[str, Any]) -> Any:
    seen, secret = joined_digest(given["seen"]), bytes.fromhex(given["secret"])
    return {
        "digest": seen.hex(),
        "centre": hmac.digest(secret, lp("SITESUM-1", "join-centre", seen), "sha256").hex(),
        "site": hmac.digest(secret, lp("SITESUM-1", "join-site", seen), "sha256").hex(),
        "signature": signed_parts(given["identity_seed"], "join-site", seen),
        "receipt": signed_parts(given["coordinator_seed"], "join-centre", seen),
    }


def case_joined(given: Mapping[str, Any]) -> Any:
    seen, secret = joined_digest(given["seen"]), bytes.fromhex(given["secret"])
    for end in ("centre", "site"):
        code = hmac.digest(secret, lp("SITESUM-1", f"join-{end}", seen), "sha256")
        need(given[end] == code.hex(), "invitation")
    need_signed(given["seen"]["identity"], given["signature"], "join-site", seen)
    return True


def login_parts(given: Mapping[str, Any]) -> tuple[bytes | str, ...]:
    nonces = bytes.fromhex(given["site_nonce"]), bytes.fromhex(given["office_nonce"])
    need(all(len(nonce) == 32 for nonce in nonces) and nonces[0] != nonces[1], "login")
    return (given["site"], *nonces)


def case_login(given: Mapping[str, Any]) -> Any:
    parts = login_parts(given)
    office = ed25519_public(bytes.fromhex(given["coordinator_seed"]))
    return {
        "challenge": signed_parts(given["coordinator_seed"], "login-office", *parts),
        "proof": signed_parts(given["identity_seed"], "login-site", *parts, office),
    }


def case_logged_in(given: Mapping[str, Any]) -> Any:
    parts, office = login_parts(given), bytes.fromhex(given["coordinator"])
    need_signed(given["coordinator"], given["challenge"], "login-office", *parts)
    need_signed(given["identity"], given["proof"], "login-site", *parts, office)
    return True


def case_ledger_head(given: Mapping[str, Any]) -> Any:
    line = bytes.fromhex(given["digest"])
    need(0 < given["lines"] < 2**63 and len(line) == 32, "value")
    number = given["lines"].to_bytes(8, "little")
    parts = ("ledger-head", given["site"], number, line)
    need_signed(given["identity"], given["signature"], *parts)
    return True
