"""What deploy/flower has beside the proxy: started as it is shipped, as far as one machine can."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from riskset.commands import app as centre
from site_node.carriers.flower.link import SuperLink
from site_node.folder import make_folder
from site_node.serving import flower_key
from tests.federation.carriers.world import SITES, never, soon, tls
from tests.federation.flower.superlink import CA, SECRET, Running
from tests.federation.flower.world import node, office
from tests.ports import HOST, free_port

DEPLOY = Path(__file__).parents[3] / "deploy" / "flower"
SCRIPT = DEPLOY / "superlink.sh"
UNIT = DEPLOY / "superlink.service"
BIN = Path(sys.executable).parent
COMPOSE: dict[str, Any] = json.loads((DEPLOY / "compose.json").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]


@dataclass
class Shipped(Running):
    """A SuperLink that the shipped script starts, in a folder with the files that it lists."""

    @property
    def words(self) -> list[str]:
        files = {"superlink.key": tls().key, "superlink.pem": tls().certificate}
        for name, content in {**files, "ca.pem": CA, "superexec.secret": SECRET}.items():
            (self.folder / name).write_bytes(content)
        return [str(SCRIPT), str(self.folder)]

    @property
    def environment(self) -> dict[str, str]:
        return {"SUPERLINK_PORT": str(self.port), "PATH": f"{BIN}:{os.environ['PATH']}"}


def test_a_hospital_is_served_by_what_is_shipped(tmp_path: Path) -> None:
    """The script starts it, `flwr` registers the node as the README says, and bytes go through."""
    running = Shipped(tmp_path, free_port())
    running.start()
    try:
        state = make_folder(tmp_path / "state")
        key = flower_key(state)
        register_by_command(running, (state.path / "flower.pub").read_bytes())
        link = SuperLink(running.address, CA.decode(), key)
        with office(running) as carrying, node(link):
            came = list(carrying.carrier.exchange({SITES[0]: b"?"}, soon(), never))
    finally:
        running.stop()
    assert came == [(SITES[0], b"?")]
    assert (tmp_path / "state.db").exists()


def register_by_command(running: Running, public: bytes) -> None:
    """Register a node with the words of the README and the shipped settings of `flwr`."""
    text = (DEPLOY / "config.toml").read_text(encoding="utf-8")
    for shipped, here in {
        "localhost:8000": running.address,
        "/var/lib/superlink": str(running.folder),
    }.items():
        assert shipped in text
        text = text.replace(shipped, here)
    home = running.folder / "home"
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(text, encoding="utf-8")
    (running.folder / "flower.pub").write_bytes(public)
    readme = (DEPLOY / "README.md").read_text(encoding="utf-8")
    command = next(line.split() for line in readme.splitlines() if " flwr supernode" in line)
    quiet = {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1"}
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=running.folder,
        env={**os.environ, **quiet, "FLWR_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@cache
def help_of_superlink() -> str:
    words = [str(BIN / "flower-superlink"), "--help"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_every_option_is_one_of_the_installed_flower() -> None:
    script = SCRIPT.read_text(encoding="utf-8")
    options = set(re.findall(r"--[a-z-]+", script[script.index("exec flower-superlink") :]))
    known = set(re.findall(r"--[a-z-]+", help_of_superlink()))
    assert options
    assert options <= known
    assert "{subprocess,process}" in help_of_superlink()


def test_the_unit_starts_what_is_shipped_where_it_is_installed() -> None:
    text = UNIT.read_text(encoding="utf-8")
    (started,) = re.findall(r"^ExecStart=(\S+) (\S+)$", text, re.M)
    assert started == (
        f"/opt/riskset/{SCRIPT.relative_to(DEPLOY.parents[1])}",
        "/var/lib/superlink",
    )
    assert os.access(SCRIPT, os.X_OK)
    assert "PATH=/opt/riskset/.venv/bin:" in text
    assert f"StateDirectory={Path(started[1]).name}" in text


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Copy the unit, and let what it starts be there."""
    copy = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8")
    copy.write_text(re.sub(r"(?<=ExecStart=)\S+", "/bin/true", text), encoding="utf-8")
    return copy


def test_systemd_accepts_every_line_and_little_is_exposed(installed: Path) -> None:
    """The threshold is in tenths of systemd's own scale from 0 (safe) to 10."""
    verified = analyze("verify", "--man=no", str(installed))
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    secured = analyze("security", "--offline=true", "--threshold=15", "--no-pager", str(installed))
    assert secured.returncode == 0, secured.stdout


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)


def test_services_name_what_there_is() -> None:
    folders = {"./superlink", "./proxy", "./centre"}  # the parties' own, made by their people
    for service in SERVICES.values():
        assert set(service["networks"]) <= COMPOSE["networks"].keys()
        assert set(service.get("depends_on", [])) <= SERVICES.keys()
        for volume in service["volumes"]:
            source, _, _ = volume.split(":")
            assert source in folders or (DEPLOY / source).is_file(), volume


def test_the_superlink_starts_by_the_script_within_its_network() -> None:
    said = SERVICES["superlink"]
    script, folder = said["command"]
    places = dict(volume.split(":")[1::-1] for volume in said["volumes"])
    assert places[script] == "./superlink.sh"
    assert places[folder] == "./superlink"
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    for name in said["environment"]:
        assert f"${{{name}:-" in SCRIPT.read_text(encoding="utf-8")


def test_the_proxy_finds_its_files() -> None:
    places = [volume.split(":")[1] for volume in SERVICES["proxy"]["volumes"]]
    conf = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    named = re.findall(r"(?:ssl_certificate(?:_key)?|trusted_certificate) (\S+);", conf)
    assert len(named) == 3
    assert {str(Path(file).parent) for file in named} <= set(places)
    assert "/etc/nginx/nginx.conf" in places


def test_the_coordinators_command_is_one() -> None:
    program, command, option, _ = SERVICES["coordinator"]["command"]
    assert program == "riskset"
    group = typer.main.get_command(centre)
    assert isinstance(group, click.Group)
    found = group.get_command(click.Context(group), command)
    assert found is not None
    assert option in {name for param in found.params for name in param.opts}


@pytest.mark.parametrize("party", ["superlink", "coordinator"])
def test_nobody_can_do_more_than_needed(party: str) -> None:
    """As for the containers of deploy/container, whose image these are of."""
    said = SERVICES[party]
    assert said["image"] == "riskset"
    assert (said["read_only"], said["cap_drop"]) == (True, ["ALL"])
    assert said["security_opt"] == ["no-new-privileges:true"]
    assert said["user"] == "10001:10001"
    assert not said.keys() & {"privileged", "cap_add", "devices", "network_mode", "pid", "ipc"}


def test_everything_listens_on_this_machine_alone_by_default() -> None:
    assert f"${{SUPERLINK_HOST:-{HOST}}}" in SCRIPT.read_text(encoding="utf-8")
