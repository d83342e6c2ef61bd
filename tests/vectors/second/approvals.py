"""Proposed plans, operators' decisions and what they come to (SPEC 4.7 and 4.8)."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tests.vectors.second.curves import need_signed, signed_parts
from tests.vectors.second.tagged import compact, need, tagged
from tests.vectors.second.trust import federation_of, moment


def case_decided(given: Mapping[str, Any]) -> Any:
    digests = [bytes.fromhex(given[part]) for part in ("plan", "roster", "software")]
    number = len(given["decisions"]).to_bytes(4, "little")
    parts = (given["site"], *digests, given["state"], number, *given["decisions"])
    return signed_parts(given["identity_seed"], "decided", *parts)


def case_propose(given: Mapping[str, Any]) -> Any:
    federation_of(given["federation"])
    parts = tagged("federation", given["federation"]), tagged("plan", given["plan"])
    return signed_parts(given["signer_seed"], "plan", *parts)


def case_proposed(given: Mapping[str, Any]) -> Any:
    federation = federation_of(given["federation"])
    need(given["signer"] in federation["plan_signers"], "signature")
    parts = tagged("federation", given["federation"]), tagged("plan", given["plan"])
    need_signed(given["signer"], given["signature"], "plan", *parts)
    return True


def decision_of(text: str) -> dict[str, Any]:
    said = json.loads(text)
    names = ("federation", "plan", "roster", "software")
    rest = ("verdict", "site", "conditions", "comment", "operator", "key", "time", "signature")
    need(said.keys() == {*names, *rest} and compact(said) == text.encode(), "decision")
    need(said["verdict"] in ("approve", "refuse", "return", "withdraw"), "decision")
    need(all(len(bytes.fromhex(said[name])) == 32 for name in names), "decision")
    terms = said["conditions"]
    numbers = ("runs", "min_sites", "site_patients")
    need(terms.keys() == {"expires", "dropped", *numbers}, "decision")
    need(all(type(terms[n]) is int and terms[n] >= 0 for n in numbers), "decision")
    need(terms["dropped"] == sorted(set(terms["dropped"])), "decision")
    unsigned = compact({k: v for k, v in said.items() if k != "signature"})
    need_signed(said["key"], said["signature"], "decision", unsigned)
    return dict(said)


def case_standing(given: Mapping[str, Any]) -> Any:
    state, given_by = "pending", dict[str, Any]()
    for said in map(decision_of, given["decisions"]):
        about = all(said[name] == given[name] for name in ("federation", "plan", "roster"))
        if said["key"] not in given["operators"] or not about:
            continue
        if said["verdict"] != "approve":
            given_by.clear()
            ends = {"refuse": "refused", "return": "returned", "withdraw": "withdrawn"}
            state = ends[said["verdict"]]
        else:
            state = "pending"
            if said["software"] == given["software"]:
                given_by[said["key"]] = said["conditions"]
    if len(given_by) < given["needed"]:
        return {"state": state, "conditions": None}
    terms = list(given_by.values())
    times = {moment(t["expires"]): t["expires"] for t in terms if t["expires"]}
    return {
        "state": "approved",
        "conditions": {
            "expires": times[min(times)] if times else "",
            "runs": min((t["runs"] for t in terms if t["runs"]), default=0),
            "min_sites": max(t["min_sites"] for t in terms),
            "site_patients": max(t["site_patients"] for t in terms),
            "dropped": sorted({step for t in terms for step in t["dropped"]}),
        },
    }


def case_software(given: Mapping[str, Any]) -> Any:
    listed = sorted(given["files"].items(), key=lambda entry: entry[0].encode())
    parts = [(p, hashlib.sha256(bytes.fromhex(b)).digest()) for p, b in listed]
    return tagged("software", *(part for pair in parts for part in pair)).hex()
