"""What the alignment of two large arms costs, in a process of its own."""

import json
import sys

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Row, Section
from benchmarks.timing import child, peak_bytes, timed
from protocol.stats.transport import quotas

ARMS, ARMS_QUICK = (3_000, 30_000), (300, 3_000)
BINS, REACH = 1_000, 9


def measure(*, quick: bool) -> Section:
    """Pair two arms within a caliper, by bins of the score."""
    focal, control = ARMS_QUICK if quick else ARMS
    found = child("benchmarks.matching", [str(focal), str(control)])
    label = f"{focal:,} x {control:,} patients"
    how = (
        f"Quotas of an optimal matching from two histograms of {BINS:,} bins, caliper of "
        f"{REACH} bins, once; the memory is what the call adds to the process. Beyond 10^9 pairs "
        "of patients a matching is refused by name."
    )
    rows = (
        Row(f"{label}: seconds", found["wall"], "s"),
        Row(f"{label}: memory", found["bytes"] / 1e6, "MB"),
        Row(f"{label}: pairs found", found["pairs"]),
    )
    return Section("Matching quotas", how, rows)


def main(focal: int, control: int) -> None:
    """Measure one size and print it as JSON."""
    random = np.random.default_rng(1)
    centres = (0.55, focal), (0.45, control)
    counts = [_histogram(random.normal(mean, 0.12, size)) for mean, size in centres]
    before = peak_bytes()
    flow, took = timed(lambda: quotas(counts[0], counts[1], REACH))
    pairs = sum(cell.pairs for cell in flow)
    print(json.dumps({"wall": took.wall, "bytes": peak_bytes() - before, "pairs": pairs}))


def _histogram(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.bincount((scores.clip(0, 0.999) * BINS).astype(np.int64), minlength=BINS)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
