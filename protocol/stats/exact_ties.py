"""The hazard ratio of the two arms where tied events are taken as discrete time, exactly.

Costs a sum over all splits of a day's events between the arms, which two arms make short.
"""

import math

import numpy as np
from scipy.special import gammaln

from protocol.stats.cox import Solution, check_estimable, fit_terms, informative_events
from protocol.stats.partial_likelihood import CoxTerms
from protocol.stats.table import Reals, RiskTable


def exact_terms(table: RiskTable, log_hr: float) -> CoxTerms:
    """Evaluate the conditional likelihood of who has the d events of each time.

    Of n1 treated and n0 others at risk, k treated have the event with a probability in
    proportion to C(n1, k) C(n0, d - k) e^(b k): score d1 - E(k), information Var(k). This is
    conditional logistic regression, and `coxph(ties = "exact")`; with one event a time it is
    every other method too.

    Raises
    ------
    ValueError
        If patients are weighted, of whom there is no exact likelihood.

    References
    ----------
    Cox (1972), J. R. Stat. Soc. B 34, 187-220, equation 14; Gail, Lubin and Rubinstein (1981),
    Biometrika 68, 703-707.
    """
    if table.weights is not None:
        raise ValueError("the exact likelihood is for patients without weights")
    died = table.events.any(axis=0)
    at_risk, events = table.at_risk[:, died].T, table.events[:, died].T
    likelihood = score = information = 0.0
    for (n0, n1), (d0, d1) in zip(at_risk.tolist(), events.tolist(), strict=True):
        treated, log_weight = _splits(n0, n1, d0 + d1)
        weighed = log_weight + log_hr * treated
        top = float(weighed.max())
        share = np.exp(weighed - top)
        total = float(share.sum())
        mean = float((treated * share).sum()) / total
        likelihood += log_hr * d1 - top - math.log(total)
        score += d1 - mean
        information += float(((treated - mean) ** 2 * share).sum()) / total
    return CoxTerms(likelihood, score, information)


def fit_exact(table: RiskTable) -> Solution:
    """Find the log hazard ratio that maximises the exact likelihood.

    Raises
    ------
    NotEstimable
        As `cox.fit`.
    """
    check_estimable(*informative_events(table))
    whole = table.compact()
    return fit_terms(lambda b: exact_terms(whole, b))


def _splits(n0: int, n1: int, d: int) -> tuple[Reals, Reals]:
    """List how many of d events can be the treated arm's, and the log of in how many ways."""
    k = np.arange(max(0, d - n0), min(d, n1) + 1, dtype=np.float64)
    return k, _log_choose(n1, k) + _log_choose(n0, d - k)


def _log_choose(n: int, k: Reals) -> Reals:
    ways: Reals = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return ways
