"""Fisher's exact test of levels by arm, for more than two levels."""

import math

import numpy as np
from scipy.special import gammaln

from protocol.stats.table import Counts, Reals
from protocol.stats.tables import SLACK

MAX_HALVES = 1_100_000
"""Ways to fill half of the levels: beyond it `fisher_rx2` gives up. Four levels of 1,000 pass."""


def fisher_rx2(cells: Counts) -> float:
    """Find Fisher's exact two-sided P value of levels (rows) by arms (two columns).

    It adds up all tables with the same margins that are no more probable than the one observed.
    Each half of the levels is enumerated by itself, and the halves are joined by their sum, so
    that the square root of the number of tables is the work to do. 1 where the margins allow one
    table only; NaN where a half can be filled in more than `MAX_HALVES` ways: the uncorrected
    chi-square is then the test to read.

    Parameters
    ----------
    cells
        Patients, shape (levels, 2).

    References
    ----------
    Freeman and Halton (1951), Biometrika 38, 141-149; Pagano and Halvorsen (1981), J. Am. Stat.
    Assoc. 76, 931-934, who do it one row after another.
    """
    cells = cells[cells.any(axis=1)]
    sizes, treated = cells.sum(axis=1), int(cells[:, 1].sum())
    if len(cells) < 2 or treated in (0, sizes.sum()):
        return 1.0
    halves = _halves(sizes)
    if max(map(_ways, halves)) > MAX_HALVES:
        return math.nan
    # Each level binomial with the overall share: with the sum given, the share cancels.
    share = treated / float(sizes.sum())
    left, right = (_fill(half, share, treated) for half in halves)
    observed = sum(_log_binomial(n, share)[x] for n, x in zip(sizes, cells[:, 1], strict=True))
    below = total = 0.0
    for first, rest in zip(left, reversed(right), strict=True):
        running = np.append(0.0, np.cumsum(np.exp(rest)))
        fitting = np.searchsorted(rest, observed + math.log1p(SLACK) - first, side="right")
        below += float((np.exp(first) * running[fitting]).sum())
        total += float(np.exp(first).sum() * running[-1])
    return min(1.0, below / total)


def _halves(sizes: Counts) -> tuple[list[int], list[int]]:
    """Deal the levels out, largest first, each to the half with fewer ways so far."""
    halves: tuple[list[int], list[int]] = [], []
    for n in sorted(sizes.tolist(), reverse=True):
        min(halves, key=_ways).append(n)
    return halves


def _ways(sizes: list[int]) -> int:
    return math.prod(n + 1 for n in sizes)


def _fill(sizes: list[int], share: float, most: int) -> list[Reals]:
    """List the log probabilities of all ways to fill levels, rising, by 0..most treated in all."""
    sums, log_p = np.zeros(1, dtype=np.int64), np.zeros(1)
    for n in sizes:
        sums = np.add.outer(sums, np.arange(n + 1)).ravel()
        log_p = np.add.outer(log_p, _log_binomial(n, share)).ravel()
        sums, log_p = sums[sums <= most], log_p[sums <= most]
    order = np.lexsort((log_p, sums))
    return np.split(log_p[order], np.searchsorted(sums[order], np.arange(1, most + 1)))


def _log_binomial(n: int, share: float) -> Reals:
    x = np.arange(n + 1)
    ways = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
    log_p: Reals = ways + x * math.log(share) + (n - x) * math.log1p(-share)
    return log_p
