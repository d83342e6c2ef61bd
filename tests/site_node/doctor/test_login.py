"""A login in earnest, at a coordinator's port on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from coordinator.carriers.grpc import GrpcServer, Hooks, Tls
from protocol.errors import Exit
from protocol.governance.identity import identity_public
from protocol.ids import SiteId
from site_node.doctor.check import Status
from site_node.doctor.examine import examine
from site_node.doctor.machine import Machine
from tests.site_node.doctor.conftest import OFFICE_SEED, SITE_SEED, Certify, Settings


def clock() -> datetime:
    return datetime.now(UTC)


@contextmanager
def port(certify: Certify, seed: bytes, known: bytes) -> Iterator[str]:
    """Open a coordinator's port that knows H1 by a key."""

    def identity(site: SiteId) -> bytes | None:
        return known if site == "H1" else None

    both = certify().read_bytes()
    hooks = Hooks(identity, lambda _: None, lambda _: None)
    office = GrpcServer("127.0.0.1:0", Tls(both, both), seed, hooks)
    number = office.start()
    try:
        yield f"127.0.0.1:{number}"
    finally:
        office.stop()


def test_a_login_at_the_right_coordinator(
    settings: Settings, certify: Certify, roomy: Machine
) -> None:
    with port(certify, OFFICE_SEED, identity_public(SITE_SEED)) as address:
        report = examine(settings(address), clock, here=roomy)
    *_, login, time = report.network
    assert (login.status, time.status) == (Status.OK, Status.OK)
    assert "the coordinator's clock" in time.told
    assert report.exit is Exit.OK


def test_a_coordinator_with_another_key(
    settings: Settings, certify: Certify, roomy: Machine
) -> None:
    with port(certify, bytes([77] * 32), identity_public(SITE_SEED)) as address:
        report = examine(settings(address), clock, here=roomy)
    (bad,) = [check for check in report.checks if check.code]
    assert (bad.name, bad.exit) == ("Login", Exit.TAMPERING)


def test_a_hospital_that_the_roster_does_not_name(
    settings: Settings, certify: Certify, roomy: Machine
) -> None:
    with port(certify, OFFICE_SEED, identity_public(bytes([78] * 32))) as address:
        report = examine(settings(address), clock, here=roomy)
    (bad,) = [check for check in report.checks if check.code]
    assert (bad.name, bad.code) == ("Login", "turned-away")
    assert "knows no hospital H1" in bad.told
