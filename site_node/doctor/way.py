"""The way to the coordinator as a hospital's settings have it."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from protocol.errors import Problem, ProblemsError
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
    """Read the addresses of the settings.

    Raises
    ------
    ProblemsError
        If the proxy's has no port that there could be.
    """
    coordinator = urlsplit(f"//{config.address}")
    return Way(
        Endpoint(coordinator.hostname or "", coordinator.port or 0),
        _proxy(config.proxy) if config.proxy else None,
    )


def _proxy(url: str) -> Proxy:
    try:
        said = urlsplit(url)
        endpoint = Endpoint(said.hostname or "", said.port or 0)
    except ValueError:
        rule = "is no address of an HTTP proxy"
        fix = "write it as http://proxy.example.org:3128"
        raise ProblemsError("the settings", [Problem("coordinator.proxy", rule, fix)]) from None
    login = f"{unquote(said.username)}:{unquote(said.password or '')}" if said.username else ""
    return Proxy(endpoint, login)
