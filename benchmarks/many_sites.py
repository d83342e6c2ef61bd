"""What one large step costs with few and with many hospitals, and what the masks add to it."""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from benchmarks.report import Row, Section
from benchmarks.timing import Took, median, timed
from protocol.canonical import digest
from protocol.governance.identity import identity_public
from protocol.governance.roster import Member, simulated_roster
from protocol.ids import SiteId, site_id
from protocol.layout import Layout, count, real
from protocol.secagg.block import pack, unpack
from protocol.secagg.masks import add
from protocol.secagg.messages import Contribution, KeyShare, Run, View
from protocol.secagg.run import Gathered, Question, ask, blocks_of
from protocol.secagg.setup import agree
from protocol.secagg.site import Advertised, Keyed, advertise, receive_keys
from protocol.secagg.transcript import RUN_ID_SIZE, first_chain

COUNTS = 14_600
"""Two arms, two kinds, ten years of days: a risk table by day."""

SITES, SITES_QUICK = (7, 100, 1_000), (7, 20)
TARGET_SITES, MOST_SECONDS, MOST_SLOPE = 1_000, 60.0, 1.1
SEVEN = 7
LARGEST = 1_000
SECRET = digest("benchmarks", "sites")


def measure(*, quick: bool) -> Section:
    """Play one step with ever more hospitals."""
    sizes = SITES_QUICK if quick else SITES
    found = {size: _one_step(size) for size in sizes}
    rows = [row for size in sizes for row in _rows(size, *found[size])]
    small, big = sizes[-2:]
    step = [found[size][1].wall / size for size in (small, big)]
    slope = math.log(step[1] / step[0]) / math.log(big / small)
    label = f"slope of a hospital's seconds over hospitals in log-log, {small:,} to {big:,}"
    how = (
        f"A step of {COUNTS:,} counts with all hospitals and the office in one process: request, "
        "masks, signatures, adding up, checking, once. A hospital draws one mask for every other, "
        "so its own cost should grow in proportion to their number. The set-up (signed fresh keys, "
        "a shared key with each other hospital) is measured at one hospital."
    )
    return Section("Hospitals in one step", how, (*rows, Row(label, slope, "", MOST_SLOPE)))


def measure_masks(*, runs: int) -> Section:
    """Compare seven hospitals' masked sum with the plain sum of the same vectors."""
    now, _ = gathered(SEVEN)
    rows = [row for width in (64, 128) for row in _masked_and_plain(now, width, runs)]
    how = (
        f"{COUNTS:,} numbers of seven hospitals, all parties in one process: a whole masked trip "
        "(encoding, masks, signatures, adding up, checks) beside encoding and adding the same "
        f"numbers without masks; medians of {runs}. Counts travel in 64 bits, reals in 128."
    )
    return Section("Cost of masking", how, tuple(rows))


def _one_step(size: int) -> tuple[Took, Took]:
    now, set_up = gathered(size)
    own = {site: (contribution_of(layout_of(64), site),) for site in now.sites}
    _, took = timed(lambda: ask(now, (Question("benchmark/1", layout_of(64)),), own))
    return set_up, took


def _rows(size: int, set_up: Took, took: Took) -> list[Row]:
    target = MOST_SECONDS if size == TARGET_SITES else None
    return [
        Row(f"{size:,} hospitals: the step, all parties", took.wall, "s", target),
        Row(f"{size:,} hospitals: the same, processor time", took.cpu, "s"),
        Row(f"{size:,} hospitals: the step, for each hospital", 1e3 * took.wall / size, "ms"),
        Row(f"{size:,} hospitals: set-up at one hospital", 1e3 * set_up.wall, "ms"),
    ]


def gathered(size: int) -> tuple[Gathered, Took]:
    """Set up a run with real keys at one hospital, whose seconds are told, and cheap ones at all.

    Every pair shares a key as the protocol wants it, but hashed from a seed: a thousand hospitals
    would need a million key exchanges, which belong to a thousand machines.
    """
    view, waiting, shares = advertised(size)
    _, took = timed(lambda: receive_keys(waiting, shares))
    chain = first_chain(view.transcript)
    sites = {name: keyed(view, name) for name in view.sites}
    return Gathered(view, sites, secret_of("office"), chain), took


def advertised(size: int) -> tuple[View, Advertised, Mapping[SiteId, KeyShare]]:
    """Have so many hospitals make fresh keys; gives the first one's state, too."""
    names = [site_id(f"S{number:04d}") for number in range(size)]
    run = Run(SECRET[:RUN_ID_SIZE], SECRET, simulated_roster("big", _members(names), _office()))
    waiting = {
        name: advertise(run, name, secret_of("identity", name), secret_of("fresh", name))
        for name in names
    }
    shares = {name: share for name, (_, share) in waiting.items()}
    return agree(run, shares), waiting[names[0]][0], shares


def keyed(view: View, name: SiteId) -> Keyed:
    """Give a hospital its keys."""
    chain = first_chain(view.transcript)
    return Keyed(view, name, chain, secret_of("identity", name), _pair_keys(name, view.sites))


def _members(names: list[SiteId]) -> tuple[Member, ...]:
    return tuple(Member(n, n, identity_public(secret_of("identity", n))) for n in names)


def _office() -> bytes:
    return identity_public(secret_of("office"))


def secret_of(*purpose: str) -> bytes:
    """Give a secret of the benchmark, which is nobody's."""
    return digest("benchmarks", SECRET, *purpose)


def _pair_keys(own: SiteId, names: Iterable[SiteId]) -> Mapping[SiteId, bytes]:
    return {other: secret_of("pair", *sorted((own, other))) for other in names if other != own}


def layout_of(width: int) -> Layout:
    """Give a step's numbers: counts in 64 bits, reals in 128."""
    what = "numbers to measure with"
    kind = count("cells", (COUNTS,), what, LARGEST)
    return Layout((kind if width == 64 else real("cells", (COUNTS,), what, LARGEST),))


def contribution_of(layout: Layout, site: SiteId) -> Contribution:
    """Draw a hospital's numbers for it."""
    random = np.random.default_rng(list(site.encode()))
    cells = random.integers(0, LARGEST, COUNTS)
    return Contribution({"cells": cells if layout.width == 64 else cells / 7}, 100)


def _masked_and_plain(now: Gathered, width: int, runs: int) -> list[Row]:
    questions = (Question("benchmark/1", layout_of(width)),)
    (block,) = blocks_of(now, questions)
    own = {site: (contribution_of(block.layout, site),) for site in now.sites}
    sd = block.digest(now.view.transcript)

    def plain() -> None:
        total = np.zeros(block.length * width // 64, dtype=np.uint64)
        for (contribution,) in own.values():
            add(total, pack(block, sd, len(own), contribution), width)
        unpack(block, sd, len(own), total)

    masked, bare = median(lambda: ask(now, questions, own), runs), median(plain, runs)
    return [
        Row(f"{width} bits: masked trip", 1e3 * masked.wall, "ms"),
        Row(f"{width} bits: plain sum", 1e3 * bare.wall, "ms"),
        Row(f"{width} bits: ratio: masked to plain", masked.wall / bare.wall, "times"),
        Row(f"{width} bits: bytes up per hospital", block.length * width // 8, "bytes"),
    ]
