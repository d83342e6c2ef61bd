"""A hospital's node among others: it answers the question it works out itself, once."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protocol.canonical import digest
from protocol.cohort import Cohort
from protocol.errors import FederationError
from protocol.governance.identity import identity_public
from protocol.ids import SiteId
from protocol.layout import Release
from protocol.party import Hospital, begin
from protocol.question import Record
from protocol.requests import (
    LOCAL_POLICY,
    Abort,
    Advance,
    ClosedTrip,
    Done,
    Finish,
    Refusal,
    Request,
    request_digest,
)
from protocol.run import play
from protocol.secagg.messages import Reply
from protocol.secagg.site import Keyed
from protocol.steps.flow import Flow
from protocol.wire import codec
from site_node.commitment import input_commitments
from site_node.course import parts_of
from site_node.ledger import Kind
from tests.federation.cohorts import clinics, key, small_plan
from tests.federation.table import short_plan
from tests.protocol.governance.parties import seed
from tests.site_node.town import House, Town, abort, drive, resigned, town

S0, S1, S2 = (SiteId(f"s{k}") for k in range(3))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Town]:
    made = town(tmp_path)
    yield made
    made.close()


def code(house: House, request: Request) -> str:
    """Ask for what must be refused; gives the code, and sees that the refusal is signed."""
    raw = codec.encode_request(request)
    said = codec.decode_reply(house.handle(raw))
    assert isinstance(said, Refusal), said
    assert said.request == request_digest(raw)
    said.verify(sign_key(house))
    return said.code


def sign_key(house: House) -> bytes:
    return identity_public(seed(house.config.site))


def kinds(house: House) -> list[str]:
    return [kind for (kind,) in house.query("SELECT kind FROM entries ORDER BY seq")]


def bodies(house: House, kind: Kind) -> list[bytes]:
    found = house.query("SELECT body FROM entries WHERE kind = ? ORDER BY seq", kind)
    return [body for (body,) in found]


def test_a_run_comes_to_the_sums_that_one_table_comes_to(place: Town) -> None:
    """I3: what the nodes add up is what one process adds up, to the last bit."""
    run = drive(place).go()
    assert run.office is not None
    mine = Record([answer for trip in run.office.known.answers for answer in trip])
    theirs = play(place.plan, clinics(3, 40), bytes(32)).record
    assert len(mine.answers) == len(theirs.answers) > 10
    for one, other in zip(mine.answers, theirs.answers, strict=True):
        assert one.opened is not None
        assert other.opened is not None
        for name, total in one.opened.sums.items():
            np.testing.assert_array_equal(total, other.opened.sums[name])


def test_every_answer_is_in_the_ledger_and_every_line_was_sent(place: Town) -> None:
    """I2 and I4: what left is what the ledger holds, byte for byte."""
    run = drive(place).go()
    for site, house in place.houses.items():
        sent = {a for (who, _), answers in run.said.items() if who == site for a in answers}
        held = [parts_of(body)[1] for body in bodies(house, Kind.OPENED)]
        held += [parts_of(body)[1] for body in bodies(house, Kind.RELEASE)]
        held += [parts_of(body)[0] for body in bodies(house, Kind.CLOSED)]
        assert sent == set(held)
        assert len(held) == len(sent)


def test_the_same_request_gets_the_same_bytes_for_ever(place: Town) -> None:
    """I1, also over restarts and after the end."""
    run = drive(place)
    asked: list[bytes] = []
    while not run.finished:
        asked.append(run.raw)
        run.take(run.collect())
        again = run.said[S0, asked[-1]]
        assert place.houses[S0].handle(asked[-1]) in again
    place.close()
    for raw in [*asked, *reversed(asked)]:
        run.said[S0, raw].add(place.houses[S0].handle(raw))
    assert {len(answers) for answers in run.said.values()} == {1}


def test_a_node_that_restarts_at_every_trip_goes_on(place: Town) -> None:
    run = drive(place)
    while not run.finished:
        place.close()
        run.take(run.collect())
    assert kinds(place.houses[S0]).count("release") == 5


def test_the_keys_of_a_run_are_gone_when_it_ends(place: Town) -> None:
    run, house = drive(place).go(3), place.houses[S0]
    assert house.folder.keys(run.ctx).exists()
    fresh = house.folder.keys(run.ctx).read_bytes()
    assert b'"fresh":""' in fresh  # gone since the keys of the pairs are there
    run.go()
    assert [path.name for path in house.folder.runs.iterdir()] == ["head"]
    assert not any(
        secret in house.folder.ledger.read_bytes() for secret in (fresh[20:60], b"pairs")
    )


def test_an_aborted_run_is_over(place: Town) -> None:
    run, house = drive(place).go(3), place.houses[S0]
    asked = run.request
    done = house.ask(abort(run))
    assert isinstance(done, Done)
    assert done.state == "aborted"
    done.verify(sign_key(house))
    assert house.ask(abort(run)) == done
    assert code(house, asked) == "run-over"
    assert not house.folder.keys(run.ctx).exists()
    place.close()
    assert code(house, asked) == "run-over"
    assert house.ask(abort(run)) == done


def test_nobody_else_may_abort(place: Town) -> None:
    run, house = drive(place).go(2), place.houses[S0]
    forged = Abort(run.ctx).sign(seed("authority-0"))
    assert code(house, forged) == "signature"
    assert code(house, Abort(bytes(32)).sign(seed("office"))) == "run"
    run.go()


def test_an_early_finish_is_refused(place: Town) -> None:
    run, house = drive(place).go(3), place.houses[S0]
    assert run.closed is not None
    assert code(house, Finish(run.closed)) == "trip-order"
    run.go()


def test_two_runs_at_once_do_not_meet(place: Town) -> None:
    first, second = drive(place, "one"), drive(place, "two")
    while not (first.finished and second.finished):
        for run in (first, second):
            if not run.finished:
                run.go(1)
    assert first.ctx != second.ctx
    assert len(place.houses[S0].node.runs) == 0
    # The coin is the same in both, so it is written down once.
    assert kinds(place.houses[S0]).count("coin") == 1


def test_a_known_run_id_with_other_bytes_is_refused_and_kept(place: Town) -> None:
    run, house = drive(place).go(2), place.houses[S0]
    other = place.opening(epoch=1)
    for _ in range(2):
        assert code(house, other) == "equivocation"
        place.close()
    (kept,) = bodies(house, Kind.EVIDENCE)
    assert parts_of(kept)[1:] == (
        codec.encode_request(run.opening),
        codec.encode_request(other),
    )
    unsigned = replace(other, signature=bytes(64))
    assert code(house, unsigned) == "signature"
    run.go()


def test_a_second_question_for_a_trip_is_refused_and_kept(place: Town) -> None:
    """I7: also after a restart; and the first question still gets its bytes."""
    run, house = drive(place).go(3), place.houses[S0]
    asked = run.request
    assert isinstance(asked, Advance)
    sent = run.deliver(S0)
    other = resigned(run, asked.trip, steps=((asked.trip.steps[0][0], "lock/1"),))
    for _ in range(2):
        assert code(house, Advance(asked.since, other)) == "equivocation"
        place.close()
    (kept,) = bodies(house, Kind.EVIDENCE)
    assert parts_of(kept)[1:] == (codec.encode_trip(asked.trip), codec.encode_trip(other))
    assert run.deliver(S0) == sent
    run.go()


def test_the_same_question_under_a_later_deadline_is_the_same(place: Town) -> None:
    run = drive(place).go(3)
    sent, asked = run.deliver(S0), run.request
    assert isinstance(asked, Advance)
    later = resigned(run, asked.trip, deadline="2099-01-01T00:00:00Z")
    assert codec.encode_reply(place.houses[S0].ask(Advance(asked.since, later))) == sent


def test_a_second_result_of_a_trip_is_refused_and_kept(place: Town) -> None:
    run, house = drive(place).go(3), place.houses[S0]
    run.deliver(S0)
    asked = run.request
    assert isinstance(asked, Advance)
    assert isinstance(asked.since, ClosedTrip)
    other = resigned(run, asked.since.result, statements=())
    second = Advance(ClosedTrip(other, asked.since.uploads), asked.trip)
    assert code(house, second) == "equivocation"
    assert len(bodies(house, Kind.EVIDENCE)) == 1
    run.go()


def test_other_keys_are_refused(place: Town) -> None:
    """A hospital accepts one set of keys: none that is short, changed or of other signers."""
    run, house = drive(place).go(1), place.houses[S0]
    asked = run.request
    assert isinstance(asked, Advance)
    first, second, third = run.shares
    for shares, expected in (
        ((first, second), "roster"),
        ((first, second, replace(third, signature=bytes(64))), "signature"),
        ((first, second, replace(third, site=S1)), "roster"),
        ((first, second, third, third), "roster"),
    ):
        assert code(house, replace(asked, since=shares)) == expected
    run.deliver(S0)
    swapped = replace(asked, since=(second, first, third))
    assert isinstance(house.ask(swapped), Reply)
    assert code(house, replace(asked, since=(first, second))) == "key-exchange"
    run.go()


def test_a_result_before_the_keys_and_keys_after_are_refused(place: Town) -> None:
    run, other = drive(place, "one").go(4), drive(place, "two").go(1)
    assert isinstance(run.request, Advance)
    assert run.closed is not None
    house = place.houses[S0]
    trip = resigned(run, run.request.trip, ctx=other.ctx)
    assert code(house, Advance(run.closed, trip)) == "trip-order"
    assert code(house, replace(run.request, since=run.shares)) == "trip-order"
    run.go()
    other.go()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"trip": 9}, "trip-order"),
        ({"chain": bytes(32)}, "trip-order"),
        ({"steps": ((4, "flow/1"),)}, "trip-order"),
        ({"steps": ()}, "trip-order"),
        ({"ctx": bytes(32)}, "run"),
        ({"transcript": bytes(32)}, "run"),
    ],
)
def test_a_question_that_does_not_follow_is_refused_unread(
    place: Town, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], expected: str
) -> None:
    """No row is looked at: neither time nor words of the refusal hang on patients (SPEC 5.5)."""
    run, house = drive(place).go(3), place.houses[S0]
    asked = run.request
    assert isinstance(asked, Advance)
    house.node  # noqa: B018 - it reads its rows, and none later
    monkeypatch.setattr("protocol.party.Hospital.numbers", _unreachable)
    assert code(house, replace(asked, trip=resigned(run, asked.trip, **changed))) == expected
    unsigned = replace(asked, trip=replace(asked.trip, signature=bytes(64)))
    assert code(house, unsigned) == "signature"
    monkeypatch.undo()
    run.go()


def _unreachable(_: object) -> None:
    pytest.fail("rows were read")


def test_a_false_sum_is_refused(place: Town) -> None:
    run, house = drive(place).go(3), place.houses[S0]
    asked = run.request
    assert isinstance(asked, Advance)
    assert isinstance(asked.since, ClosedTrip)
    result = asked.since.result
    first, *others = result.steps
    false = replace(first, total_digest=digest("total", b"other"))
    wrong = ClosedTrip(resigned(run, result, steps=(false, *others)), asked.since.uploads)
    assert code(house, Advance(wrong, asked.trip)) == "sum-refused"
    run.go()


def test_what_hangs_on_rows_has_one_code(place: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is in the ledger and the log alone, without the text of a foreign error."""
    run, house = drive(place).go(2), place.houses[S0]

    def failing(error: Exception) -> Callable[[Flow, Cohort], Release]:
        def local(step: Flow, cohort: Cohort) -> Release:
            raise error

        return local

    for error in (FederationError("a rule of ours"), ValueError("canary-4711")):
        monkeypatch.setattr(Flow, "local", failing(error))
        for _ in range(2):
            assert code(house, run.request) == LOCAL_POLICY
    monkeypatch.undo()
    first, second = bodies(house, Kind.REFUSED)
    assert b"a rule of ours" in first
    assert b"ValueError" in second
    assert b"canary-4711" not in second
    assert "canary-4711" not in house.log.getvalue()
    run.go()


def test_a_fault_elsewhere_is_answered_too(place: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    run, house = drive(place).go(2), place.houses[S0]
    monkeypatch.setattr("protocol.party.Hospital.require_next", failing_anyhow)
    assert code(house, run.request) == "internal"
    monkeypatch.undo()
    assert "canary-4711" not in house.log.getvalue()
    run.go()


def failing_anyhow(*_: object) -> None:
    raise KeyError("canary-4711")


@pytest.mark.parametrize("raw", [b"", b"\xff" * 40, b"\x0a\x02\x08\x01" * 9])
def test_noise_is_refused_and_not_written_down(place: Town, raw: bytes) -> None:
    house = place.houses[S0]
    said = codec.decode_reply(house.handle(raw))
    assert isinstance(said, Refusal)
    assert (said.code, said.ctx) == ("message", b"")
    assert kinds(house) == [Kind.PROPOSED, Kind.DECIDED]


def test_a_message_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    made = town(tmp_path, message_mb=1)
    house = made.houses[S0]
    said = codec.decode_reply(house.handle(bytes(2**20 + 1)))
    assert isinstance(said, Refusal)
    assert said.code == "message"
    made.close()


def test_one_study_has_one_coin(place: Town, tmp_path: Path) -> None:
    """A hospital that commits to another share in a second run is found by the others."""
    drive(place, "one").go()
    cheat = place.houses[S2]
    cheat.stop()
    (name, snapshot), *_ = cheat.snapshots.items()
    run = drive(place, "two").go(2)
    # The same commitment to the rows, and another share of the coin.
    cheat.stop()
    cheat.snapshots = {name: replace(snapshot, cohort=Redrawn.of(snapshot.cohort))}
    run.take(run.collect())
    said = run.collect()
    for site in (S0, S1):
        refusal = said[site]
        assert isinstance(refusal, Refusal)
        assert refusal.code == "commitment"
        assert len(bodies(place.houses[site], Kind.EVIDENCE)) == 1
        assert "s2: commits to another share" in place.houses[site].log.getvalue()


class Redrawn(Cohort):
    """A hospital that wants another coin."""

    @classmethod
    def of(cls, honest: Cohort) -> "Redrawn":
        return cls(**{name: getattr(honest, name) for name in honest.__dataclass_fields__})

    def keyed(self, *parts: bytes | str) -> bytes:
        if parts[0] == "coin":
            return key("another share")
        return super().keyed(*parts)


def test_withheld_totals_stay_out_of_the_ledger(tmp_path: Path) -> None:
    made = town(tmp_path, short_plan("standard"))
    run, house = drive(made), made.houses[S0]
    while not run.finished:
        made.close()  # resumes without those totals, too
        run.take(run.collect())
    sums = [parts_of(body)[1:] for body in bodies(house, Kind.RESULT)]
    assert any(not words for trip in sums for words in trip)
    assert any(words for trip in sums for words in trip)
    made.close()


def test_a_whole_study_runs(tmp_path: Path) -> None:
    """With propensity scores, coin, lottery, matching and weights; one node restarts on the way."""
    made = town(tmp_path, small_plan("exact"), clinics())
    run = drive(made)
    while not run.finished:
        made.houses[S1].stop()
        run.take(run.collect())
    assert run.office is not None
    assert len(run.office.known.answers) > 8
    made.close()


def test_neither_ledger_nor_log_nor_refusal_holds_a_value_of_a_record(tmp_path: Path) -> None:
    """Ids and values that occur nowhere else are looked for in every byte that is kept."""
    ids = [b"CANARY%02d" % k for k in range(40)]
    cohorts = [
        replace(
            c,
            ids=np.array(ids, dtype="S8"),
            values={**c.values, "age": c.values["age"] * 0 + 57.03125},
        )
        for c in clinics(3, 40)
    ]
    made = town(tmp_path, cohorts=cohorts)
    run, house = drive(made).go(3), made.houses[S0]
    kept = house.folder.keys(run.ctx).read_bytes()
    run.go()
    code(house, abort_of_nothing())
    made.close()
    kept += house.log.getvalue().encode() + b"".join(a for said in run.said.values() for a in said)
    kept += b"".join(path.read_bytes() for path in house.config.state.rglob("*") if path.is_file())
    canaries = [*ids, b"57.03125", np.float64(57.03125).tobytes(), cohorts[0].secret]
    secrets = [canary for canary in canaries if canary in kept.replace(cohorts[0].secret, b"", 1)]
    assert secrets == []


def abort_of_nothing() -> Abort:
    return Abort(bytes(32)).sign(seed("office"))


def test_inputs_are_committed_to_and_can_be_opened_here(place: Town) -> None:
    """An audit at the hospital works the commitment out again from rows and secret."""
    run, house = drive(place).go(), place.houses[S0]
    (first, *_) = bodies(house, Kind.RELEASE)
    assert run.office is not None
    cohort = next(iter(house.snapshots.values())).cohort
    known = begin(place.plan, run.office.known.view)
    state = Keyed(known.view, S0, known.chain, seed("s0"), {})
    hospital = Hospital(cohort, state, known)
    assert parts_of(first)[2:] == input_commitments(hospital, hospital.numbers())
