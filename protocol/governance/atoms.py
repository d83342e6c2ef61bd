"""Rule L: which hospitals could be told apart by adding and subtracting sums (SPEC 7.4).

Every sum of a study is over a whole roster. Sums over different rosters can be combined, and any
combination gives hospitals that stand in exactly the same rosters the same weight: they form an
atom, and nothing finer than an atom can be computed. Too small an atom needs its members' consent.
"""

from collections.abc import Iterable, Mapping, Sequence

from protocol.errors import Exit, FederationError
from protocol.governance.roster import Roster, RosterError
from protocol.governance.signed import Consent
from protocol.ids import SiteId


class AtomError(FederationError):
    """A sum under the new roster would, beside earlier ones, single out too few hospitals."""

    code = "rule-l"
    exit = Exit.DISCLOSURE
    fix = "ask the hospitals named for their consent, or go on with the roster as it was"


def small_atoms(rosters: Iterable[frozenset[SiteId]], least: int) -> tuple[frozenset[SiteId], ...]:
    """Find the atoms of fewer than `least` hospitals, in the order of their first id's bytes.

    `rosters` are the members of each roster whose sum was, may have been or would be opened. A
    hospital's pattern is the set of rosters it stands in; equal patterns make an atom.
    """
    listed = tuple(dict.fromkeys(rosters))
    atoms: dict[tuple[bool, ...], set[SiteId]] = {}
    for site in frozenset[SiteId]().union(*listed):
        atoms.setdefault(tuple(site in members for members in listed), set()).add(site)
    small = (frozenset(atom) for atom in atoms.values() if len(atom) < least)
    return tuple(sorted(small, key=min))


def at_stake(
    own: SiteId, chain: Sequence[Roster], released: Iterable[Roster]
) -> tuple[frozenset[SiteId], ...]:
    """List the members of every roster that rule L looks at, each once.

    These are the last of the chain, which is to be released under; all under which this hospital
    has released or may have, of any study; and all versions of the chain that leave it out: those
    sums open without it. A version that names it, and under which it released nothing, never
    opened and never will.
    """
    without = (roster for roster in chain[:-1] if own not in roster.sites)
    rosters = (*released, *without, chain[-1])
    return tuple(dict.fromkeys(frozenset(roster.sites) for roster in rosters))


def require_rule_l(
    own: SiteId,
    chain: Sequence[Roster],
    released: Sequence[Roster],
    consents: Sequence[Consent],
) -> None:
    """Hold rule L before a data block is released under a new roster. Run by a site.

    `chain` is what `verify_chain` gave, its last the new roster; `released` are the rosters in
    this hospital's ledger under which data blocks left or may have left, of every study on this
    data source.

    Raises
    ------
    AtomError
        If an atom has fewer than `delta_min` hospitals and one of them has not consented.
    SignatureError, RosterError
        If a consent is not signed by the hospital that it names.
    """
    agreed = _verified(chain, released, consents)
    least = chain[-1].delta_min
    for atom in small_atoms(at_stake(own, chain, released), least):
        silent = sorted(atom - agreed)
        if silent:
            raise AtomError(
                f"beside earlier sums, this one would single out {', '.join(sorted(atom))}: "
                f"fewer than {least} hospitals, and no consent of {', '.join(silent)}"
            )


def _verified(
    chain: Sequence[Roster], released: Sequence[Roster], consents: Sequence[Consent]
) -> frozenset[SiteId]:
    """Check every consent under the newest key of its hospital, the chain's before any other."""
    study, keys = chain[-1], _keys((*released, *chain))
    for consent in consents:
        if consent.site not in keys:
            raise RosterError(f"a consent is of {consent.site}, which no roster names")
        consent.verify(keys[consent.site], study.federation, study.study)
    return frozenset(consent.site for consent in consents)


def _keys(rosters: Iterable[Roster]) -> Mapping[SiteId, bytes]:
    """Give each hospital's key in the last of the rosters that names it."""
    return {member.id: member.identity for roster in rosters for member in roster.members}
