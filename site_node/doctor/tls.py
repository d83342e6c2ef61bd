"""Says what a TLS handshake with the coordinator means: signer, host, dates, HTTP/2."""

import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta

from protocol.errors import Exit
from protocol.governance.tls import issued_by
from site_node.doctor.check import Check, fail, not_tried, ok, warn
from site_node.doctor.handshake import Handshake, Trust
from site_node.doctor.lookup import Endpoint

SECURE, CERTIFICATE, HTTP_2 = "Secure connection", "Certificate", "HTTP/2"
NAMES = (SECURE, CERTIFICATE, HTTP_2)

SOON = timedelta(days=30)


def tls_checks(
    endpoint: Endpoint, shake: Handshake | OSError, trust: Trust | None, now: datetime
) -> list[Check]:
    """Say what a handshake means, in three checks."""
    if isinstance(shake, OSError):
        return _skip_rest(_no_tls(endpoint, shake))
    secure = _trusted(endpoint, shake, trust, now)
    return [secure, *_of_certificate(endpoint, shake, now), _http_2(endpoint, shake)]


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
    return fail(SECURE, told, why, fix, code, exit_=Exit.UNREACHABLE)


def _trusted(endpoint: Endpoint, shake: Handshake, trust: Trust | None, now: datetime) -> Check:
    issuer = shake.shown.issuer if shake.shown else "somebody unnamed"
    if trust is None:
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
        return fail(SECURE, told, why, fix, "tls-forged", exit_=Exit.TAMPERING)
    told = f'the certificate was re-signed by "{issuer}"; expected "{expected}"'
    why = (
        "A web filter that opens encrypted traffic does this. It could read and change our "
        "messages, so we refuse it."
    )
    fix = (
        f'ask IT: "please exempt {endpoint} from TLS inspection". If there is none, ask the '
        f"coordinating centre whose certificate this is"
    )
    return fail(SECURE, told, why, fix, "tls-intercepted", exit_=Exit.TAMPERING)


def _other_host(endpoint: Endpoint, shake: Handshake) -> Check:
    hosts = ", ".join(shake.shown.hosts[:3]) if shake.shown else ""
    told = f"the certificate is for {hosts or 'no name'}, not for {endpoint.host}"
    why = "The settings name the server otherwise than its certificate does."
    fix = (
        "write the address into the settings as the invitation has it, or ask the coordinating "
        f"centre for a certificate that names {endpoint.host}"
    )
    return fail(SECURE, told, why, fix, "tls-host", exit_=Exit.TAMPERING)


def _out_of_date(shake: Handshake, now: datetime) -> Check:
    if shake.verdict == 9:
        when = f"{shake.shown.starts:%Y-%m-%d}" if shake.shown else "later"
        told = f"the certificate begins on {when}; here it is {now:%Y-%m-%d}"
        why = "This computer's clock is slow, or the certificate is made for later."
        fix = "ask IT to set this computer's clock by a time server"
        return fail(SECURE, told, why, fix, "tls-not-yet", exit_=Exit.UNREACHABLE)
    ended = shake.shown and shake.shown.ends < now
    when = f"{shake.shown.ends:%Y-%m-%d}" if shake.shown and ended else "a day in the past"
    whose = "the certificate" if ended else "the authority's certificate"
    told = f"{whose} expired on {when}"
    why = "An expired certificate is no proof of anything; or this computer's clock is fast."
    fix = "ask the coordinating centre to renew it, after a look at this computer's date"
    return fail(SECURE, told, why, fix, "tls-expired", exit_=Exit.UNREACHABLE)


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
    return fail(HTTP_2, told, why, fix, "no-http2", exit_=Exit.UNREACHABLE)
