"""What both ends use of Flower, tried at a real SuperLink with TLS and registered nodes."""

from site_node.carriers.events import Connected
from tests.federation.carriers.world import SITES, never, soon
from tests.federation.flower.superlink import Running
from tests.federation.flower.world import node, office


def test_bytes_go_there_and_back(superlink: Running) -> None:
    asked: list[bytes] = []

    def handle(request: bytes) -> bytes:
        asked.append(request)
        return b"answer"

    with office(superlink) as carrying, node(superlink.joined(), handle):
        came = list(carrying.carrier.exchange({SITES[0]: b"question"}, soon(), never))
        assert carrying.alarms.all == ()
    assert came == [(SITES[0], b"answer")]
    assert asked == [b"question"]


def test_a_node_that_is_stopped_leaves_no_lease_behind(superlink: Running) -> None:
    """As SIGTERM stops it: the next process comes in at its first try."""
    link = superlink.joined()
    with node(link) as first:
        first.until_connected()
    with node(link) as second:
        second.until_connected()
        assert isinstance(second.events.all[0], Connected)
