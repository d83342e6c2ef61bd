"""Does the hazard ratio change over time? The score test behind R's `cox.zph`."""

from enum import StrEnum

import numpy as np

from protocol.stats.cox import NotEstimable
from protocol.stats.distributions import ChiSquare, ratio
from protocol.stats.km import curve
from protocol.stats.partial_likelihood import Ties, death_steps
from protocol.stats.table import Reals, RiskTable


class Transform(StrEnum):
    """The function of time with which the log hazard ratio may change."""

    KM = "km"
    """1 - S(t-), S the curve of both arms together: robust to a long tail."""
    RANK = "rank"
    """The rank of t among all times, censored ones included."""
    IDENTITY = "identity"
    LOG = "log"


def zph(
    table: RiskTable,
    log_hr: float,
    ties: Ties | str = Ties.EFRON,
    transform: Transform | str = Transform.KM,
) -> ChiSquare:
    """Test proportional hazards at the fitted log hazard ratio.

    With g(t) centred over deaths, r the sum of Schoenfeld residuals and V of m(1-m) at t:
    chi-square = (sum g r)^2 / (sum g^2 V - (sum g V)^2 / sum V) on one degree of freedom. It is
    the score test of survival 3.0 and later, not the correlation that went before. The statistic
    is NaN where events fall on one day only. Show the difference of restricted means with it.

    Raises
    ------
    NotEstimable
        If the logarithm of an event on day 0 is asked for.

    References
    ----------
    Grambsch and Therneau (1994), Biometrika 81, 515-526.
    """
    if table.weights is not None:
        raise ValueError("the test of proportional hazards is for unweighted patients")
    table = table.compact()
    steps = death_steps(table, log_hr, ties)
    g = _transformed(table, Transform(transform))[steps.cell]
    g = g - g.mean() if len(g) else g
    treated = np.repeat(
        table.events[1] / np.maximum(table.events.sum(axis=0), 1), table.events.sum(axis=0)
    )
    V = steps.share * (1 - steps.share)
    slope = float((g * (treated - steps.share)).sum())
    spread = float((g * g * V).sum()) - ratio(float((g * V).sum()) ** 2, float(V.sum()))
    return ChiSquare(ratio(slope * slope, spread) if spread > 0 else float("nan"), 1)


def _transformed(table: RiskTable, transform: Transform) -> Reals:
    """Evaluate g at each time of the table."""
    everybody = table.pooled()
    match transform:
        case Transform.KM:
            return 1 - np.append(1.0, curve(everybody).survival)[: len(table.times)]
        case Transform.RANK:
            here = everybody.events + everybody.censored
            ranks: Reals = np.cumsum(here) - here + (here + 1) / 2
            return ranks
        case Transform.IDENTITY:
            return table.times
        case Transform.LOG:
            if ((table.times <= 0) & table.events.any(axis=0)).any():
                raise NotEstimable("an event on day 0 has no logarithm of time")
            return np.log(np.maximum(table.times, np.finfo(float).tiny))
