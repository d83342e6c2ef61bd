import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.canonical import canonical_json, digest
from protocol.governance.roster import Roster, RosterError, simulated_roster
from protocol.ids import SiteId
from tests.protocol.governance.parties import member, roster


def test_members_stand_in_the_order_of_their_ids_bytes() -> None:
    assert roster("s9", "s10", "S9").sites == ("S9", "s10", "s9")
    assert roster("s9", "s10", "S9") == roster("S9", "s9", "s10")
    assert roster("s9", "s10", "S9").digest == roster("S9", "s9", "s10").digest


names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)


@given(st.lists(names, min_size=3, max_size=12, unique=True), st.integers(2, 9))
@settings(max_examples=50, deadline=None)
def test_bytes_and_roster_are_one_to_one(sites: list[str], delta_min: int) -> None:
    made = roster(*sites, delta_min=delta_min, verifiers=tuple(SiteId(s) for s in sites[:2]))
    assert Roster.from_bytes(made.to_bytes()) == made
    assert Roster.from_bytes(made.to_bytes()).digest == made.digest


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(canonical_json))
@settings(max_examples=100, deadline=None)
def test_anything_else_is_refused_in_words(raw: bytes) -> None:
    with pytest.raises(RosterError, match=r"SPEC 2\.4"):
        Roster.from_bytes(raw)


@pytest.mark.parametrize("part", json.loads(roster().to_bytes()))
@pytest.mark.parametrize("wrong", [None, [], {}, 1.5, "x"])
def test_a_wrong_part_is_refused(part: str, wrong: object) -> None:
    value = {**json.loads(roster().to_bytes()), part: wrong}
    if wrong == "x" and part in {"federation", "study"}:
        assert Roster.from_bytes(canonical_json(value)).digest != roster().digest
        return
    if (part, wrong) == ("verifiers", []):
        assert Roster.from_bytes(canonical_json(value)) == roster()
        return
    with pytest.raises(RosterError):
        Roster.from_bytes(canonical_json(value))


def test_every_part_is_in_the_digest() -> None:
    second = {"version": 2, "prev_digest": digest("x")}
    others = [
        roster("a", "b", "d"),
        roster("a", "b", "c", "d"),
        roster(federation="other"),
        roster(study="other"),
        roster(**second),
        roster(not_before="2030-01-02"),
        roster(expires="2031-01-02"),
        roster(coordinator=digest("other")),
        roster(verifiers=(SiteId("a"), SiteId("b"))),
        roster(delta_min=4),
        roster("a", "b", "c", min_sites=3, simulated=True),
        roster(members=(replace(member("a"), name="X"), member("b"), member("c"))),
    ]
    digests = {made.digest for made in [roster(), *others]}
    assert len(digests) == 1 + len(others)


@pytest.mark.parametrize("sites", [1, 2])
def test_fewer_than_three_hospitals_are_only_simulated(sites: int) -> None:
    members = tuple(member(f"s{k}") for k in range(sites))
    for min_sites in (sites, 3):
        with pytest.raises(RosterError):
            roster(members=members, min_sites=min_sites)
    made = simulated_roster("demo", members, digest("office"))
    assert made.simulated
    assert len(made.sites) == sites
    with pytest.raises(RosterError):
        replace(made, simulated=False)


def test_min_sites_is_never_below_three() -> None:
    with pytest.raises(RosterError, match="min_sites must be a whole number of at least 3"):
        roster("a", "b", "c", "d", min_sites=2)
    with pytest.raises(RosterError, match="at least 5 must be added"):
        roster("a", "b", "c", "d", min_sites=5)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"members": (member("a"), member("a"), member("b"))}, "one id"),
        ({"members": (member("a"), member("b"), replace(member("b"), id=SiteId("c")))}, "one key"),
        (
            {"members": (member("a"), member("b"), replace(member("c"), id=SiteId("ü")))},
            "no hospital id",
        ),
        ({"members": (member("a"), member("b"), replace(member("c"), identity=b""))}, "32 bytes"),
        ({"members": (member("a"), member("b"), replace(member("c"), name=""))}, "empty"),
        ({"coordinator": member("a").identity}, "one key"),
        ({"verifiers": (SiteId("a"),)}, "two or more"),
        ({"verifiers": (SiteId("a"), SiteId("a"))}, "two or more"),
        ({"verifiers": (SiteId("a"), SiteId("x"))}, "not a member"),
        ({"version": 2}, "follows no earlier"),
        ({"prev_digest": b""}, "prev_digest"),
        ({"expires": "2030-01-01"}, "expires before"),
        ({"not_before": "2030-13-01"}, "UTC time"),
        ({"expires": "2031-01-01T12:00:00+02:00"}, "UTC time"),
        ({"scheme": "B"}, "scheme"),
        ({"delta_min": 1}, "delta_min"),
    ],
)
def test_rules_are_named_in_the_refusal(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(RosterError, match=says) as caught:
        roster(**changed)
    assert caught.value.fix


def test_identities_are_found_by_id() -> None:
    assert roster().identity_of(SiteId("b")) == member("b").identity
    with pytest.raises(RosterError, match="x is not in the roster"):
        roster().identity_of(SiteId("x"))
