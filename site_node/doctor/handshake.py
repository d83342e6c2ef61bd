"""Makes TLS handshakes, and reads the certificate that a server shows.

A handshake is made in earnest first, against the federation's authority. Only where that fails
are others made, to read what the certificate says of itself; nothing is ever sent over those.
"""

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Dial = Callable[[], socket.socket]
"""Opens a new connection to the server, through the proxy where there is one."""

_NO_CHECK_TIME = 0x200000  # OpenSSL, x509_vfy.h: X509_V_FLAG_NO_CHECK_TIME
_MOST_LETTERS = 80


@dataclass(frozen=True)
class Shown:
    """What a certificate says of itself, believed or not."""

    issuer: str
    hosts: tuple[str, ...]
    starts: datetime
    ends: datetime


@dataclass(frozen=True)
class Handshake:
    """How a handshake went: `verdict` is OpenSSL's, 0 if the certificate is trusted."""

    verdict: int
    version: str = ""
    protocol: str | None = None
    shown: Shown | None = None
    der: bytes = b""


@dataclass(frozen=True)
class Trust:
    """Who may sign a server's certificate: the federation (DER), and whom the hospital adds (PEM).

    A hospital adds somebody only where its own proxy opens all connections.
    """

    federation: bytes
    further: str = ""

    @property
    def name(self) -> str:
        """What the federation's certificates name as their issuer."""
        known = _strict(Trust(self.federation)).get_ca_certs()
        return _name(known[0].get("subject")) if known else "the federation's authority"


def certificates_pem(raw: bytes) -> str:
    """Read a file of certificates.

    Raises
    ------
    ValueError
        If the bytes hold none.
    """
    text = raw.decode("ascii", "replace")
    try:
        _context().load_verify_locations(cadata=text)
    except ssl.SSLError:
        raise ValueError("no certificates in PEM") from None
    return text


def look(dial: Dial, host: str, trust: Trust | None) -> Handshake:
    """Make a handshake, and read the server's certificate whether it is trusted or not.

    Raises
    ------
    OSError
        If the connection breaks, or what answers speaks no TLS (`ssl.SSLError`).
    ValueError
        If the host is no name that there could be.
    """
    host.encode("idna")  # Python's TLS finds out too late, and leaves a socket open
    verdict = -1
    if trust is not None:
        try:
            return _shake(dial, host, _strict(trust), 0)
        except ssl.SSLCertVerificationError as error:
            verdict = error.verify_code
    try:
        return _shake(dial, host, _pinned(_unverified(dial, host)), verdict)
    except (OSError, ValueError):  # another certificate at another try, or one that reads badly
        if trust is None:
            raise
        return Handshake(verdict)


def _strict(trust: Trust) -> ssl.SSLContext:
    context = _context()
    context.load_verify_locations(cadata=trust.federation)
    if trust.further:
        context.load_verify_locations(cadata=trust.further)
    return context


def _pinned(der: bytes) -> ssl.SSLContext:
    """Accept this one certificate, whoever signed it and whenever: the way to have it read."""
    context = _context()
    context.check_hostname = False
    context.load_verify_locations(cadata=der)
    context.verify_flags |= ssl.VerifyFlags(ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME)
    return context


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # gRPC needs h2; the other is there to learn what a server without it would choose.
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def _unverified(dial: Dial, host: str) -> bytes:
    context = _context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with dial() as plain, context.wrap_socket(plain, server_hostname=host) as secure:
        return secure.getpeercert(binary_form=True) or b""


def _shake(dial: Dial, host: str, context: ssl.SSLContext, verdict: int) -> Handshake:
    with dial() as plain, context.wrap_socket(plain, server_hostname=host) as secure:
        shown = _shown(secure.getpeercert() or {})
        chosen = secure.selected_alpn_protocol()
        der = secure.getpeercert(binary_form=True) or b""
        return Handshake(verdict, secure.version() or "", chosen, shown, der)


def _shown(said: Any) -> Shown:
    hosts = (value for kind, value in said["subjectAltName"]) if "subjectAltName" in said else ()
    return Shown(
        _name(said.get("issuer")),
        tuple(_plain(host) for host in hosts),
        _moment(said["notBefore"]),
        _moment(said["notAfter"]),
    )


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)


def _name(parts: Any) -> str:
    """Name a party by its common name, else its organisation."""
    said = {key: value for group in parts or () for key, value in group}
    return _plain(said.get("commonName") or said.get("organizationName") or "somebody unnamed")


def _plain(text: str) -> str:
    """Keep what prints: a certificate comes from anybody, and a terminal obeys escape codes."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:_MOST_LETTERS]
