"""Survival curves, their limits, and what is read off them: landmarks and quantiles.

Conventions are those of R's `survival::survfit`, so that a reader can check every figure.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from protocol.stats.distributions import normal_quantile, two_sided
from protocol.stats.table import Reals, Sample

TOLERANCE = float(np.sqrt(np.finfo(float).eps))
"""Survival this near to a quantile counts as equal to it (`quantile.survfit`)."""


class Limits(StrEnum):
    """How confidence limits of survival are formed."""

    PLAIN = "plain"
    LOG = "log"
    LOG_LOG = "log-log"


@dataclass(frozen=True, eq=False)
class Survival:
    """Survival at some times, with standard errors of S itself (not of log S).

    `std_error` is Greenwood's, NaN where S = 0. `robust_std_error` is there for weighted patients
    only. `at_risk` counts everybody with time >= t, by weight where patients are weighted.
    """

    times: Reals
    at_risk: Reals
    survival: Reals
    std_error: Reals
    robust_std_error: Reals | None


@dataclass(frozen=True, eq=False)
class Curve(Survival):
    """Survival at every time when somebody has an event or leaves, in days."""

    events: Reals
    censored: Reals
    cumulative_hazard: Reals
    std_error_cumulative_hazard: Reals


@dataclass(frozen=True)
class Quantile:
    """The time in days when a share `p` had the event; NaN where the curve does not reach it."""

    p: float
    estimate: float
    lower: float
    upper: float


@dataclass(frozen=True, eq=False)
class LandmarkDifference:
    """Survival of the treated less that of the comparator at fixed times."""

    times: Reals
    difference: Reals
    std_error: Reals
    z_plain: Reals
    z_cloglog: Reals

    def interval(self, level: float = 0.95) -> tuple[Reals, Reals]:
        """Limits z standard errors on either side; NaN where neither group has an error.

        Greenwood's formula gives none while nobody, or once everybody, has had the event.
        """
        half = normal_quantile(level) * np.where(self.std_error > 0, self.std_error, np.nan)
        return self.difference - half, self.difference + half

    @property
    def p_cloglog(self) -> Reals:
        """Two-sided P values on the log(-log S) scale, the better one at the ends."""
        return np.array([two_sided(z) for z in self.z_cloglog])

    @property
    def p_plain(self) -> Reals:
        """Two-sided P values on the scale of S."""
        return np.array([two_sided(z) for z in self.z_plain])


def curve(sample: Sample) -> Curve:
    """Estimate survival and cumulative hazard of one group.

    Kaplan-Meier S = prod(1 - d/n), Greenwood's variance S^2 sum d/(n(n-d)), Nelson-Aalen
    sum d/n with variance sum d/n^2. Weighted patients enter d and n by their weight, and get a
    robust standard error besides.

    References
    ----------
    Kaplan and Meier (1958), J. Am. Stat. Assoc. 53, 457-481; Aalen (1978), Ann. Stat. 6, 701-726.
    """
    sample = sample.compact()
    n, d = sample.weight_at_risk, sample.weight_events
    # By counts: sums of weights may leave a rounding error at risk when all have died.
    extinct = sample.events == sample.at_risk
    hazard = _quotient(d, n)
    survival = product_limit(hazard, extinct)
    greenwood = np.cumsum(_quotient(d, n * (n - d), ~extinct))
    weights = sample.weights
    return Curve(
        times=sample.times,
        at_risk=n,
        survival=survival,
        std_error=np.where(survival > 0, survival * np.sqrt(greenwood), np.nan),
        robust_std_error=None if weights is None else _robust_std_error(sample, survival),
        events=d,
        censored=sample.censored.astype(np.float64) if weights is None else weights.censored,
        cumulative_hazard=np.cumsum(hazard),
        std_error_cumulative_hazard=np.sqrt(np.cumsum(_quotient(d, n * n))),
    )


def at(curve: Curve, times: Reals) -> Survival:
    """Read survival at fixed times in days; beyond the last one it is carried on.

    As `summary(survfit, times, extend = TRUE)`: before the first time S = 1 with no error, and
    nobody is at risk after the last.
    """
    before = np.searchsorted(curve.times, times, side="right")
    onwards = np.searchsorted(curve.times, times, side="left")
    robust = curve.robust_std_error
    return Survival(
        times=np.asarray(times, dtype=np.float64),
        at_risk=np.append(curve.at_risk, 0.0)[onwards],
        survival=np.append(1.0, curve.survival)[before],
        std_error=np.append(0.0, curve.std_error)[before],
        robust_std_error=None if robust is None else np.append(0.0, robust)[before],
    )


def interval(
    curve: Survival,
    kind: Limits | str = Limits.LOG,
    level: float = 0.95,
    *,
    robust: bool = True,
) -> tuple[Reals, Reals]:
    """Find confidence limits of survival, within 0 and 1.

    With s the standard error of S and z the normal quantile: S -+ z s (plain), exp(log S -+ z s/S)
    (log, R's default), S^exp(-+ z s/(S log S)) (log-log). Limits are NaN where S = 0, save the
    plain ones of a robust error, and log-log limits also where S = 1.

    Parameters
    ----------
    robust
        Whether to use the robust standard error where there is one.
    """
    kind = Limits(kind)
    S, error = curve.survival, curve.std_error
    if robust and curve.robust_std_error is not None:
        error = curve.robust_std_error
    half = normal_quantile(level) * error
    if kind is Limits.PLAIN:
        return np.maximum(S - half, 0.0), np.minimum(S + half, 1.0)
    inside = (S > 0) & ~np.isnan(half) & ((S < 1) | (kind is Limits.LOG))
    lower, upper = np.full(len(S), np.nan), np.full(len(S), np.nan)
    log_s, relative = np.log(S[inside]), half[inside] / S[inside]
    if kind is Limits.LOG:
        lower[inside] = np.exp(log_s - relative)
        upper[inside] = np.exp(np.minimum(log_s + relative, 0.0))
        return lower, upper
    # Beyond 700 the exponential is so large that the limit is 0 or 1 in any case.
    spread = np.minimum(relative / -log_s, 700.0)
    lower[inside] = np.exp(log_s * np.exp(spread))
    upper[inside] = np.exp(log_s * np.exp(-spread))
    return lower, upper


def quantile(
    curve: Curve,
    p: float = 0.5,
    kind: Limits | str = Limits.LOG,
    level: float = 0.95,
    *,
    robust: bool = True,
) -> Quantile:
    """Find when a share `p` had the event: the first time with S(t) <= 1 - p.

    Where S equals 1 - p over an interval, its middle is taken, as R does. The limits are read
    off the confidence limits of the curve by the same rule (Brookmeyer and Crowley 1982,
    Biometrics 38, 29-41).
    """
    lower, upper = interval(curve, kind, level, robust=robust)
    return Quantile(
        p=p,
        estimate=_crossing(curve.times, curve.survival, p),
        lower=_crossing(curve.times, lower, p),
        upper=_crossing(curve.times, upper, p),
    )


def landmark_difference(
    treated: Survival, comparator: Survival, *, robust: bool = True
) -> LandmarkDifference:
    """Compare two groups at fixed times.

    z_plain is the difference of S over its standard error. z_cloglog compares log(-log S), with
    standard error s / (S |log S|); it is positive where the treated fare worse, and NaN where S
    is 0 or 1 in a group.

    References
    ----------
    Klein, Logan, Harhoff and Andersen (2007), Stat. Med. 26, 4505-4519.
    """
    if not np.array_equal(treated.times, comparator.times):
        raise ValueError("survival of the two arms was read at different times")
    s1, s0 = _error(treated, robust), _error(comparator, robust)
    difference = treated.survival - comparator.survival
    std_error = np.sqrt(s1 * s1 + s0 * s0)
    scale1, error1 = _cloglog(treated.survival, s1)
    scale0, error0 = _cloglog(comparator.survival, s0)
    return LandmarkDifference(
        times=treated.times,
        difference=difference,
        std_error=std_error,
        z_plain=_or_nan(difference, std_error),
        z_cloglog=_or_nan(scale1 - scale0, np.sqrt(error1 * error1 + error0 * error0)),
    )


def cut(curve: Curve, last_day: float) -> Curve:
    """End a curve at a day, where it is published no further."""
    kept = curve.times <= last_day
    robust = curve.robust_std_error
    return Curve(
        times=curve.times[kept],
        at_risk=curve.at_risk[kept],
        survival=curve.survival[kept],
        std_error=curve.std_error[kept],
        robust_std_error=None if robust is None else robust[kept],
        events=curve.events[kept],
        censored=curve.censored[kept],
        cumulative_hazard=curve.cumulative_hazard[kept],
        std_error_cumulative_hazard=curve.std_error_cumulative_hazard[kept],
    )


def product_limit(hazard: Reals, extinct: NDArray[np.bool_]) -> Reals:
    """Multiply up 1 - d/n, exactly 0 from where everybody at risk has died."""
    survival: Reals = np.cumprod(np.where(extinct, 0.0, 1 - hazard), dtype=np.float64)
    return survival


def _robust_std_error(sample: Sample, survival: Reals) -> Reals:
    """Infinitesimal jackknife: root of the sum of squared influences on S.

    With j = 1/(n - d) and G the running sum of (d/n) j, a unit of weight that has its event at u
    moves S(t) by S(t) (G(u) - j(u)), one censored at u by S(t) G(u), one still at risk by
    S(t) G(t).
    """
    weights = sample.weights
    assert weights is not None  # noqa: S101 - asked for weighted samples only
    n, d = sample.weight_at_risk, sample.weight_events
    extinct = sample.events == sample.at_risk
    j = _quotient(np.ones_like(n), n - d, ~extinct)
    G = np.cumsum(_quotient(d, n) * j)
    gone = np.cumsum(weights.events_squared * (G - j) ** 2 + weights.censored_squared * G * G)
    leaving = weights.events_squared + weights.censored_squared
    staying = np.append(np.flip(np.cumsum(np.flip(leaving)))[1:], 0.0)[: len(n)]
    error: Reals = survival * np.sqrt(gone + G * G * staying)
    # Censorings move nothing, and rounding must not: quantiles are read off the limits.
    last_event = np.maximum.accumulate(np.where(sample.events > 0, np.arange(len(n)), 0))
    return error[last_event]


def _crossing(times: Reals, survival: Reals, p: float) -> float:
    """First time with S <= 1 - p, or the middle of the interval where they are equal."""
    there = ~np.isnan(survival)
    share = np.append(0.0, 1 - survival[there])
    days = np.append(min(0.0, times[0]) if len(times) else 0.0, times[there])
    # Later points at the same height are no news, but the last one ends the interval.
    height, first = np.unique(share, return_index=True)
    low = int(np.searchsorted(height, p - TOLERANCE))
    high = int(np.searchsorted(height, p + TOLERANCE))
    if low == len(height):
        return float("nan")
    if high == len(height):
        return float(days[first[low]] + days[-1]) / 2
    return float(days[first[low]] + days[first[high]]) / 2


def _cloglog(S: Reals, error: Reals) -> tuple[Reals, Reals]:
    inside = (S > 0) & (S < 1)
    log_s = np.log(np.where(inside, S, 0.5))
    scale = np.where(inside, np.log(-log_s), np.nan)
    return scale, np.where(inside, error / (np.where(inside, S, 0.5) * -log_s), np.nan)


def _error(points: Survival, robust: bool) -> Reals:
    own = points.robust_std_error
    return own if robust and own is not None else points.std_error


def _quotient(
    numerator: Reals, denominator: Reals, where: NDArray[np.bool_] | bool = True
) -> Reals:
    """Divide, 0 where there is nothing to divide by."""
    result: Reals = np.divide(
        numerator, denominator, out=np.zeros(len(numerator)), where=where & (denominator > 0)
    )
    return result


def _or_nan(numerator: Reals, denominator: Reals) -> Reals:
    result: Reals = np.divide(
        numerator, denominator, out=np.full(len(numerator), np.nan), where=denominator > 0
    )
    return result
