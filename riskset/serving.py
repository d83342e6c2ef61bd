"""Puts the coordinator together and serves it: journal, port, runs, results."""

import os
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from threading import Event

from coordinator.bundle.write import Beside
from coordinator.carriers import Carrier
from coordinator.carriers.door import Alarm
from coordinator.carriers.grpc import GrpcServer, Hooks, Tls
from coordinator.carriers.grpc import Presence as Seen
from coordinator.carriers.join import Invited, Joined, Joining
from coordinator.carriers.limits import Limits
from coordinator.config import CoordinatorConfig, KeyFileError, read_seed
from coordinator.daemon import Office, Surroundings, serve
from coordinator.heads import heads_for, keep_heads
from coordinator.members import (
    Presence,
    find_invitation,
    identity_of,
    keep_join,
    set_presence,
    succession,
)
from coordinator.points import At, pass_by
from coordinator.publish import ResultsFolder, approvals_of
from coordinator.run import Publish
from coordinator.store import Store
from protocol.governance.federation import Federation
from protocol.governance.heads import LedgerHead
from protocol.governance.identity import identity_public
from protocol.governance.signed import SignedRoster
from protocol.ids import SiteId
from protocol.run import Played

Tell = Callable[[str], None]


def utc_now() -> datetime:
    """Ask the clock, in UTC."""
    return datetime.now(UTC)


def read_federation(config: CoordinatorConfig) -> Federation:
    """Read whom this centre's hospitals trust.

    Raises
    ------
    KeyFileError, TrustError
        If the file cannot be read, or is none.
    """
    return Federation.from_bytes(_bytes(config.federation))


def serve_centre(
    config: CoordinatorConfig,
    stopped: Event,
    *,
    tell: Tell,
    listening: Callable[[int], None] = lambda _: None,
    publish: Publish | None = None,
    at: At = pass_by,
) -> None:
    """Serve until `stopped` is set.

    `tell` gets a line for every hospital that comes or goes and for alarms; `listening` the port;
    `publish` stands in for writing results into the settings' folder.

    Raises
    ------
    FederationError
        If keys, journal or port are not as they have to be.
    """
    seed = read_seed(config.key)
    make_port = _port_maker(config, seed, tell)

    @contextmanager
    def open_carrier(store: Store) -> Iterator[Carrier]:
        port = make_port(store)
        try:
            listening(port.start())
            hooks = _hooks(store, identity_public(seed), tell)
            with _carrier(config, port, seed, hooks, tell) as carrier:
                yield carrier
        finally:
            port.stop()

    def approvals(run: Played) -> Mapping[str, bytes]:
        with Store(config.store) as store:
            return approvals_of(store, run)

    folder = ResultsFolder(config.out, Beside(federation=_bytes(config.federation)), approvals)
    office = Office(seed, open_carrier, publish or folder.publish)
    serve(config, office, Surroundings(utc_now, os.urandom, at), stopped)


def _port_maker(
    config: CoordinatorConfig, seed: bytes, tell: Tell
) -> Callable[[Store], GrpcServer]:
    """Read all that the port needs before the journal is opened."""
    federation = read_federation(config)
    tls = Tls(_bytes(config.tls_key), _bytes(config.tls_certificate))
    limits = Limits(message_bytes=config.message_mb << 20, sessions=config.sessions)
    own = identity_public(seed)

    def make(store: Store) -> GrpcServer:
        return GrpcServer(
            config.listen,
            tls,
            seed,
            _hooks(store, own, tell),
            joining=_joining(store, federation, own, tell),
            limits=limits,
            software=version("riskset"),
        )

    return make


@contextmanager
def _carrier(
    config: CoordinatorConfig, port: GrpcServer, seed: bytes, hooks: Hooks, tell: Tell
) -> Iterator[Carrier]:
    """Carry requests over the port, or over Flower; then the port is for joining alone."""
    if config.flower is None:
        yield port
        return
    # Flower takes seconds to load, which others need not wait for.
    from coordinator.carriers.flower.carrier import FlowerCarrier  # noqa: PLC0415
    from coordinator.carriers.flower.link import SuperLink  # noqa: PLC0415

    authority = ssl.DER_cert_to_PEM_cert(read_federation(config).ca_certificate).encode()
    ca = _bytes(config.flower.ca) if config.flower.ca else authority
    link = SuperLink(config.flower.superlink, ca, _bytes(config.flower.secret))
    limits = Limits(message_bytes=config.message_mb << 20)
    flower = FlowerCarrier(link, seed, hooks, tell=tell, limits=limits)
    flower.start()
    try:
        yield flower
    finally:
        flower.stop()


def _hooks(store: Store, own: bytes, tell: Tell) -> Hooks:
    def presence(seen: Seen) -> None:
        set_presence(
            store, Presence(seen.site, seen.connected, utc_now(), seen.peer, seen.software)
        )
        tell(f"{seen.site} is connected" if seen.connected else f"{seen.site} is gone: {seen.why}")

    def alarm(found: Alarm) -> None:
        tell(f"ALARM {found.why}: {found.site} from {found.peer}")

    def heads(site: SiteId, told: Sequence[LedgerHead]) -> None:
        for sentence in keep_heads(store, site, told, utc_now()):
            tell(f"ALARM ledger: {sentence}")

    return Hooks(
        lambda site: identity_of(store, site),
        presence,
        alarm,
        lambda site: heads_for(store, site),
        heads,
        lambda: succession(store, own, utc_now()),
    )


def _joining(store: Store, federation: Federation, own: bytes, tell: Tell) -> Joining:
    def shown() -> Sequence[SignedRoster]:
        return () if own == federation.coordinator else succession(store, own, utc_now())

    def invited(public_half: str) -> Invited | None:
        kept = find_invitation(store, public_half)
        return None if kept is None else Invited(kept.secret, kept.expires, kept.used_by)

    def joined(new: Joined) -> None:
        keep_join(store, new.invitation, new.site, new.name, identity=new.identity, now=utc_now())
        tell(f"{new.site} asks to join: compare its words, then `riskset accept {new.site}`")

    return Joining(federation.to_bytes(), invited, joined, shown)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyFileError(
            f"{path}: {(error.strerror or 'cannot be read').lower()}",
            "name it in coordinator.toml; `riskset init` makes it",
        ) from None
