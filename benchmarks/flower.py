"""Trips over a Flower SuperLink, and Flower's own secure aggregation beside SITESUM-1.

The SuperLink is the one of deploy/flower, on loopback with TLS and its database; nodes are threads
of this process that answer at once, so what is measured is the way there and back.
"""

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread

import numpy as np
from numpy.typing import NDArray

from benchmarks.carriers import KILO, LARGE, SMALL, seed_of, site_name, trips
from benchmarks.many_sites import COUNTS, LARGEST, SEVEN, gathered
from benchmarks.processes import processor_seconds
from benchmarks.report import Row, Section
from benchmarks.timing import timed
from benchmarks.ways import register
from coordinator.carriers.flower.carrier import FlowerCarrier
from coordinator.carriers.flower.link import SuperLink
from coordinator.carriers.hooks import Hooks
from protocol.governance.identity import identity_public
from protocol.layout import Layout, count
from protocol.secagg.messages import Contribution
from protocol.secagg.run import Question, ask
from riskset.centre import Wanted, found
from site_node.carriers.flower.carrier import FlowerSiteCarrier
from site_node.carriers.flower.keys import new_key, public_of
from site_node.carriers.flower.link import SuperLink as FromSite
from site_node.carriers.session import Credentials

SCRIPT = Path(__file__).parents[1] / "deploy" / "flower" / "superlink.sh"
SUPERNODE_TRIP_SECONDS = 11.0
QUANTA, MODULUS = 2**22, 2**32
"""SecAgg+ as Flower sets it up: steps of its rounding, and the ring that it adds in."""


def measure(runs: int) -> Section:
    """Time trips to seven nodes."""
    rows = []
    with superlink() as (link, pid), carrying(link) as carrier:
        for size in (SMALL, LARGE):
            before = processor_seconds(pid)
            took = 1000 * median(trips(carrier, SEVEN, size, 2 * runs))
            each = 1000 * (processor_seconds(pid) - before) / (2 * runs + 1)
            what = f"7 hospitals, {size // KILO} kB from each"
            rows.append(Row(what, took, "ms"))
            rows.append(Row(f"{what}: the SuperLink's processor time", each, "ms"))
    rows.append(Row("a stock SuperNode, one message", SUPERNODE_TRIP_SECONDS, "s"))
    how = (
        "A SuperLink with TLS and its database, nodes that poll it, sealed parcels; a trip is a "
        f"request of 2 kB to every hospital and an answer from each. Medians of {2 * runs}. The "
        "last row was measured apart: it starts a process for each message."
    )
    return Section("A trip over Flower", how, tuple(rows))


def measure_secagg() -> Section:
    """Add the same counts by Flower's SecAgg+ and by SITESUM-1."""
    random = np.random.default_rng(7)
    counts = [random.integers(0, LARGEST, COUNTS) for _ in range(SEVEN)]
    theirs, their_time = timed(lambda: _secagg_plus(counts))
    now, _ = gathered(SEVEN)
    layout = Layout((count("cells", (COUNTS,), "numbers to measure with", LARGEST),))
    own = {
        site: (Contribution({"cells": cells}, 100),)
        for site, cells in zip(now.sites, counts, strict=True)
    }
    _, our_time = timed(lambda: ask(now, (Question("benchmark/1", layout),), own))
    error = np.abs(theirs - sum(counts)).max()
    wrong = int((np.rint(theirs) != sum(counts)).sum())
    how = (
        f"{COUNTS:,} counts of seven hospitals below {LARGEST:,}. SecAgg+ by Flower's own "
        "functions: rounding, a mask with every other hospital and one of its own, adding, "
        "unmasking; without its key agreement and shares. Its masks are of a Mersenne Twister with "
        "a seed of 32 bits. "
        "SITESUM-1 is the whole trip, with AES-256 masks, signatures and checks."
    )
    rows = (
        Row("SecAgg+: largest error of a sum", float(error)),
        Row("SecAgg+: sums that round to another count", wrong),
        Row("SecAgg+: time", 1e3 * their_time.wall, "ms"),
        Row("SecAgg+: bytes up per hospital", COUNTS * 8, "bytes"),
        Row("SecAgg+: trips", 4),
        Row("SITESUM-1: largest error of a sum", 0.0),
        Row("SITESUM-1: time", 1e3 * our_time.wall, "ms"),
        Row("SITESUM-1: bytes up per hospital", (COUNTS + 4) * 8, "bytes"),
        Row("SITESUM-1: trips", 1),
    )
    return Section("Flower's secure aggregation", how, rows)


def _secagg_plus(counts: list[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Mask, add and unmask as Flower's mod and workflow do, with seeds that nobody agreed on."""
    from flwr.common.secure_aggregation.quantization import dequantize, quantize  # noqa: PLC0415
    from flwr.common.secure_aggregation.secaggplus_utils import pseudo_rand_gen  # noqa: PLC0415

    shape = [counts[0].shape]
    total = np.zeros(COUNTS, dtype=np.int64)
    own_masks = np.zeros(COUNTS, dtype=np.int64)
    for place, cells in enumerate(counts):
        (vector,) = quantize([cells.astype(float)], float(LARGEST), QUANTA)
        vector = vector.astype(np.int64)
        (own,) = pseudo_rand_gen(_pair_seed(place, place), MODULUS, shape)
        vector += own
        own_masks += own
        for other in range(len(counts)):
            if other != place:
                (mask,) = pseudo_rand_gen(_pair_seed(place, other), MODULUS, shape)
                vector += mask if place < other else -mask
        total += vector % MODULUS
    (opened,) = dequantize([(total - own_masks) % MODULUS], float(LARGEST), QUANTA)
    # Every hospital's vector was shifted by the range; dequantize takes one shift off.
    return np.asarray(opened - (len(counts) - 1) * float(LARGEST), dtype=np.float64)


def _pair_seed(one: int, other: int) -> bytes:
    low, high = sorted((one, other))
    return np.random.default_rng([low, high]).bytes(32)


@contextmanager
def carrying(link: SuperLink) -> Iterator[FlowerCarrier]:
    """Carry over a SuperLink with seven nodes registered and connected."""
    keys = {site_name(place): identity_public(seed_of(place)) for place in range(SEVEN)}
    office = seed_of(1000)
    with ExitStack() as stack:
        for place in range(SEVEN):
            stack.callback(_node(link, place, identity_public(office)))
        carrier = FlowerCarrier(link, office, Hooks(keys.get, lambda _: None, lambda _: None))
        carrier.start()
        stack.callback(carrier.stop)
        while len(carrier.connected()) < SEVEN:
            time.sleep(0.05)
        yield carrier


def _node(link: SuperLink, place: int, office: bytes) -> Callable[[], None]:
    """Start a node that answers as many bytes as it is asked for; gives what ends it."""
    key, site = new_key(), site_name(place)
    register(link, public_of(key))
    me = Credentials(site, seed_of(place), office, "benchmark")

    def answer(request: bytes) -> bytes:
        return bytes(int.from_bytes(request[:8], "little"))

    reach = FromSite(link.address, link.ca.decode(), key)
    node = FlowerSiteCarrier(reach, lambda: me, answer, tell=lambda _: None, at=lambda _: None)
    thread = Thread(target=node.serve)
    thread.start()

    def end() -> None:
        node.stop()
        thread.join()

    return end


@contextmanager
def superlink() -> Iterator[tuple[SuperLink, int]]:
    """Run the SuperLink of deploy/flower in a folder of its own; gives its process, too."""
    with TemporaryDirectory() as name, socket.socket() as some:
        folder = Path(name) / "centre"
        wanted = Wanted("benchmark", ["localhost"], "localhost:0")
        federation = found(folder, Path(name) / "authority", wanted, datetime.now(UTC)).federation
        ca = ssl.DER_cert_to_PEM_cert(federation.ca_certificate).encode()
        secret = os.urandom(32)
        files = {"ca.pem": ca, "superexec.secret": secret}
        for renamed in ("key", "pem"):
            files[f"superlink.{renamed}"] = (folder / f"server.{renamed}").read_bytes()
        for file, content in files.items():
            (folder / file).write_bytes(content)
        some.bind(("127.0.0.1", 0))
        port = some.getsockname()[1]
        some.close()
        bin_folder = str(Path(sys.executable).parent)
        environment = {
            **os.environ,
            "SUPERLINK_PORT": str(port),
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        }
        process = subprocess.Popen(
            [str(SCRIPT), str(folder)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _until_open(port)
            yield SuperLink(f"localhost:{port}", ca, secret), process.pid
        finally:
            process.kill()
            process.wait()


def _until_open(port: int) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
