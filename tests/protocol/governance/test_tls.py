"""Certificates: ours are issued by ours, and nobody else's pass."""

import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from protocol.governance.tls import (
    CertificateError,
    certificate_der,
    certificate_pem,
    expires_at,
    hosts_of,
    is_authority,
    issued_by,
    leaf_fingerprint,
    make_authority,
    make_server_certificate,
)
from tests.protocol.governance.parties import CA, CA_KEY, NOW, seed

HOSTS = ["study.example.org", "localhost", "127.0.0.1", "::1"]
KEY, LEAF = make_server_certificate((CA_KEY, CA), HOSTS, seed("server"), NOW)
OTHER_KEY, OTHER = make_authority("Leberzentren", seed("another authority"), NOW)


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert make_authority("Leberzentren", seed("ca"), NOW) == (CA_KEY, CA)
    assert make_server_certificate((CA_KEY, CA), HOSTS, seed("server"), NOW) == (KEY, LEAF)
    assert make_server_certificate((CA_KEY, CA), HOSTS, seed("again"), NOW)[0] != KEY


def test_the_authority_issued_its_server_and_nothing_else() -> None:
    assert issued_by(LEAF, CA)
    assert issued_by(certificate_der(LEAF), certificate_der(CA))
    assert not issued_by(LEAF, OTHER)
    assert not issued_by(CA, LEAF)
    assert not issued_by(LEAF, LEAF)


def test_an_authority_of_the_same_name_is_another() -> None:
    false = make_server_certificate((OTHER_KEY, OTHER), HOSTS, seed("server"), NOW)[1]
    assert issued_by(false, OTHER)
    assert not issued_by(false, CA)


def test_a_server_issues_no_certificates() -> None:
    assert is_authority(CA)
    assert not is_authority(LEAF)
    below = make_server_certificate((KEY, LEAF), HOSTS, seed("below"), NOW)[1]
    assert not issued_by(below, LEAF)


# Python's TLS looks at the real clock, so these are good for a hundred years.
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
CENTURY = make_authority("Leberzentren", seed("ca"), LONG_AGO, days=36525)
SERVER = make_server_certificate(CENTURY, HOSTS, seed("server"), LONG_AGO, days=36525)


def handshake(authority: bytes, host: str, folder: Path) -> ssl.SSLObject:
    """Connect a client that trusts the authority to SERVER, in memory."""
    file = folder / "server.pem"
    file.write_bytes(b"".join(SERVER))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    client = ssl.create_default_context(cadata=authority.decode())
    client.minimum_version = ssl.TLSVersion.TLSv1_3
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python from 3.13 on does by itself
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=host)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    for end in (near, far, near, far):
        with suppress(ssl.SSLWantReadError):
            end.do_handshake()
    return near


@pytest.mark.parametrize("host", HOSTS)
def test_tls_accepts_the_server_under_each_of_its_hosts(host: str, tmp_path: Path) -> None:
    line = handshake(CENTURY[1], host, tmp_path)
    assert line.version() == "TLSv1.3"
    seen = line.getpeercert(binary_form=True)
    assert seen is not None
    assert leaf_fingerprint(SERVER[1]) == sha256(seen).digest()
    assert hosts_of(SERVER[1]) == tuple(HOSTS)


@pytest.mark.parametrize("ours", [True, False])
def test_tls_refuses_another_host_and_another_authority(ours: bool, tmp_path: Path) -> None:
    other = make_authority("Leberzentren", seed("another authority"), LONG_AGO, days=36525)[1]
    authority, host = (CENTURY[1], "elsewhere.example.org") if ours else (other, HOSTS[0])
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(authority, host, tmp_path)


def test_ten_years_and_thirteen_months() -> None:
    assert expires_at(CA) == NOW + timedelta(days=3650)
    assert expires_at(LEAF) == NOW + timedelta(days=396)
    short = make_server_certificate((CA_KEY, CA), HOSTS, seed("server"), NOW, days=7)[1]
    assert expires_at(short) == NOW + timedelta(days=7)


def test_pem_and_der_are_one_certificate() -> None:
    assert certificate_pem(certificate_der(LEAF)) == LEAF
    assert leaf_fingerprint(certificate_der(LEAF)) == leaf_fingerprint(LEAF)
    assert leaf_fingerprint(LEAF + CA) == leaf_fingerprint(LEAF)  # a chain's first is the server's


@pytest.mark.parametrize("raw", [b"", b"x", b"-----BEGIN CERTIFICATE-----", KEY, LEAF[:-40]])
def test_what_is_no_certificate_is_said_so(raw: bytes) -> None:
    for read in (certificate_der, expires_at, hosts_of, leaf_fingerprint, is_authority):
        with pytest.raises(CertificateError, match="no certificate"):
            read(raw)


def test_an_authority_has_no_hosts() -> None:
    assert hosts_of(CA) == ()


@pytest.mark.parametrize("key", [OTHER_KEY, KEY, b"", CA])
def test_the_key_has_to_be_the_authoritys(key: bytes) -> None:
    with pytest.raises(CertificateError, match="key"):
        make_server_certificate((key, CA), HOSTS, seed("server"), NOW)


def test_slips_of_the_caller() -> None:
    with pytest.raises(ValueError, match="host"):
        make_server_certificate((CA_KEY, CA), [], seed("server"), NOW)
    with pytest.raises(ValueError, match="A-label"):
        make_server_certificate((CA_KEY, CA), ["zürich.example.org"], seed("server"), NOW)
    with pytest.raises(ValueError, match="32 secret bytes"):
        make_authority("x", b"short", NOW)
    with pytest.raises(ValueError, match="zone"):
        make_authority("x", seed("ca"), NOW.replace(tzinfo=None))


def test_a_long_name_is_cut_not_refused() -> None:
    assert is_authority(make_authority("x" * 200, seed("ca"), NOW)[1])
