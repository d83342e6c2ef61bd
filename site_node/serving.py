"""Puts a node together and serves it: folder, ledger, rows, carrier, log, and a clean end.

Everything is checked before anything is dialled, and all that was opened is closed in turn.
"""

import os
import signal
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from time import monotonic
from typing import Protocol, TextIO

from protocol.errors import FederationError
from protocol.governance.federation import coordinator_key
from site_node.carriers import events
from site_node.carriers.events import Tell
from site_node.carriers.grpc import SiteCarrier
from site_node.carriers.session import Credentials
from site_node.config import SiteConfig, read_config
from site_node.data.snapshot import load_snapshots
from site_node.doctor.handshake import Trust, certificates_pem
from site_node.doctor.way import way_of
from site_node.folder import (
    StateFolder,
    UnavailableError,
    state_folder,
    write_private,
)
from site_node.ledger import Ledger, utc_now
from site_node.logs import Event, Level, Log
from site_node.node import Node, read_federation
from site_node.past import newest_rosters
from site_node.points import Point
from site_node.rows import Rows
from site_node.software import installed_software

TIDY_SECONDS = 3600.0
"""How often runs whose time is over are looked for while nobody asks anything."""

LOCK_SECONDS = 5.0
"""How long to wait for an operator's command that has the state folder."""

LOOK_SECONDS = 1.0
"""How often what operators decided is looked for while nobody asks anything."""


class Carrying(Protocol):
    """Brings requests to a node and its answers back, until it is stopped."""

    def serve(self) -> None:
        """Serve until `stop`."""
        ...

    def stop(self) -> None:
        """End `serve` soon. May be called by a signal's handler, and twice."""
        ...


@dataclass(frozen=True)
class Serving:
    """A node that is ready, and its way to the coordinator."""

    config: SiteConfig
    node: Node
    carrier: Carrying
    log: Log

    def run(self) -> None:
        """Serve until the carrier is stopped."""
        over = Flag()
        tidying = Thread(target=self._tidy, args=(over,), name="riskset-tidy", daemon=True)
        tidying.start()
        try:
            self.log.say(Event.STARTED, version=version("riskset"))
            self.carrier.serve()
        finally:
            over.set()
            tidying.join()
            self.log.say(Event.STOPPED)

    def _tidy(self, over: Flag) -> None:
        tidied = monotonic()
        while not over.wait(LOOK_SECONDS):
            try:
                self.node.take_in()
                if monotonic() - tidied >= TIDY_SECONDS:
                    tidied = monotonic()
                    self.node.tidy()
            except FederationError as error:
                self.log.say(Event.FAULT, Level.ERROR, code=error.code, reason=str(error))


def load_libraries() -> None:
    """Load now what the first questions need: a run should not wait for a disk."""
    import scipy.stats  # noqa: F401, PLC0415
    import sklearn.linear_model  # noqa: F401, PLC0415


@contextmanager
def prepared(
    config_path: Path,
    tell: Tell,
    at: Callable[[Point], None] = lambda _: None,
    software_of: Callable[[], bytes] = installed_software,
) -> Iterator[Serving]:
    """Put a node together from its settings; close everything at the end.

    `tell` hears what becomes of the connection, beside the log. `at` is for tests, and so is
    another `software_of`: the digest of what is installed, which changes while people work on it.

    Raises
    ------
    FederationError
        If settings, state folder, ledger or rows are not as they have to be.
    """
    config = read_config(config_path)
    load_libraries()
    with ExitStack() as stack:
        folder = stack.enter_context(state_folder(config.state, LOCK_SECONDS))
        read_federation(folder)  # before anything is opened, if it is not there
        log = Log(stack.enter_context(_stream(config)), utc_now, config.log_level)
        ledger = stack.enter_context(closing(Ledger.open(folder.ledger, folder.head)))
        data = load_snapshots(config, folder.seed(folder.secret))
        rows = Rows(config, folder, dict(data))
        software = software_of()
        write_private(folder.software, software, sync=False)
        node = Node(
            config,
            folder,
            ledger,
            rows,
            now=utc_now,
            random=os.urandom,
            software=software,
            at=at,
            log=log,
        )
        me = partial(credentials, config, folder, ledger)
        open_carrier = _over_flower if config.superlink else _over_grpc
        carrier = open_carrier(config, folder, _End(me, node, _telling(log, tell), at))
        yield Serving(config, node, carrier, log)


@dataclass(frozen=True)
class _End:
    """What every carrier is given of the node: who dials, who answers, who hears of it."""

    me: Callable[[], Credentials]
    node: Node
    tell: Tell
    at: Callable[[Point], None]


def _over_grpc(config: SiteConfig, folder: StateFolder, end: _End) -> Carrying:
    further = certificates_pem(_bytes(config.ca)) if config.ca else ""
    return SiteCarrier(
        way_of(config),
        Trust(read_federation(folder).ca_certificate, further),
        end.me,
        end.node.handle,
        tell=end.tell,
        at=end.at,
        now=utc_now,
        message_bytes=config.message_mb << 20,
        greet=end.node.greet,
        succeed=end.node.succeed,
    )


def _over_flower(config: SiteConfig, folder: StateFolder, end: _End) -> Carrying:
    # Flower takes seconds to load, which others need not wait for.
    from site_node.carriers.flower.carrier import FlowerSiteCarrier  # noqa: PLC0415
    from site_node.carriers.flower.link import SuperLink  # noqa: PLC0415

    authority = read_federation(folder).ca_certificate
    ca = _bytes(config.superlink_ca).decode() if config.superlink_ca else _pem(authority)
    link = SuperLink(config.superlink or "", ca, flower_key(folder), config.proxy)
    return FlowerSiteCarrier(
        link,
        end.me,
        end.node.handle,
        tell=end.tell,
        at=end.at,
        message_bytes=config.message_mb << 20,
        greet=end.node.greet,
    )


def flower_key(folder: StateFolder) -> bytes:
    """Read the key by which a SuperLink knows this node (PEM), or make one.

    Its public half lies beside it as `flower.pub`, for the SuperLink's operator.

    Raises
    ------
    UnavailableError
        If the disk refuses.
    """
    from site_node.carriers.flower.keys import new_key, ssh_of  # noqa: PLC0415

    path = folder.path / "flower.key"
    if not path.exists():
        key = new_key()
        write_private(path.with_suffix(".pub"), ssh_of(key))
        write_private(path, key)
    return _bytes(path)


def _pem(certificate: bytes) -> str:
    return ssl.DER_cert_to_PEM_cert(certificate)


def credentials(config: SiteConfig, folder: StateFolder, ledger: Ledger) -> Credentials:
    """Say who dials, and which coordinator's key it goes by: as the newest rosters seen have it."""
    key = coordinator_key(read_federation(folder), newest_rosters(ledger).values())
    return Credentials(config.site, folder.seed(folder.identity), key, version("riskset"))


@contextmanager
def ending_by_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C end the node cleanly while the block lasts."""
    before = {
        number: signal.signal(number, lambda *_: stop())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _stream(config: SiteConfig) -> Iterator[TextIO]:
    if config.log_file is None:
        yield sys.stderr
        return
    try:
        file = config.log_file.open("a", encoding="utf-8")
    except OSError as error:
        raise UnavailableError(
            f"{config.log_file}: {(error.strerror or 'cannot be written').lower()}"
        ) from None
    with file:
        yield file


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnavailableError(
            f"{path}: {(error.strerror or 'cannot be read').lower()}",
            "name the file of certificates under ca, or leave the key out",
        ) from None


def _telling(log: Log, tell: Tell) -> Tell:
    """Write what becomes of the connection into the log, and pass it on."""

    def told(event: events.Event) -> None:
        _write(log, event)
        tell(event)

    return told


def _write(log: Log, event: events.Event) -> None:
    match event:
        case events.Connected(office, software, skew):
            seconds = round(skew.total_seconds(), 1)
            log.say(Event.CONNECTED, peer=office, version=software, seconds=seconds)
        case events.Down(error, seconds, _):
            log.say(
                Event.UNREACHABLE,
                Level.WARNING,
                code=error.code,
                reason=str(error),
                seconds=round(seconds, 1),
            )
        case events.Warned(error):
            log.say(Event.FAULT, Level.WARNING, code=error.code, reason=str(error))
        case events.Faulty(error):
            # Its text could hold anything; its kind does not.
            log.say(Event.FAULT, Level.ERROR, code="internal", reason=type(error).__name__)
        case events.Stopping():
            log.say(Event.DISCONNECTED)
