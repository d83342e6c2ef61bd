"""The carriers under test, each with its seven hospitals and ways to break them."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from coordinator.carriers import Carrier
from coordinator.carriers.embedded import Embedded
from protocol.ids import SiteId
from site_node.doctor.way import Way
from tests.federation.carriers.signed import PowerCut, SignedHospital
from tests.federation.carriers.world import SITES, Dialler, Port, port
from tests.federation.flower.superlink import Running
from tests.federation.flower.world import NodeThread, office

Hospitals = Mapping[SiteId, SignedHospital]


class Network(Protocol):
    """A carrier and what can happen to the machines at its two ends."""

    @property
    def carrier(self) -> Carrier:
        """The coordinator's side, as it is now."""
        ...

    def crash(self, site: SiteId) -> None:
        """Have a hospital's process end in the middle of its next answer, and start again."""
        ...

    def restart_office(self) -> None:
        """End the coordinator's process and start it again."""
        ...


@dataclass
class EmbeddedNetwork:
    """All in one process: a hospital that crashes misses one exchange."""

    hospitals: Hospitals
    away: set[SiteId] = field(default_factory=set)

    @property
    def carrier(self) -> Carrier:
        there = {s: h.handle for s, h in self.hospitals.items() if s not in self.away}
        self.away.clear()
        return Embedded(there)

    def crash(self, site: SiteId) -> None:
        self.away.add(site)

    def restart_office(self) -> None:
        """Nothing outlives an exchange here."""


class Unit:
    """Starts a hospital's carrier again whenever a power cut ends it, as an init system does."""

    def __init__(self, dial: Callable[[], Dialler | NodeThread]) -> None:
        self._dial = dial
        self._stopping = threading.Event()
        self._now = dial()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._now.carrier.stop()
        self._thread.join()

    def _run(self) -> None:
        self._now.start()
        while self._now.join() and isinstance(self._now.ended, PowerCut):
            self._now = self._dial()
            if self._stopping.is_set():
                return
            self._now.start()


class GrpcNetwork:
    """A port of this machine that hospitals dial."""

    def __init__(self, hospitals: Hospitals, stack: ExitStack) -> None:
        self._hospitals = hospitals
        self._ports = stack.enter_context(ExitStack())
        self._port: Port = self._ports.enter_context(port())
        way = Way(self._port.where)
        for site, hospital in hospitals.items():
            stack.callback(Unit(partial(Dialler, site, way, hospital.handle)).stop)
        self._port.until_there(*hospitals)

    @property
    def carrier(self) -> Carrier:
        return self._port.server

    def crash(self, site: SiteId) -> None:
        self._hospitals[site].dying = True

    def restart_office(self) -> None:
        self._ports.close()
        self._port = self._ports.enter_context(port(self._port.where.port))


class FlowerNetwork:
    """A SuperLink of this machine that both ends dial. One serves many tests, each its hospitals.

    Nodes take seconds to log in, and are the same for all tests.
    """

    def __init__(self, superlink: Running, stack: ExitStack) -> None:
        self._superlink = superlink
        self._hospitals: Hospitals = {}
        self._offices = stack.enter_context(ExitStack())
        self._office = self._offices.enter_context(office(superlink))
        for site in SITES:
            start = partial(NodeThread, site, superlink.joined(), partial(self._handle, site))
            stack.callback(Unit(start).stop)
        self._office.until_there(*SITES)

    @property
    def carrier(self) -> Carrier:
        return self._office.carrier

    def crash(self, site: SiteId) -> None:
        self._hospitals[site].dying = True

    def restart_office(self) -> None:
        self._offices.close()
        self._office = self._offices.enter_context(office(self._superlink))

    @contextmanager
    def serving(self, hospitals: Hospitals) -> Iterator[Network]:
        """Let other hospitals answer until the block ends."""
        self._hospitals = hospitals
        yield self
        self._office.until_settled()

    def _handle(self, site: SiteId, request: bytes) -> bytes:
        return self._hospitals[site].handle(request)


@contextmanager
def over_grpc(hospitals: Hospitals) -> Iterator[Network]:
    with ExitStack() as stack:
        yield GrpcNetwork(hospitals, stack)


@contextmanager
def embedded(hospitals: Hospitals) -> Iterator[Network]:
    yield EmbeddedNetwork(hospitals)


Make = Callable[[Hospitals], AbstractContextManager[Network]]
"""Opens a network of one kind around hospitals."""
