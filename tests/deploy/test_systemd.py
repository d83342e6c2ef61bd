"""The systemd units are what systemd accepts, confine what they start, and name real commands."""

import configparser
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
import typer

import site_node.node_cli  # noqa: F401 - adds its commands
from protocol.errors import Exit
from riskset.commands import app as centre
from site_node.commands import app as hospital

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
SERVICES = ["riskset.service", "riskset-site.service", "riskset-backup.service"]
STARTED = re.compile(r"/opt/riskset/\.venv/bin/(riskset|riskset-site) (\w+)")


def unit(name: str) -> configparser.RawConfigParser:
    """Read a unit; of a setting that is given twice, the last one."""
    found = configparser.RawConfigParser(strict=False)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read_string((UNITS / name).read_text(encoding="utf-8"))
    return found


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Copy the units, and let what they start be there."""
    for path in UNITS.iterdir():
        text = re.sub(r"/opt/riskset/\.venv/bin/[a-z-]+", "/bin/true", path.read_text("utf-8"))
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("name", [*SERVICES, "riskset-backup.timer"])
def test_systemd_accepts_every_line(installed: Path, name: str) -> None:
    told = analyze("verify", "--man=no", str(installed / name))
    assert (told.returncode, told.stdout + told.stderr) == (0, "")


@pytest.mark.parametrize(("name", "most"), [(s, 15) for s in SERVICES])
def test_little_is_exposed(installed: Path, name: str, most: int) -> None:
    """The threshold is in tenths of systemd's own scale from 0 (safe) to 10."""
    told = analyze(
        "security", "--offline=true", f"--threshold={most}", "--no-pager", str(installed / name)
    )
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_started_exists(name: str) -> None:
    found = STARTED.search(unit(name)["Service"]["ExecStart"])
    assert found
    group = typer.main.get_command({"riskset": centre, "riskset-site": hospital}[found[1]])
    assert isinstance(group, click.Group)
    assert group.get_command(click.Context(group), found[2]) is not None


def test_a_node_writes_into_its_state_alone_and_reaches_only_named_addresses() -> None:
    node = unit("riskset-site.service")["Service"]
    assert node["ProtectSystem"] == "strict"
    assert node["ReadWritePaths"] == "/var/lib/riskset-site/state"
    assert node["IPAddressDeny"] == "any"


@pytest.mark.parametrize("name", ["riskset.service", "riskset-site.service"])
def test_only_faults_that_may_pass_are_tried_again(name: str) -> None:
    service = unit(name)["Service"]
    final = {int(status) for status in service["RestartPreventExitStatus"].split()}
    assert final == {Exit.USAGE, Exit.NOT_APPROVED, Exit.DISCLOSURE, Exit.TAMPERING}
    assert service["Restart"] == "on-failure"


COMPUTE = """
import ctypes, mmap
forbidden = ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) == 0  # PR_SET_MDWE, Linux 6.3 and later
import grpc, sklearn.linear_model
import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from site_node.serving import load_libraries
load_libraries()
np.linalg.inv(np.eye(50) * 2)
sklearn.linear_model.LogisticRegression().fit(np.arange(20).reshape(-1, 1), np.arange(20) % 2)
X25519PrivateKey.generate().exchange(X25519PrivateKey.generate().public_key())
try:
    mmap.mmap(-1, 4096, prot=7).close()
    print("allowed", forbidden)
except PermissionError:
    print("refused", forbidden)
"""


def test_a_nodes_libraries_need_no_memory_that_is_writable_and_executable() -> None:
    """Nothing here is compiled while it runs, so `MemoryDenyWriteExecute` is no obstacle."""
    ran = subprocess.run(
        [sys.executable, "-c", COMPUTE], capture_output=True, text=True, check=True
    )
    # An older kernel has no such switch for a process, and everything is allowed there.
    assert ran.stdout.split() in (["refused", "True"], ["allowed", "False"])


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)
