"""`riskset-site doctor` walks the way to the SuperLink, and disturbs no node that is running."""

from pathlib import Path

import pytest

from protocol.errors import Exit
from site_node.carriers.flower.keys import public_of
from site_node.carriers.flower.link import SuperLink
from site_node.doctor.check import Check, Status
from site_node.doctor.examine import examine
from site_node.doctor.report import Report
from site_node.folder import StateFolder, make_folder, write_private
from site_node.serving import flower_key
from site_node.setup import init
from tests.federation.carriers.world import SITES, authority, never, now, soon
from tests.federation.flower.superlink import CA, Running, register
from tests.federation.flower.world import node, office
from tests.ports import HOST, free_port
from tests.protocol.governance.parties import FEDERATION

ALL = ["Name lookup", "Connection", "Secure connection", "Certificate", "Registration", "Clock"]


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    """A hospital that has joined."""
    init(tmp_path / "site.toml", "lyon", "Lyon")
    folder = make_folder(tmp_path / "state")
    write_private(folder.federation, FEDERATION.to_bytes())
    return folder


def looked(folder: StateFolder, address: str, ca: bytes | None = CA) -> Report:
    """Let the doctor look, with a SuperLink in the settings."""
    path = folder.path.parent / "site.toml"
    table = f'\n[flower]\nsuperlink = "{address}"\n'
    if ca is not None:
        path.with_name("superlink.pem").write_bytes(ca)
        table += 'ca = "superlink.pem"\n'
    text = path.read_text(encoding="utf-8")
    path.write_text(f'carrier = "flower"\n{text}{table}', encoding="utf-8")
    return examine(path, now)


def by_name(report: Report) -> dict[str, Check]:
    return {check.name: check for check in report.network}


def test_all_is_well_and_a_running_node_goes_on(superlink: Running, state: StateFolder) -> None:
    key = flower_key(state)
    register(superlink, public_of(key))
    link = SuperLink(superlink.address, CA.decode(), key)
    with office(superlink) as carrying, node(link) as running:
        carrying.until_there(SITES[0])
        report = looked(state, superlink.address)
        again = list(carrying.carrier.exchange({SITES[0]: b"?"}, soon(), never))
        assert [told.connected for told in carrying.presence.all] == [True]
        running.until_connected()
    assert again == [(SITES[0], b"?")]
    assert [check.name for check in report.network] == ALL
    assert {check.status for check in report.network} == {Status.OK}
    assert "the SuperLink's clock" in by_name(report)["Clock"].told
    assert f"its way to {superlink.address}" in report.title
    assert "HTTP/1.1" in report.for_it()


def test_a_key_that_nobody_registered(superlink: Running, state: StateFolder) -> None:
    flower_key(state)
    found = by_name(looked(state, superlink.address))["Registration"]
    assert (found.status, found.exit) == (Status.FAIL, Exit.UNREACHABLE)
    assert "does not know this node's key" in found.told
    assert "state/flower.pub" in found.fix


def test_a_node_that_has_no_key_yet(superlink: Running, state: StateFolder) -> None:
    found = by_name(looked(state, superlink.address))["Registration"]
    assert found.status is Status.FAIL
    assert "has made no key" in found.told
    assert "start riskset-site serve once" in found.fix
    assert not (state.path / "flower.key").exists()


def test_a_superlink_of_another_authority(superlink: Running, state: StateFolder) -> None:
    found = by_name(looked(state, superlink.address, authority("Somebody else")[1]))
    assert found["Secure connection"].code == "tls-intercepted"
    assert found["Registration"].status is Status.NOT_TRIED


def test_without_ca_the_federations_own_authority_is_trusted(
    superlink: Running, state: StateFolder
) -> None:
    found = by_name(looked(state, superlink.address, None))["Secure connection"]
    assert found.exit is Exit.TAMPERING
    assert FEDERATION.name in found.told


def test_nobody_listens_there(state: StateFolder) -> None:
    report = looked(state, f"{HOST}:{free_port()}")
    found = by_name(report)
    assert list(found) == ALL
    assert found["Connection"].code == "tcp-refused"
    assert found["Registration"].told.startswith("not tried, because of 'Connection'")


@pytest.mark.parametrize("ca", [b"", b"nonsense"])
def test_a_file_that_holds_no_certificate(ca: bytes, state: StateFolder) -> None:
    report = looked(state, f"{HOST}:{free_port()}", ca)
    (wrong,) = [check for check in report.local if check.name == "Certificates"]
    assert wrong.code == "certificate"
    assert "superlink.pem: holds no certificate" in wrong.told
    assert "[flower]" in wrong.fix
