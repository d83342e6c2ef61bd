"""Does the hazard ratio differ between the levels of a subgroup? From one table a level.

Within a level and arm patients are alike to a model of arm, level and their product, so that its
partial likelihood needs no more than the tables.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from protocol.stats.cox import MAX_LOG_HR, MAX_TRIPS, NotEstimable, fit
from protocol.stats.distributions import ChiSquare
from protocol.stats.table import RiskTable

Reals = NDArray[np.float64]

SETTLED = 1e-12


def interaction(tables: Sequence[RiskTable]) -> ChiSquare:
    """Test the products of arm and level in Cox's model, by likelihood ratio (Efron's ties).

    One baseline hazard for all; the model without products has arm and levels.

    Parameters
    ----------
    tables
        One a level, two at least, on one grid, of patients who count alike.

    Raises
    ------
    NotEstimable
        If a level has no hazard ratio of its own.

    References
    ----------
    Cox (1972), J. R. Stat. Soc. B 34, 187-220; Assmann et al. (2000), Lancet 355, 1064-1069.
    """
    for table in tables:
        fit(table)  # no product exists for a level without a hazard ratio
    levels = len(tables)
    arm = np.tile([0.0, 1.0], levels)
    other = np.repeat(np.eye(levels)[:, 1:], 2, axis=0)
    without = np.column_stack([arm, other])
    whole = np.column_stack([without, other * arm[:, None]])
    at_risk = np.concatenate([table.at_risk for table in tables]).astype(np.float64)
    events = np.concatenate([table.events for table in tables]).astype(np.float64)
    gain = _likelihood(at_risk, events, whole) - _likelihood(at_risk, events, without)
    return ChiSquare(2 * max(0.0, gain), levels - 1)


def spread_of_levels(tables: Sequence[RiskTable]) -> ChiSquare:
    """Test whether levels' log hazard ratios differ by more than their robust errors allow.

    For weighted patients, of whom a likelihood ratio is no test. Levels share no patient, so
    sum w (b - mean)^2 with w = 1/se^2 is chi-square on one less than there are levels.

    Raises
    ------
    NotEstimable
        If a level has no hazard ratio of its own.
    """
    fits = [fit(table) for table in tables]
    w = np.array([1 / cox.robust_std_error**2 for cox in fits])
    b = np.array([cox.log_hr for cox in fits])
    mean = float(w @ b / w.sum())
    return ChiSquare(float(w @ (b - mean) ** 2), len(fits) - 1)


def _likelihood(at_risk: Reals, events: Reals, columns: Reals) -> float:
    """Find the largest log partial likelihood of groups with these columns.

    `at_risk` and `events` have shape (groups, K), `columns` (groups, p). Each death is a step,
    for which the earlier ones of the same time have left by as large a share of all that die.
    """
    deaths = events.sum(axis=0).astype(np.int64)
    time = np.repeat(np.arange(len(deaths)), deaths)
    first = np.repeat(np.cumsum(deaths) - deaths, deaths)
    left = (np.arange(len(time)) - first) / deaths[time]
    there = at_risk[:, time] - left * events[:, time]  # (groups, steps)
    died = events.sum(axis=1)
    b = np.zeros(columns.shape[1])
    for _ in range(MAX_TRIPS):
        risk = there * np.exp(columns @ b)[:, None]
        total = risk.sum(axis=0)
        share = risk / total
        mean = share.T @ columns
        score = died @ columns - mean.sum(axis=0)
        information = columns.T @ (share.sum(axis=1)[:, None] * columns) - mean.T @ mean
        step = np.linalg.lstsq(information, score, rcond=None)[0]
        if float(score @ step) <= SETTLED:
            return float(died @ (columns @ b) - np.log(total).sum())
        b = b + step * min(1.0, 1.0 / max(float(np.abs(step).max()), SETTLED))
        if float(np.abs(b).max()) > MAX_LOG_HR:
            break
    raise NotEstimable("the model of arm and level has no best fit")
