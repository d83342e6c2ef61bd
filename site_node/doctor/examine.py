"""Runs all checks: this computer's while those of the network wait for answers."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from protocol.errors import FederationError
from protocol.governance.federation import Federation
from site_node.config import SiteConfig, read_config
from site_node.doctor import login, machine, superlink
from site_node.doctor.check import Check, ok, refused
from site_node.doctor.data import data_checks
from site_node.doctor.handshake import Trust
from site_node.doctor.lookup import Patience
from site_node.doctor.network import COORDINATOR, NETWORK_SECONDS, Login, Walk, network_checks
from site_node.doctor.report import Report
from site_node.doctor.trust import authorities, federation, known_sites
from site_node.doctor.way import Way, way_of

SETTINGS, CERTIFICATES = "Settings", "Certificates"

Now = Callable[[], datetime]
LogIn = Callable[[SiteConfig, Federation, Trust, float], datetime]
"""Logs in as `login.log_in` does."""


def examine(
    config_path: Path,
    now: Now,
    log_in: LogIn = login.log_in,
    here: machine.Machine | None = None,
    network_seconds: float = NETWORK_SECONDS,
) -> Report:
    """Look at everything that a node needs before it is started.

    `now` gives the time in UTC. It ends within ten seconds, whatever the network does, and raises
    nothing for what is wrong: the report says it.
    """
    here = here or machine.this_machine()
    try:
        config = read_config(config_path)
        way = superlink.way_to(config) if config.superlink else way_of(config)
    except FederationError as error:
        why = "Without settings, nothing else is known that could be looked at."
        return Report(str(config_path), (machine.software(), refused(SETTINGS, error, why)), ())
    joined = federation(config.state)
    trusted, wrong = _trust(config, joined.value)
    patience = Patience.of(network_seconds)
    with ThreadPoolExecutor(1) as beside:
        visit = _login(config, joined.value, trusted, log_in)
        end = superlink.SUPERLINK if config.superlink else COORDINATOR
        walk = Walk(way, trusted, now, visit, patience, end)
        network = beside.submit(network_checks, walk)
        local = [
            machine.software(),
            ok(SETTINGS, config_path.name),
            *_state(config, here),
            joined.check,
            *wrong,
            known_sites(config.site, config.known_sites, config.min_known_sites),
            *data_checks(config.plans),
            *_memory(config, here),
        ]
        return _report(config, way, local, network.result())


def _report(config: SiteConfig, way: Way, local: list[Check], network: list[Check]) -> Report:
    title = f"{config.name} ({config.site}) and its way to {way.coordinator}"
    proxy = str(way.proxy.endpoint) if way.proxy else ""
    checks = tuple(local), tuple(network)
    return Report(title, *checks, str(way.coordinator), proxy, http_2=not config.superlink)


def _state(config: SiteConfig, here: machine.Machine) -> Iterator[Check]:
    yield machine.node(config.state)
    yield machine.key_files(config.state, here.user)
    yield machine.disk(config.state, here.free_bytes, config.max_runs)


def _memory(config: SiteConfig, here: machine.Machine) -> Iterator[Check]:
    if config.plans:
        extracts = [files.extract for files in config.plans]
        yield machine.memory(extracts, here.available_bytes())


def _trust(config: SiteConfig, joined: Federation | None) -> tuple[Trust | None, list[Check]]:
    """Say whom to trust at the end of the way."""
    try:
        if config.superlink:
            return superlink.trust_of(config, joined), []
        return authorities(joined, config.ca), []
    except FederationError as error:
        why = "The settings name certificates to trust beside the federation's."
        return authorities(joined, None), [refused(CERTIFICATES, error, why)]


def _login(
    config: SiteConfig, federation: Federation | None, trust: Trust | None, log_in: LogIn
) -> Login | str:
    """Say how to log in, or why not to."""
    if federation is None or trust is None:
        return "nothing says yet whether this is the coordinator"
    if config.superlink:
        return lambda seconds: superlink.look(config, trust, seconds)
    return lambda seconds: log_in(config, federation, trust, seconds)
