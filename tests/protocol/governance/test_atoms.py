"""Rule L: what sums over different rosters could be made to say together (SPEC 7.4)."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import Exit
from protocol.governance.atoms import AtomError, at_stake, require_rule_l, small_atoms
from protocol.governance.identity import SignatureError, identity_public
from protocol.governance.roster import Member, Roster, RosterError
from protocol.governance.signed import Consent, make_consent
from protocol.ids import SiteId
from tests.protocol.governance.parties import after, chain_of, member, roster, seed

SEVEN = tuple("abcdefg")
SIX = SEVEN[:6]


def ids(names: str) -> frozenset[SiteId]:
    return frozenset(SiteId(name) for name in names)


def consent(name: str, study: str = "crlm", key: str = "") -> Consent:
    return make_consent(seed(key or name), "Leberzentren", study, SiteId(name))


def test_differences_of_pairs_would_not_do() -> None:
    """The specification's own case: {1..10}, {1..6}, {7, 8, 9} isolate site 10."""
    ten, six, three = ids("abcdefghij"), ids("abcdef"), ids("ghi")
    pairs = combinations((ten, six, three), 2)
    assert all(len(one ^ other) >= 4 for one, other in pairs)
    assert small_atoms((ten, six, three), 3) == (ids("j"),)


def test_atoms_by_hand() -> None:
    #     a b c d e f   {abcdef} {abcd} {cdef}: patterns 110 110 111 111 101 101
    rosters = ids("abcdef"), ids("abcd"), ids("cdef")
    assert small_atoms(rosters, 2) == ()
    assert small_atoms(rosters, 3) == (ids("ab"), ids("cd"), ids("ef"))
    assert small_atoms(rosters[:1], 3) == ()
    assert small_atoms((), 3) == ()


subsets = st.lists(st.frozensets(st.sampled_from(SEVEN), min_size=1), min_size=1, max_size=4)


@given(subsets)
@settings(max_examples=100, deadline=None)
def test_atoms_are_all_that_linear_algebra_can_tell_apart(drawn: list[frozenset[str]]) -> None:
    """A combination of sums that gives one hospital weight 1 and all others 0 needs an atom of 1.

    So a unit vector lies in the span of the rosters' indicators only if it is an atom's.
    """
    rosters = [frozenset(SiteId(s) for s in members) for members in drawn]
    rows = np.array([[site in members for site in SEVEN] for members in rosters], dtype=float)
    alone = {next(iter(atom)) for atom in small_atoms(rosters, 2)}
    for place, site in enumerate(SEVEN):
        unit = np.eye(len(SEVEN))[place]
        found, *_ = np.linalg.lstsq(rows.T, unit, rcond=None)
        if np.allclose(rows.T @ found, unit):
            assert site in alone


@given(subsets)
@settings(max_examples=50, deadline=None)
def test_order_and_repeats_do_not_matter(drawn: list[frozenset[str]]) -> None:
    rosters = [frozenset(SiteId(s) for s in members) for members in drawn]
    assert small_atoms(rosters, 3) == small_atoms([*rosters[::-1], *rosters], 3)


def test_the_first_roster_needs_nobodys_consent() -> None:
    require_rule_l(SiteId("a"), (roster(*SEVEN),), (), ())


def test_the_same_roster_again_needs_nobodys_consent() -> None:
    chain = chain_of(SEVEN)
    require_rule_l(SiteId("a"), chain, chain, ())


def test_losing_one_of_seven_needs_that_hospitals_consent() -> None:
    chain = chain_of(SEVEN, SIX)
    require_rule_l(SiteId("a"), chain, (), ())  # nothing was released under the seven
    with pytest.raises(AtomError, match=r"single out g: .* no consent of g") as caught:
        require_rule_l(SiteId("a"), chain, chain[:1], ())
    assert caught.value.exit is Exit.DISCLOSURE
    require_rule_l(SiteId("a"), chain, chain[:1], [consent("g")])


def test_three_may_leave_together() -> None:
    chain = chain_of(SEVEN, SEVEN[:4])
    require_rule_l(SiteId("a"), chain, chain[:1], ())
    strict = chain_of(SEVEN, SEVEN[:4], delta_min=4)
    with pytest.raises(AtomError, match="single out e, f, g: fewer than 4"):
        require_rule_l(SiteId("a"), strict, strict[:1], ())


def test_every_hospital_of_a_small_atom_consents() -> None:
    chain = chain_of(SEVEN, SEVEN[:5])
    with pytest.raises(AtomError, match=r"single out f, g: .* no consent of g"):
        require_rule_l(SiteId("a"), chain, chain[:1], [consent("f")])
    require_rule_l(SiteId("a"), chain, chain[:1], [consent("f"), consent("g")])


def test_who_comes_later_is_told_apart_from_the_others_sums() -> None:
    """Versions without this hospital open without it, so they count whatever its ledger says."""
    chain = chain_of(SIX, SEVEN)
    assert at_stake(SiteId("g"), chain, ()) == (ids("abcdef"), ids("abcdefg"))
    assert at_stake(SiteId("a"), chain, ()) == (ids("abcdefg"),)
    with pytest.raises(AtomError, match="no consent of g"):
        require_rule_l(SiteId("g"), chain, (), ())
    require_rule_l(SiteId("g"), chain, (), [consent("g")])


def test_rosters_of_other_studies_count() -> None:
    other = roster(*SIX, study="hcc")
    with pytest.raises(AtomError, match="no consent of g"):
        require_rule_l(SiteId("a"), chain_of(SEVEN), (other,), ())


def test_a_hidden_difference_over_three_rosters() -> None:
    """As in the specification, seen by site 7, which was left out of the second."""
    ten, six, three = tuple("abcdefghij"), tuple("abcdef"), tuple("ghi")
    chain = chain_of(ten, six, three)
    with pytest.raises(AtomError, match="single out j"):
        require_rule_l(SiteId("g"), chain, chain[:1], ())


# --- consents -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "false",
    [
        consent("g", key="f"),
        consent("g", study="hcc"),
        make_consent(seed("g"), "Nierenzentren", "crlm", SiteId("g")),
        Consent(SiteId("g"), b""),
        Consent(SiteId("g"), consent("f").signature),
    ],
)
def test_a_consent_is_the_hospitals_own_and_for_this_study(false: Consent) -> None:
    chain = chain_of(SEVEN, SIX)
    with pytest.raises(SignatureError, match="withdraw-consent"):
        require_rule_l(SiteId("a"), chain, chain[:1], [false])


def test_a_consent_of_nobody_is_refused() -> None:
    chain = chain_of(SEVEN, SIX)
    with pytest.raises(RosterError, match="no roster names"):
        require_rule_l(SiteId("a"), chain, chain[:1], [consent("g"), consent("x")])


def renewed(chain: tuple[Roster, ...]) -> tuple[Roster, ...]:
    """Give g a new key in the second version, before it leaves in the third."""
    key = identity_public(seed("g renewed"))
    members = (*map(member, SIX), Member(SiteId("g"), "G", key))
    second = after(chain[0], members=members)
    return chain[0], second, after(second, *SIX)


def test_a_consent_is_under_the_newest_key() -> None:
    chain = renewed(chain_of(SEVEN))
    require_rule_l(SiteId("a"), chain, chain[:1], [consent("g", key="g renewed")])
    with pytest.raises(SignatureError):
        require_rule_l(SiteId("a"), chain, chain[:1], [consent("g")])
