"""At the end of a run a hospital signs which runs of the plan there were (SPEC 6.6)."""

from dataclasses import replace

import pytest

from protocol.governance.identity import SignatureError, identity_public
from protocol.requests import Done
from site_node.course import read_done
from site_node.ledger import Kind
from tests.protocol.governance.parties import seed
from tests.site_node.office import abort, drive
from tests.site_node.town import Town


def last_words(place: Town) -> list[Done]:
    house = next(iter(place.houses.values()))
    with house.ledger() as ledger:
        return [read_done(line) for line in ledger.lines(None, Kind.CLOSED)]


def test_runs_that_were_given_up_are_told_with_the_one_that_was_not(place: Town) -> None:
    first = drive(place, "given up").go(3)
    for house in place.houses.values():
        house.ask(abort(first))
    again = drive(place, "shown").go()
    given_up, shown = last_words(place)
    assert (given_up.state, shown.state) == ("aborted", "finished")
    assert given_up.runs == (first.opening.run_id,)
    assert shown.runs == (first.opening.run_id, again.opening.run_id)


def test_none_can_be_taken_off_the_list(place: Town) -> None:
    drive(place).go()
    (said,) = last_words(place)
    identity = identity_public(seed(said.site))
    said.verify(identity)
    for other in ((), (*said.runs, b"n" * 16)):
        with pytest.raises(SignatureError):
            replace(said, runs=other).verify(identity)
