"""Restricted mean survival time: the mean number of event-free days within a horizon."""

import math
from dataclasses import dataclass

import numpy as np

from protocol.stats.distributions import ratio, symmetric, two_sided
from protocol.stats.km import product_limit
from protocol.stats.table import Reals, Sample


@dataclass(frozen=True)
class Rmst:
    """Area under the survival curve up to `tau` days.

    `std_error` is Greenwood's, `robust_std_error` the jackknife's where patients are weighted.

    `extrapolated` says that follow-up ends before tau with patients alive: the curve is then
    carried on level, which flatters the group.
    """

    tau: float
    estimate: float
    std_error: float
    extrapolated: bool
    robust_std_error: float | None = None

    @property
    def error(self) -> float:
        """The error to report: robust where patients are weighted."""
        return self.std_error if self.robust_std_error is None else self.robust_std_error

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Limits z errors on either side; NaN without an event before the horizon."""
        return symmetric(self.estimate, self.error, level)


@dataclass(frozen=True)
class RmstDifference:
    """Days gained by the treated within the horizon."""

    estimate: float
    std_error: float

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Limits z standard errors on either side; NaN where neither group has an error."""
        return symmetric(self.estimate, self.std_error, level)

    @property
    def p_value(self) -> float:
        """Two-sided P value; NaN where neither group has an error."""
        return two_sided(ratio(self.estimate, self.std_error))


def rmst(sample: Sample, tau: float) -> Rmst:
    """Integrate the Kaplan-Meier curve of one group from 0 to `tau` days.

    The variance is the sum, over event times before tau, of A(t)^2 d/(n(n-d)), A(t) the area to
    the right of t. There is no small-sample factor. Weighted patients enter d and n by weight,
    and get a robust standard error besides: the infinitesimal jackknife, in which a patient who
    leaves at s moves the area by the sum over event times u <= s of A(u) d/(n(n-d)), less
    A(s)/(n-d) if by an event.

    References
    ----------
    Klein and Moeschberger (2003), Survival Analysis, 4.5; Royston and Parmar (2013), BMC Med.
    Res. Methodol. 13:152.
    """
    sample = sample.compact()
    n, d = sample.weight_at_risk, sample.weight_events
    extinct = sample.events == sample.at_risk
    hazard = np.divide(d, n, out=np.zeros(len(n)), where=n > 0)
    survival = product_limit(hazard, extinct)
    within = sample.times < tau
    width = np.diff(np.concatenate(([0.0], sample.times[within], [tau])))
    areas = width * np.append(1.0, survival[within])
    right = np.flip(np.cumsum(np.flip(areas[1:])))
    d, n = d[within], n[within]
    # Where all have died nothing lies to the right, so the term is zero.
    terms = np.divide(
        right * right * d, n * (n - d), out=np.zeros(len(d)), where=~extinct[within] & (n > d)
    )
    alive_at_end = not len(survival) or bool(survival[-1] > 0)
    beyond = not len(survival) or bool(sample.times[-1] < tau)
    return Rmst(
        tau,
        float(areas.sum()),
        math.sqrt(float(terms.sum())),
        extrapolated=alive_at_end and beyond,
        robust_std_error=_robust_std_error(sample, tau, right),
    )


def _robust_std_error(sample: Sample, tau: float, right: Reals) -> float | None:
    """Add up squared influences: they depend on time and status only, so sum w^2 is enough."""
    if sample.weights is None:
        return None
    within = sample.times < tau
    n, d = sample.weight_at_risk, sample.weight_events
    staying = np.where(sample.events == sample.at_risk, 0.0, n - d)
    jump = np.divide(1.0, staying, out=np.zeros(len(n)), where=within & (staying > 0))
    area = np.zeros(len(n))
    area[within] = right
    hazard = np.divide(d, n, out=np.zeros(len(n)), where=n > 0)
    drift = np.cumsum(area * hazard * jump)
    squares = sample.weights.events_squared * (drift - area * jump) ** 2
    squares = squares + sample.weights.censored_squared * drift * drift
    return math.sqrt(float(squares.sum()))


def difference(treated: Rmst, comparator: Rmst) -> RmstDifference:
    """Compare two groups over the same horizon, without assuming proportional hazards."""
    if treated.tau != comparator.tau:
        raise ValueError("restricted means over different horizons cannot be compared")
    return RmstDifference(
        treated.estimate - comparator.estimate,
        math.hypot(treated.error, comparator.error),
    )
