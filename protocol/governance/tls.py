"""Certificates of the line between hospitals and the coordinator (SPEC 12).

A federation has a certificate authority of its own, so that no public one can vouch for a server
in the middle. Keys are P-256, which every proxy and library reads; they are derived from 32 secret
bytes that the caller draws. Messages are signed by identity keys all the same: whoever breaks this
line sees masked vectors.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from protocol.canonical import SUITE, digest, lp
from protocol.errors import Exit, FederationError

AUTHORITY_DAYS = 3650
SERVER_DAYS = 396
"""Thirteen months: a yearly renewal with a month to spare."""

SKEW = timedelta(days=1)
"""How far a certificate begins before it is made: hospitals' clocks go wrong."""

SECRET_SIZE = 32
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The number of points of P-256 (NIST SP 800-186, 3.2.1.3)."""


class CertificateError(FederationError):
    """A certificate is none, has run out, or was not issued by the federation."""

    code = "certificate"
    exit = Exit.TAMPERING
    fix = "ask the coordinating centre for the certificate; compare its fingerprint by telephone"


def make_authority(
    name: str, secret: bytes, now: datetime, days: int = AUTHORITY_DAYS
) -> tuple[bytes, bytes]:
    """Make a federation's certificate authority: its key and its certificate, both as PEM.

    The same arguments give the same bytes: ECDSA nonces follow RFC 6979.

    Raises
    ------
    ValueError
        If the secret has not 32 bytes, or `now` has no time zone.
    """
    key = _key(secret)
    subject = _subject(f"{name} certificate authority")
    usage = _usage(key_cert_sign=True, crl_sign=True)
    built = (
        _builder(subject, subject, key, now, days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    return _private_pem(key), _signed(built, key)


def make_server_certificate(
    authority: tuple[bytes, bytes],
    hosts: Sequence[str],
    secret: bytes,
    now: datetime,
    days: int = SERVER_DAYS,
) -> tuple[bytes, bytes]:
    """Make the coordinator's server key and certificate, as PEM.

    `authority` is what `make_authority` gave; `hosts` are the names or addresses under which
    hospitals dial.

    Raises
    ------
    ValueError
        If there is no host or one is not ASCII, the secret has not 32 bytes, or `now` has no time
        zone.
    CertificateError
        If the authority's parts are no key and certificate that belong together.
    """
    if not hosts:
        raise ValueError("a server certificate names at least one host")
    issuer_key, issuer = _authority(*authority)
    key = _key(secret)
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    built = (
        _builder(_subject(hosts[0]), issuer.subject, key, now, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(server, critical=False)
        .add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
        .add_extension(above, critical=False)
    )
    return _private_pem(key), _signed(built, issuer_key)


def certificate_der(raw: bytes) -> bytes:
    """Give the first certificate of a PEM text, or one in DER, as DER.

    Raises
    ------
    CertificateError
        If the bytes hold no certificate.
    """
    return _read(raw).public_bytes(serialization.Encoding.DER)


def certificate_pem(raw: bytes) -> bytes:
    """Give a certificate as PEM, as gRPC reads it.

    Raises
    ------
    CertificateError
        If the bytes hold no certificate.
    """
    return _read(raw).public_bytes(serialization.Encoding.PEM)


def leaf_fingerprint(raw: bytes) -> bytes:
    """Give the SHA-256 of a server's certificate in DER, 32 bytes, as both ends see it on joining.

    Raises
    ------
    CertificateError
        If the bytes hold no certificate.
    """
    return sha256(certificate_der(raw)).digest()


def is_authority(raw: bytes) -> bool:
    """Say whether a certificate may issue others (RFC 5280, 4.2.1.9).

    Raises
    ------
    CertificateError
        If the bytes hold no certificate.
    """
    try:
        constraints = _read(raw).extensions.get_extension_for_class(x509.BasicConstraints)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return constraints.value.ca


def issued_by(leaf: bytes, ca: bytes) -> bool:
    """Say whether the authority signed this certificate and names itself as its issuer.

    Times and hosts are not looked at: TLS does that on every connection.

    Raises
    ------
    CertificateError
        If either is no certificate.
    """
    try:
        _read(leaf).verify_directly_issued_by(_read(ca))
    except (InvalidSignature, TypeError, ValueError):
        return False
    return is_authority(ca)


def expires_at(raw: bytes) -> datetime:
    """Read when a certificate runs out, in UTC.

    Raises
    ------
    CertificateError
        If the bytes hold no certificate.
    """
    return _read(raw).not_valid_after_utc


def hosts_of(raw: bytes) -> tuple[str, ...]:
    """Read the names and addresses that a server's certificate is for.

    Raises
    ------
    CertificateError
        If the bytes hold no certificate.
    """
    try:
        names = _read(raw).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    addresses = (str(address) for address in names.get_values_for_type(x509.IPAddress))
    return (*names.get_values_for_type(x509.DNSName), *addresses)


def _key(secret: bytes) -> ec.EllipticCurvePrivateKey:
    """Derive a key from 48 bytes, so that reducing them favours no key (FIPS 186-5, A.2.1)."""
    if len(secret) != SECRET_SIZE:
        raise ValueError(f"a key is derived from {SECRET_SIZE} secret bytes")
    wide = HKDFExpand(hashes.SHA256(), 48, lp(SUITE, "tls-key")).derive(secret)
    number = int.from_bytes(wide, "big") % (_ORDER - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    if now.utcoffset() is None:
        raise ValueError("the time must say its zone")
    public = key.public_key()
    spki = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    # Sixteen bytes below 2^127 are a valid serial number; no two certificates here share one.
    named = digest("certificate", issuer.public_bytes(), spki, now.isoformat())
    serial = int.from_bytes(named[:16], "big") >> 1 or 1
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(now - SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _signed(built: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> bytes:
    made = built.sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    return made.public_bytes(serialization.Encoding.PEM)


def _authority(
    key: bytes, certificate: bytes
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    issuer = _read(certificate)
    try:
        private = serialization.load_pem_private_key(key, None)
    except (TypeError, ValueError):
        raise CertificateError("the certificate authority's key cannot be read") from None
    if (
        isinstance(private, ec.EllipticCurvePrivateKey)
        and private.public_key() == issuer.public_key()
    ):
        return private, issuer
    raise CertificateError("the certificate authority's key is not its certificate's")


def _read(raw: bytes) -> x509.Certificate:
    try:
        if raw.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_certificate(raw)
        return x509.load_der_x509_certificate(raw)
    except ValueError:
        raise CertificateError("the bytes hold no certificate (X.509, PEM or DER)") from None


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _subject(name: str) -> x509.Name:
    # X.520 gives a common name 64 characters; nothing reads more than its beginning.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
