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


@dataclass(frozen=True)
class EffectSums:
    """Sums over hospitals of w, w^2, w^3, w t, w t^2, w^2 t and w^2 t^2, w = 1/(se^2 + between).

    `between` is the between-hospital variance at which hospitals took their weights.
    """

    between: float
    w: float
    w2: float
    w3: float
    wt: float
    wt2: float
    w2t: float
    w2t2: float


@dataclass(frozen=True)
class RandomEffects:
    """The mean effect of hospitals whose own effects vary with variance `between_variance`.

    `inconsistency` is the share of the total variance that is between hospitals (I^2).
    """

    estimate: float
    std_error: float
    between_variance: float
    inconsistency: float


def random_effects(at_variance: EffectSums, fixed: Effects, sum_w2: float) -> RandomEffects:
    """Summarise by the sums that hospitals weigh at the between-hospital variance found.

    I^2 = t2 / (t2 + v), v = (S - 1) / (sum w - sum w^2 / sum w) at no variance between hospitals.

    Parameters
    ----------
    at_variance
        Sums at the variance found.
    fixed, sum_w2
        What the sums at variance 0 say, and their sum of squared weights.

    References
    ----------
    DerSimonian and Laird (1986); Higgins and Thompson (2002), Stat. Med. 21, 1539-1558.
    """
    sum_w = 1 / (fixed.std_error * fixed.std_error)
    typical = ratio(fixed.hospitals - 1, sum_w - sum_w2 / sum_w)
    between = at_variance.between
    return RandomEffects(
        estimate=at_variance.wt / at_variance.w,
        std_error=1 / math.sqrt(at_variance.w),
        between_variance=between,
        inconsistency=ratio(between, between + typical) if between else 0.0,
    )


def reml_step(sums: EffectSums) -> float:
    """Find the next between-hospital variance by Fisher scoring of the restricted likelihood.

    With P = W - w w' / sum w the step is (t' P P t - tr P) / tr(P P); t' P P t is the sum of
    w^2 (t - mean)^2, tr P = sum w - sum w^2 / sum w and tr(P P) = sum w^2 - 2 sum w^3 / sum w
    + (sum w^2 / sum w)^2. Never below 0.

    References
    ----------
    Harville (1977), J. Am. Stat. Assoc. 72, 320-338; Viechtbauer (2005), J. Educ. Behav. Stat.
    30, 261-293.
    """
    mean, share = sums.wt / sums.w, sums.w2 / sums.w
    squares = sums.w2t2 - 2 * mean * sums.w2t + mean * mean * sums.w2
    trace = sums.w2 - 2 * sums.w3 / sums.w + share * share
    step = (squares - (sums.w - share)) / trace if trace > 0 else 0.0
    return max(0.0, sums.between + step)
