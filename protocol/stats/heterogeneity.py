"""Do hospitals agree? Tests from sums over hospitals, in which no hospital's own estimate shows.

Estimates that start a propensity fit are used in decisions that every hospital replays; they
come from `linear`, in the same bits everywhere. P values only inform.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from protocol.stats import linear
from protocol.stats.distributions import ChiSquare, ratio


@dataclass(frozen=True)
class OneShot:
    """The inverse-variance mean of the hospitals' coefficients, and how far they spread."""

    estimate: tuple[float, ...]
    spread: ChiSquare


def one_shot(
    information: linear.Matrix,
    weighted: Sequence[float],
    quadratic: float,
    hospitals: int,
) -> OneShot:
    """Combine local fits b_s with information I_s, and test whether they share one b.

    The estimate is (sum I_s)^-1 sum I_s b_s; Cochran's Q = sum b_s' I_s b_s - b' (sum I_s) b is
    chi-square on (S - 1) p degrees of freedom if all hospitals choose patients alike.

    Parameters
    ----------
    information, weighted, quadratic
        Sums over hospitals of I_s (p x p), of I_s b_s (p) and of b_s' I_s b_s.
    hospitals
        S: those that had both arms and so a fit.

    Raises
    ------
    linear.NotPositive
        If a column is a combination of those before it in all hospitals together.

    References
    ----------
    Cochran (1954), Biometrics 10, 101-129.
    """
    estimate = linear.solve(information, weighted)
    # Rounding can leave Q of identical fits a hair below zero.
    spread = max(0.0, quadratic - linear.dot(estimate, weighted))
    return OneShot(tuple(estimate), ChiSquare(spread, max(0, hospitals - 1) * len(estimate)))


def treated_as_predicted(squares: float, hospitals: int) -> ChiSquare:
    """Ask whether hospitals treat more or fewer patients than the pooled model predicts.

    Parameters
    ----------
    squares
        Sum over hospitals of (sum of y - pi)^2 / sum of pi (1 - pi), one number a hospital.
    hospitals
        How many sent one; the statistic is approximately chi-square on one less.
    """
    return ChiSquare(squares, max(0, hospitals - 1))


@dataclass(frozen=True)
class Effects:
    """The hospitals' own effects, summarised: fixed-effect mean and between-hospital variance."""

    hospitals: int
    estimate: float
    std_error: float
    spread: ChiSquare
    between_variance: float
    inconsistency: float


def effects(
    hospitals: int,
    sum_w: float,
    sum_w2: float,
    sum_wt: float,
    sum_wt2: float,
) -> Effects:
    """Summarise effects t_s with weights w_s = 1 / se_s^2 from five sums over hospitals.

    Q = sum w t^2 - (sum w t)^2 / sum w on S - 1 degrees of freedom; the between-hospital variance
    is max(0, (Q - df) / (sum w - sum w^2 / sum w)), the inconsistency I^2 = max(0, 1 - df / Q).
    All are NaN where no hospital contributes.

    References
    ----------
    DerSimonian and Laird (1986), Control. Clin. Trials 7, 177-188.
    Higgins and Thompson (2002), Stat. Med. 21, 1539-1558.
    """
    df = max(0, hospitals - 1)
    if not sum_w > 0:
        return Effects(hospitals, math.nan, math.nan, ChiSquare(math.nan, df), math.nan, math.nan)
    q = max(0.0, sum_wt2 - sum_wt * sum_wt / sum_w)
    between = ratio(q - df, sum_w - sum_w2 / sum_w) if df else 0.0
    return Effects(
        hospitals=hospitals,
        estimate=sum_wt / sum_w,
        std_error=1 / math.sqrt(sum_w),
        spread=ChiSquare(q, df),
        between_variance=max(0.0, between),
        inconsistency=max(0.0, 1 - df / q) if q > 0 else 0.0,
    )
