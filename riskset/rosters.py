"""Who takes part in a study, as the coordinating centre prepares it: drafts, signatures, versions.

A draft is a file that goes round the roster authority's members; with enough of their signatures
it enters the journal as the version in force. The coordinator's own key signs none of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from coordinator.members import Join, JoinState, decide_join, keep_roster, kept_joins, kept_rosters
from coordinator.store import Store
from protocol.canonical import Json
from protocol.errors import Exit, FederationError
from protocol.governance.chain import (
    next_version,
    read_roster_file,
    roster_file,
    sign_roster,
    signed_roster,
    verify_chain,
)
from protocol.governance.federation import Federation, party_words
from protocol.governance.roster import FIRST, Member, Roster, RosterError, moment
from protocol.governance.signed import SignedRoster
from protocol.ids import SiteId
from protocol.words import same_words

SKEW = timedelta(days=1)
"""How far a roster begins before it is made: hospitals' clocks go wrong."""
CLOCKS = timedelta(hours=1)
"""How far the clocks of the centre and of a member of the roster authority may be apart."""


class DraftError(FederationError):
    """The next version of a roster cannot be made or signed as asked."""

    code = "roster-draft"
    exit = Exit.USAGE
    fix = "see `riskset roster show STUDY`"


class WordsError(FederationError):
    """Two people compared words that differ."""

    code = "words-differ"
    exit = Exit.TAMPERING
    fix = "do not go on: telephone again, with a number that you know from elsewhere"


@dataclass(frozen=True)
class Register:
    """The rosters of one study at the coordinating centre. `folder` holds drafts.

    `coordinator` is the key that further versions name, 32 bytes; a study's first one has that of
    the federation's file (SPEC 2.8).
    """

    store: Store
    federation: Federation
    folder: Path
    study: str
    coordinator: bytes

    @property
    def draft_file(self) -> Path:
        """Where the next version waits for signatures."""
        return self.folder / f"{self.study}.roster.json"

    @property
    def chain(self) -> tuple[SignedRoster, ...]:
        """All versions in the journal, the first one first."""
        return kept_rosters(self.store, self.study)

    def in_force(self, now: datetime) -> Roster:
        """Return the verified newest version.

        Raises
        ------
        RosterError, SignatureError
            If there is none, or it is not in force now.
        """
        chain = self.chain
        if not chain:
            raise RosterError(
                f"no roster of {self.study} is signed yet",
                "`riskset roster add` the hospitals, then `riskset roster sign`",
            )
        last = verify_chain(chain, self.federation, now=now)[-1]
        if last.coordinator != self.coordinator:
            raise RosterError(
                f"version {last.version} of the roster of {self.study} does not name the centre's "
                "new key",
                f"`riskset roster sign {self.study}` signs the version that does, then type "
                "`riskset rotate`",
            )
        return last

    def newest(self) -> Roster | None:
        """Return the newest version in the journal, in force or not; None if there is none."""
        chain = self.chain
        return Roster.from_bytes(chain[-1].payload) if chain else None

    def draft(self) -> SignedRoster | None:
        """Read the draft; None if there is none.

        Raises
        ------
        RosterError
            If the file is none.
        """
        try:
            return read_roster_file(self.draft_file.read_bytes())
        except FileNotFoundError:
            return None

    def add(self, members: Sequence[Member], now: datetime, days: int) -> Roster:
        """Put hospitals into the draft; a known id gets the new key and name.

        Raises
        ------
        RosterError
            If the roster would break a rule.
        """
        kept = {member.id: member for member in self._members()}
        return self._write({**kept, **{member.id: member for member in members}}, now, days)

    def remove(self, site: SiteId, now: datetime, days: int) -> Roster:
        """Take a hospital out of the next version.

        Raises
        ------
        DraftError
            If it is not in it.
        RosterError
            If fewer than three would be left.
        """
        kept = {member.id: member for member in self._members()}
        if site not in kept:
            raise DraftError(f"{site} is not in the roster of {self.study}")
        del kept[site]
        return self._write(kept, now, days)

    def sign(self, authority_seed: bytes, now: datetime) -> tuple[Roster, bool]:
        """Sign the draft with an authority's key; says whether it is in force by it.

        Raises
        ------
        DraftError
            If there is no draft, or the key is none of the authority's.
        """
        signed = self.draft()
        if signed is None:
            raise DraftError(f"there is no draft of a roster of {self.study} to sign")
        signed = with_signature(signed, authority_seed, self.federation, now)
        return self.take(signed, now)

    def take(self, signed: SignedRoster, now: datetime) -> tuple[Roster, bool]:
        """Keep a draft with its signatures; with enough of them it is in force.

        Raises
        ------
        RosterError, SignatureError
            If it does not follow the versions before.
        """
        roster = Roster.from_bytes(signed.payload)
        if roster.study != self.study:
            raise DraftError(f"the file holds a roster of {roster.study}, not of {self.study}")
        if len(signed.signatures) < self.federation.threshold:
            self._keep_draft(signed)
            return roster, False
        verify_chain((*self.chain, signed), self.federation, now=now)
        keep_roster(self.store, signed, now)
        self.draft_file.unlink(missing_ok=True)
        if roster.coordinator != self.coordinator:
            self.renew(now, (moment(roster.expires) - now).days + 1)
        return roster, True

    def renew(self, now: datetime, days: int) -> Roster:
        """Draft a version with the same hospitals, and with this centre's key.

        Raises
        ------
        RosterError
            If the roster would break a rule.
        """
        return self._write({member.id: member for member in self._members()}, now, days)

    def _members(self) -> tuple[Member, ...]:
        draft = self.draft()
        roster = Roster.from_bytes(draft.payload) if draft else self.newest()
        return roster.members if roster else ()

    def _write(self, members: dict[SiteId, Member], now: datetime, days: int) -> Roster:
        begins, ends = now - SKEW, now + timedelta(days=days)
        starts, expires = _utc(begins), _utc(ends)
        before, those = self.newest(), tuple(members.values())
        if before is None:
            made = self.federation, self.study, those
            roster = first_version(*made, not_before=starts, expires=expires)
        else:
            roster = next_version(
                before, those, not_before=starts, expires=expires, coordinator=self.coordinator
            )
        self._keep_draft(signed_roster(roster))
        return roster

    def _keep_draft(self, signed: SignedRoster) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        other = self.draft_file.with_suffix(".new")
        other.write_bytes(roster_file(signed))
        other.replace(self.draft_file)


def first_version(
    federation: Federation,
    study: str,
    members: tuple[Member, ...],
    *,
    not_before: str,
    expires: str,
) -> Roster:
    """Write the first version of a study's roster."""
    return Roster(
        federation=federation.name,
        study=study,
        version=1,
        prev_digest=FIRST,
        not_before=not_before,
        expires=expires,
        members=members,
        coordinator=federation.coordinator,
    )


def with_signature(
    signed: SignedRoster, authority_seed: bytes, federation: Federation, now: datetime
) -> SignedRoster:
    """Add an authority's signature to a roster's file. Needs no journal: it may be done elsewhere.

    Hospitals go by the coordinator's key of the roster that begins last (SPEC 2.8). So nothing is
    signed that begins later than what is made now: with it, whoever stole the key that it names
    would be the coordinator again when it has been replaced.

    Raises
    ------
    DraftError
        If the key is none of the authority's, or the roster begins too late.
    RosterError
        If the file holds no roster.
    """
    roster = Roster.from_bytes(signed.payload)
    if moment(roster.not_before) > now - SKEW + CLOCKS:
        raise DraftError(
            f"version {roster.version} of the roster of {roster.study} begins on "
            f"{roster.not_before}: the centre dates a roster a day before it makes it",
            "check this machine's clock; if it is right, do not sign, and telephone the centre",
        )
    key, signature = sign_roster(roster, authority_seed)
    if key not in federation.authorities:
        raise DraftError("the key is none of this federation's roster authority")
    return signed.with_signatures([(key, signature)])


def waiting(store: Store, site: SiteId) -> Join:
    """Find the request of a hospital that joined and waits for a decision.

    Raises
    ------
    DraftError
        If there is none, or several: then somebody else took its name.
    """
    found = [join for join in kept_joins(store, JoinState.WAITING) if join.site == site]
    if not found:
        fix = "invite the hospital and let it join; see `riskset joins`"
        raise DraftError(f"{site} has no request to join that waits", fix)
    if len(found) > 1:
        raise DraftError(
            f"{len(found)} keys ask to join as {site}",
            "telephone the hospital, then `riskset decline` the requests whose words are not its",
        )
    return found[0]


def accept(store: Store, join: Join, words: str) -> None:
    """Take a hospital whose people read out these words.

    Raises
    ------
    WordsError
        If they are not the words of the key that asked.
    """
    if not same_words(words, join.words):
        raise WordsError(f"{join.site}: the words are not those of the key that asked to join")
    decide_join(store, join.number, JoinState.ACCEPTED)


def accepted(store: Store, sites: Sequence[SiteId]) -> list[Member]:
    """Look up hospitals that were accepted, each with its latest key.

    Raises
    ------
    DraftError
        Naming those that were not.
    """
    known = {j.site: Member(j.site, j.name, j.identity) for j in _accepted(store)}
    if missing := [site for site in sites if site not in known]:
        raise DraftError(
            f"{', '.join(missing)}: not accepted yet",
            "compare the words by telephone, then `riskset accept SITE`",
        )
    return [known[site] for site in sites]


def _accepted(store: Store) -> tuple[Join, ...]:
    return kept_joins(store, JoinState.ACCEPTED)


def roster_json(roster: Roster, *, signatures: int | None = None) -> dict[str, Json]:
    """Say a roster for scripts."""
    told: dict[str, Json] = {
        "study": roster.study,
        "version": roster.version,
        "digest": roster.digest.hex(),
        "not_before": roster.not_before,
        "expires": roster.expires,
        "sites": [
            {"id": member.id, "name": member.name, "words": party_words(member.identity)}
            for member in roster.members
        ],
    }
    return told if signatures is None else {**told, "signatures": signatures}


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
