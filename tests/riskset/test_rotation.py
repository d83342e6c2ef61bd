"""A centre's key is replaced by the roster authority's members, and by nobody at the centre."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coordinator.config import CoordinatorConfig, read_config
from coordinator.members import kept_rosters, succession
from coordinator.store import Store
from protocol.canonical import digest
from protocol.errors import Exit
from protocol.governance.chain import next_version, signed_roster
from protocol.governance.federation import coordinator_key, party_words
from protocol.governance.identity import identity_public
from protocol.governance.roster import Member, Roster, RosterError
from protocol.ids import SiteId
from riskset.centre import Founded, Wanted, found, read_authority_seed
from riskset.rosters import SKEW, DraftError, Register, with_signature
from riskset.rotation import Rotation, RotationError, next_key, register_of, rotate
from tests.cli.parties import Said, typed

NOW = datetime.now(UTC)
MEMBERS = [Member(SiteId(s), s.title(), identity_public(digest("tests", s))) for s in "abc"]


@dataclass(frozen=True)
class Office:
    """A centre on disk, with two members of the roster authority who both have to sign."""

    made: Founded
    settings: CoordinatorConfig
    store: Store

    @property
    def folder(self) -> Path:
        return self.made.config.parent

    @property
    def key(self) -> bytes:
        return identity_public(self.settings.key.read_bytes())

    def register(self, study: str = "crlm") -> Register:
        return register_of(self.folder, self.settings, self.store, study)

    def sign(self, register: Register, *members: int) -> Roster:
        for member in members:
            file = self.made.authority_folder / f"authority-{member}.key"
            roster, _ = register.sign(read_authority_seed(file), NOW)
        return roster

    def begin(self, study: str = "crlm", days: int = 100) -> Roster:
        self.register(study).add(MEMBERS, NOW, days)
        return self.sign(self.register(study), 1, 2)

    def rotate(self, *, now: datetime = NOW) -> Rotation:
        return rotate(self.folder, self.settings, self.store, now=now)

    def type(self, *words: str) -> Said:
        return typed("riskset", *words, "--config", self.made.config)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    wanted = Wanted("Trial", ["localhost"], authorities=2, threshold=2)
    made = found(tmp_path / "centre", tmp_path / "keys", wanted, NOW)
    settings = read_config(made.config)
    with Store(settings.store) as store:
        yield Office(made, settings, store)


def test_a_key_serves_once_enough_of_the_authority_signed(office: Office) -> None:
    before, old = office.begin(), office.key
    assert before.coordinator == old
    waiting = office.rotate()
    assert waiting.waits == (office.register().draft_file,)
    office.sign(office.register(), 1)
    assert office.rotate().waits, "one of two has signed"
    assert office.key == old
    office.sign(office.register(), 2)
    assert office.key == old, "the old key serves until rotate puts the new one in its place"
    assert office.rotate() == Rotation(waiting.words, ())
    assert party_words(office.key) == waiting.words
    newest = office.register().in_force(NOW)
    assert (newest.version, newest.coordinator, newest.members) == (2, office.key, before.members)
    assert coordinator_key(office.made.federation, [newest]) == office.key
    assert not next_key(office.settings.key).exists()
    assert succession(office.store, office.key, NOW) == kept_rosters(office.store, "crlm")
    assert succession(office.store, old, NOW) == ()
    assert succession(office.store, office.key, NOW + timedelta(days=400)) == ()


def test_a_roster_signed_meanwhile_names_the_new_key(office: Office) -> None:
    """A hospital comes while the authority's members are still asked."""
    office.begin()
    office.rotate()
    office.register().add([Member(SiteId("d"), "D", identity_public(bytes(32)))], NOW, 50)
    signed = office.sign(office.register(), 1, 2)
    assert (signed.version, len(signed.members)) == (2, 4)
    assert office.rotate().waits == ()
    assert signed.coordinator == office.key


def test_a_study_that_begins_later_has_two_versions_to_be_signed(office: Office) -> None:
    office.begin()
    office.rotate()
    office.sign(office.register(), 1, 2)
    office.rotate()
    first = office.begin("later", 30)
    assert first.coordinator == office.made.federation.coordinator
    with pytest.raises(RosterError, match="does not name the centre's new key"):
        office.register("later").in_force(NOW)
    second = office.sign(office.register("later"), 1, 2)
    assert (second.version, second.coordinator) == (2, office.key)
    assert office.register("later").in_force(NOW) == second
    assert office.register("later").draft() is None


def test_a_study_that_is_over_is_not_waited_for(office: Office) -> None:
    office.begin("old", 10)
    office.begin("crlm", 100)
    later = NOW + timedelta(days=11)
    assert [file.name for file in office.rotate(now=later).waits] == ["crlm.roster.json"]


@pytest.mark.parametrize("begins", [timedelta(0), timedelta(days=20)])
def test_a_roster_that_would_bring_a_replaced_key_back_is_not_signed(
    office: Office, begins: timedelta
) -> None:
    """Whoever stole a key has a roster of another study signed that begins after the change."""
    first, federation = office.begin(), office.made.federation
    stolen, new = (identity_public(digest("tests", name)) for name in ("stolen", "new"))

    def next_one(after: timedelta, key: bytes) -> Roster:
        starts, ends = (f"{NOW + d:%Y-%m-%dT%H:%M:%SZ}" for d in (after, timedelta(days=60)))
        made = next_version(first, first.members, not_before=starts, expires=ends, coordinator=key)
        return replace(made, study="crlm" if key == new else "other")

    honest, late = next_one(-SKEW, new), next_one(begins, stolen)
    assert coordinator_key(federation, [honest, late]) == stolen
    seed = read_authority_seed(office.made.authority_folder / "authority-1.key")
    with pytest.raises(DraftError, match="dates a roster a day before it makes it"):
        with_signature(signed_roster(late), seed, federation, NOW)
    assert with_signature(signed_roster(honest), seed, federation, NOW).signatures


def test_without_a_roster_nobody_can_name_a_key(office: Office) -> None:
    with pytest.raises(RotationError, match="no study has a roster in force"):
        office.rotate()
    assert not next_key(office.settings.key).exists()


def test_the_command_says_what_to_sign_and_when_it_is_done(office: Office) -> None:
    none = office.type("rotate", "--format", "json")
    assert (none.status, none.code) == (Exit.USAGE, "rotation")
    office.begin()
    said = office.type("rotate").out
    assert f"{office.register().draft_file}: waits for signatures" in said
    assert "riskset roster sign STUDY, then riskset rotate again" in said
    waits = office.type("rotate", "--format", "json").json["waits"]
    assert waits == [str(office.register().draft_file)]
    for member in ("authority-1.key", "authority-2.key"):
        key = str(office.made.authority_folder / member)
        assert office.type("roster", "sign", "crlm", "--key", key).status == 0
    done = office.type("rotate").out
    assert f"the coordinator's key is new: {party_words(office.key)}; serve again" in done
    office.register("later").add(MEMBERS, NOW, 30)
    office.type(
        "roster", "sign", "later", "--key", str(office.made.authority_folder / "authority-1.key")
    )
    told = office.type("roster", "sign", "later", "--key", key).out
    assert "riskset roster sign later signs the next" in told
