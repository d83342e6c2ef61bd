"""What can be reached of a SuperLink behind the proxy that deploy/flower has for it."""

import json
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from site_node.carriers.flower.errors import NotLetInError
from site_node.carriers.flower.keys import new_key
from site_node.carriers.flower.link import FleetLink
from tests.federation.carriers.world import SITES, never, now, soon, tls
from tests.federation.flower.superlink import CA, Running, command
from tests.federation.flower.world import node, office
from tests.ports import free_port

DEPLOY = Path(__file__).parents[3] / "deploy" / "flower"
PROTOBUF = {"content-type": "application/protobuf"}


@contextmanager
def proxy(superlink: Running, folder: Path) -> Iterator[str]:
    """Run nginx with the configuration that is shipped; gives its address."""
    port = free_port()
    (folder / "proxy.pem").write_bytes(tls().certificate)
    (folder / "proxy.key").write_bytes(tls().key)
    (folder / "ca.pem").write_bytes(CA)
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    for shipped, here in {
        "/etc/riskset/flower": str(folder),
        "/run/nginx.pid": str(folder / "nginx.pid"),
        "127.0.0.1:8000": superlink.address,
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "proxy_ssl_name localhost": "proxy_ssl_name 127.0.0.1",
        "worker_processes auto": "worker_processes 1",
    }.items():
        assert shipped in text, shipped
        text = text.replace(shipped, here)
    for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        text = text.replace("http {", f"http {{\n    {kind}_temp_path {folder / kind};", 1)
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    # As root it would write its files as somebody whom the tests' folders are closed to.
    user = "" if os.geteuid() else "user root;"
    words = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    words += ["-g", f"daemon off; {user}"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        try:
            _until_open(port, process)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()


def _until_open(port: int, process: "subprocess.Popen[str]") -> None:
    while True:
        assert process.poll() is None, process.stderr and process.stderr.read()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return


@pytest.fixture(scope="module")
def outside(superlink: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with proxy(superlink, tmp_path_factory.mktemp("proxy")) as address:
        yield address


@pytest.fixture
def client(outside: str) -> Iterator[httpx.Client]:
    trusted = ssl.create_default_context(cadata=CA.decode())
    with httpx.Client(verify=trusted, base_url=f"https://{outside}", trust_env=False) as made:
        yield made


def test_a_hospital_works_through_the_proxy(superlink: Running, outside: str) -> None:
    link = replace(superlink.joined(), address=outside)
    big = bytes(5 << 20)
    with office(superlink) as carrying, node(link):
        came = list(carrying.carrier.exchange({SITES[0]: big}, soon(), never))
    assert came == [(SITES[0], big)]


def test_the_doctor_looks_through_the_proxy(superlink: Running, outside: str) -> None:
    link = replace(superlink.joined(), address=outside)
    with closing(FleetLink(link, 1 << 20)) as known:
        told = known.look()
    assert told is not None
    assert abs(told - now()) < timedelta(minutes=1)
    with (
        closing(FleetLink(replace(link, key=new_key()), 1 << 20)) as unknown,
        pytest.raises(NotLetInError, match="does not know this node's key"),
    ):
        unknown.look()


CLOSED = [
    *(f"/v1/control/{name}" for name in ("start-run", "list-runs", "register-node", "stop-run")),
    *(f"/v1/runtime/{name}" for name in ("acquire-task", "get-nodes", "push-messages")),
    *(f"/v1/fleet/{name}" for name in ("register-node", "unregister-node", "get-fab", "get-run")),
    *("/", "/docs", "/openapi.json", "/health", "/v1/responses"),
    "/v1/fleet/pull-messages/../../control/list-runs",
    "/v1/fleet/..%2fcontrol/list-runs",
    "/v1/fleet/pull-messages%2f..%2f..%2fcontrol%2flist-runs",
    "//v1/control/list-runs",
    "/V1/control/list-runs",
]


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_nothing_else_is_reached_from_outside(client: httpx.Client, method: str, path: str) -> None:
    raw = httpx.URL(client.base_url, raw_path=path.encode())
    answer = client.request(method, raw, headers=PROTOBUF, content=b"")
    assert answer.status_code == 403
    assert "nginx" in answer.text  # the proxy said so, and the SuperLink heard nothing


def test_from_inside_they_would_be_open(superlink: Running) -> None:
    """Why the proxy is needed; if a Flower asks who calls one day, this test tells."""
    trusted = ssl.create_default_context(cadata=CA.decode())
    with httpx.Client(verify=trusted, trust_env=False) as inside:
        at = f"https://{superlink.address}"
        runs = inside.post(f"{at}/v1/control/list-runs", headers=PROTOBUF, content=b"")
        docs = inside.get(f"{at}/docs")
        task = inside.post(f"{at}/v1/runtime/acquire-task", headers=PROTOBUF, content=b"")
    assert (runs.status_code, docs.status_code) == (200, 200)
    assert task.status_code == 401  # the secret of --superexec-auth-secret-file


def test_the_superlink_is_started_as_in_the_tests(tmp_path: Path) -> None:
    """Every option of the tests' SuperLink is in the script, and the other way round."""
    script = (DEPLOY / "superlink.sh").read_text(encoding="utf-8")
    body = script[script.index("exec flower-superlink") :]
    shipped = {word for word in body.replace("\\\n", " ").split() if word.startswith("--")}
    here = {word for word in command(tmp_path, 1, "state.db") if word.startswith("--")}
    assert shipped == here


def test_only_the_proxy_and_joining_are_open_in_compose() -> None:
    services = json.loads((DEPLOY / "compose.json").read_text(encoding="utf-8"))["services"]
    ports = {name: service.get("ports", []) for name, service in services.items()}
    assert ports == {"superlink": [], "proxy": ["443:443"], "coordinator": ["8443:8443"]}
    assert services["superlink"]["networks"] == ["inside"]
