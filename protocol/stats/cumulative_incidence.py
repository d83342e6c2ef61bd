"""How many have had an event of one cause by each time, where other causes compete."""

from dataclasses import dataclass

import numpy as np

from protocol.stats import km
from protocol.stats.competing import CauseTable, Course, course, quotient
from protocol.stats.km import Limits
from protocol.stats.table import Counts, Reals


@dataclass(frozen=True, eq=False)
class Incidence:
    """Cumulative incidence of a cause at some times in days, by two standard errors.

    `std_error` is Aalen's as in R's `cmprsk::cuminc`, `jackknife_std_error` that of the
    Aalen-Johansen estimator in R's `survival::survfit`. They agree but for small samples.
    """

    times: Reals
    at_risk: Reals
    incidence: Reals
    std_error: Reals
    jackknife_std_error: Reals

    def interval(
        self,
        kind: Limits | str = Limits.LOG_LOG,
        level: float = 0.95,
        *,
        jackknife: bool = False,
    ) -> tuple[Reals, Reals]:
        """Find confidence limits, within 0 and 1; formed as those of a survival curve.

        F^exp(-+ z s/(F log F)) by default, NaN where F is 0 or 1; `Limits.PLAIN` gives F -+ z s.

        References
        ----------
        Choudhury (2002), Stat. Med. 21, 1129-1144.
        """
        error = self.jackknife_std_error if jackknife else self.std_error
        as_curve = km.Survival(self.times, self.at_risk, self.incidence, error, None)
        return km.interval(as_curve, kind, level)


@dataclass(frozen=True, eq=False)
class IncidenceCurve(Incidence):
    """Cumulative incidence at every time when somebody leaves the arm, with that day's events."""

    events: Counts
    survival: Reals
    """Free of every cause: with the incidences of all causes it adds up to 1."""


def cumulative_incidence(table: CauseTable, arm: int, cause: int) -> IncidenceCurve:
    """Estimate the share of an arm that has had an event of the cause by each time.

    F(t) = sum S(u-) d_cause(u)/n(u) over u <= t, S the survival free of every cause. To take other
    causes as censorings instead, and 1 - S of that, would overstate it.

    References
    ----------
    Aalen (1978), Ann. Stat. 6, 534-545; Aalen and Johansen (1978), Scand. J. Stat. 5, 141-150.
    """
    here = table.all_causes.arm(arm)
    leaving = here.events + here.censored > 0
    path = course(table.at(leaving), arm, cause)
    return IncidenceCurve(
        times=table.times[leaving],
        at_risk=path.at_risk,
        incidence=path.incidence,
        std_error=np.sqrt(_aalen_variance(path)),
        jackknife_std_error=np.sqrt(_jackknife_variance(path, here.censored[leaving])),
        events=table.events[cause, arm, leaving],
        survival=path.survival,
    )


def at(curve: IncidenceCurve, times: Reals) -> Incidence:
    """Read the incidence at fixed times in days; beyond the last one it is carried on.

    Before the first time nobody had the event, without error. NaN where the arm has no patient.
    """
    start = 0.0 if len(curve.times) else np.nan
    before = np.searchsorted(curve.times, times, side="right")
    onwards = np.searchsorted(curve.times, times, side="left")
    return Incidence(
        times=np.asarray(times, dtype=np.float64),
        at_risk=np.append(curve.at_risk, 0.0)[onwards],
        incidence=np.append(start, curve.incidence)[before],
        std_error=np.append(start, curve.std_error)[before],
        jackknife_std_error=np.append(start, curve.jackknife_std_error)[before],
    )


def _aalen_variance(path: Course) -> Reals:
    """Add, over u <= t, S(u-)^2 d/n^2 by cause, times the squared effect of such an event on F(t).

    An event of the cause adds to F at once and takes (F(t) - F(u))/S(u) of what was to come, one of
    another cause only takes. Ties bring the factor 1 - (d-1)/(n-1), each cause by itself. The
    squares are multiplied out, so that running sums give all t.
    """
    later = quotient(np.ones(len(path.survival)), path.survival)
    total = np.zeros((3, len(later)))
    for d, own in (
        (path.events, later * path.incidence + 1),
        (path.others, later * path.incidence),
    ):
        # Nobody is left to be robbed by the last events of other causes.
        counted = d * (1 - quotient(np.maximum(d - 1, 0), path.at_risk - 1))
        weight = (path.survival_before / path.at_risk) ** 2 * counted
        total += weight * np.array([own * own, own * later, later * later])
    v1, v2, v3 = np.cumsum(total, axis=1)
    F = path.incidence
    variance: Reals = np.maximum(v1 - 2 * F * v2 + F * F * v3, 0.0)
    return variance


def _jackknife_variance(path: Course, censored: Counts) -> Reals:
    """Add the squared influences of all patients on F(t).

    With A, B and C the running sums of S(u-) d_cause/n^2, d/(n(n-d)) and F d/(n(n-d)), a patient at
    risk up to y moves F(t) by -A(y) - C(y) + F(t) B(y). One who then has an event adds
    -(F(t) - F(y))/(n-d), and S(y-)/n where it is of the cause.
    """
    n, F = path.at_risk, path.incidence
    d = path.events + path.others
    gone = quotient(np.ones(len(n)), n - d)
    A = np.cumsum(path.survival_before * path.events / (n * n))
    B, C = np.cumsum(d / n * gone), np.cumsum(F * d / n * gone)
    level, slope = -A - C, B  # of the influence, as a function of F(t)
    other = level + F * gone, slope - gone
    own = other[0] + path.survival_before / n, other[1]
    squares = np.zeros((3, len(n)))
    for count, (p, q) in ((censored, (level, slope)), (path.events, own), (path.others, other)):
        squares += count * np.array([p * p, p * q, q * q])
    pp, pq, qq = np.cumsum(squares, axis=1)
    staying = n - d - censored
    left = pp + 2 * F * pq + F * F * qq
    variance: Reals = np.maximum(left + staying * (level + F * slope) ** 2, 0.0)
    return variance
