"""Virtual hospitals: a trip as bytes, over the embedded carrier and in Flower's engine."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.many_sites import COUNTS, advertised, contribution_of, keyed, layout_of, secret_of
from benchmarks.report import Row, Section
from benchmarks.timing import timed
from coordinator.carriers.embedded import Embedded
from protocol.ids import SiteId
from protocol.layout import Layout
from protocol.secagg.messages import Block, Reply, View
from protocol.secagg.office import close_trip, open_trip
from protocol.secagg.run import NO_DEADLINE
from protocol.secagg.site import FIRST_STEP, FIRST_TRIP, answer
from protocol.secagg.transcript import first_chain, parameters
from protocol.wire.codec import decode_reply, decode_trip, encode_reply, encode_trip

SIZES, SIZES_QUICK = (100, 1_000), (7, 20)
ENGINE_MOST = 100
"""Hospitals in Flower's engine: a thousand take as long as all other measurements together."""

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Table:
    """A run with many virtual hospitals, about to be asked for one step."""

    view: View
    block: Block

    @property
    def request(self) -> bytes:
        """The question, as the coordinator signs it."""
        chain = first_chain(self.view.transcript)
        blocks = (self.block,)
        seed = secret_of("office")
        return encode_trip(
            open_trip(self.view, seed, FIRST_TRIP, blocks, chain=chain, deadline=NO_DEADLINE)
        )

    def reply(self, site: SiteId, raw: bytes) -> bytes:
        """Answer as one hospital does: check, mask, sign."""
        own = contribution_of(self.block.layout, site)
        _, said = answer(keyed(self.view, site), decode_trip(raw), (self.block,), (own,))
        return encode_reply(said)

    def close(self, replies: Mapping[SiteId, bytes]) -> None:
        """Add up as the coordinator does, and look whether the sum is right."""
        read = {site: decode_reply(raw) for site, raw in replies.items()}
        said = {site: reply for site, reply in read.items() if isinstance(reply, Reply)}
        opened = close_trip(self.view, secret_of("office"), FIRST_TRIP, (self.block,), said)
        expected = sum(_cells(self.block.layout, site) for site in self.view.sites)
        if not np.array_equal(opened.totals[0].sums["cells"], expected):
            raise RuntimeError("the sum is not that of the hospitals' numbers")


@cache
def table(size: int) -> Table:
    """Set a run up. Pair keys come from a hash, as in `benchmarks.many_sites`."""
    view, _, _ = advertised(size)
    chain = first_chain(view.transcript)
    block = Block(FIRST_STEP, "benchmark/1", layout_of(64), parameters(chain, ()))
    return Table(view, block)


def measure(*, quick: bool) -> Section:
    """Play the trip with ever more virtual hospitals."""
    rows = []
    for size in SIZES_QUICK if quick else SIZES:
        rows += _embedded(size)
        if size <= ENGINE_MOST:
            rows += _engine(size)
    there = "" if _has_engine() else " It is not installed here (flwr[simulation])."
    how = (
        f"A trip of {COUNTS:,} counts as bytes: the request, every hospital's masks, signature and "
        "reply, the sum and its checks. Over the embedded carrier all of it is one process. "
        "Flower's simulation engine has the same hospitals as ClientApps in processes of Ray, as "
        f"many as there are processors; they load the program with the first trip.{there}"
    )
    return Section("Virtual hospitals", how, tuple(rows))


def _embedded(size: int) -> list[Row]:
    now = table(size)
    sites = {site: partial(now.reply, site) for site in now.view.sites}

    def trip() -> None:
        asked = dict.fromkeys(sites, now.request)
        deadline = datetime.now(UTC) + timedelta(hours=1)
        now.close(dict(Embedded(sites).exchange(asked, deadline, lambda: False)))

    _, took = timed(trip)
    return [
        Row(f"{size:,} virtual hospitals, embedded carrier: the trip", took.wall, "s"),
        Row(f"{size:,} virtual hospitals, embedded carrier: processor time", took.cpu, "s"),
    ]


def _cells(layout: Layout, site: SiteId) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    return np.asarray(contribution_of(layout, site).release["cells"], dtype=np.int64)


def _engine(size: int) -> list[Row]:
    if not _has_engine():
        return []
    words = [sys.executable, "-m", "benchmarks.engine", str(size)]
    began = time.perf_counter()
    done = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
    whole = time.perf_counter() - began
    first, second = (json.loads(line) for line in done.stdout.splitlines() if line[:1].isdigit())
    what = f"{size:,} virtual hospitals, Flower's simulation engine"
    return [
        Row(f"{what}: the first trip", first, "s"),
        Row(f"{what}: the next trip", second, "s"),
        Row(f"{what}: the whole process", whole, "s"),
    ]


def _has_engine() -> bool:
    return find_spec("ray") is not None
