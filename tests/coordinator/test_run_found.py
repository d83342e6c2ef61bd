"""What a coordinator itself finds wrong: sums, its journal, its key, hospitals' last words."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import update

from coordinator.asking import Patience
from coordinator.control import request_abort, request_resume
from coordinator.journal import Journal, Kind, RunState
from coordinator.points import Point
from coordinator.store import Store
from coordinator.tables import messages, runs
from protocol import PROGRAM_VERSION
from protocol.requests import Done
from protocol.run import Played
from protocol.wire.codec import decode_reply, encode_reply
from tests.coordinator.hospitals import identity
from tests.coordinator.office import S0, Break, Desk, Replies


def test_sums_that_are_none_stop_the_run(sqlite: Store) -> None:
    """A hospital that masks under other keys signs noise; nothing opens."""
    desk = Desk(sqlite)
    run = desk.start()
    desk.die(run, Point.TRIP_WRITTEN, 2)
    hospital = desk.sites[S0]
    (ctx,) = hospital.runs
    state = hospital.runs[ctx].state
    other = {site: bytes(32) for site in state.pair_keys}
    hospital.runs[ctx] = replace(hospital.runs[ctx], state=replace(state, pair_keys=other))
    assert desk.conduct(run) is RunState.FAILED
    row = Journal(sqlite, run).row()
    assert row.code == "sum-refused"
    assert set(Journal(sqlite, run).bodies(Kind.REPLY, 2)) == set(desk.sites)
    assert Journal(sqlite, run).body(Kind.RESULT, 2) is None


@pytest.mark.parametrize("kind", [Kind.RESULT, Kind.REPLY, Kind.TRIP])
def test_a_changed_journal_is_found_by_replay(sqlite: Store, kind: Kind) -> None:
    desk = Desk(sqlite)
    run = desk.start()
    desk.die(run, Point.TRIP_WRITTEN, 3)
    journal, trip = Journal(sqlite, run), 3 if kind is Kind.TRIP else 2
    (site, body), *_ = journal.bodies(kind, trip).items()
    changed = body[:-1] + bytes([body[-1] ^ 1])
    chosen = (messages.c.kind == kind) & (messages.c.trip == trip) & (messages.c.site == site)
    with sqlite.write() as connection:
        connection.execute(update(messages).where(chosen).values(body=changed))
    assert desk.conduct(run) is RunState.FAILED
    assert journal.row().code in ("journal-replay", "signature", "message")
    assert desk.published == []


def test_deleting_a_message_is_found(sqlite: Store) -> None:
    """A trip without its request, as by an old copy of one table, is no trip."""
    desk = Desk(sqlite)
    run = desk.start()
    desk.die(run, Point.TRIP_WRITTEN, 2)
    with sqlite.write() as connection:
        connection.execute(messages.delete().where(messages.c.kind == Kind.TRIP))
    assert desk.conduct(run) is RunState.FAILED
    assert Journal(sqlite, run).row().code == "journal-replay"


def test_a_run_of_another_program_is_not_resumed_but_can_be_aborted(sqlite: Store) -> None:
    desk = Desk(sqlite)
    run = desk.start()
    desk.die(run, Point.TRIP_WRITTEN, 2)
    with sqlite.write() as connection:
        connection.execute(update(runs).values(program="99"))
    assert desk.conduct(run) is RunState.FAILED
    row = Journal(sqlite, run).row()
    assert row.code == "program-version"
    assert "version 99 of the study program" in row.reason
    assert row.reason.endswith(f"this is version {PROGRAM_VERSION}")
    with sqlite.write() as connection:
        connection.execute(update(runs).values(program=PROGRAM_VERSION, software="0.9"))
    request_resume(sqlite, run, desk.clock())  # other software, same program
    desk.die(run, Point.TRIP_WRITTEN, 2)
    with sqlite.write() as connection:
        connection.execute(update(runs).values(program="99"))
    request_abort(sqlite, run, desk.clock())
    assert desk.conduct(run) is RunState.ABORTED


def test_another_coordinators_key_is_told_before_anybody_is_asked(sqlite: Store) -> None:
    desk = Desk(sqlite, seed=bytes(32))
    run = desk.start()
    assert desk.conduct(run) is RunState.FAILED
    assert "another coordinator's key" in Journal(sqlite, run).row().reason
    assert all(hospital.seen == [] for hospital in desk.sites.values())


def test_results_that_cannot_be_written_are_written_later(sqlite: Store, whole: Played) -> None:
    desk = Desk(sqlite)
    run, full = desk.start(), OSError(28, "No space left on device", "results.json")

    def no_space(_: Played) -> None:
        raise full

    conductor = replace(desk.conductor(), publish=no_space)
    assert conductor.conduct(run, lambda: False) is RunState.FINISHED
    row = Journal(sqlite, run).row()
    assert (row.code, row.published) == ("publish", None)
    assert row.reason == "results.json: No space left on device"
    request_resume(sqlite, run, desk.clock())
    assert desk.conduct(run) is RunState.FINISHED
    assert desk.published[0].chain == whole.chain
    assert Journal(sqlite, run).row().code == ""


def _done_with(change: Callable[[Done], Done]) -> Break:
    """Let the first hospital sign another last word than its own."""

    def changed(replies: Replies) -> Replies:
        said = decode_reply(replies[0][1])
        if not isinstance(said, Done):
            return replies
        return [(S0, encode_reply(change(said).sign(identity(S0)))), *replies[1:]]

    return changed


def test_a_done_with_other_results_is_no_end(sqlite: Store) -> None:
    desk = Desk(sqlite, patience=Patience(tries=2))
    run, other = desk.start(), hashlib.sha256(b"other").digest()
    lied = _done_with(lambda said: replace(said, chain=other))
    assert desk.conduct(run, *[lied] * 40) is RunState.FAILED
    assert "ended there with other results" in Journal(sqlite, run).row().reason


@pytest.mark.parametrize("runs", [(), (bytes(16),)])
def test_a_done_that_does_not_list_the_run_is_no_end(
    sqlite: Store, runs: tuple[bytes, ...]
) -> None:
    desk = Desk(sqlite, patience=Patience(tries=2))
    run, lied = desk.start(), _done_with(lambda said: replace(said, runs=runs))
    assert desk.conduct(run, *[lied] * 40) is RunState.FAILED
    reason = Journal(sqlite, run).row().reason
    assert "its list of this plan's runs is not one with this run" in reason


def test_the_last_words_of_all_hospitals_prove_a_run(whole: Played) -> None:
    assert whole.proof is not None
    assert tuple(said.site for said in whole.proof.done) == whole.sites
    assert {said.runs for said in whole.proof.done} == {(whole.run_id,)}
    assert {said.chain for said in whole.proof.done} == {whole.chain}
