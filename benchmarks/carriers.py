"""How long a trip takes over gRPC with TLS on loopback, and what many hospitals cost.

Hospitals are other processes that answer at once, so that what is measured is the way there and
back: sessions, chunks, TLS, loops and threads of both ends.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.processes import memory_of, processor_seconds
from benchmarks.report import Row, Section
from coordinator.carriers import Carrier
from coordinator.carriers.grpc import GrpcServer
from coordinator.carriers.hooks import Hooks, Tls
from coordinator.carriers.limits import Limits
from protocol.canonical import digest
from protocol.governance.identity import identity_public
from protocol.ids import SiteId, site_id
from riskset.centre import Wanted, found

KILO = 1000
SMALL, LARGE = 2 * KILO, 200 * KILO
TARGETS = {SMALL: 15.0, LARGE: 40.0}
"""Milliseconds of a trip to seven hospitals, by the bytes of an answer."""


def site_name(place: int) -> SiteId:
    """Name a hospital of the benchmark."""
    return site_id(f"B{place}")


def seed_of(place: int) -> bytes:
    """Give a hospital's identity, which is nobody's."""
    return digest("benchmark", f"site {place}")


def measure(runs: int) -> Section:
    """Time trips to 7 and to 100 hospitals."""
    rows = []
    for sites, processes in ((7, 7), (100, 4)):
        with echoing(sites, processes) as server:
            for size in (SMALL, LARGE):
                milliseconds = 1000 * median(trips(server, sites, size, 10 * runs))
                target = TARGETS[size] if sites == 7 else None
                what = f"{sites} hospitals, {size // KILO} kB from each"
                rows.append(Row(what, milliseconds, "ms", target))
    how = (
        "One port, one stream a hospital, TLS; a trip is a request of 2 kB to every hospital and "
        f"an answer from each. Medians of {10 * runs}; 7 hospitals are 7 processes, 100 are 4."
    )
    return Section("A trip over gRPC", how, tuple(rows))


def measure_crowd(*, quick: bool) -> Section:
    """Connect a thousand hospitals to one coordinator process."""
    sites = 100 if quick else 1000
    began = time.perf_counter()
    with echoing(sites, 4) as server:
        connected = time.perf_counter() - began
        before = processor_seconds()
        time.sleep(5)
        idle = (processor_seconds() - before) / 5
        took = 1000 * median(trips(server, sites, SMALL, 5))
        memory = memory_of()
    how = (
        f"{sites:,} hospitals of 4 processes at one coordinator process, all on this machine: "
        "until the last is connected, then five idle seconds, then trips of 2 kB."
    )
    rows = (
        Row("until all are connected", connected, "s"),
        Row("a trip, 2 kB from each", took, "ms"),
        Row("idle, share of one processor", 100 * idle, "%"),
        Row("memory of the coordinator", memory / 1e6, "MB"),
    )
    return Section(f"{sites:,} connected hospitals", how, rows)


def trips(carrier: Carrier, sites: int, size: int, count: int) -> list[float]:
    """Time so many trips, in seconds, after two that are not counted."""
    request = size.to_bytes(8, "little") + bytes(SMALL - 8)
    asked = {site_name(place): request for place in range(sites)}
    took = []
    for _ in range(count + 2):
        began = time.perf_counter()
        deadline = datetime.now(UTC) + timedelta(minutes=5)
        heard = {site for site, _ in carrier.exchange(asked, deadline, lambda: False)}
        took.append(time.perf_counter() - began)
        if len(heard) != sites:
            raise RuntimeError("not every hospital answered")
    return took[2:]


@contextmanager
def echoing(sites: int, processes: int) -> Iterator[GrpcServer]:
    """Open a port with so many hospitals connected to it."""
    with TemporaryDirectory() as name:
        folder = Path(name) / "centre"
        wanted = Wanted("benchmark", ["localhost"], "localhost:0")
        found(folder, Path(name) / "authority", wanted, datetime.now(UTC))
        server = _server(folder, sites)
        port = server.start()
        started = _start(folder, port, sites, processes)
        try:
            _await(server, sites)
            yield server
        finally:
            for process in started:
                process.kill()
                process.wait()
            server.stop()


def _server(folder: Path, sites: int) -> GrpcServer:
    keys = {site_name(place): identity_public(seed_of(place)) for place in range(sites)}
    hooks = Hooks(keys.get, lambda _: None, lambda _: None)
    tls = Tls((folder / "server.key").read_bytes(), (folder / "server.pem").read_bytes())
    # All come from one address at once, which is what these limits are against.
    limits = Limits(half_open=sites, half_open_per_address=sites)
    seed = (folder / "coordinator.key").read_bytes()
    return GrpcServer("localhost:0", tls, seed, hooks, limits=limits)


def _start(
    folder: Path, port: int, sites: int, processes: int
) -> Sequence["subprocess.Popen[bytes]"]:
    edges = [sites * place // processes for place in range(processes + 1)]
    return [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.echo", str(folder), str(port), str(a), str(b - a)],
            stderr=subprocess.DEVNULL,
        )
        for a, b in pairwise(edges)
    ]


def _await(server: GrpcServer, sites: int) -> None:
    until = time.monotonic() + 300
    while len(server.connected()) < sites:
        if time.monotonic() > until:
            raise RuntimeError(f"{len(server.connected())} of {sites} hospitals are connected")
        time.sleep(0.02)
