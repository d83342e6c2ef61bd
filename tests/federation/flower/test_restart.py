"""A SuperLink that is killed loses no run: hospitals send the same again."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event as Flag

import pytest

from coordinator.carriers.flower.link import FlowerRun
from site_node.carriers.events import Connected, Down, Event
from site_node.carriers.flower.errors import LEASE_SECONDS
from site_node.carriers.flower.keys import public_of
from tests.federation.carriers.signed import Office as Asking
from tests.federation.carriers.signed import SignedHospital, question
from tests.federation.carriers.world import PATIENCE_SECONDS, SITES, never, soon
from tests.federation.flower.superlink import IN_MEMORY, Running, register, superlink_in
from tests.federation.flower.world import node, office
from tests.site_node.carriers.gate import Gate

H1 = SITES[0]
ROOT = Path(__file__).parents[3]


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


def test_a_node_that_is_killed_in_mid_request_waits_out_its_own_lease(
    superlink: Running, tmp_path: Path
) -> None:
    """It says no goodbye. The next process comes in once the SuperLink has forgotten it."""
    link, key = superlink.joined(), tmp_path / "flower.key"
    key.write_bytes(link.key)
    words = [sys.executable, "-m", "tests.federation.flower.lone", link.address, str(key), H1]
    with (
        office(superlink) as carrying,
        ThreadPoolExecutor(1) as thread,
        subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as lone,
    ):
        until = soon(5 * PATIENCE_SECONDS)
        replies = thread.submit(lambda: list(carrying.carrier.exchange({H1: b"?"}, until, never)))
        try:
            assert lone.stdout is not None
            assert lone.stdout.readline() == "asked\n"
        finally:
            lone.kill()
        lone.wait()
        with node(link) as hospital:
            down = hospital.events.until_a(Down)
            assert "another process of this node for alive" in str(down.error)
            said = hospital.events.until(_is_connected, seconds=2.0 * LEASE_SECONDS)
            assert isinstance(said, Connected)
            assert replies.result() == [(H1, b"?")]


def _is_connected(told: Event) -> bool:
    return isinstance(told, Connected)


def test_an_office_that_was_killed_leaves_its_run_behind(superlink: Running) -> None:
    """The next one begins another, and a node that knew the one before takes its offer."""
    with node(superlink.joined()) as hospital:
        hospital.until_connected()
        left = FlowerRun(superlink.link, bytes(16), Flag())
        with office(superlink) as carrying:
            replies = carrying.carrier.exchange({H1: b"?"}, soon(), never)
            assert list(replies) == [(H1, b"?")]
        left.close()
