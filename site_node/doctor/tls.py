"""Looks at the certificate that a server shows, and says who signed it.

A handshake is made in earnest first, against the federation's authority. Only where that fails
are others made, to read what the certificate says of itself; nothing is ever sent over those.
"""

import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from protocol.errors import Exit
from protocol.governance.tls import issued_by
from site_node.doctor.check import Check, fail, not_tried, ok, warn
from site_node.doctor.lookup import Endpoint

SECURE, CERTIFICATE, HTTP_2 = "Secure connection", "Certificate", "HTTP/2"
NAMES = (SECURE, CERTIFICATE, HTTP_2)

SOON = timedelta(days=30)

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
        return _name(known[0].get("subject", ())) if known else "the federation's authority"


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
    """
    verdict = -1
    if trust is not None:
        try:
            return _shake(dial, host, _strict(trust), 0)
        except ssl.SSLCertVerificationError as error:
            verdict = error.verify_code
    der = _unverified(dial, host)
    try:
        return _shake(dial, host, _pinned(der), verdict)
    except OSError:  # another certificate at another try, or one that reads badly
        return Handshake(verdict)


def tls_checks(
    endpoint: Endpoint, shake: Handshake | OSError, trust: Trust | None, now: datetime
) -> list[Check]:
    """Say what a handshake means, in three checks."""
    if isinstance(shake, OSError):
        return _skip_rest(_no_tls(endpoint, shake))
    secure = _trusted(endpoint, shake, trust, now)
    return [secure, *_of_certificate(endpoint, shake, now), _http_2(endpoint, shake)]


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
        _name(said.get("issuer", ())),
        tuple(_plain(host) for host in hosts),
        _moment(said["notBefore"]),
        _moment(said["notAfter"]),
    )


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)


def _name(parts: Sequence[Sequence[tuple[str, str]]]) -> str:
    """Name a party by its common name, else its organisation."""
    said = {key: value for group in parts for key, value in group}
    return _plain(said.get("commonName") or said.get("organizationName") or "somebody unnamed")


def _plain(text: str) -> str:
    """Keep what prints: a certificate comes from anybody, and a terminal obeys escape codes."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:_MOST_LETTERS]


def _skip_rest(first: Check) -> list[Check]:
    return [first, *(not_tried(name, "there is no secure connection") for name in NAMES[1:])]


def _no_tls(endpoint: Endpoint, error: OSError) -> Check:
    if isinstance(error, TimeoutError):
        told = f"{endpoint} takes connections, and stays silent to a TLS handshake"
        why = "A firewall that looks into connections holds this one, or the server hangs."
        code = "tls-silent"
    elif isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        told = f"what answers at {endpoint} speaks no TLS that we can use"
        why = "The port is another service's, or something in between answers in plain text."
        code = "tls-none"
    else:
        told = f"the connection to {endpoint} is cut while TLS begins"
        why = "Firewalls that filter by name do that."
        code = "tls-cut"
    fix = (
        f'compare address and port with the invitation; else ask IT: "please let TLS to '
        f'{endpoint} pass unopened"'
    )
    return fail(SECURE, told, why, fix, code, Exit.UNREACHABLE)


def _trusted(endpoint: Endpoint, shake: Handshake, authority: bytes | None, now: datetime) -> Check:
    issuer = shake.shown.issuer if shake.shown else "somebody unnamed"
    if authority is None:
        told = f'the certificate is signed by "{issuer}"; nothing says whether it should be'
        why = "Before a hospital has joined, it does not know the federation's authority."
        return warn(SECURE, told, why, "join first: riskset-site join", "tls-unknown")
    match shake.verdict:  # OpenSSL, x509_vfy.h: X509_V_ERR_...
        case 0 if issued_by(shake.der, trust.federation):
            return ok(SECURE, f'{shake.version.replace("v", " ")}, signed by "{issuer}"')
        case 0:
            return _own_proxy(issuer)
        case 9 | 10:  # not yet valid, expired
            return _out_of_date(shake, now)
        case 62 | 64:  # another name, another address
            return _other_host(endpoint, shake)
    return _other_authority(endpoint, issuer, trust.name)


def _own_proxy(issuer: str) -> Check:
    told = f'signed by "{issuer}", whom the settings trust (ca)'
    why = (
        "This hospital's proxy opens the connection, and sees which masked numbers leave and when."
    )
    fix = "better, ask IT to exempt the address from TLS inspection, and take 'ca' out"
    return warn(SECURE, told, why, fix, "tls-own-proxy")


def _other_authority(endpoint: Endpoint, issuer: str, expected: str) -> Check:
    if issuer == expected:
        told = f'the certificate names "{issuer}" as its signer, and is not signed with its key'
        why = "Another federation has the same name, or somebody pretends to be this one."
        fix = "do not go on; call the coordinating centre and compare the six words"
        return fail(SECURE, told, why, fix, "tls-forged", Exit.TAMPERING)
    told = f'the certificate was re-signed by "{issuer}"; expected "{expected}"'
    why = (
        "A web filter that opens encrypted traffic does this. It could read and change our "
        "messages, so we refuse it."
    )
    fix = (
        f'ask IT: "please exempt {endpoint} from TLS inspection". If there is none, ask the '
        f"coordinating centre whose certificate this is"
    )
    return fail(SECURE, told, why, fix, "tls-intercepted", Exit.TAMPERING)


def _other_host(endpoint: Endpoint, shake: Handshake) -> Check:
    hosts = ", ".join(shake.shown.hosts[:3]) if shake.shown else ""
    told = f"the certificate is for {hosts or 'no name'}, not for {endpoint.host}"
    why = "The settings name the server otherwise than its certificate does."
    fix = (
        "write the address into the settings as the invitation has it, or ask the coordinating "
        f"centre for a certificate that names {endpoint.host}"
    )
    return fail(SECURE, told, why, fix, "tls-host", Exit.TAMPERING)


def _out_of_date(shake: Handshake, now: datetime) -> Check:
    if shake.verdict == 9:
        when = f"{shake.shown.starts:%Y-%m-%d}" if shake.shown else "later"
        told = f"the certificate begins on {when}; here it is {now:%Y-%m-%d}"
        why = "This computer's clock is slow, or the certificate is made for later."
        fix = "ask IT to set this computer's clock by a time server"
        return fail(SECURE, told, why, fix, "tls-not-yet", Exit.UNREACHABLE)
    ended = shake.shown and shake.shown.ends < now
    when = f"{shake.shown.ends:%Y-%m-%d}" if shake.shown and ended else "a day in the past"
    whose = "the certificate" if ended else "the authority's certificate"
    told = f"{whose} expired on {when}"
    why = "An expired certificate is no proof of anything; or this computer's clock is fast."
    fix = "ask the coordinating centre to renew it, after a look at this computer's date"
    return fail(SECURE, told, why, fix, "tls-expired", Exit.UNREACHABLE)


def _of_certificate(endpoint: Endpoint, shake: Handshake, now: datetime) -> Iterator[Check]:
    if shake.shown is None or shake.verdict != 0:
        yield not_tried(CERTIFICATE, "the certificate is not trusted")
        return
    left = shake.shown.ends - now
    told = f"for {endpoint.host}, until {shake.shown.ends:%Y-%m-%d}"
    if left >= SOON:
        yield ok(CERTIFICATE, told)
        return
    days = max(0, left.days)
    why = f"{days} days are left; after that nobody can connect."
    fix = "remind the coordinating centre to renew the server's certificate"
    yield warn(CERTIFICATE, told, why, fix, "certificate-ends")


def _http_2(endpoint: Endpoint, shake: Handshake) -> Check:
    if shake.protocol == "h2":
        return ok(HTTP_2, "offered, as gRPC needs it")
    if not shake.version:
        return not_tried(HTTP_2, "no handshake came to its end")
    told = f"{endpoint} offers {shake.protocol or 'no protocol by name'}, not HTTP/2"
    why = "gRPC runs over HTTP/2; a box in between that speaks only HTTP/1.1 blocks it."
    fix = (
        f'ask IT: "please pass TLS to {endpoint} unopened"; if nothing opens it, ask the '
        f"coordinating centre what stands in front of its server"
    )
    return fail(HTTP_2, told, why, fix, "no-http2", Exit.UNREACHABLE)
