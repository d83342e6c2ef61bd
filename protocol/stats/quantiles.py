"""Quantiles from order statistics, as R's type 7."""

import math
from typing import NamedTuple


class Between(NamedTuple):
    """Where a quantile lies: a share of the way from one order statistic to the next.

    `low` and `high` count the patients with smaller values, from 0 to n - 1.
    """

    low: int
    high: int
    share: float


def type_7(patients: int, q: float) -> Between:
    """Find between which order statistics of n >= 1 patients the quantile lies.

    h = (n - 1) q, between x(floor(h) + 1) and x(floor(h) + 2).

    References
    ----------
    Hyndman and Fan (1996), Am. Stat. 50, 361-365.
    """
    if patients < 1 or not 0 <= q <= 1:
        raise ValueError("a quantile needs a patient, and a share from 0 to 1")
    h = (patients - 1) * q
    low = math.floor(h)
    return Between(low, min(low + 1, patients - 1), h - low)


def interpolate(where: Between, low: float, high: float) -> float:
    """Go the share of the way from the lower order statistic to the upper one."""
    return low + where.share * (high - low)
