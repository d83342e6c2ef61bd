"""A chain of rosters is believed only whole, signed, in order and in force (SPEC 2.8)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from protocol.governance.chain import (
    MAX_VERSIONS,
    next_version,
    read_roster_file,
    roster_file,
    sign_roster,
    signed_roster,
    verify_chain,
)
from protocol.governance.identity import SignatureError, identity_public, sign
from protocol.governance.roster import Member, Roster, RosterError
from protocol.governance.signed import SignedRoster
from protocol.ids import SiteId
from tests.protocol.governance.parties import (
    FEDERATION,
    NOW,
    after,
    chain_of,
    member,
    roster,
    seed,
    signed,
)

THREE = chain_of(("a", "b", "c"), ("a", "b", "c", "d"), ("b", "c", "d"))


def verify(
    given: list[SignedRoster], now: datetime = NOW, known: Roster | None = None
) -> tuple[Roster, ...]:
    return verify_chain(given, FEDERATION, now=now, known=known)


AUTHORITY = [seed("authority-0"), seed("authority-1")]


def signed_bytes(payload: bytes) -> SignedRoster:
    """Sign what no careful authority would."""
    pairs = ((identity_public(s), sign(s, "roster", payload)) for s in AUTHORITY)
    return SignedRoster(payload, tuple(sorted(pairs)))


def test_a_chain_is_given_back_as_rosters() -> None:
    assert verify(signed(*THREE)) == THREE
    assert verify(signed(THREE[0])) == THREE[:1]


@pytest.mark.parametrize("by", [(0, 1), (1, 0), (0, 2), (1, 2), (0, 1, 2)])
def test_any_two_of_the_authority_do(by: tuple[int, ...]) -> None:
    assert verify(signed(*THREE, by=by)) == THREE


def test_next_version_follows() -> None:
    before = THREE[0]
    members = tuple(member(name) for name in "abcd")
    made = next_version(before, members, not_before="2030-02-01", expires="2030-12-01")
    assert verify(signed(before, made)) == (before, made)


# --- signatures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("by", [(), (0,)])
def test_one_signature_short(place: int, by: tuple[int, ...]) -> None:
    given = signed(*THREE)
    given[place] = signed(THREE[place], by=by)[0]
    with pytest.raises(SignatureError, match=rf"roster {place + 1} has {len(by)} of the 2") as no:
        verify(given)
    assert "authority" in no.value.fix


def test_unknown_key() -> None:
    """Even beside enough others: nobody but the authority has a say."""
    given = [signed_roster(THREE[0], *map(seed, ("authority-0", "authority-1", "office")))]
    with pytest.raises(SignatureError, match="no key of the authority"):
        verify(given)


def test_one_authority_twice_is_one() -> None:
    pair = sign_roster(THREE[0], seed("authority-0"))
    with pytest.raises(SignatureError, match="of one key, or not in order"):
        verify([SignedRoster(THREE[0].to_bytes(), (pair, pair))])


def test_signatures_stand_in_one_order() -> None:
    right = signed(THREE[0])[0]
    with pytest.raises(SignatureError, match="not in order"):
        verify([SignedRoster(right.payload, right.signatures[::-1])])


def test_one_false_signature_beside_two_right_ones() -> None:
    right = signed(THREE[0], by=(0, 1, 2))[0]
    key, signature = right.signatures[1]
    false = (right.signatures[0], (key, signature[::-1]), right.signatures[2])
    with pytest.raises(SignatureError, match="does not verify"):
        verify([SignedRoster(right.payload, false)])


def test_signatures_are_of_the_exact_bytes_and_of_rosters_only() -> None:
    right = signed(THREE[0])[0]
    with pytest.raises(SignatureError, match="does not verify"):
        verify([SignedRoster(right.payload.replace(b"crlm", b"crlN"), right.signatures)])
    other = tuple(
        (key, sign(seed(f"authority-{k}"), "plan", right.payload))
        for k in range(3)
        for key in [identity_public(seed(f"authority-{k}"))]
    )
    with pytest.raises(SignatureError, match="does not verify"):
        verify([SignedRoster(right.payload, tuple(sorted(other)))])


def test_signatures_come_before_reading() -> None:
    """Bytes that are no roster at all are refused for their signature, unread."""
    with pytest.raises(SignatureError):
        verify([SignedRoster(b"{", ())])
    with pytest.raises(RosterError, match="no roster"):
        verify([signed_bytes(b"{")])


@drawn(st.integers(0, 2), st.data())
@settings(max_examples=60, deadline=None)
def test_no_bit_of_what_is_signed_can_change(place: int, data: st.DataObject) -> None:
    given = signed(*THREE)
    payload, ((one, by_one), (two, by_two)) = given[place].payload, given[place].signatures
    parts = [payload, one, by_one, two, by_two]
    part = data.draw(st.integers(0, 4))
    bit = data.draw(st.integers(0, 8 * len(parts[part]) - 1))
    number = int.from_bytes(parts[part], "big") ^ 1 << bit
    parts[part] = number.to_bytes(len(parts[part]), "big")
    pairs = ((parts[1], parts[2]), (parts[3], parts[4]))
    given[place] = SignedRoster(parts[0], pairs)
    with pytest.raises(SignatureError):
        verify(given)


# --- order of versions ----------------------------------------------------------------------------


def test_no_versions_and_too_many() -> None:
    for given in ([], signed(THREE[0]) * (MAX_VERSIONS + 1)):
        with pytest.raises(RosterError, match="1 to 1000 versions"):
            verify(given)


@pytest.mark.parametrize("kept", [(1, 2), (0, 2), (0, 0), (1, 0), (2,), (0, 1, 1)])
def test_gaps_repeats_and_disorder(kept: tuple[int, ...]) -> None:
    with pytest.raises(RosterError, match="stands in place"):
        verify(signed(*(THREE[k] for k in kept)))


def test_wrong_predecessor() -> None:
    strange = after(roster("a", "b", "x"), "a", "b", "c", "d")
    with pytest.raises(RosterError, match="version 2 follows another roster"):
        verify(signed(THREE[0], strange))


def test_every_version_is_of_one_federation_and_study() -> None:
    other = roster(federation="Nierenzentren")
    with pytest.raises(RosterError, match="version 1 is another federation's"):
        verify(signed(other))
    with pytest.raises(RosterError, match="version 2 is another study's"):
        verify(signed(THREE[0], after(THREE[0], study="hcc")))


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["coordinator", "member"])
def test_an_authority_takes_no_part(place: str) -> None:
    key = FEDERATION.authorities[1]
    if place == "member":
        first, second = THREE[0], after(THREE[0], "a", "b", "c")
        strange = Member(SiteId("d"), "D", key)
        second = replace(second, members=(*second.members, strange))
    else:
        first, second = THREE[0], after(THREE[0], coordinator=key)
    with pytest.raises(RosterError, match="version 2 gives an authority's key to a party"):
        verify(signed(first, second))


def test_duplicate_keys_are_refused_though_signed() -> None:
    """An authority that signs without looking does not help: two ids with one key."""
    raw = THREE[0].to_bytes()
    a, b = (identity_public(seed(name)).hex().encode() for name in ("a", "b"))
    with pytest.raises(RosterError, match="one key"):
        verify([signed_bytes(raw.replace(b, a))])
    with pytest.raises(RosterError, match="one key"):
        verify([signed_bytes(raw.replace(FEDERATION.coordinator.hex().encode(), a))])


def test_two_members_with_one_id_are_refused_though_signed() -> None:
    with pytest.raises(RosterError, match="one id"):
        verify([signed_bytes(THREE[0].to_bytes().replace(b'"id":"b"', b'"id":"a"'))])


def test_the_coordinators_key_begins_as_pinned_and_changes_by_signature() -> None:
    renewed = identity_public(seed("new office"))
    with pytest.raises(RosterError, match="coordinator of the federation's file"):
        verify(signed(roster(coordinator=renewed)))
    chain = THREE[0], after(THREE[0], coordinator=renewed)
    assert verify(signed(*chain))[-1].coordinator == renewed


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "says"),
    [
        (datetime(2029, 12, 31, 23, 59, 59, tzinfo=UTC), "begins on 2030-01-01"),
        (datetime(2031, 1, 1, 12, tzinfo=UTC), "expired on 2031-01-01T12:00:00Z"),
        (datetime(2040, 1, 1, tzinfo=UTC), "expired"),
    ],
)
def test_not_yet_valid_and_expired(now: datetime, says: str) -> None:
    with pytest.raises(RosterError, match=says) as caught:
        verify(signed(THREE[0]), now)
    assert "clock" in caught.value.fix


def test_first_and_last_moment() -> None:
    begins, ends = datetime(2030, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, 12, tzinfo=UTC)
    for now in (begins, ends - timedelta(microseconds=1)):
        assert verify(signed(THREE[0]), now)
    summer = timezone(timedelta(hours=2))
    assert verify(signed(THREE[0]), begins.astimezone(summer))
    with pytest.raises(ValueError, match="zone"):
        verify(signed(THREE[0]), begins.replace(tzinfo=None))


def test_only_the_last_version_has_to_be_in_force() -> None:
    old = roster(not_before="2029-01-01", expires="2029-02-01")
    new = after(old, not_before="2030-01-01", expires="2031-01-01")
    assert verify(signed(old, new)) == (old, new)
    with pytest.raises(RosterError, match="version 2 of the roster expired"):
        verify(
            signed(
                new_one := roster(), after(new_one, not_before="2029-01-01", expires="2029-02-01")
            )
        )


# --- simulations, forks, older versions -----------------------------------------------------------


def test_a_simulation_is_refused_though_signed() -> None:
    with pytest.raises(RosterError, match="simulation"):
        verify(signed(roster(simulated=True)))


def test_an_older_version_than_seen_is_refused() -> None:
    assert verify(signed(*THREE), known=THREE[1]) == THREE
    assert verify(signed(*THREE), known=THREE[2]) == THREE
    with pytest.raises(RosterError, match="end with version 2; version 3 was seen"):
        verify(signed(*THREE[:2]), known=THREE[2])


@pytest.mark.parametrize("known", range(3))
def test_a_fork_is_refused(known: int) -> None:
    """Two signed rosters of one version: the authority was two-faced, or robbed."""
    fork = chain_of(("a", "b", "x"), ("a", "b", "y"), ("b", "c", "d"))
    with pytest.raises(RosterError, match=rf"version {known + 1} .* not the one") as caught:
        verify(signed(*fork), known=THREE[known])
    assert "telephone" in caught.value.fix


def test_the_known_roster_is_of_this_study() -> None:
    with pytest.raises(ValueError, match="another study"):
        verify(signed(*THREE), known=roster(study="hcc"))


# --- the file that is signed in turn --------------------------------------------------------------


def test_authorities_sign_a_file_in_turn() -> None:
    form = signed_roster(THREE[0])
    assert form.signatures == ()
    for k in (2, 0):
        form = read_roster_file(roster_file(form))
        read = Roster.from_bytes(form.payload)
        form = form.with_signatures([sign_roster(read, seed(f"authority-{k}"))])
    assert verify([form]) == THREE[:1]


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"payload":1,"signatures":[]}', b'{"payload":"x"}'])
def test_other_files_are_refused(raw: bytes) -> None:
    with pytest.raises(RosterError, match="no signed roster"):
        read_roster_file(raw)
