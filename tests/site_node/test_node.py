"""A hospital's node among others: it answers the question it works out itself, once."""

from pathlib import Path

import numpy as np

from protocol.ids import SiteId
from protocol.question import Record
from protocol.requests import Done
from protocol.run import play
from site_node.course import parts_of
from site_node.ledger import Kind
from tests.federation.cohorts import clinics, small_plan
from tests.site_node.office import abort, drive
from tests.site_node.town import Town, town

S0, S1 = SiteId("s0"), SiteId("s1")


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
        held = [parts_of(body)[1] for body in house.bodies(Kind.OPENED)]
        held += [parts_of(body)[1] for body in house.bodies(Kind.RELEASE)]
        held += [parts_of(body)[0] for body in house.bodies(Kind.CLOSED)]
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
    assert place.houses[S0].kinds().count("release") == 5


def test_an_aborted_run_is_over(place: Town) -> None:
    run, house = drive(place).go(3), place.houses[S0]
    asked = run.request
    done = house.ask(abort(run))
    assert isinstance(done, Done)
    assert done.state == "aborted"
    done.verify(house.identity)
    assert house.ask(abort(run)) == done
    assert house.refusal(asked) == "run-over"
    assert not house.folder.keys(run.ctx).exists()
    place.close()
    assert house.refusal(asked) == "run-over"
    assert house.ask(abort(run)) == done


def test_two_runs_at_once_do_not_meet(place: Town) -> None:
    first, second = drive(place, "one"), drive(place, "two")
    while not (first.finished and second.finished):
        for run in (first, second):
            if not run.finished:
                run.go(1)
    assert first.ctx != second.ctx
    assert len(place.houses[S0].node.runs) == 0
    # The coin is the same in both, so it is written down once.
    assert place.houses[S0].kinds().count("coin") == 1


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
