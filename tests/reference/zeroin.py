"""The conditional odds ratio as R's `fisher.test` prints it, from the counts of a 2 x 2 table.

R stops its search some 1e-4 away from the root; `protocol.stats.tables` has the root itself. To
tell R's number from a wrong one it has to be searched for in R's own steps.

References
----------
Brent (1973), Algorithms for Minimization without Derivatives, chapter 4; R's `zeroin.c` and
`fisher.test`.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy.special import gammaln

from protocol.stats.table import Reals

EPS = float(np.finfo(float).eps)
TOLERANCE = EPS**0.25
MAX_STEPS = 1000
TAIL = 0.025


def printed_odds_ratio(events: tuple[int, int], n: tuple[int, int]) -> tuple[float, float, float]:
    """Search for the odds ratio (treated over comparator) and its 95 % limits as R does.

    R's cell is the comparator's patients without the event; `support` are its possible values.
    """
    x, without = n[0] - events[0], n[0] + n[1] - sum(events)
    support = np.arange(max(0, without - n[1]), min(without, n[0]) + 1).astype(np.float64)
    rest = without - support
    log_p = -sum(gammaln(k + 1) for k in (support, n[0] - support, rest, n[1] - rest))

    def share(odds: float) -> Reals:
        if odds == 0:
            first: Reals = np.eye(1, len(support)).ravel()
            return first
        p = np.exp((d := log_p + math.log(odds) * support) - d.max())
        shares: Reals = p / p.sum()
        return shares

    def solve(f: Callable[[float], float], low_end: float, high_end: float) -> float:
        if x == low_end:
            return 0.0
        if x == high_end:
            return math.inf
        here = f(1.0)
        # By the sign at 0, as a tail may be below all numbers at 1 and so be no higher than there.
        if here * f(0.0) < 0:
            return uniroot(f, 0.0, 1.0)
        return 1 / uniroot(lambda t: f(1 / t), EPS, 1.0) if here else 1.0

    low, high = float(support[0]), float(support[-1])
    return (
        solve(lambda odds: float((support * share(odds)).sum()) - x, low, high),
        solve(lambda odds: float(share(odds)[support >= x].sum()) - TAIL, low, math.nan),
        solve(lambda odds: float(share(odds)[support <= x].sum()) - TAIL, math.nan, high),
    )


def uniroot(f: Callable[[float], float], low: float, high: float) -> float:
    """Find a root of f between low and high, where f has different signs or is zero."""
    a, b = low, high
    fa, fb = f(a), f(b)
    if fa == 0:
        return a
    if fb == 0:
        return b
    c, fc = a, fa
    for _ in range(MAX_STEPS):
        before = b - a
        if abs(fc) < abs(fb):
            a, b, c = b, c, b
            fa, fb, fc = fb, fc, fb
        tolerance = 2 * EPS * abs(b) + TOLERANCE / 2
        half = (c - b) / 2
        if abs(half) <= tolerance or fb == 0:
            return b
        step = half
        if abs(before) >= tolerance and abs(fa) > abs(fb):
            step = _interpolated(((a, fa), (b, fb), (c, fc)), before, half, tolerance)
        if abs(step) < tolerance:
            step = tolerance if step > 0 else -tolerance
        a, fa = b, fb
        b += step
        fb = f(b)
        if fb * fc > 0:
            c, fc = a, fa
    return b


def _interpolated(
    points: tuple[tuple[float, float], ...], before: float, half: float, tolerance: float
) -> float:
    """Step to where a line or an inverse parabola is zero, if that is well inside; else half."""
    (a, fa), (b, fb), (c, fc) = points
    apart = c - b
    if a == c:
        ratio = fb / fa
        p, q = apart * ratio, 1.0 - ratio
    else:
        q, ratio_c, ratio_a = fa / fc, fb / fc, fb / fa
        p = ratio_a * (apart * q * (q - ratio_c) - (b - a) * (ratio_c - 1.0))
        q = (q - 1.0) * (ratio_c - 1.0) * (ratio_a - 1.0)
    if p > 0:
        q = -q
    else:
        p = -p
    if p < 0.75 * apart * q - abs(tolerance * q) / 2 and p < abs(before * q / 2):
        return p / q
    return half
