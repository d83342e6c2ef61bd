"""Both ends of the Flower carrier on this machine, around a real SuperLink."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from coordinator.carriers.flower.carrier import FlowerCarrier
from protocol.ids import SiteId
from site_node.carriers.flower.carrier import FlowerSiteCarrier
from site_node.carriers.flower.link import SuperLink as FromSite
from site_node.carriers.session import Credentials
from site_node.carriers.worker import Handle
from tests.federation.carriers.world import (
    OFFICE,
    PATIENCE_SECONDS,
    SITES,
    Heard,
    Telling,
    Threaded,
)
from tests.federation.flower.superlink import Running


@dataclass
class Office(Telling):
    """A coordinator's end that carries, and what it tells."""

    carrier: FlowerCarrier
    lines: Heard[str]

    def until_settled(self) -> None:
        """Wait until the SuperLink holds nothing of ours any more."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self.carrier._sent:
            assert time.monotonic() < until, self.carrier._sent
            time.sleep(0.02)


@contextmanager
def office(superlink: Running, **settings: Any) -> Iterator[Office]:
    """Carry until the block ends. Settings are `FlowerCarrier`'s, and `hooks` of `Hooks`."""
    telling, lines = Telling(), Heard[str]()
    hooks = telling.hooks(settings.pop("hooks", {}))
    own = settings.pop("seed", OFFICE)
    carrier = FlowerCarrier(superlink.link, own, hooks, tell=lines, **settings)
    carrier.start()
    try:
        yield Office(carrier, lines, presence=telling.presence, alarms=telling.alarms)
    finally:
        carrier.stop()


class NodeThread(Threaded[FlowerSiteCarrier]):
    """A hospital that polls a SuperLink."""

    def __init__(self, site: SiteId, link: FromSite, handle: Handle, **settings: Any) -> None:
        def make(who: Callable[[], Credentials], **given: Any) -> FlowerSiteCarrier:
            return FlowerSiteCarrier(link, who, handle, **given)

        super().__init__(make, site, settings, draw=lambda: 0.1)


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
