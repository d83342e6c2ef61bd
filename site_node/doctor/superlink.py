"""The way to a Flower SuperLink, for hospitals whose requests come over one.

It is walked like the way to the coordinator; at its end the SuperLink is asked whether it knows the
node's key, by a question that takes no lease. A node that is running is not disturbed.
"""

import ssl
from contextlib import closing
from dataclasses import replace
from datetime import datetime

from protocol.governance.federation import Federation
from protocol.governance.tls import CertificateError, certificate_pem
from site_node.carriers.errors import LineError
from site_node.config import SiteConfig
from site_node.doctor.handshake import Trust
from site_node.doctor.network import End
from site_node.doctor.way import Way, way_of
from site_node.folder import StateFolder, UnavailableError

SUPERLINK = End(
    "Registration",
    "the SuperLink knows this node's key",
    "the SuperLink's clock",
    "The way is open; what is wrong is between this node's key and the SuperLink.",
    http_2=False,
)

_ANSWER_BYTES = 1 << 16
_FIX = "name a file of one certificate in PEM under 'ca' in [flower], or leave the key out"


def way_to(config: SiteConfig) -> Way:
    """Read the addresses of the settings.

    Raises
    ------
    ProblemsError
        If the proxy's has no port that there could be.
    """
    return way_of(replace(config, address=config.superlink or ""))


def trust_of(config: SiteConfig, joined: Federation | None) -> Trust | None:
    """Say who may sign the SuperLink's certificate: whom [flower] ca names, or the federation.

    Raises
    ------
    CertificateError
        If the file holds no certificate.
    """
    if config.superlink_ca is None:
        return Trust(joined.ca_certificate) if joined else None
    try:
        return Trust(ssl.PEM_cert_to_DER_cert(config.superlink_ca.read_text("ascii").strip()))
    except OSError:
        raise CertificateError(f"{config.superlink_ca}: cannot be read", _FIX) from None
    except ValueError:
        raise CertificateError(f"{config.superlink_ca}: holds no certificate", _FIX) from None


def look(config: SiteConfig, trust: Trust, seconds: float) -> datetime | None:
    """Ask the SuperLink within some seconds whether it knows this node; gives its time in UTC.

    Raises
    ------
    FederationError
        If the node has no key yet, or the SuperLink does not know it or cannot be reached.
    """
    # Flower takes seconds to load, which others need not wait for.
    from site_node.carriers.flower.link import FleetLink, SuperLink  # noqa: PLC0415

    ca = certificate_pem(trust.federation).decode()
    link = SuperLink(config.superlink or "", ca, _key(StateFolder(config.state)), config.proxy)
    with closing(FleetLink(link, _ANSWER_BYTES, seconds)) as line:
        return line.look()


def _key(folder: StateFolder) -> bytes:
    try:
        return (folder.path / "flower.key").read_bytes()
    except FileNotFoundError:
        raise LineError(
            "this node has made no key for the SuperLink yet",
            "start riskset-site serve once, and have state/flower.pub registered",
            "superlink-key",
        ) from None
    except OSError:
        raise UnavailableError("state/flower.key: cannot be read") from None
