"""The way to the coordinator as a hospital's settings have it."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from site_node.config import SiteConfig
from site_node.doctor.lookup import Endpoint
from site_node.doctor.proxy import Proxy


@dataclass(frozen=True)
class Way:
    """Where the coordinator is, and the proxy to go through if there is one."""

    coordinator: Endpoint
    proxy: Proxy | None = None

    @property
    def first(self) -> Endpoint:
        """Whom this computer itself connects to."""
        return self.proxy.endpoint if self.proxy else self.coordinator


def way_of(config: SiteConfig) -> Way:
    """Read the addresses of the settings, which were checked when they were read."""
    coordinator = urlsplit(f"//{config.address}")
    return Way(
        Endpoint(coordinator.hostname or "", coordinator.port or 0),
        _proxy(config.proxy) if config.proxy else None,
    )


def _proxy(url: str) -> Proxy:
    said = urlsplit(url)
    login = f"{unquote(said.username)}:{unquote(said.password or '')}" if said.username else ""
    return Proxy(Endpoint(said.hostname or "", said.port or 0), login)
