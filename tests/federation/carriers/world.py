"""A coordinator's port and hospitals that dial it, on this machine, with TLS in earnest."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any, Generic, Protocol, TypeVar

from coordinator.carriers.door import Alarm
from coordinator.carriers.grpc import GrpcServer, Hooks, Presence, Tls
from protocol.canonical import digest
from protocol.governance.identity import identity_public
from protocol.governance.tls import certificate_der, make_authority, make_server_certificate
from protocol.ids import SiteId, site_id
from site_node.carriers.events import Connected, Event
from site_node.carriers.grpc import SiteCarrier
from site_node.carriers.session import Credentials
from site_node.carriers.worker import Handle
from site_node.doctor.handshake import Trust
from site_node.doctor.lookup import Endpoint
from site_node.doctor.way import Way
from site_node.points import Point
from tests.ports import HOST, free_port

T = TypeVar("T")

SITES = tuple(site_id(f"H{number}") for number in range(1, 8))
OFFICE = digest("tests", "office")
NOW = datetime.now(UTC)
PATIENCE_SECONDS = 120.0
"""For what comes at once on a machine that has nothing else to do."""


def seed(site: str) -> bytes:
    return digest("tests", "hospital", site)


def key_of(site: SiteId) -> bytes | None:
    return identity_public(seed(site)) if site in SITES else None


def now() -> datetime:
    return datetime.now(UTC)


def soon(seconds: float = PATIENCE_SECONDS) -> datetime:
    return now() + timedelta(seconds=seconds)


def never() -> bool:
    return False


@cache
def authority(name: str = "Seven Hospitals") -> tuple[bytes, bytes]:
    return make_authority(name, digest("tests", "authority", name), NOW)


@cache
def tls(name: str = "Seven Hospitals", host: str = "127.0.0.1") -> Tls:
    secret = digest("tests", "server", name)
    return Tls(*make_server_certificate(authority(name), [host], secret, NOW))


def trust(name: str = "Seven Hospitals") -> Trust:
    return Trust(certificate_der(authority(name)[1]))


class Heard(Generic[T]):
    """What was told, from whichever thread, and a way to wait for it."""

    def __init__(self) -> None:
        self._all: list[T] = []
        self._new = threading.Condition()

    def __call__(self, told: T) -> None:
        with self._new:
            self._all.append(told)
            self._new.notify_all()

    @property
    def all(self) -> tuple[T, ...]:
        with self._new:
            return tuple(self._all)

    def until(
        self, wanted: Callable[[T], bool], count: int = 1, seconds: float = PATIENCE_SECONDS
    ) -> T:
        """Wait for the `count`-th of a kind, and give it."""

        def found() -> list[T]:
            return [told for told in self._all if wanted(told)]

        with self._new:
            in_time = self._new.wait_for(lambda: len(found()) >= count, seconds)
            assert in_time, f"only {self._all}"
            return found()[count - 1]

    def until_a(self, kind: type[Any], count: int = 1) -> Any:
        return self.until(lambda told: isinstance(told, kind), count)


@dataclass(kw_only=True)
class Telling:
    """What a coordinator's end tells."""

    presence: Heard[Presence] = field(default_factory=Heard)
    alarms: Heard[Alarm] = field(default_factory=Heard)

    def hooks(self, changed: Mapping[str, Any]) -> Hooks:
        """Make hooks that tell it here, but for those that a test has of its own."""
        told: dict[str, Any] = {"identity": key_of, "presence": self.presence, "alarm": self.alarms}
        return Hooks(**(told | dict(changed)))

    def until_there(self, *sites: SiteId) -> None:
        for site in sites:
            self.presence.until(partial(_came, site))


def _came(site: SiteId, told: Presence) -> bool:
    return told.site == site and told.connected


@dataclass
class Port(Telling):
    """A server that runs, and what it tells."""

    server: GrpcServer
    where: Endpoint


@contextmanager
def port(number: int = 0, **settings: Any) -> Iterator[Port]:
    """Open a port until the block ends. Settings are `GrpcServer`'s, and `hooks` of `Hooks`."""
    telling = Telling()
    hooks = telling.hooks(settings.pop("hooks", {}))
    own = settings.pop("tls", None) or tls()
    listen = f"{HOST}:{number or free_port()}"
    server = GrpcServer(listen, own, OFFICE, hooks, software="1.0", **settings)
    where = Endpoint(HOST, server.start())
    try:
        yield Port(server, where, presence=telling.presence, alarms=telling.alarms)
    finally:
        server.stop()


C = TypeVar("C", bound="Carrying")


class Carrying(Protocol):
    """A hospital's carrier, of whichever kind."""

    def serve(self) -> None: ...

    def stop(self) -> None: ...


class Threaded(Generic[C]):
    """A hospital's carrier in a thread of its own. `ended` is what `serve` raised, if it did.

    `make` is given who dials, and settings; those that a test has of its own come first.
    """

    def __init__(
        self, make: Callable[..., C], site: SiteId, settings: Mapping[str, Any], **usual: Any
    ) -> None:
        self.events: Heard[Event] = Heard()
        self.points: Heard[Point] = Heard()
        self.ended: BaseException | None = None
        me = Credentials(site, seed(site), identity_public(OFFICE), "1.0")
        given = {"me": me, "tell": self.events, "at": self.points, **usual, **settings}
        who = given.pop("me")
        self.carrier = make(lambda: who, **given)
        self._thread = threading.Thread(target=self._serve)

    def start(self) -> None:
        self._thread.start()

    def join(self, seconds: float | None = None) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def stop(self) -> None:
        self.carrier.stop()
        self._thread.join()

    def until_connected(self, count: int = 1) -> Connected:
        connected: Connected = self.events.until_a(Connected, count)
        return connected

    def _serve(self) -> None:
        try:
            self.carrier.serve()
        except BaseException as error:
            self.ended = error


class Dialler(Threaded[SiteCarrier]):
    """A hospital that dials a port."""

    def __init__(self, site: SiteId, way: Way, handle: Handle, **settings: Any) -> None:
        trusted = settings.pop("trust", None) or trust()

        def make(who: Callable[[], Credentials], **given: Any) -> SiteCarrier:
            return SiteCarrier(way, trusted, who, handle, **given)

        super().__init__(make, site, settings, now=now, draw=lambda: 0.01)


@contextmanager
def dialling(
    where: Endpoint | Way, handle: Handle = bytes, site: SiteId = SITES[0], **settings: Any
) -> Iterator[Dialler]:
    """Have a hospital dial until the block ends. By default it answers with the request itself."""
    way = where if isinstance(where, Way) else Way(where)
    dialler = Dialler(site, way, handle, **settings)
    dialler.start()
    try:
        yield dialler
    finally:
        dialler.stop()
