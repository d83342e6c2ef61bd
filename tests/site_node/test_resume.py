"""What ends a run without anybody asking, and what a node does whose disk or ledger fails it."""

import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from protocol.errors import FederationError
from protocol.ids import SiteId
from protocol.requests import LOCAL_POLICY, Advance, Refusal
from protocol.secagg.messages import KeyShare, Reply
from protocol.wire import codec
from site_node.data.snapshot import Snapshot
from site_node.folder import UnavailableError
from site_node.ledger import Kind, LedgerError, RolledBackError
from site_node.runs import KEYS_LIVE
from site_node.upkeep import OpenRunsError, forget_study, rotate_identity
from tests.federation.cohorts import clinics
from tests.protocol.governance.parties import NOW, seed
from tests.site_node.office import abort, drive
from tests.site_node.town import House, Town

S0 = SiteId("s0")


def reasons(house: House) -> list[str]:
    found = house.query("SELECT body FROM entries WHERE kind = 'closed'")
    return [body.decode("utf-8", "replace")[-40:] for (body,) in found]


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize(
    ("later", "reason"),
    [(timedelta(days=300), "the roster expired"), (KEYS_LIVE, "its keys were 14 days old")],
)
def test_a_run_whose_time_is_over_ends_and_stays_ended(
    place: Town, restarts: bool, later: timedelta, reason: str
) -> None:
    run, house = drive(place).go(3), place.houses[S0]
    stored = run.deliver(S0)
    asked, ctx = run.raw, run.ctx
    run.take(run.collect())
    if restarts:
        place.close()
    place.clock.now = NOW + later
    assert house.refusal(run.request) == "run-over"
    assert not house.folder.keys(ctx).exists()
    assert reasons(house)[0].endswith(reason)
    place.clock.now = NOW  # the clock jumps back: nothing reopens
    if restarts:
        place.close()
    assert house.refusal(run.request) == "run-over"
    assert house.handle(asked) == stored  # what was sent may be sent again
    assert house.refusal(place.opening("new", rosters=())) == "roster"


def test_a_run_ends_in_time_though_nobody_asks(place: Town) -> None:
    run, house = drive(place).go(2), place.houses[S0]
    place.clock.advance(days=13.99)
    house.node.tidy()
    assert house.folder.keys(run.ctx).exists()
    place.clock.advance(days=0.01)
    house.node.tidy()
    assert not house.folder.keys(run.ctx).exists()
    assert house.node.runs == ()


def test_the_last_line_of_a_run_is_a_clock_too(place: Town) -> None:
    """A clock that was set back in between does not lengthen the life of keys."""
    run, house = drive(place).go(2), place.houses[S0]
    place.clock.advance(days=10)
    run.go(1)
    place.clock.advance(days=-10)
    place.close()
    (course,) = house.node._runs.courses.held.values()
    assert course.latest == NOW + timedelta(days=10)
    assert house.node.runs[0].since == NOW


def test_a_run_goes_on_under_later_software_with_the_same_program_only(
    place: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By rule: the program's version decides. Stored answers are sent again under any."""
    run, house = drive(place).go(3), place.houses[S0]
    stored, asked = run.deliver(S0), run.raw
    run.take(run.collect())
    place.close()
    monkeypatch.setattr("site_node.course.PROGRAM_VERSION", "2")
    assert house.refusal(run.request) == "program-version"
    assert house.handle(asked) == stored
    place.close()
    monkeypatch.undo()
    run.go()


def test_a_run_goes_on_with_the_rows_that_it_began_with_only(place: Town) -> None:
    run, house = drive(place).go(3), place.houses[S0]
    stored, asked = run.deliver(S0), run.raw
    run.take(run.collect())
    place.close()
    before = house.snapshots
    other = {name: replace(s, cohort=clinics(3, 41)[0]) for name, s in before.items()}
    for snapshots in ({}, {name: Moved(s.plan, s.cohort, ()) for name, s in other.items()}):
        house.stop()
        house.snapshots = snapshots
        assert house.refusal(run.request) == LOCAL_POLICY
        assert house.handle(asked) == stored
    assert "another than when the run began" in house.log.getvalue()
    place.close()
    house.snapshots = before
    run.go()


class Moved(Snapshot):
    """Rows out of other files."""

    @property
    def digest(self) -> bytes:
        return bytes(32)


def copied(house: House, to: Path) -> Path:
    house.stop()
    shutil.copytree(house.config.state, to)
    return to


def put_back(house: House, backup: Path) -> None:
    house.stop()
    shutil.rmtree(house.config.state)
    shutil.copytree(backup, house.config.state)


@pytest.mark.parametrize("rounds", [1, 2, 3, 5])
def test_an_older_copy_of_the_whole_folder_stops_when_its_own_answer_comes_back(
    place: Town, tmp_path: Path, rounds: int
) -> None:
    """Keys and ledger fit each other: only the signature under what is missing tells."""
    house = place.houses[S0]
    run = drive(place)
    if rounds > 1:
        run.go(rounds - 1)
    backup = copied(house, tmp_path / "backup")
    run.go(1)
    put_back(house, backup)
    assert house.refusal(run.request) == RolledBackError.code
    assert house.query("SELECT count(*) FROM entries WHERE kind = 'evidence'") == [(1,)]
    # It stops altogether, now and after a restart, until it gets a new identity.
    assert house.refusal(abort(run)) == RolledBackError.code
    house.stop()
    with pytest.raises(FederationError, match="not in its ledger"):
        house.start()
    with house.ledger() as ledger:
        rotate_identity(house.folder, ledger, lambda _: seed("new"), abandon=True)
    assert house.node.runs == ()
    assert list(house.folder.runs.glob("*.keys")) == []


def test_an_older_ledger_beside_younger_keys_is_refused_at_the_start(place: Town) -> None:
    """The head is kept where backups leave it out."""
    house, run = place.houses[S0], drive(place).go(2)
    house.stop()
    old = house.folder.ledger.read_bytes()
    run.go(1)
    house.stop()
    house.folder.ledger.write_bytes(old)
    with pytest.raises(RolledBackError, match="is an older copy"):
        house.start()


def test_another_runs_result_does_not_stop_a_node(place: Town) -> None:
    """Nor does a signature of ours that somebody moves to another place."""
    one, two = drive(place, "one").go(4), drive(place, "two").go(2)
    house = place.houses[S0]
    assert one.closed is not None
    request = two.request
    assert isinstance(request, Advance)
    assert house.refusal(replace(request, since=one.closed)) in ("run", "trip-order")
    one.go()
    two.go()


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow: every write of the process fails."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def test_a_full_disk_is_answered_and_nothing_is_half_written(place: Town) -> None:
    """At every message of a run: refused as unavailable, and answered once there is space."""
    run, house = drive(place), place.houses[S0]
    while not run.finished:
        before = house.node and house.query("SELECT count(*) FROM entries")
        with full_disk():
            assert house.refusal(run.request) == "unavailable"
        assert house.query("SELECT count(*) FROM entries") == before
        run.go(1)
    assert house.query("SELECT count(*) FROM entries WHERE kind = 'release'") == [(5,)]


def test_a_disk_that_fails_in_a_commit_is_asked_what_it_has(
    place: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit was made, and its confirmation was lost: the stored bytes are sent."""
    run, house = drive(place).go(3), place.houses[S0]
    ledger = house.node._ledger
    written = ledger._written

    def lost(values: object) -> None:
        written(values)  # type: ignore[arg-type]
        ledger._doubtful = True
        raise UnavailableError("ledger.db: disk i/o error")

    monkeypatch.setattr(ledger, "_written", lost)
    assert house.refusal(run.request) == "unavailable"
    monkeypatch.undo()
    assert isinstance(codec.decode_reply(run.deliver(S0)), Reply)
    assert house.query("SELECT count(*) FROM entries WHERE kind = 'release'") == [(3,)]
    run.go()


def test_a_changed_ledger_stops_the_start_by_its_line(place: Town) -> None:
    house = place.houses[S0]
    drive(place).go(3)
    with house.ledger() as ledger:
        database = ledger._database
        database.executescript("DROP TRIGGER no_change")
        database.execute("UPDATE entries SET body = x'00' WHERE seq = 3")
    with pytest.raises(LedgerError, match="line 3 is not as it was written"):
        house.start()


def test_keys_that_somebody_took_away_end_the_run(place: Town) -> None:
    run, house = drive(place).go(3), place.houses[S0]
    house.stop()
    house.folder.keys(run.ctx).unlink()
    assert house.refusal(run.request) == "run-over"
    assert reasons(house)[0].endswith("its keys are gone")


def test_a_damaged_file_of_keys_is_told_at_the_start(place: Town) -> None:
    run, house = drive(place).go(3), place.houses[S0]
    house.stop()
    house.folder.keys(run.ctx).write_bytes(b'{"fresh":')
    with pytest.raises(FederationError, match="does not hold the keys of a run"):
        house.start()


def test_a_new_identity_waits_for_open_runs(place: Town) -> None:
    run, house = drive(place).go(2), place.houses[S0]
    with house.ledger() as ledger, pytest.raises(OpenRunsError, match=run.opening.run_id.hex()[:8]):
        rotate_identity(house.folder, ledger, lambda _: seed("new"))
    run.go()
    with house.ledger() as ledger:
        rotate_identity(house.folder, ledger, lambda _: seed("new"))
    assert house.folder.identity.read_bytes() == seed("new")
    assert house.refusal(place.opening("next")) == "roster"  # which still names the old key


def test_a_study_is_forgotten_and_its_rules_are_not(place: Town) -> None:
    run, house = drive(place).go(3), place.houses[S0]
    asked = run.raw
    with house.ledger() as ledger, pytest.raises(OpenRunsError):
        forget_study(ledger, "crlm")
    upload = codec.decode_reply(run.deliver(S0))
    assert isinstance(upload, Reply)
    run.go()
    with house.ledger() as ledger:
        assert forget_study(ledger, "another") == 0
        assert forget_study(ledger, "crlm") == 1
        kinds = {line.kind for line in ledger.lines() if line.body is not None}
        kept = {Kind.PROPOSED, Kind.DECIDED, Kind.OPENED, Kind.COIN, Kind.CLOSED, Kind.NOTE}
        kept.add(Kind.PATTERNS)  # differences of totals do not grow old
        assert kinds == kept
    house.stop()
    files = b"".join(path.read_bytes() for path in house.config.state.rglob("*") if path.is_file())
    assert not any(vector.words in files for vector in upload.vectors)
    said = codec.decode_reply(house.handle(asked))
    assert isinstance(said, Refusal)
    assert said.code == "forgotten"
    assert isinstance(house.ask(run.opening), KeyShare)  # the same run is not begun again
    assert len(place.houses[S0].query("SELECT seq FROM entries WHERE kind = 'opened'")) == 1


def test_a_sleeping_node_does_nothing(place: Town) -> None:
    """Idle costs nothing: no thread, and a look at the time writes no line."""
    drive(place).go(2)
    house = place.houses[S0]
    before = house.query("SELECT count(*) FROM entries")
    for _ in range(100):
        house.node.tidy()
    assert house.query("SELECT count(*) FROM entries") == before
