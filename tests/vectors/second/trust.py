"""Rosters, federations, chains and rule L (SPEC 2 and 7)."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.vectors.second.curves import NEUTRAL, P, need_signed, packed, times, unpacked
from tests.vectors.second.tagged import Refused, compact, need, tagged

SITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)

ROSTER_KEYS = {
    *("federation", "study", "version", "prev_digest", "not_before", "expires", "sites", "ck"),
    *("min_sites", "scheme", "delta_min", "verifiers", "simulated"),
}


def moment(text: Any) -> datetime:
    """Read a time; a day alone begins at midnight in UTC."""
    shape = r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?"
    need(isinstance(text, str) and re.fullmatch(shape, text, re.ASCII), "roster")
    try:
        return datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        raise Refused("roster") from None


def check_identities(keys: Sequence[str], code: str) -> None:
    """Hold SPEC 2.5 against identity keys in hex."""
    need(len(set(keys)) == len(keys), code)
    for text in keys:
        need(re.fullmatch("[0-9a-f]{64}", text), code)
        key = bytes.fromhex(text)
        point = unpacked(key)
        need(int.from_bytes(key, "little") % 2**255 < P, code)
        need(point is None or packed(times(8, point)) != packed(NEUTRAL), code)


def roster_of(text: str) -> dict[str, Any]:
    """Parse a roster's bytes and hold all of SPEC 2 against it."""
    r = json.loads(text)
    need(r.keys() == ROSTER_KEYS and compact(r) == text.encode(), "roster")
    ids, keys = [s["id"] for s in r["sites"]], [s["ik"] for s in r["sites"]] + [r["ck"]]
    need(all(s.keys() == {"id", "name", "ik"} for s in r["sites"]), "roster")
    need(all(SITE.fullmatch(i) for i in ids + r["verifiers"]), "roster")
    need(ids == sorted(set(ids)) and len(set(keys)) == len(keys), "roster")
    hexes = [*keys, r["prev_digest"]]
    need(all(re.fullmatch("[0-9a-f]{64}", key) for key in hexes), "roster")
    check_identities(keys, "roster")
    names = [r["federation"], r["study"], *(s["name"] for s in r["sites"])]
    need(all(n and n.isprintable() for n in names), "roster")
    need(all(type(r[k]) is int for k in ("version", "min_sites", "delta_min")), "roster")
    need(type(r["simulated"]) is bool and r["scheme"] == "A", "roster")
    least = 1 if r["simulated"] else 3
    need(least <= r["min_sites"] <= len(ids) and r["delta_min"] >= 2, "roster")
    need(r["version"] >= 1, "roster")
    need((r["version"] == 1) == (r["prev_digest"] == "00" * 32), "roster")
    need(moment(r["not_before"]) < moment(r["expires"]), "roster")
    chosen = r["verifiers"]
    need(len(set(chosen)) == len(chosen) != 1 and set(chosen) <= set(ids), "roster")
    return {
        "value": r,
        "digest": tagged("roster", text),
        "keys": {s["id"]: bytes.fromhex(s["ik"]) for s in r["sites"]},
        "coordinator": bytes.fromhex(r["ck"]),
    }


def federation_of(text: str) -> dict[str, Any]:
    """Parse a federation's file (SPEC 2.9); of its certificate, the outermost length alone."""
    f, code = json.loads(text), "federation-file"
    need(f.keys() == {"name", "ck", "authorities", "threshold", "plan_signers", "ca"}, code)
    need(compact(f) == text.encode() and f["authorities"] == sorted(f["authorities"]), code)
    need(f["plan_signers"] == sorted(f["plan_signers"]), code)
    der = bytes.fromhex(f["ca"])
    need(der[:2] == b"\x30\x82" and len(der) == 4 + int.from_bytes(der[2:4], "big"), "certificate")
    need(f["name"] and f["name"].isprintable(), code)
    check_identities([f["ck"], *f["authorities"], *f["plan_signers"]], code)
    need(type(f["threshold"]) is int and 1 <= f["threshold"] <= len(f["authorities"]), code)
    return dict(f)


def atoms_of(rosters: Sequence[Sequence[str]], least: int) -> list[list[str]]:
    """Sort everybody by whom they stand together with (SPEC 7.4)."""
    everybody = sorted({site for members in rosters for site in members})
    seen: dict[tuple[bool, ...], list[str]] = {}
    for site in everybody:
        seen.setdefault(tuple(site in members for members in rosters), []).append(site)
    return sorted(atom for atom in seen.values() if len(atom) < least)


def case_roster(given: Mapping[str, Any]) -> Any:
    return roster_of(given["roster"])["digest"].hex()


def case_federation(given: Mapping[str, Any]) -> Any:
    federation_of(given["federation"])
    hashed = tagged("federation", given["federation"])
    bits = f"{int.from_bytes(hashed, 'big'):0256b}"
    return {"digest": hashed.hex(), "words": [int(bits[i : i + 11], 2) for i in range(0, 66, 11)]}


def case_chain(given: Mapping[str, Any]) -> Any:
    """Check signatures, then content, then order, names, keys, time and memory (SPEC 2.8)."""
    federation, rosters = federation_of(given["federation"]), given["rosters"]
    need(1 <= len(rosters) <= 1000, "roster")
    for entry in rosters:
        keys = [pair["key"] for pair in entry["signatures"]]
        need(keys == sorted(set(keys)) and set(keys) <= {*federation["authorities"]}, "signature")
        for pair in entry["signatures"]:
            need_signed(pair["key"], pair["signature"], "roster", entry["payload"])
        need(len(keys) >= federation["threshold"], "signature")
    chain = [roster_of(entry["payload"]) for entry in rosters]
    before = bytes(32)
    for place, roster in enumerate(chain, 1):
        value = roster["value"]
        need(value["version"] == place and value["prev_digest"] == before.hex(), "roster")
        need(value["federation"] == federation["name"], "roster")
        need(value["study"] == chain[0]["value"]["study"], "roster")
        keys = [value["ck"], *(site["ik"] for site in value["sites"])]
        need(not set(keys) & set(federation["authorities"]), "roster")
        need(not value["simulated"], "roster")
        before = roster["digest"]
    need(chain[0]["value"]["ck"] == federation["ck"], "roster")
    last, now = chain[-1]["value"], moment(given["now"])
    need(moment(last["not_before"]) <= now < moment(last["expires"]), "roster")
    if given["known"] is not None:
        known = roster_of(given["known"])
        version = known["value"]["version"]
        need(len(chain) >= version, "roster")
        need(chain[version - 1]["digest"] == known["digest"], "roster")
    return [roster["digest"].hex() for roster in chain]


def case_atoms(given: Mapping[str, Any]) -> Any:
    return atoms_of(given["rosters"], given["least"])


def case_rule_l(given: Mapping[str, Any]) -> Any:
    chain, released = ([roster_of(text) for text in given[part]] for part in ("chain", "released"))
    new = chain[-1]["value"]
    keys = {site: key for roster in (*released, *chain) for site, key in roster["keys"].items()}
    for consent in given["consents"]:
        need(consent["site"] in keys, "roster")
        parts = ("withdraw-consent", new["federation"], new["study"], consent["site"])
        need_signed(keys[consent["site"]].hex(), consent["signature"], *parts)
    away = [roster for roster in chain[:-1] if given["own"] not in roster["keys"]]
    rosters = [list(roster["keys"]) for roster in (*released, *away, chain[-1])]
    agreed = {consent["site"] for consent in given["consents"]}
    for atom in atoms_of(rosters, new["delta_min"]):
        need(set(atom) <= agreed, "rule-l")
    return True
