"""Limits of risks and of their difference, by named methods: small numbers tell them apart."""

import math
from collections.abc import Callable, Mapping

from protocol.stats.distributions import normal_quantile
from protocol.stats.tables import Interval, clopper_pearson, wilson

Risk = Callable[[int, int, float], Interval]


def agresti_coull(events: int, n: int, level: float = 0.95) -> Interval:
    """Limits of a risk as if z^2/2 patients more had and had not the event; (0, 1) of nobody.

    References
    ----------
    Agresti and Coull (1998), Am. Stat. 52, 119-126.
    """
    if n == 0:
        return 0.0, 1.0
    z = normal_quantile(level)
    size = n + z * z
    p = (events + z * z / 2) / size
    half = z * math.sqrt(p * (1 - p) / size)
    return max(0.0, p - half), min(1.0, p + half)


def wald(events: int, n: int, level: float = 0.95) -> Interval:
    """Limits p -+ z sqrt(p (1 - p)/n): too narrow where events, or patients without, are few."""
    if n == 0:
        return 0.0, 1.0
    p = events / n
    half = normal_quantile(level) * math.sqrt(p * (1 - p) / n)
    return max(0.0, p - half), min(1.0, p + half)


RISK_METHODS: Mapping[str, Risk] = {
    "wilson": wilson,
    "clopper-pearson": clopper_pearson,
    "agresti-coull": agresti_coull,
    "wald": wald,
}
"""Ways to find limits of one risk, by name; the first is the one to quote."""


def newcombe(events: tuple[int, int], n: tuple[int, int], level: float = 0.95) -> Interval:
    """Limits of the risk difference, treated less comparator, from Wilson's limits of both risks.

    With p the risks and l, u their limits: d - sqrt((p1 - l1)^2 + (u0 - p0)^2) and
    d + sqrt((u1 - p1)^2 + (p0 - l0)^2). (-1, 1) where an arm is empty.

    References
    ----------
    Newcombe (1998), Stat. Med. 17, 873-890, method 10.
    """
    if min(n) == 0:
        return -1.0, 1.0
    p0, p1 = events[0] / n[0], events[1] / n[1]
    (l0, u0), (l1, u1) = (wilson(e, size, level) for e, size in zip(events, n, strict=True))
    d = p1 - p0
    return d - math.hypot(p1 - l1, u0 - p0), d + math.hypot(u1 - p1, p0 - l0)


def agresti_caffo(events: tuple[int, int], n: tuple[int, int], level: float = 0.95) -> Interval:
    """Limits of the risk difference by Wald's formula, with one patient more of each kind an arm.

    References
    ----------
    Agresti and Caffo (2000), Am. Stat. 54, 280-288.
    """
    p0, p1 = ((e + 1) / (size + 2) for e, size in zip(events, n, strict=True))
    variance = p0 * (1 - p0) / (n[0] + 2) + p1 * (1 - p1) / (n[1] + 2)
    half = normal_quantile(level) * math.sqrt(variance)
    return max(-1.0, p1 - p0 - half), min(1.0, p1 - p0 + half)


def woolf(
    events: tuple[int, int], n: tuple[int, int], level: float = 0.95
) -> tuple[float, float, float]:
    """Estimate the odds ratio by the cross-product, with limits on its logarithm.

    ad/(bc), with the error sqrt(1/a + 1/b + 1/c + 1/d); NaN where a cell is empty. Farther from 1
    than Fisher's estimate given the margins.

    References
    ----------
    Woolf (1955), Ann. Hum. Genet. 19, 251-253.
    """
    cells = (*events, n[0] - events[0], n[1] - events[1])
    if min(cells) == 0:
        return math.nan, math.nan, math.nan
    c, a, d, b = (float(cell) for cell in cells)
    log_odds = math.log(a * d / (b * c))
    half = normal_quantile(level) * math.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    return math.exp(log_odds), math.exp(log_odds - half), math.exp(log_odds + half)
