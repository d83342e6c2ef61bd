"""What is trusted: rosters, federations, chains of rosters, and rule L."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from protocol.canonical import canonical_json
from protocol.governance.chain import signed_roster
from protocol.governance.federation import Federation
from protocol.governance.identity import identity_public
from protocol.governance.roster import Member, Roster
from protocol.governance.signed import SignedRoster, make_consent
from protocol.ids import SiteId
from tests.vectors.build import ABC, Case, case, roster_of, seed

AUTHORITY = Path(__file__).parents[1].joinpath("authority.pem").read_bytes()

SEEDS = {name: seed(name) for name in ("ra|1", "ra|2", "ra|3")}

FEDERATION = Federation(
    "Leberzentren",
    identity_public(seed("ck")),
    tuple(map(identity_public, SEEDS.values())),
    2,
    AUTHORITY,
    (identity_public(seed("plan", "1")), identity_public(seed("plan", "2"))),
)

TEXT = FEDERATION.to_bytes().decode()

NOW = "2030-06-01T12:00:00Z"

FOUR = (*ABC, "site-d")


def _after(before: Roster, **changed: Any) -> Roster:
    parts = {"prev_digest": before.digest, **changed}
    return replace(before, version=before.version + 1, **parts)


ONE = roster_of(ABC)

TWO = _after(ONE, members=roster_of(FOUR).members)

THREE = _after(TWO, members=roster_of(FOUR[1:]).members)


def federations() -> list[Case]:
    first, *others = (key.hex() for key in FEDERATION.authorities)

    signers = [key.hex() for key in FEDERATION.plan_signers]

    def changed(name: str, /, **parts: Any) -> Case:
        value = {**json.loads(TEXT), **parts}
        return case(name, "2.9", "federation", federation=canonical_json(value).decode())

    return [
        changed("two of three authorities"),
        changed("one authority", authorities=[first], threshold=1),
        changed("a threshold of none", threshold=0),
        changed("a threshold beyond the authorities", threshold=4),
        changed("a truth value for a number", threshold=True),
        changed("no authority", authorities=[], threshold=1),
        changed("one authority twice", authorities=[first, first]),
        changed("authorities out of order", authorities=[*others, first]),
        changed("the coordinator is an authority", ck=first),
        changed("no plan signer", plan_signers=[]),
        changed("a plan signer is an authority", plan_signers=[first]),
        changed("plan signers out of order", plan_signers=signers[::-1]),
        changed("a key of order 1", ck="01" + "00" * 31),
        changed("a short key", ck="00" * 31),
        changed("no name", name=""),
        changed("a name with a line end", name="Leber\nzentren"),
        changed("a field too many", note="hello"),
        changed("no certificate", ca="3000"),
        case("a space in the bytes", "1.3", "federation", federation=TEXT.replace(":", ": ", 1)),
    ]


def _signed(roster: Roster, *names: str) -> SignedRoster:
    return signed_roster(roster, *(SEEDS[name] for name in names or ("ra|1", "ra|2")))


def _listed(signed: SignedRoster) -> Case:
    pairs = [{"key": k.hex(), "signature": s.hex()} for k, s in signed.signatures]
    return {"payload": signed.payload.decode(), "signatures": pairs}


def _chain(
    name: str, rosters: Sequence[SignedRoster | Roster], known: Roster | None = None, now: str = NOW
) -> Case:
    listed = [_listed(_signed(r) if isinstance(r, Roster) else r) for r in rosters]
    seen = None if known is None else known.to_bytes().decode()
    return case(name, "2.8", "chain", federation=TEXT, rosters=listed, now=now, known=seen)


def chains() -> list[Case]:
    whole = _signed(ONE)
    strange = Member(SiteId("site-d"), "D", FEDERATION.authorities[0])
    office = identity_public(seed("ck", "renewed"))
    other = signed_roster(ONE, SEEDS["ra|1"], seed("ck"))
    return [
        *(_chain(f"versions up to {k}", (ONE, TWO, THREE)[:k]) for k in (1, 2, 3)),
        _chain("all three of the authority", [_signed(ONE, *SEEDS)]),
        _chain("seen up to version 2", [ONE, TWO, THREE], TWO),
        _chain("another coordinator in version 2", [ONE, _after(ONE, coordinator=office)]),
        _chain("the first moment", [ONE], now="2030-01-01T00:00:00Z"),
        _chain("the moment before", [ONE], now="2029-12-31T23:59:59Z"),
        _chain("the last moment", [ONE], now="2030-12-31T23:59:59Z"),
        _chain("the moment after", [ONE], now="2031-01-01T00:00:00Z"),
        _chain("no version", []),
        _chain("one signature short", [ONE, _signed(TWO, "ra|3")]),
        _chain("one authority twice", [SignedRoster(whole.payload, whole.signatures[:1] * 2)]),
        _chain("signatures out of order", [SignedRoster(whole.payload, whole.signatures[::-1])]),
        _chain("signed by the coordinator", [other]),
        _chain("a signature of another version", [SignedRoster(TWO.to_bytes(), whole.signatures)]),
        _chain("a gap", [ONE, THREE]),
        _chain("an end without its beginning", [TWO, THREE]),
        _chain("a version twice", [ONE, TWO, TWO]),
        _chain("another predecessor", [ONE, _after(roster_of((*ABC[:2], "site-x")))]),
        _chain("another study", [ONE, _after(ONE, study="other")]),
        _chain("another federation", [roster_of(federation="other")]),
        _chain("another coordinator in version 1", [roster_of(coordinator=office)]),
        _chain("an authority as hospital", [ONE, _after(ONE, members=(*ONE.members, strange))]),
        _chain("a simulation", [roster_of(simulated=True)]),
        _chain("older than seen", [ONE, TWO], THREE),
        _chain("a fork", [ONE, TWO], roster_of((*ABC, "site-x"))),
    ]


def _atoms(name: str, rosters: Sequence[str], least: int = 3) -> Case:
    return case(name, "7.4", "atoms", rosters=[list(members) for members in rosters], least=least)


def atoms() -> list[Case]:
    seven = roster_of(tuple("abcdefg"))
    six = _after(seven, members=roster_of(tuple("abcdef")).members)
    four = _after(seven, members=roster_of(tuple("abcd")).members)
    back = _after(six, members=seven.members)
    other = roster_of(tuple("abcdef"), study="other")
    agreed = make_consent(seed("ik", "g"), "Leberzentren", "crlm-ablation", SiteId("g"))
    said = {"site": "g", "signature": agreed.signature.hex()}
    forged = make_consent(seed("ik", "f"), "Leberzentren", "crlm-ablation", SiteId("g"))
    moved = make_consent(seed("ik", "g"), "Leberzentren", "other", SiteId("g"))

    def rule(
        name: str, chain: Sequence[Roster], released: Sequence[Roster], *consents: Case, own: str
    ) -> Case:
        listed = {
            "chain": [roster.to_bytes().decode() for roster in chain],
            "released": [roster.to_bytes().decode() for roster in released],
        }
        return case(name, "7.4", "rule-l", own=own, **listed, consents=list(consents))

    return [
        _atoms("differences of at least 4 that isolate j", ["abcdefghij", "abcdef", "ghi"]),
        _atoms("pairs", ["abcdef", "abcd", "cdef"]),
        _atoms("pairs are enough", ["abcdef", "abcd", "cdef"], 2),
        _atoms("one roster", ["abc"]),
        _atoms("one roster twice", ["abc", "cba"], 4),
        rule("a first roster", [seven], [], own="a"),
        rule("one leaves before a release", [seven, six], [], own="a"),
        rule("one leaves after a release", [seven, six], [seven], own="a"),
        rule("one leaves and consents", [seven, six], [seven], said, own="a"),
        rule("three leave together", [seven, four], [seven], own="a"),
        rule("one was away, by its own count", [seven, six, back], [], own="g"),
        rule("one was away and consents", [seven, six, back], [], said, own="g"),
        rule("a roster of another study", [seven], [other], own="a"),
        rule(
            "another's signature",
            [seven, six],
            [seven],
            {**said, "signature": forged.signature.hex()},
            own="a",
        ),
        rule(
            "a consent for another study",
            [seven, six],
            [seven],
            {**said, "signature": moved.signature.hex()},
            own="a",
        ),
        rule("a consent of nobody", [seven], [], {**said, "site": "x"}, own="a"),
    ]
