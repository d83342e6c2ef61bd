"""What a hospital seals to the coordinator, and what it does not begin without."""

from pathlib import Path

import pytest

from protocol.ids import SiteId
from protocol.party import seal_key
from protocol.secagg.envelope import Envelope
from protocol.secagg.messages import KeyShare
from protocol.wire import codec
from tests.federation.table import short_plan
from tests.protocol.governance.parties import seed
from tests.site_node.office import drive
from tests.site_node.town import Town, town

S0, LOW_ORDER = SiteId("s0"), bytes(32)


@pytest.fixture
def strict_place(tmp_path: Path) -> Town:
    return town(tmp_path, short_plan("standard"))


def test_a_run_that_would_not_seal_is_refused(strict_place: Town) -> None:
    house = strict_place.houses[S0]
    assert house.refusal(strict_place.opening(seal=b"")) == "run"
    assert house.refusal(strict_place.opening(seal=LOW_ORDER)) == "key-exchange"
    assert house.refusal(strict_place.opening(seal=b"short")) == "key-exchange"
    assert isinstance(house.ask(strict_place.opening()), KeyShare)
    strict_place.close()


def test_nothing_is_sealed_where_all_may_be_seen(tmp_path: Path) -> None:
    made = town(tmp_path)
    key = seal_key(short_plan("standard"), seed("run")[:16], seed("office"))
    assert made.houses[S0].refusal(made.opening(seal=key)) == "run"
    made.close()


def test_the_same_answer_is_sealed_into_the_same_bytes(strict_place: Town) -> None:
    run = drive(strict_place)
    while not run.finished:
        first = run.collect()
        assert run.collect() == first
        assert all(len(answers) == 1 for answers in run.said.values())
        sealed = [isinstance(said, Envelope) for said in first.values()]
        assert all(sealed) or not any(sealed)
        run.take(first)
    bodies = [codec.decode_reply(raw) for said in run.said.values() for raw in said]
    trips = {(one.site, one.ephemeral) for one in bodies if isinstance(one, Envelope)}
    assert len(trips) == sum(isinstance(one, Envelope) for one in bodies) > len(strict_place.houses)
    strict_place.close()
