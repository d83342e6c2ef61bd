"""Rosters as signed bytes."""

import json
from typing import Any

from protocol.canonical import canonical_json
from tests.vectors.build import ABC, Case, case, roster_of
from tests.vectors.cases.primitives import ORDER_8, OTHER_8, PRIME


def rosters() -> list[Case]:
    good = roster_of(ABC)
    sites = json.loads(good.to_bytes())["sites"]

    def changed(name: str, clause: str = "2.5", /, **parts: Any) -> Case:
        value = {**json.loads(good.to_bytes()), **parts}
        return case(name, clause, "roster", roster=canonical_json(value).decode())

    def renamed(name: str, /, **parts: str) -> Case:
        return changed(name, sites=[{**sites[0], **parts}, *sites[1:]])

    text, key = good.to_bytes().decode(), good.coordinator.hex()
    second: Case = {"version": 2, "prev_digest": good.digest.hex()}
    extra = {"id": "site-d", "name": "D", "ik": sites[0]["ik"]}
    return [
        changed("three hospitals"),
        changed("a second version", **second),
        changed("two verifiers", verifiers=["site-a", "site-c"]),
        changed("two hospitals, simulated", "2.7", sites=sites[:2], min_sites=1, simulated=True),
        changed("two hospitals", "2.6", sites=sites[:2]),
        changed("two hospitals, said to be enough", "2.6", sites=sites[:2], min_sites=2),
        changed("fewer than the plan's minimum", "2.6", min_sites=4),
        renamed("an id beyond ASCII", id="spital-zürich"),
        renamed("an empty id", id=""),
        renamed("an id with a line end", id="site-a\n"),
        renamed("an unprintable name", name="Bern\u202e"),
        renamed("a short key", ik="00" * 31),
        renamed("a key of order 1", ik="01" + "00" * 31),
        renamed("a key of order 2", ik=(PRIME - 1).to_bytes(32, "little").hex()),
        renamed("a key of order 4", ik="00" * 31 + "80"),
        renamed("a key of order 8", ik=ORDER_8),
        renamed("a key of order 8, the other sign", ik=ORDER_8[:62] + "85"),
        renamed("another key of order 8", ik=OTHER_8),
        renamed("a key beyond p", ik=(PRIME + 3).to_bytes(32, "little").hex()),
        changed("one key twice", sites=[*sites, extra]),
        changed("one id twice", sites=[sites[0], *sites]),
        changed("out of order", "2.4", sites=sites[::-1]),
        changed("the coordinator's key is a hospital's", ck=sites[0]["ik"]),
        changed("one verifier", verifiers=["site-a"]),
        changed("an unknown verifier", verifiers=["site-a", "site-x"]),
        changed("version 0", version=0),
        changed("version 1 after another", prev_digest="11" * 32),
        changed("version 2 after none", version=2),
        changed("a truth value for a number", version=True),
        changed("another scheme", scheme="B"),
        changed("atoms of one hospital", delta_min=1),
        changed("over before it begins", expires="2020-01-01"),
        changed("no such day", expires="2031-02-30"),
        changed("a field too many", "2.4", note="hello"),
        case("a space in the bytes", "2.4", "roster", roster=text.replace(":", ": ", 1)),
        case("capitals in hex", "2.4", "roster", roster=text.replace(key, key.upper())),
    ]
