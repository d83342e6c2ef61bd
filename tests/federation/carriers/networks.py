"""The carriers under test, each with its seven hospitals and ways to break them."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from coordinator.carriers import Carrier
from coordinator.carriers.embedded import Embedded
from protocol.ids import SiteId
from site_node.doctor.lookup import Endpoint
from site_node.doctor.way import Way
from tests.federation.carriers.signed import PowerCut, SignedHospital
from tests.federation.carriers.world import Dialler, Port, port

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

    def __init__(self, where: Endpoint, hospital: SignedHospital) -> None:
        self._where = where
        self._hospital = hospital
        self._stopping = threading.Event()
        self._now = self._dialler()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._now.carrier.stop()
        self._thread.join()

    def _dialler(self) -> Dialler:
        return Dialler(self._hospital.site, Way(self._where), self._hospital.handle)

    def _run(self) -> None:
        self._now.start()
        while self._now.join() and isinstance(self._now.ended, PowerCut):
            self._now = self._dialler()
            if self._stopping.is_set():
                return
            self._now.start()


class GrpcNetwork:
    """A port of this machine that hospitals dial."""

    def __init__(self, hospitals: Hospitals, stack: ExitStack) -> None:
        self._hospitals = hospitals
        self._ports = stack.enter_context(ExitStack())
        self._port: Port = self._ports.enter_context(port())
        where = self._port.where
        for hospital in hospitals.values():
            stack.callback(Unit(where, hospital).stop)
        self._port.until_there(*hospitals)

    @property
    def carrier(self) -> Carrier:
        return self._port.server

    def crash(self, site: SiteId) -> None:
        self._hospitals[site].dying = True

    def restart_office(self) -> None:
        self._ports.close()
        self._port = self._ports.enter_context(port(self._port.where.port))


@contextmanager
def network(kind: str, hospitals: Hospitals) -> Iterator[Network]:
    with ExitStack() as stack:
        yield EmbeddedNetwork(hospitals) if kind == "embedded" else GrpcNetwork(hospitals, stack)
