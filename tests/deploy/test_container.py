"""The containers' files: each party alone with the centre, and nothing that it does not need."""

import json
import re
import runpy
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "deploy" / "container"
PARTIES: dict[str, Any] = json.loads((CONTAINER / "compose.json").read_text("utf-8"))["services"]
NETWORKS: dict[str, Any] = json.loads((CONTAINER / "compose.json").read_text("utf-8"))["networks"]
SITES = sorted(PARTIES.keys() - {"coordinator"})


def test_a_hospital_shares_a_network_with_the_centre_alone() -> None:
    for site in SITES:
        (network,) = PARTIES[site]["networks"]
        on_it = {name for name, party in PARTIES.items() if network in party["networks"]}
        assert on_it == {site, "coordinator"}
        assert NETWORKS[network] == {"internal": True}, "no way out but the centre"
    assert len(SITES) >= 3


def test_the_centre_alone_has_an_open_port() -> None:
    assert [name for name, party in PARTIES.items() if "ports" in party] == ["coordinator"]
    assert PARTIES["coordinator"]["ports"] == ["8443:8443"]


@pytest.mark.parametrize("party", PARTIES)
def test_nobody_can_do_more_than_needed(party: str) -> None:
    said = PARTIES[party]
    assert said["read_only"] is True
    assert said["cap_drop"] == ["ALL"]
    assert said["security_opt"] == ["no-new-privileges:true"]
    assert said["tmpfs"] == ["/tmp:mode=1777,size=64m"]  # noqa: S108 - inside the container
    assert said["user"] == "10001:10001"
    assert not said.keys() & {"privileged", "cap_add", "devices", "network_mode", "pid", "ipc"}
    assert not any("docker.sock" in volume for volume in said["volumes"])


@pytest.mark.parametrize("site", SITES)
def test_a_hospital_writes_into_its_state_alone(site: str) -> None:
    state = f"./parties/{site}/state:/data/state:rw"
    assert PARTIES[site]["volumes"] == [f"./parties/{site}:/data:ro", state]
    assert PARTIES[site]["command"] == ["riskset-site", "serve", "--config", "/data/site.toml"]


def test_the_image_has_exactly_what_the_commands_need() -> None:
    """The lock file's own notes and the installed libraries' say the same."""
    cut = runpy.run_path(str(CONTAINER / "runtime_lock.py"))["runtime_lock"](ROOT)
    named = set(re.findall(r"^([a-z0-9-]+)==", cut, re.M))
    assert {*closure("riskset", {"postgres"})} - {"riskset"} <= named
    assert not named & {"pytest", "ruff", "mypy", "hypothesis", "grpcio-tools", "hatchling"}
    for entry in re.split(r"^(?=[a-z0-9])", cut, flags=re.M)[1:]:
        assert "--hash=sha256:" in entry


def test_the_image_is_built_by_hash_and_runs_as_nobody_special() -> None:
    text = (CONTAINER / "Dockerfile").read_text("utf-8")
    installs = [line for line in text.splitlines() if "pip install" in line]
    assert len(installs) == 3
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)
    assert "USER 10001:10001" in text
    assert all((ROOT / path).exists() for path in copied(text))


def copied(dockerfile: str) -> Iterator[str]:
    for words in map(str.split, re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.M)):
        yield from words[:-1]


def closure(name: str, extras: set[str], seen: set[str] | None = None) -> set[str]:
    """Find what a library wants, by what is installed."""
    seen = set() if seen is None else seen
    seen.add(canonicalize_name(name))
    for text in requires(name) or []:
        wanted = Requirement(text)
        here = [
            wanted.marker is None or wanted.marker.evaluate({"extra": e}) for e in (*extras, "")
        ]
        if any(here) and canonicalize_name(wanted.name) not in seen:
            closure(wanted.name, wanted.extras, seen)
    return seen
