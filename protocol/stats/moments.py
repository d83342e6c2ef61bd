"""Means, spreads and standardised differences from sums; quantiles from a histogram.

Matched keys are chosen, columns scaled and calipers set by these numbers, so every operation is
one that rounds alike everywhere (+ - x / and `math.sqrt` on Python floats).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from protocol.stats.distributions import ratio


class Spread(Protocol):
    """Anything with a mean and a variance."""

    @property
    def mean(self) -> float: ...  # noqa: D102

    @property
    def variance(self) -> float: ...  # noqa: D102


@dataclass(frozen=True)
class Moments:
    """Sums of one column in one group, about a centre c that the plan states.

    `total` is the sum of x - c and `squares` that of (x - c)^2 over the n values that are there;
    `missing` counts the others. Without a centre near the mean the subtraction in the variance
    loses digits. Mean and variance are NaN where n is too small for them.
    """

    n: int
    missing: int
    total: float
    squares: float
    centre: float = 0.0

    @property
    def mean(self) -> float:
        """Arithmetic mean, in the column's unit."""
        return self.centre + ratio(self.total, self.n)

    @property
    def variance(self) -> float:
        """Sum of squares about the mean over n - 1."""
        if self.n < 2:
            return math.nan
        # A constant column may come out a hair below zero.
        return max(0.0, self.squares - self.total * self.total / self.n) / (self.n - 1)

    @property
    def sd(self) -> float:
        """Standard deviation over n - 1."""
        return math.sqrt(self.variance)

    def __add__(self, other: "Moments") -> "Moments":
        """Pool two groups with the same centre."""
        if self.centre != other.centre:
            raise ValueError("moments about different centres cannot be added")
        return Moments(
            self.n + other.n,
            self.missing + other.missing,
            self.total + other.total,
            self.squares + other.squares,
            self.centre,
        )


@dataclass(frozen=True)
class WeightedMoments:
    """Sums of one column in one group of weighted patients, about a centre c.

    The sums are of w, w^2, w (x - c) and w (x - c)^2.
    """

    sum_w: float
    sum_w2: float
    sum_wx: float
    sum_wx2: float
    centre: float = 0.0

    @property
    def mean(self) -> float:
        """Weighted mean."""
        return self.centre + ratio(self.sum_wx, self.sum_w)

    @property
    def variance(self) -> float:
        """W / (W^2 - W2) times the weighted squares about the mean, W and W2 sums of w and w^2.

        With equal weights this is the variance over n - 1 (Austin 2011).
        """
        if not self.sum_w > 0:
            return math.nan
        squares = max(0.0, self.sum_wx2 - self.sum_wx * self.sum_wx / self.sum_w)
        return ratio(self.sum_w * squares, self.sum_w * self.sum_w - self.sum_w2)

    @property
    def effective_size(self) -> float:
        """Patients of equal weight that would give a mean as precise (Kish 1965)."""
        return ratio(self.sum_w * self.sum_w, self.sum_w2)


class Convention(StrEnum):
    """Which standard deviation a difference of means is divided by."""

    POOLED_SD = "smd_pooled_sd"
    """sqrt((s1^2 + s0^2) / 2); q (1 - q) for 0/1 columns, else over n - 1. The usual report."""
    POOLED_SD_N1 = "smd_pooled_sd_n1"
    """The same with n - 1 for 0/1 columns too."""
    TREATED_SD = "smd_treated_sd"
    """The treated arm's SD over n - 1."""
    TREATED_SD_Q = "smd_treated_sd_q"
    """The treated arm's SD with q (1 - q) for 0/1 columns, as MatchIt prints."""


_USES_Q = (Convention.POOLED_SD, Convention.TREATED_SD_Q)
_TREATED_ONLY = (Convention.TREATED_SD, Convention.TREATED_SD_Q)


def standardiser(
    treated: Moments,
    comparator: Moments,
    convention: Convention = Convention.POOLED_SD,
    *,
    binary: bool = False,
) -> float:
    """Find the SD that a difference of means is divided by.

    Both moments are from BEFORE matching or weighting, so that adjustment shows in the difference
    only. `binary` marks a 0/1 column.

    References
    ----------
    Austin (2009), Stat. Med. 28, 3083-3107; Austin (2011), Multivar. Behav. Res. 46, 399-424.
    """
    q_form = binary and convention in _USES_Q
    s1 = _bernoulli(treated.mean) if q_form else treated.variance
    if convention in _TREATED_ONLY:
        return math.sqrt(s1)
    s0 = _bernoulli(comparator.mean) if q_form else comparator.variance
    return math.sqrt((s1 + s0) / 2)


def smd(difference: float, sd: float) -> float:
    """Divide a difference of means (treated - comparator) by its `standardiser`.

    A column that is constant in both arms has no SD: 0 if the means agree, else infinite.
    """
    if sd == 0:
        return 0.0 if difference == 0 else math.copysign(math.inf, difference)
    return difference / sd


def smd_weighted_sd(treated: WeightedMoments, comparator: WeightedMoments) -> float:
    """Standardise the weighted difference by the weighted SDs themselves."""
    sd = math.sqrt((treated.variance + comparator.variance) / 2)
    return smd(treated.mean - comparator.mean, sd)


def variance_ratio(treated: Spread, comparator: Spread) -> float:
    """Variance of the treated over the comparator's; infinite over zero, NaN where both are."""
    if comparator.variance == 0 and treated.variance > 0:
        return math.inf
    return ratio(treated.variance, comparator.variance)


def histogram_quantile(counts: Sequence[int], edges: Sequence[float], q: float) -> float:
    """Read a quantile off a histogram, linearly within the bin; at most a bin width off.

    Parameters
    ----------
    counts, edges
        Patients in each of B bins, and the B + 1 edges between them, ascending.
    q
        From 0 to 1.

    Returns
    -------
    float
        In the unit of the edges; NaN where the histogram is empty.
    """
    if len(edges) != len(counts) + 1:
        raise ValueError("a histogram of B bins has B + 1 edges")
    patients = 0
    for count in counts:
        patients += int(count)
    target, before = q * patients, 0
    for count, low, high in zip(counts, edges, edges[1:], strict=False):
        if count > 0 and before + count >= target:
            return low + (target - before) / int(count) * (high - low)
        before += int(count)
    return math.nan


def counted_quantile(counts: Sequence[int], values: Sequence[float], q: float) -> float:
    """Read a quantile off the number of patients at each value: R's type 7.

    With h = (n - 1) q it lies between the order statistics floor(h) + 1 and floor(h) + 2.

    Parameters
    ----------
    counts, values
        Patients at each value, and the values, ascending; equally many.
    q
        From 0 to 1.

    References
    ----------
    Hyndman and Fan (1996), Am. Stat. 50, 361-365.
    """
    patients = 0
    for count in counts:
        patients += int(count)
    if patients == 0:
        return math.nan
    h = (patients - 1) * q
    rank = math.floor(h)
    low, high = _ranked(counts, values, rank), _ranked(counts, values, min(rank + 1, patients - 1))
    return low + (h - rank) * (high - low)


def _ranked(counts: Sequence[int], values: Sequence[float], rank: int) -> float:
    """Find the value of the patient with so many before."""
    before = 0
    for count, value in zip(counts, values, strict=True):
        before += int(count)
        if before > rank:
            return value
    raise ValueError("no patient has this rank")


def _bernoulli(q: float) -> float:
    return q * (1 - q)
