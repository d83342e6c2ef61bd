"""What a node refuses, and what it keeps of it: other keys, questions, results, coins."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from protocol.canonical import digest
from protocol.cohort import Cohort
from protocol.errors import FederationError
from protocol.ids import SiteId
from protocol.layout import Release
from protocol.requests import LOCAL_POLICY, Abort, Advance, ClosedTrip, Finish, Refusal
from protocol.secagg.messages import Reply
from protocol.steps.flow import Flow
from protocol.wire import codec
from site_node.course import parts_of
from site_node.ledger import Kind
from tests.federation.cohorts import key
from tests.protocol.governance.parties import seed
from tests.site_node.office import drive, resigned
from tests.site_node.town import Town, town

S0, S1, S2 = SiteId("s0"), SiteId("s1"), SiteId("s2")


def test_nobody_else_may_abort(place: Town) -> None:
    run, house = drive(place).go(2), place.houses[S0]
    forged = Abort(run.ctx).sign(seed("authority-0"))
    assert house.refusal(forged) == "signature"
    assert house.refusal(Abort(bytes(32)).sign(seed("office"))) == "run"
    run.go()


def test_an_early_finish_is_refused(place: Town) -> None:
    run, house = drive(place).go(3), place.houses[S0]
    assert run.closed is not None
    assert house.refusal(Finish(run.closed)) == "trip-order"
    run.go()


def test_a_known_run_id_with_other_bytes_is_refused_and_kept(place: Town) -> None:
    run, house = drive(place).go(2), place.houses[S0]
    other = place.opening(epoch=1)
    for _ in range(2):
        assert house.refusal(other) == "equivocation"
        place.close()
    (kept,) = house.bodies(Kind.EVIDENCE)
    assert parts_of(kept)[1:] == (
        codec.encode_request(run.opening),
        codec.encode_request(other),
    )
    unsigned = replace(other, signature=bytes(64))
    assert house.refusal(unsigned) == "signature"
    run.go()


def test_a_second_question_for_a_trip_is_refused_and_kept(place: Town) -> None:
    """I7: also after a restart; and the first question still gets its bytes."""
    run, house = drive(place).go(3), place.houses[S0]
    asked = run.request
    assert isinstance(asked, Advance)
    sent = run.deliver(S0)
    other = resigned(run, asked.trip, steps=((asked.trip.steps[0][0], "lock/1"),))
    for _ in range(2):
        assert house.refusal(Advance(asked.since, other)) == "equivocation"
        place.close()
    (kept,) = house.bodies(Kind.EVIDENCE)
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
    assert house.refusal(second) == "equivocation"
    assert len(house.bodies(Kind.EVIDENCE)) == 1
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
        assert house.refusal(replace(asked, since=shares)) == expected
    run.deliver(S0)
    swapped = replace(asked, since=(second, first, third))
    assert isinstance(house.ask(swapped), Reply)
    assert house.refusal(replace(asked, since=(first, second))) == "key-exchange"
    run.go()


def test_a_result_before_the_keys_and_keys_after_are_refused(place: Town) -> None:
    run, other = drive(place, "one").go(4), drive(place, "two").go(1)
    assert isinstance(run.request, Advance)
    assert run.closed is not None
    house = place.houses[S0]
    trip = resigned(run, run.request.trip, ctx=other.ctx)
    assert house.refusal(Advance(run.closed, trip)) == "trip-order"
    assert house.refusal(replace(run.request, since=run.shares)) == "trip-order"
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
    assert house.refusal(replace(asked, trip=resigned(run, asked.trip, **changed))) == expected
    unsigned = replace(asked, trip=replace(asked.trip, signature=bytes(64)))
    assert house.refusal(unsigned) == "signature"
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
    assert house.refusal(Advance(wrong, asked.trip)) == "sum-refused"
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
            assert house.refusal(run.request) == LOCAL_POLICY
    monkeypatch.undo()
    first, second = house.bodies(Kind.REFUSED)
    assert b"a rule of ours" in first
    assert b"ValueError" in second
    assert b"canary-4711" not in second
    assert "canary-4711" not in house.log.getvalue()
    run.go()


def test_a_fault_elsewhere_is_answered_too(place: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    run, house = drive(place).go(2), place.houses[S0]
    monkeypatch.setattr("protocol.party.Hospital.require_next", failing_anyhow)
    assert house.refusal(run.request) == "internal"
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
    assert house.kinds() == [Kind.PROPOSED, Kind.DECIDED]


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
        assert len(place.houses[site].bodies(Kind.EVIDENCE)) == 1
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
