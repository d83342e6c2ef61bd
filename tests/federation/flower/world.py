"""Both ends of the Flower carrier on this machine, around a real SuperLink."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from coordinator.carriers.door import Alarm
from coordinator.carriers.flower.carrier import FlowerCarrier
from coordinator.carriers.hooks import Hooks, Presence
from protocol.governance.identity import identity_public
from protocol.ids import SiteId
from site_node.carriers.events import Connected, Event
from site_node.carriers.flower.carrier import FlowerSiteCarrier
from site_node.carriers.flower.link import SuperLink as FromSite
from site_node.carriers.session import Credentials
from site_node.carriers.worker import Handle
from site_node.points import Point
from tests.federation.carriers.world import OFFICE, PATIENCE_SECONDS, SITES, Heard, key_of, seed
from tests.federation.flower.superlink import Running


@dataclass
class Office:
    """A coordinator's end that carries, and what it tells."""

    carrier: FlowerCarrier
    presence: Heard[Presence] = field(default_factory=Heard)
    alarms: Heard[Alarm] = field(default_factory=Heard)
    lines: Heard[str] = field(default_factory=Heard)

    def until_there(self, *sites: SiteId) -> None:
        for site in sites:
            self.presence.until(partial(_came, site))

    def until_settled(self) -> None:
        """Wait until the SuperLink holds nothing of ours any more."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self.carrier._sent:
            assert time.monotonic() < until, self.carrier._sent
            time.sleep(0.02)


def _came(site: SiteId, told: Presence) -> bool:
    return told.site == site and told.connected


@contextmanager
def office(superlink: Running, **settings: Any) -> Iterator[Office]:
    """Carry until the block ends. Settings are `FlowerCarrier`'s, and `hooks` of `Hooks`."""
    presence: Heard[Presence] = Heard()
    alarms: Heard[Alarm] = Heard()
    lines: Heard[str] = Heard()
    hooks: dict[str, Any] = {"identity": key_of, "presence": presence, "alarm": alarms}
    hooks |= settings.pop("hooks", {})
    own = settings.pop("seed", OFFICE)
    carrier = FlowerCarrier(superlink.link, own, Hooks(**hooks), tell=lines, **settings)
    carrier.start()
    try:
        yield Office(carrier, presence, alarms, lines)
    finally:
        carrier.stop()


class NodeThread:
    """A hospital's end in a thread of its own. `ended` is what `serve` raised, if it did."""

    def __init__(self, site: SiteId, link: FromSite, handle: Handle, **settings: Any) -> None:
        self.events: Heard[Event] = Heard()
        self.points: Heard[Point] = Heard()
        self.ended: BaseException | None = None
        me = Credentials(site, seed(site), identity_public(OFFICE), "1.0")
        who = settings.pop("me", me)
        given: dict[str, Any] = {"tell": self.events, "at": self.points, "draw": lambda: 0.1}
        self.carrier = FlowerSiteCarrier(link, lambda: who, handle, **(given | settings))
        self._thread = threading.Thread(target=self._serve)

    def start(self) -> None:
        self._thread.start()

    def join(self, seconds: float | None = None) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def stop(self) -> None:
        self.carrier.stop()
        self._thread.join()

    def until_connected(self, count: int = 1) -> None:
        self.events.until_a(Connected, count)

    def _serve(self) -> None:
        try:
            self.carrier.serve()
        except BaseException as error:
            self.ended = error


@contextmanager
def node(
    link: FromSite, handle: Handle = bytes, site: SiteId = SITES[0], **settings: Any
) -> Iterator[NodeThread]:
    """Have a hospital poll until the block ends. By default it answers with the request itself."""
    made = NodeThread(site, link, handle, **settings)
    made.start()
    try:
        yield made
    finally:
        made.stop()
