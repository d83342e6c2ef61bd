"""Founds a coordinating centre: its keys, its federation's file, its TLS, its settings.

The roster authority's keys and the certificate authority's are written into a folder of their
own, which belongs on other machines or on paper: the serving process never reads them.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from protocol.errors import Exit, FederationError
from protocol.governance.federation import Federation
from protocol.governance.identity import identity_public
from protocol.governance.tls import make_authority, make_server_certificate
from site_node.folder import FILE_MODE, FOLDER_MODE, SEED_SIZE, write_private

CONFIG = "coordinator.toml"
PLAN_SIGNER = "plan-signer.key"

Random = Callable[[int], bytes]
"""Gives so many secret bytes; anything but the system's own is for demonstrations."""

_SETTINGS = """\
# The coordinating centre's settings; deploy/coordinator.example.toml explains every key.
listen = "{listen}"
store = "{store}"
out = "results"
key = "coordinator.key"
federation = "federation.json"

[tls]
certificate = "server.pem"
key = "server.key"
"""


class FoundingError(FederationError):
    """A coordinating centre cannot be founded as asked."""

    code = "founding"
    exit = Exit.USAGE
    fix = "name new or empty folders; keys that are there are never replaced"


@dataclass(frozen=True)
class Wanted:
    """What a federation is to be: `hosts` are the names under which hospitals dial.

    `threshold` of so many `authorities` sign a roster.
    """

    name: str
    hosts: Sequence[str]
    listen: str = "0.0.0.0:8443"
    authorities: int = 1
    threshold: int = 1
    store: str = "sqlite:///journal.db"


@dataclass(frozen=True)
class Founded:
    """A centre that was founded: where its settings lie, and where keys to be taken away lie."""

    federation: Federation
    config: Path
    authority_folder: Path


def found(
    folder: Path, authority_folder: Path, wanted: Wanted, now: datetime, random: Random = os.urandom
) -> Founded:
    """Make all keys and files of a centre. The settings come last: where they are, all is.

    Raises
    ------
    FoundingError
        If a folder holds anything, or the numbers do not make sense.
    TrustError
        If the name or threshold breaks a rule.
    """
    _require_new(folder, authority_folder)
    seeds = [random(SEED_SIZE) for _ in range(wanted.authorities)]
    coordinator, signer = random(SEED_SIZE), random(SEED_SIZE)
    authority = make_authority(wanted.name, os.urandom(32), now)
    federation = Federation(
        name=wanted.name,
        coordinator=identity_public(coordinator),
        authorities=tuple(identity_public(seed) for seed in seeds),
        threshold=wanted.threshold,
        ca_certificate=authority[1],
        plan_signers=(identity_public(signer),),
    )
    for place in (folder, authority_folder):
        place.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    for number, seed in enumerate(seeds, 1):
        write_private(authority_folder / f"authority-{number}.key", seed)
    for name, part in zip(("ca.key", "ca.pem"), authority, strict=True):
        write_private(authority_folder / name, part)
    write_private(folder / "coordinator.key", coordinator)
    write_private(folder / PLAN_SIGNER, signer)
    write_private(folder / "federation.json", federation.to_bytes())
    certify(folder, authority_folder, wanted.hosts, now)
    settings = _SETTINGS.format(listen=wanted.listen, store=wanted.store)
    write_private(folder / CONFIG, settings.encode())
    return Founded(federation, folder / CONFIG, authority_folder)


def certify(folder: Path, authority_folder: Path, hosts: Sequence[str], now: datetime) -> None:
    """Make the server a new key and certificate; the daemon reads them when it starts.

    Raises
    ------
    FoundingError
        If the authority's files cannot be read.
    """
    names = ("ca.key", "ca.pem")
    try:
        key, certificate = (authority_folder / name for name in names)
        authority = key.read_bytes(), certificate.read_bytes()
    except OSError as error:
        raise FoundingError(
            f"{error.filename}: cannot be read",
            "name the folder that holds ca.key and ca.pem with --authority",
        ) from None
    made = make_server_certificate(authority, hosts, os.urandom(32), now)
    for name, part in zip(("server.key", "server.pem"), made, strict=True):
        write_private(folder / name, part)


def read_authority_seed(path: Path) -> bytes:
    """Read a roster authority's key.

    Raises
    ------
    FoundingError
        If the file cannot be read, others may read it, or it holds no key.
    """
    try:
        seed, mode = path.read_bytes(), path.stat().st_mode & 0o777
    except OSError as error:
        raise FoundingError(f"{path}: {(error.strerror or '').lower()}", "name the key") from None
    if mode & ~FILE_MODE:
        raise FoundingError(f"{path}: others may read it", f"chmod 600 {path}")
    if len(seed) != SEED_SIZE:
        raise FoundingError(f"{path}: holds no key", "name an authority's key file")
    return seed


def _require_new(folder: Path, authority_folder: Path) -> None:
    one, other = folder.absolute(), authority_folder.absolute()
    if one == other or one in other.parents:
        raise FoundingError(
            "the authority's folder lies inside the centre's",
            "keep it apart: whoever serves must not be able to say who takes part",
        )
    for place in (folder, authority_folder):
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise FoundingError(f"{place}: is there already, and not empty")
