"""The whole examination, and how it is written."""

import json
import time
from datetime import datetime
from pathlib import Path

import pytest

from protocol.errors import Exit
from site_node.doctor.check import Status
from site_node.doctor.examine import examine
from site_node.doctor.lookup import Endpoint
from site_node.doctor.machine import Machine
from site_node.doctor.report import WIDTH, Report
from tests.site_node.doctor.conftest import Certify, Settings, now
from tests.site_node.doctor.loopback import closed_port, full_server, server, tls


def logged_in(*_: object) -> datetime:
    return now()


def codes(report: Report) -> list[str]:
    """Give the codes of what is wrong; none for a report without a fault."""
    return [check.code for check in report.checks if check.code]


def test_all_is_well(settings: Settings, coordinator: Endpoint, roomy: Machine) -> None:
    report = examine(settings(coordinator), now, logged_in, roomy)
    assert codes(report) == []
    assert {check.status for check in report.checks} == {Status.OK}
    assert report.exit is Exit.OK
    assert report.as_text().endswith("All is well.")


def test_nothing_of_a_patient_is_in_any_report(
    settings: Settings, coordinator: Endpoint, roomy: Machine, tmp_path: Path
) -> None:
    path = settings(coordinator)
    header = "patient_id,age,cea,stage,arm,days,dead,relapse_days"
    (tmp_path / "extract.csv").write_text(f"{header}\nCANARY,61\n", encoding="ascii")
    report = examine(path, now, logged_in, roomy)
    assert "invalid-input" in codes(report)
    assert "CANARY" not in report.as_text() + json.dumps(report.as_json()) + report.for_it()


def test_settings_that_cannot_be_read(tmp_path: Path) -> None:
    report = examine(tmp_path / "site.toml", now)
    assert codes(report) == ["invalid-input"]
    assert "site.toml" in report.as_text()
    assert report.as_json()["exit"] == report.exit != 0
    assert "no address is known" in report.for_it()


@pytest.mark.parametrize("proxy", ["http://proxy:99999", "http://[proxy:1"])
def test_a_proxy_that_cannot_be_one(proxy: str, settings: Settings) -> None:
    report = examine(settings("coordinator.example:443", proxy), now, logged_in)
    assert codes(report) == ["invalid-input"]
    assert "http://proxy.example.org:3128" in report.as_text()


def test_all_problems_of_the_settings_are_told(settings: Settings, tmp_path: Path) -> None:
    path = settings("coordinator.example:443")
    path.write_text(path.read_text(encoding="utf-8").replace("name =", "nme ="), encoding="utf-8")
    (check,) = [check for check in examine(path, now).checks if check.code]
    assert "name is missing; nme is no key of site.toml" in check.told
    assert "did you mean 'name'?" in check.fix


def test_a_hospital_that_has_not_joined(
    settings: Settings, coordinator: Endpoint, roomy: Machine
) -> None:
    report = examine(settings(coordinator, state="elsewhere"), now, logged_in, roomy)
    assert codes(report) == ["state-missing", "not-joined", "tls-unknown"]
    told = {check.name: check.told for check in report.checks}
    assert told["Login"].startswith("not tried, because")


def test_a_federation_file_that_was_changed(
    settings: Settings, coordinator: Endpoint, roomy: Machine, state: Path
) -> None:
    (state / "federation.json").write_bytes(b"{}")
    report = examine(settings(coordinator), now, logged_in, roomy)
    assert "federation-file" in codes(report)
    assert report.exit is Exit.TAMPERING


def test_a_federation_file_that_may_not_be_read(
    settings: Settings, coordinator: Endpoint, roomy: Machine, state: Path
) -> None:
    (state / "federation.json").unlink()
    (state / "federation.json").mkdir(mode=0o600)  # which not even root can read as a file
    report = examine(settings(coordinator), now, logged_in, roomy)
    told = {check.name: check.told for check in report.checks}
    assert told["Federation"] == "not tried, because the state folder may not be read"
    assert told["Login"].startswith("not tried, because")


def test_a_plan_that_was_not_approved(
    settings: Settings, coordinator: Endpoint, roomy: Machine
) -> None:
    report = examine(settings(coordinator, digest="0" * 64), now, logged_in, roomy)
    assert codes(report) == ["plan-digest"]
    assert report.exit is Exit.NOT_APPROVED
    told = {check.name: check.told for check in report.checks}
    assert told["Data source"].startswith("not tried, because")


@pytest.mark.parametrize(
    ("changed", "code"),
    [({"plan": "none.toml"}, "invalid-input"), ({"extract": "none.csv"}, "invalid-input")],
)
def test_a_file_that_is_not_there(
    changed: dict[str, str], code: str, settings: Settings, coordinator: Endpoint, roomy: Machine
) -> None:
    report = examine(settings(coordinator, **changed), now, logged_in, roomy)
    (check,) = [check for check in report.checks if check.code]
    assert check.code == code
    assert "none" in check.told
    assert check.fix


def test_a_mapping_that_does_not_fit(
    settings: Settings, coordinator: Endpoint, roomy: Machine, tmp_path: Path
) -> None:
    (tmp_path / "mapping.toml").write_text('[columns]\nagee = "Alter"\n', encoding="ascii")
    changed = {"extract": 'extract.csv"\nmapping = "mapping.toml'}
    report = examine(settings(coordinator, **changed), now, logged_in, roomy)
    (check,) = [check for check in report.checks if check.code]
    assert check.fix == "did you mean 'age'?"


def test_hospitals_that_are_not_known(
    settings: Settings, coordinator: Endpoint, roomy: Machine
) -> None:
    path = settings(coordinator)
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index("[[known_sites]]")], encoding="utf-8")
    assert codes(examine(path, now, logged_in, roomy)) == ["known-sites"]


def test_a_word_that_was_misheard(
    settings: Settings, coordinator: Endpoint, roomy: Machine
) -> None:
    path = settings(coordinator, words="Abandon-ability able about above abcent")
    (check,) = [check for check in examine(path, now, logged_in, roomy).checks if check.code]
    assert check.code == "known-words"
    assert "among the words of H2, 'abcent' is none" in check.told


def test_further_certificates_that_are_none(
    settings: Settings, coordinator: Endpoint, roomy: Machine, tmp_path: Path
) -> None:
    path = settings(coordinator)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[data]", 'ca = "ca.pem"\n[data]'), encoding="utf-8")
    assert codes(examine(path, now, logged_in, roomy)) == ["certificate"]
    (tmp_path / "ca.pem").write_text("nonsense", encoding="ascii")
    assert codes(examine(path, now, logged_in, roomy)) == ["certificate"]


def test_a_network_that_drops_everything_is_told_in_time(
    settings: Settings, roomy: Machine
) -> None:
    """The budget of the network binds, not the number of looks."""
    with full_server() as dropped:
        begun = time.monotonic()
        report = examine(settings(dropped), now, logged_in, roomy, network_seconds=0.3)
    assert report.exit is Exit.UNREACHABLE
    assert "tcp-timeout" in codes(report)
    assert time.monotonic() - begun < 10


def test_the_gravest_fault_is_the_exit_status(
    settings: Settings, roomy: Machine, certify: Certify, state: Path
) -> None:
    (state / "identity.key").chmod(0o644)
    report = examine(settings(closed_port()), now, logged_in, roomy)
    assert report.exit is Exit.UNREACHABLE
    with server(tls(certify("filter"))) as coordinator:
        report = examine(settings(coordinator), now, logged_in, roomy)
    assert report.exit is Exit.TAMPERING


def test_the_letter_to_it_says_nothing_of_files_or_passwords(
    settings: Settings, roomy: Machine, state: Path
) -> None:
    (state / "identity.key").chmod(0o644)
    proxy = closed_port()
    path = settings("coordinator.example:7443", f"http://someone:secret@{proxy}")
    report = examine(path, now, logged_in, roomy)
    letter = report.for_it()
    assert f"TCP to coordinator.example:7443 through the proxy {proxy}" in letter
    assert "tcp-refused" in letter
    for private in ("identity.key", str(state), "someone", "secret", "Hospital One", "H2"):
        assert private not in letter
    assert "secret" not in report.as_text() + json.dumps(report.as_json())


def test_no_line_is_wider_than_a_terminal(
    settings: Settings, roomy: Machine, certify: Certify
) -> None:
    with server(tls(certify("filter"), ("http/1.1",))) as coordinator:
        report = examine(settings(coordinator), now, logged_in, roomy)
    lines = report.as_text().splitlines() + report.for_it().splitlines()
    assert max(len(line) for line in lines if "/" not in line) <= WIDTH
    assert any(line.startswith("fail  Secure connection  ") for line in lines)


def test_json_has_every_check(settings: Settings, coordinator: Endpoint, roomy: Machine) -> None:
    report = examine(settings(coordinator, digest="0" * 64), now, logged_in, roomy)
    told = json.loads(json.dumps(report.as_json()))
    assert [check["name"] for check in told["checks"]] == [c.name for c in report.checks]
    assert (told["failed"], told["warned"], told["exit"]) == (1, 0, 3)
    assert {check["status"] for check in told["checks"]} <= {one.value for one in Status}
