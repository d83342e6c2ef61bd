"""A SuperLink that is killed loses no run: hospitals send the same again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from coordinator.carriers.flower.link import FlowerRun
from site_node.carriers.flower.keys import public_of
from tests.federation.carriers.signed import Office as Asking
from tests.federation.carriers.signed import SignedHospital, question
from tests.federation.carriers.world import PATIENCE_SECONDS, SITES, never, soon
from tests.federation.flower.superlink import IN_MEMORY, Running, register, superlink_in
from tests.federation.flower.world import node, office
from tests.site_node.carriers.gate import Gate

H1 = SITES[0]


@pytest.fixture(params=["state.db", IN_MEMORY], ids=["sqlite", "memory"])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    with superlink_in(tmp_path, request.param) as running:
        yield running


def test_the_superlink_is_killed_in_mid_trip(own: Running) -> None:
    """With its database it knows its nodes again; without, they are registered once more."""
    hospital = SignedHospital(H1)
    link = own.joined()
    with Gate() as gate, office(own) as carrying, ThreadPoolExecutor(1) as thread:

        def handle(request: bytes) -> bytes:
            reply = hospital.handle(request)
            gate.handle(request)
            return reply

        with node(link, handle):
            asking = Asking(lambda: carrying.carrier)
            answers = thread.submit(asking.ask, {H1: question()})
            assert gate.asked.wait(PATIENCE_SECONDS)
            own.stop()
            gate.open()
            own.start()
            if own.database == IN_MEMORY:
                register(own, public_of(link.key))
            assert answers.result() == {H1: next(iter(hospital.kept.values()))}
    assert len(hospital.kept) == 1


def test_an_office_that_was_killed_leaves_its_run_behind(superlink: Running) -> None:
    """The next one begins another, and a node that knew the one before takes its offer."""
    with node(superlink.joined()) as hospital:
        hospital.until_connected()
        left = FlowerRun(superlink.link, bytes(16), Event())
        with office(superlink) as carrying:
            replies = carrying.carrier.exchange({H1: b"?"}, soon(), never)
            assert list(replies) == [(H1, b"?")]
        left.close()
