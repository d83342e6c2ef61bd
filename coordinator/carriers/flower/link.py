"""All that the coordinator uses of Flower beyond its public names: how a run is begun and held.

The SuperLink runs with `--isolation process`: it starts no program for a run, and this process
takes the run's task itself. What it then has is a `Grid`, Flower's public way to nodes.
"""

import hashlib
import io
import logging
import ssl
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import TypeVar

import httpx
from flwr.app import Context
from flwr.common.constant import SubStatus
from flwr.common.serde import context_from_proto, run_from_proto
from flwr.proto.control_pb2 import StartRunRequest
from flwr.proto.fab_pb2 import Fab
from flwr.proto.runtime_pb2 import (
    AcquireTaskRequest,
    PullTaskInputRequest,
    PushTaskOutputRequest,
    SendTaskHeartbeatRequest,
)
from flwr.serverapp import Grid
from flwr.supercore.control import ControlHttpClient
from flwr.supercore.inflatable.inflatable_utils import pull_objects
from flwr.supercore.interceptors import RuntimeVersionHttpInterceptor, SuperExecAuthHttpInterceptor
from flwr.supercore.protobuf.client import ProtobufClient, ProtobufClientInterceptor
from flwr.supercore.retry import RetryInvoker, exponential
from flwr.supercore.runtime import RuntimeHttpClient
from flwr.supercore.task_identity import TaskIdentity
from flwr.superlink.grid import HttpGrid, http_grid

from protocol.errors import Exit, FederationError

C = TypeVar("C", bound=ProtobufClient)

CALL_SECONDS = 30.0
UPLOAD_SECONDS = 60.0
"""How long an announced reply may take to come in."""

_ACQUIRE = "/flwr.proto.Runtime/AcquireTask"
_GONE = (401, 403, 404)

# Flower looks again after a whole second where a reply is announced and not yet there.
http_grid.pull_objects = partial(  # type: ignore[attr-defined]
    pull_objects, initial_backoff=0.01, backoff_cap=0.25, max_time=UPLOAD_SECONDS
)
# What it would tell, the carrier tells in words of its own.
logging.getLogger("flwr").setLevel(logging.CRITICAL)
logging.getLogger("httpx").setLevel(logging.WARNING)


class LinkError(FederationError):
    """The SuperLink does not do what the coordinator asks of it."""

    code = "superlink"
    exit = Exit.UNREACHABLE
    fix = "look into the SuperLink's log, and compare [flower] in coordinator.toml with its options"


class RunLostError(LinkError):
    """The SuperLink holds this Flower run for over; the riskset run goes on in another one."""

    code = "superlink-run"


class StoppedError(Exception):
    """The carrier is to end."""


@dataclass(frozen=True)
class SuperLink:
    """Where a SuperLink is (`host:port`), whose certificate it shows (PEM), and its secret.

    `secret` is what its option `--superexec-auth-secret-file` names.
    """

    address: str
    ca: bytes
    secret: bytes = field(repr=False)


class FlowerRun:
    """A Flower run that this process holds until `close`, and the `grid` to its nodes.

    Raises
    ------
    LinkError
        If the SuperLink cannot be reached, or does not let the run begin.
    """

    def __init__(self, link: SuperLink, nonce: bytes, stopping: Event) -> None:
        self._link = link
        self._stopping = stopping
        with told(link.address):
            bundle = _bundle(nonce)
            token = self._token(bundle)
            self._grid = self._held(token)

    @property
    def grid(self) -> Grid:
        """Flower's public way to nodes."""
        return self._grid

    @property
    def context(self) -> Context:
        """What Flower gives a `ServerApp` beside the grid."""
        return self._context

    def keep(self) -> None:
        """Tell the SuperLink that this process still holds the run.

        Raises
        ------
        LinkError
            If the SuperLink cannot be reached, or holds the run for over.
        """
        with told(self._link.address):
            kept = self._grid._runtime_client.SendTaskHeartbeat(SendTaskHeartbeatRequest())
        if not kept.success:
            raise RunLostError(f"the SuperLink at {self._link.address} has ended the Flower run")

    def close(self) -> None:
        """End the Flower run, if the SuperLink still listens."""
        self._stopping = Event()  # the last word is said in any case
        said = PushTaskOutputRequest(sub_status=SubStatus.COMPLETED, details="")
        with suppress(httpx.HTTPError, ValueError, StoppedError):
            self._grid._runtime_client.PushTaskOutput(said)
        self._grid.close()

    def _token(self, bundle: bytes) -> str:
        """Begin a run of a bundle that nobody executes, and take its task before anybody else."""
        name = hashlib.sha256(bundle).hexdigest()
        with self._client(ControlHttpClient, "flwr CLI") as control:
            started = control.StartRun(StartRunRequest(fab=Fab(hash_str=name, content=bundle)))
        if not started.run_id:
            raise LinkError(f"the SuperLink at {self._link.address} begins no run")
        secret = SuperExecAuthHttpInterceptor(
            master_secret=self._link.secret, protected_methods=[_ACQUIRE]
        )
        with self._client(RuntimeHttpClient, "SuperExec", [secret]) as runtime:
            # By the bundle's name: other tasks, which are not ours, stay where they are.
            task = runtime.AcquireTask(AcquireTaskRequest(agentapp_fab_hashes=[name]))
        if not task.token:
            raise LinkError(
                f"another program took the run at {self._link.address}",
                "start the SuperLink with --isolation process, and no SuperExec beside it",
            )
        return str(task.token)

    def _held(self, token: str) -> HttpGrid:
        link = self._link
        grid = HttpGrid(link.address, insecure=False, root_certificates=link.ca, token=token)
        grid._retry_invoker = _once()
        self._guard(grid._runtime_client)
        given = grid._runtime_client.PullTaskInput(PullTaskInputRequest())
        # Messages of a Grid take these from the process.
        TaskIdentity.task_id = given.task_id
        TaskIdentity.run_id = given.run.run_id
        TaskIdentity.node_id = given.context.node_id
        grid.set_run(run_from_proto(given.run))
        self._context = context_from_proto(given.context)
        return grid

    def _client(
        self, kind: type[C], name: str, more: Sequence[ProtobufClientInterceptor] = ()
    ) -> C:
        spoken = (RuntimeVersionHttpInterceptor(component_name=name), *more)
        client = kind.from_server_address(self._link.address, False, self._link.ca, spoken)
        self._guard(client)
        return client

    def _guard(self, client: ProtobufClient) -> None:
        """Let a client go where it was told to and nowhere else, and stop when we stop."""
        client._client.close()
        trusted = ssl.create_default_context(cadata=self._link.ca.decode("ascii"))
        client._client = httpx.Client(
            verify=trusted,
            timeout=CALL_SECONDS,
            follow_redirects=False,
            trust_env=False,
            event_hooks={"request": [self._require_running]},
        )

    def _require_running(self, _: httpx.Request) -> None:
        if self._stopping.is_set():
            raise StoppedError


@contextmanager
def told(address: str) -> Iterator[None]:
    """Say in words what goes wrong with a SuperLink while the block lasts.

    Raises
    ------
    RunLostError
        If it holds the run for over.
    LinkError
        If it cannot be reached, or answers with anything but what it should.
    """
    try:
        yield
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        kind = RunLostError if status in _GONE else LinkError
        raise kind(f"the SuperLink at {address} answers with HTTP status {status}") from None
    except httpx.TransportError as error:
        raise LinkError(
            f"the SuperLink at {address} cannot be reached ({type(error).__name__})",
            "look whether it runs, and whether its certificate is of the authority in [flower] ca",
        ) from None
    except (LookupError, TypeError, ValueError, RuntimeError):
        raise LinkError(f"what answers at {address} does not talk like a SuperLink") from None


def _once() -> RetryInvoker:
    """Try once: Flower's own retries go on for ever, and end the process where a run is over."""
    return RetryInvoker(lambda: exponential(max_delay=1), httpx.HTTPError, 1, None)


def _bundle(nonce: bytes) -> bytes:
    """Write the app bundle that a Flower run has to have: names of installed code, and no code."""
    text = f"""\
[project]
name = "riskset"
version = "1.0.0"
description = "Carries riskset's bytes; begun as {nonce.hex()}."
license = "Apache-2.0"
dependencies = []

[tool.flwr.app]
publisher = "riskset"

[tool.flwr.app.components]
serverapp = "coordinator.carriers.flower.carrier:app"
clientapp = "site_node.carriers.flower.supernode:app"

[tool.flwr.app.config]
"""
    return _zipped({"pyproject.toml": text.encode()})


def _zipped(files: Mapping[str, bytes]) -> bytes:
    """Pack files as Flower packs its bundles: with a list of their hashes and sizes in bits."""
    lines = [
        f"{name},{hashlib.sha256(content).hexdigest()},{8 * len(content)}"
        for name, content in files.items()
    ]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as bundle:
        for name, content in {**files, ".info/CONTENT": "\n".join(lines).encode()}.items():
            bundle.writestr(zipfile.ZipInfo(name), content)
    return file.getvalue()
