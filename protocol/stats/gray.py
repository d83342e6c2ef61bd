"""Gray's test of whether a cause is as frequent in both arms, where other causes compete.

The test stratified by hospital needs no table of a hospital: `GrayParts` add.
"""

import math
from dataclasses import dataclass

import numpy as np

from protocol.stats.competing import CauseTable, course, quotient
from protocol.stats.distributions import ChiSquare
from protocol.stats.table import Reals


@dataclass(frozen=True)
class GrayParts:
    """The treated arm's score, positive where it has more events than expected, and its variance.

    Strata are combined by adding. In a very small stratum the variance can be negative, which the
    correction for ties does in R too, or NaN; a sum may hold the first but not the second.
    """

    score: float
    variance: float

    def __add__(self, other: "GrayParts") -> "GrayParts":
        return GrayParts(self.score + other.score, self.variance + other.variance)

    @property
    def test(self) -> ChiSquare:
        """Squared score over its variance; NaN where that is not positive, as of one arm alone."""
        if not self.variance > 0:
            return ChiSquare(math.nan, 1)
        return ChiSquare(self.score * self.score / self.variance, 1)


@dataclass(frozen=True, eq=False)
class _Arms:
    """Both arms at the times of events, shape (2, K); h is n/S(t-), 0 where nobody is left."""

    n: Reals
    events: Reals
    others: Reals
    survival_before: Reals
    survival: Reals
    free_before: Reals
    """1 - F(t-)."""
    h: Reals


def gray(table: CauseTable, cause: int) -> GrayParts:
    """Compare the cumulative incidence of a cause between the arms (rho = 0).

    The subdistribution has the risk sets R_a = n_a (1 - F_a(t-))/S_a(t-) of each arm, and the
    score is the sum of d_1 - d R_1/(R_0 + R_1) over the times of events of the cause. Follows R's
    `cmprsk::cuminc`, ties included.

    References
    ----------
    Gray (1988), Ann. Stat. 16, 1141-1154.
    """
    arms = _arms(table, cause)
    at_risk = arms.h * arms.free_before
    expected = arms.events.sum(axis=0) * quotient(at_risk[1], at_risk.sum(axis=0))
    return GrayParts(float((arms.events[1] - expected).sum()), _variance(arms))


def _arms(table: CauseTable, cause: int) -> _Arms:
    died = table.all_causes.events.any(axis=0)
    paths = [course(table, arm, cause) for arm in (0, 1)]

    def both(*arrays: Reals) -> Reals:
        return np.stack(arrays)[:, died]

    n = both(*(path.at_risk for path in paths))
    before = both(*(path.survival_before for path in paths))
    events = both(*(path.events for path in paths))
    incidence = both(*(path.incidence for path in paths))
    return _Arms(
        n=n,
        events=events,
        others=both(*(path.others for path in paths)),
        survival_before=before,
        survival=both(*(path.survival for path in paths)),
        free_before=1 - np.concatenate((np.zeros((2, 1)), incidence), axis=1)[:, :-1],
        # Where an arm is extinct both are 0.
        h=quotient(n, before),
    )


def _variance(arms: _Arms) -> float:
    """Estimate the variance of the score if the arms share one incidence F0.

    F0 grows by d/h, h summed over the arms. With u = h_0 h_1/h and c(t) the sum of
    u d/(h (1 - F0(u-))) over later times, an event of the cause at t in arm a moves the score by
    u + (1 - r) c, one of another cause by r c, r = (1 - F0(t))/S_a(t). Each has its binomial
    variance, with the factor 1 - (d-1)/(n-1) for ties.
    """
    h, d = arms.h.sum(axis=0), arms.events.sum(axis=0)
    jump = d / h
    F0 = np.cumsum(jump)
    u = arms.h.prod(axis=0) / h
    step = _over_free(u * jump, 1 - np.append(0.0, F0[:-1])[: len(F0)])
    later = step.sum() - np.cumsum(step)
    r = quotient(np.broadcast_to(1 - F0, arms.survival.shape), arms.survival)
    alike = h * arms.survival_before  # those at risk, seen from the arm
    per_patient = quotient(arms.survival_before, arms.n)
    own = _ties(np.broadcast_to(d, alike.shape), alike) * per_patient * jump
    other = _ties(arms.others, arms.n) * per_patient**2 * arms.others
    squares = own * (u + (1 - r) * later) ** 2 + other * (r * later) ** 2
    return float(squares.sum())


def _ties(d: Reals, n: Reals) -> Reals:
    return 1 - quotient(np.maximum(d - 1, 0.0), n - 1)


def _over_free(numerator: Reals, free: Reals) -> Reals:
    """Divide by 1 - F0, which is 0 by a rare chance: NaN there, unless there is nothing to divide.

    F0 is no distribution where censoring differs between the arms, and can reach 1 too early.
    """
    start = np.where(numerator > 0, np.nan, 0.0)
    divisible = (np.abs(free) > 1e-12) & (numerator > 0)
    result: Reals = np.divide(numerator, free, out=start, where=divisible)
    return result
