"""A federation's certificates, and a hospital whose settings are in order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from protocol.governance.federation import Federation, party_words
from protocol.governance.identity import identity_public
from protocol.governance.tls import certificate_der, make_authority, make_server_certificate
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from site_node.doctor.handshake import Trust
from site_node.doctor.machine import Machine
from site_node.folder import make_folder, write_private
from tests.site_node.doctor.loopback import server, tls

NAME = "Seven Hospitals"
START = datetime.now(UTC)
OFFICE_SEED, AUTHORITY_SEED, SITE_SEED = (bytes([place] * 32) for place in (11, 12, 13))

Certify = Callable[..., Path]
Settings = Callable[..., Path]


def now() -> datetime:
    """Give the time of the tests, which certificates are made for."""
    return START


@dataclass(frozen=True)
class Authorities:
    """The federation's authority and others, each as key and certificate in PEM."""

    own: tuple[bytes, bytes]
    filter: tuple[bytes, bytes]
    same_name: tuple[bytes, bytes]


@pytest.fixture(scope="session")
def authorities() -> Authorities:
    return Authorities(
        make_authority(NAME, bytes(32), START),
        make_authority("Hospital Web Filter", bytes([1] * 32), START),
        make_authority(NAME, bytes([2] * 32), START),
    )


@pytest.fixture(scope="session")
def certify(authorities: Authorities, tmp_path_factory: pytest.TempPathFactory) -> Certify:
    """Write a server's key and certificate; `age_days` ago it was made."""
    folder = tmp_path_factory.mktemp("certificates")

    def make(
        authority: str = "own", host: str = "127.0.0.1", age_days: int = 0, days: int = 396
    ) -> Path:
        made = START - timedelta(days=age_days)
        by: tuple[bytes, bytes] = getattr(authorities, authority)
        key, certificate = make_server_certificate(by, [host], bytes([3] * 32), made, days)
        path = folder / f"{authority}-{host}-{age_days}-{days}.pem"
        path.write_bytes(key + certificate)
        return path

    return make


@pytest.fixture(scope="session")
def trusted(authorities: Authorities) -> Trust:
    return Trust(certificate_der(authorities.own[1]))


@pytest.fixture(scope="session")
def federation(authorities: Authorities) -> Federation:
    office, authority = (identity_public(seed) for seed in (OFFICE_SEED, AUTHORITY_SEED))
    return Federation(NAME, office, (authority,), 1, authorities.own[1])


@pytest.fixture
def state(tmp_path: Path, federation: Federation) -> Path:
    """A state folder as it is after joining."""
    folder = make_folder(tmp_path / "state")
    for path in (folder.identity, folder.secret):
        write_private(path, SITE_SEED, sync=False)
    write_private(folder.federation, federation.to_bytes(), sync=False)
    return folder.path


@pytest.fixture
def settings(tmp_path: Path, state: Path, plan: Plan, corpus: Path) -> Settings:
    """Write settings in which all is well but for what the caller changes."""
    extract = tmp_path / "extract.csv"
    extract.write_bytes((corpus / "semicolons.csv").read_bytes().replace(b";", b","))

    def write(address: object, proxy: str = "", **changed: str) -> Path:
        said = {
            "state": state.name,
            "extract": extract.name,
            "plan": str(corpus / "plan.toml"),
            "digest": plan_digest(plan).hex(),
            "words": party_words(bytes(32)),
            **changed,
        }
        through = f'proxy = "{proxy}"' if proxy else ""
        text = f"""
            site = "H1"
            name = "Hospital One"
            state = "{said["state"]}"
            [coordinator]
            address = "{address}"
            {through}
            [data]
            extract = "{said["extract"]}"
            [[plans]]
            file = "{said["plan"]}"
            digest = "{said["digest"]}"
            [[known_sites]]
            id = "H2"
            words = "{said["words"]}"
            [[known_sites]]
            id = "H3"
            words = "{said["words"]}"
        """
        path = tmp_path / "site.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def coordinator(certify: Certify) -> Iterator[object]:
    """A server with the right certificate that offers HTTP/2."""
    with server(tls(certify())) as endpoint:
        yield endpoint


@pytest.fixture
def roomy(state: Path) -> Machine:
    """A computer of this account with room for everything."""
    return Machine(lambda _: 10**12, lambda: 10**11, state.stat().st_uid)
