"""What a hospital refuses before it makes a key, each by name; what is local leaves no reason."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from protocol.governance.identity import identity_public
from protocol.governance.roster import Roster, simulated_roster
from protocol.governance.signed import make_consent
from protocol.ids import SiteId
from protocol.plan.digest import canonical
from protocol.requests import LOCAL_POLICY, OpenRun, Refusal
from protocol.secagg.messages import KeyShare
from site_node.data.snapshot import PinnedFile
from site_node.ledger import Kind
from tests.federation.cohorts import changed, clinics
from tests.federation.table import short_plan
from tests.protocol.governance.parties import after, member, roster, seed
from tests.site_node.office import abort, drive
from tests.site_node.town import House, Town, approve, signed, town

S0, S3 = SiteId("s0"), SiteId("s3")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Town]:
    made = town(tmp_path, cohorts=clinics(7, 40))
    yield made
    made.close()


def refused(house: House, asked: OpenRun) -> tuple[str, str]:
    """Ask for a run that is refused; gives the code that leaves and the reason that stays."""
    said = house.ask(asked)
    assert isinstance(said, Refusal), said
    assert house.query("SELECT count(*) FROM entries WHERE kind = 'opened'") == [(0,)]
    assert list(house.folder.runs.glob("*.keys")) == []
    return said.code, house.log.getvalue()


def under(made: Town, *chain: Roster, **other: Any) -> OpenRun:
    """Write the request under other rosters, which the first hospital's operator approved."""
    approve(made.houses[S0], made.plan, *chain)
    return made.opening(rosters=tuple(signed(one) for one in chain), **other)


def among(made: Town, *names: str, **other: Any) -> Roster:
    return roster(*(names or made.roster.sites), **other)


def test_a_run_that_is_as_it_should_be_is_let_in(place: Town) -> None:
    house = place.houses[S0]
    assert isinstance(house.ask(place.opening()), KeyShare)
    assert house.query("SELECT count(*) FROM entries WHERE kind = 'opened'") == [(1,)]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"signature": bytes(64)}, "signature"),
        ({"rosters": ()}, "roster"),
        ({"program": "0"}, "program-version"),
        ({"scheme": "B"}, "run"),
        ({"suite": 2}, "run"),
        ({"plan": b"{}"}, LOCAL_POLICY),
        ({"plan": canonical(short_plan("standard"))}, LOCAL_POLICY),
    ],
)
def test_a_request_that_is_not_right_is_refused(
    place: Town, asked: dict[str, Any], code: str
) -> None:
    request = place.opening(**asked)
    if "signature" in asked:
        request = replace(request, **asked)
    told, log = refused(place.houses[S0], request)
    assert told == code
    assert f'"code": "{code}"' in log


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"expires": "2030-06-01"}, "roster"),
        ({"not_before": "2030-06-02"}, "roster"),
        ({"federation": "Another"}, "roster"),
        ({"members": tuple(member(name) for name in ("s1", "s2", "s3"))}, "roster"),
        ({"coordinator": identity_public(seed("other"))}, "roster"),
    ],
)
def test_a_roster_that_is_not_right_is_refused(
    place: Town, changed: dict[str, Any], code: str
) -> None:
    other = replace(among(place), **changed)
    assert refused(place.houses[S0], under(place, other))[0] == code


def test_a_roster_that_too_few_signed_or_that_is_simulated_is_refused(place: Town) -> None:
    house, one = place.houses[S0], place.opening()
    short = replace(one.rosters[0], signatures=one.rosters[0].signatures[:1])
    assert refused(house, place.opening(rosters=(short,)))[0] == "signature"
    made_up = simulated_roster("crlm", place.roster.members, place.roster.coordinator)
    named = replace(made_up, federation="Leberzentren")
    assert refused(house, under(place, named))[0] == "roster"


def test_a_roster_with_another_key_for_this_hospital_is_refused(place: Town) -> None:
    stolen = replace(member("s0"), identity=identity_public(seed("thief")))
    members = tuple(stolen if one.id == "s0" else one for one in place.roster.members)
    assert refused(place.houses[S0], under(place, replace(place.roster, members=members)))[0] == (
        "roster"
    )


def test_hospitals_whose_words_differ_are_not_those_that_are_known(place: Town) -> None:
    stolen = replace(member("s1"), identity=identity_public(seed("thief")))
    members = tuple(stolen if one.id == "s1" else one for one in place.roster.members)
    chain = place.roster, after(place.roster, members=members)
    code, log = refused(place.houses[S0], under(place, *chain))
    assert code == LOCAL_POLICY
    assert "s1: the roster has another key than the one whose words were compared" in log


def test_words_are_the_same_however_they_are_written(place: Town) -> None:
    house = place.houses[S0]
    shouted = {s: w.upper().replace("-", " ") for s, w in house.config.known_sites.items()}
    house.config = replace(house.config, known_sites=shouted)
    assert isinstance(house.ask(place.opening()), KeyShare)


def test_company_is_held_to_the_hospitals_own_minimum(place: Town) -> None:
    house = place.houses[S0]
    known = dict(list(house.config.known_sites.items())[:1])
    house.config = replace(house.config, known_sites=known)
    code, log = refused(house, place.opening())
    assert code == LOCAL_POLICY
    assert "fewer than 2 hospitals whose words are known" in log
    house.stop()
    house.config = replace(place.houses[S3].config, site=S0, state=house.config.state, min_sites=8)
    code, log = refused(house, place.opening())
    assert code == LOCAL_POLICY
    assert "fewer than 8 hospitals" in log


def test_too_few_patients_keep_a_hospital_out_without_a_word(tmp_path: Path) -> None:
    """S1: the code says nothing of the rows, and the reason says no number of them."""
    small = replace(clinics(3, 40)[0])
    rows = slice(0, 7)
    few = replace(
        small,
        ids=small.ids[rows],
        arm=small.arm[rows],
        values={name: array[rows] for name, array in small.values.items()},
    )
    made = town(tmp_path, cohorts=(few, *clinics(3, 40)[1:]))
    code, log = refused(made.houses[S0], made.opening())
    assert code == LOCAL_POLICY
    assert "rule S1" in log
    assert " 7 " not in log
    made.close()


def test_a_plan_that_asks_for_more_hospitals_is_refused_by_its_own_code(tmp_path: Path) -> None:
    plan = changed(short_plan(), "disclosure", min_sites=5)
    made = town(tmp_path, plan)
    assert refused(made.houses[S0], made.opening())[0] == "disclosure"
    made.close()


def test_files_that_changed_since_the_start_are_told_by_name(place: Town, tmp_path: Path) -> None:
    house, file = place.houses[S0], tmp_path / "extract.csv"
    pinned = PinnedFile(file, (), b"")
    file.write_bytes(b"new rows")
    data = {name: replace(s, files=(pinned,)) for name, s in house.snapshots.items()}
    house.snapshots = data
    code, log = refused(house, place.opening())
    assert code == LOCAL_POLICY
    assert "extract.csv: is not the file that the node read" in log


def test_runs_on_one_extract_are_counted(tmp_path: Path) -> None:
    """Rule Q; a run that was opened counts, however it ended, and its own request does not."""
    made = town(tmp_path, max_runs=2)
    house = made.houses[S0]
    first = drive(made, "one").go()
    assert isinstance(house.ask(made.opening("two")), KeyShare)
    said = house.ask(made.opening("three"))
    assert isinstance(said, Refusal)
    assert said.code == LOCAL_POLICY
    assert "rule Q" in house.log.getvalue()
    assert isinstance(house.ask(first.opening), KeyShare)
    made.close()


def test_an_older_roster_and_a_fork_are_refused_once_a_newer_was_seen(place: Town) -> None:
    house, first = place.houses[S0], place.roster
    second = after(first)
    assert isinstance(house.ask(under(place, first, second)), KeyShare)
    for run, chain in (("old", (first,)), ("fork", (first, after(first, min_sites=4)))):
        house.stop()
        said = house.ask(under(place, *chain, run=run))
        assert isinstance(said, Refusal)
        assert said.code == "roster"
    third = after(second)
    assert isinstance(house.ask(under(place, first, second, third, run="new")), KeyShare)


def test_a_smaller_roster_needs_the_consent_of_who_is_missing(place: Town) -> None:
    """Rule L: {all} and {all but s6} single out s6."""
    run, house = drive(place, "one").go(4), place.houses[S0]
    house.ask(abort(run))
    fewer = after(place.roster, *place.roster.sites[:-1])
    for _ in range(2):  # I7: also after a restart
        house.stop()
        said = house.ask(under(place, place.roster, fewer, run="two"))
        assert isinstance(said, Refusal)
        assert said.code == LOCAL_POLICY
    assert "single out s6" in house.log.getvalue()
    agreed = make_consent(seed("s6"), "Leberzentren", "crlm", SiteId("s6"))
    said = house.ask(under(place, place.roster, fewer, run="two", consents=(agreed,)))
    assert isinstance(said, KeyShare)
    forged = replace(agreed, signature=bytes(64))
    said = house.ask(under(place, place.roster, fewer, run="three", consents=(forged,)))
    assert isinstance(said, Refusal)


def test_a_hospital_lost_up_to_the_lock_costs_nothing(place: Town) -> None:
    """Under the first roster only the lock was answered, and its runs end with it (SPEC 7.3)."""
    run, house = drive(place, "one").go(2), place.houses[S0]
    fewer = after(place.roster, *place.roster.sites[:-1])
    assert isinstance(house.ask(under(place, place.roster, fewer, run="two")), KeyShare)
    said = house.ask(run.request)
    assert isinstance(said, Refusal)
    assert said.code == "run-over"


def test_while_a_run_is_open_its_data_may_still_leave(place: Town) -> None:
    """A further hospital takes nobody back; alone in an atom, it waits for the end (SPEC 7.3)."""
    run, house = drive(place, "one").go(2), place.houses[S0]
    more = after(place.roster, *place.roster.sites, "s7")
    larger = under(place, place.roster, more, run="two")
    assert isinstance(house.ask(larger), Refusal)
    house.ask(abort(run))
    assert isinstance(house.ask(larger), KeyShare)


def test_what_was_refused_is_written_once(place: Town) -> None:
    house = place.houses[S0]
    asked = place.opening(plan=b"{}")
    for _ in range(3):
        house.ask(asked)
    assert house.query("SELECT count(*) FROM entries WHERE kind = ?", Kind.REFUSED) == [(1,)]
