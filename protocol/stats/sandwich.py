"""Robust variance of the log hazard ratio, from each patient's part in the score.

With one covariate of two values a score residual depends on arm, time and status only, so sums of
squared weights by cell are all that a sandwich needs (Shu et al. 2020, Stat. Methods Med. Res.).
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocol.stats.partial_likelihood import Ties, death_steps
from protocol.stats.table import RiskTable


class PairCell(NamedTuple):
    """Score residuals of the pairs of one (merged) transport cell: sums by arm, and pairs."""

    sum_focal: float
    sum_control: float
    pairs: int


def score_residuals(
    table: RiskTable, log_hr: float, ties: Ties | str = Ties.EFRON
) -> NDArray[np.float64]:
    """Find each patient's part in the score; it depends on arm, time and status only.

    With h the sum over the steps at t of (mean weight / denominator), H its running sum, M that
    of h with m inside, and hE, mE the same at t with factors 1 - f: a patient censored at t has
    -e^(bx) (xH - M), one with an event
    (x - mean m) - e^(bx) (x (H - h + hE) - (M - mh + mE)).

    Returns
    -------
    array of shape (2, K, 2)
        By arm, time, and status (0 censored, 1 event). Cells without a patient have a value too.

    References
    ----------
    Therneau and Grambsch (2000), Modeling Survival Data, 4.6; Lin and Wei (1989).
    """
    steps = death_steps(table, log_hr, ties)
    hazard = steps.weight / steps.denominator
    h, m_h = steps.sums(hazard), steps.sums(hazard * steps.share)
    h_own = steps.sums(hazard * (1 - steps.fraction))
    m_own = steps.sums(hazard * (1 - steps.fraction) * steps.share)
    count = steps.sums(np.ones(len(hazard)))
    mean = np.divide(steps.sums(steps.share), count, out=np.zeros(len(count)), where=count > 0)
    H, M = np.cumsum(h), np.cumsum(m_h)
    residuals = np.empty((2, len(table.times), 2))
    for x in (0, 1):
        risk = math.exp(log_hr * x)
        residuals[x, :, 0] = -risk * (x * H - M)
        residuals[x, :, 1] = (x - mean) - risk * (x * (H - h + h_own) - (M - m_h + m_own))
    return residuals


def strangers_residuals(table: RiskTable, log_hr: float) -> NDArray[np.float64]:
    """Find the score residuals of patients who are not in the table, by arm, time and status.

    As `score_residuals` with Efron's ties, save that their events may fall when the table has
    none: what is expected then is the share of the treated in the risk of those still there.
    """
    residuals = score_residuals(table, log_hr)
    comparator, treated = table.weight_at_risk
    risk = treated * math.exp(log_hr)
    total = risk + comparator
    share = np.divide(risk, total, out=np.zeros(len(total)), where=total > 0)
    alone = table.events.sum(axis=0) == 0
    residuals[:, alone, 1] -= share[alone]
    return residuals


def residual_squares(table: RiskTable, log_hr: float, ties: Ties | str = Ties.EFRON) -> float:
    """Add the squared (weighted) score residuals of all patients: the sandwich's middle."""
    weights = table.weights
    events, censored = (
        (table.events, table.censored)
        if weights is None
        else (weights.events_squared, weights.censored_squared)
    )
    squares = score_residuals(table, log_hr, ties) ** 2
    return float((censored * squares[..., 0] + events * squares[..., 1]).sum())


def pair_robust_variance(information: float, squares: float, cells: Iterable[PairCell]) -> float:
    """Find the variance of the log hazard ratio of matched pairs, known by cell only.

    Pairs correlate, so that the sandwich has 2 x sum over pairs of U_f U_c beside the sum of
    squares. Who pairs with whom in a cell of m pairs is random, and the expectation is
    (sum U_f)(sum U_c)/m. NaN where it comes out negative, which takes very few pairs.

    Parameters
    ----------
    information
        Of the log hazard ratio at the estimate.
    squares
        `residual_squares` at the estimate.
    """
    middle = squares
    for cell in cells:
        if cell.pairs > 0:
            middle += 2 * cell.sum_focal * cell.sum_control / cell.pairs
    return middle / (information * information) if middle >= 0 else math.nan
