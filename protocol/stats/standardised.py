"""Survival of an arm as if its patients were spread over strata as all patients are."""

from collections.abc import Sequence

import numpy as np

from protocol.stats.km import Survival
from protocol.stats.table import Reals


def standardised_survival(strata: Sequence[Survival], shares: Sequence[float] | Reals) -> Survival:
    """Average the survival of strata, such as fifths of the propensity score.

    S = sum of p_s S_s, with variance sum of p_s^2 Var(S_s): the shares p_s count as known. NaN
    where a stratum has no patient of the arm, since it says nothing about its part.

    Parameters
    ----------
    strata
        Survival of one arm in each stratum, read at the same times.
    shares
        Patients of the stratum, both arms together, over all patients; they add up to 1.
    """
    times = strata[0].times
    if any(not np.array_equal(points.times, times) for points in strata):
        raise ValueError("survival of the strata was read at different times")
    p = np.asarray(shares, dtype=np.float64)
    if len(p) != len(strata) or not np.isclose(p.sum(), 1.0):
        raise ValueError("one share is needed for each stratum, and they add up to 1")
    return Survival(
        times=times,
        at_risk=np.sum([points.at_risk for points in strata], axis=0),
        survival=p @ np.array([points.survival for points in strata]),
        std_error=np.sqrt(p**2 @ np.array([points.std_error for points in strata]) ** 2),
        robust_std_error=None,
    )
