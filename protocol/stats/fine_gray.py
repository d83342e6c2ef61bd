"""The subdistribution hazard ratio of the two arms (Fine and Gray 1999), from the table by cause.

Whoever has an event of another cause stays at risk, with the chance not to have been censored yet.
With one covariate of two values all of it depends on arm, time and status only.
"""

import math
from dataclasses import dataclass

import numpy as np

from protocol.stats.competing import CauseTable
from protocol.stats.cox import CoxTerms, check_estimable, fit_terms
from protocol.stats.distributions import chi_square_tail, normal_quantile, ratio
from protocol.stats.km import product_limit
from protocol.stats.table import Counts, Reals

LARGEST = 709.0
"""Beyond it an exponential is no number any more."""


@dataclass(frozen=True)
class FineGray:
    """The treated arm's log subdistribution hazard ratio against the comparator.

    The standard error is robust and knows that the censoring distribution is an estimate.
    """

    log_hr: float
    std_error: float
    log_likelihood: float
    patients: int
    events: int

    @property
    def hazard_ratio(self) -> float:
        """Subdistribution hazard of the treated over that of the comparator."""
        return math.exp(self.log_hr)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Limits of the hazard ratio."""
        half = normal_quantile(level) * self.std_error
        return math.exp(self.log_hr - half), math.exp(min(self.log_hr + half, LARGEST))

    @property
    def p_value(self) -> float:
        """Wald's P value."""
        return chi_square_tail(ratio(self.log_hr**2, self.std_error**2), 1)


def fine_gray(table: CauseTable, cause: int) -> FineGray:
    """Find the subdistribution hazard ratio and its standard error, as R's `cmprsk::crr`.

    Ties are Breslow's, the censoring distribution is one for both arms.

    Raises
    ------
    NotEstimable
        If no hazard ratio exists, because an arm has no event of the cause while both are at risk.

    References
    ----------
    Fine and Gray (1999), J. Am. Stat. Assoc. 94, 496-509.
    """
    risk = _risk(table.compact(), cause)
    both = (risk.at_risk > 0).all(axis=0)
    comparator, treated = risk.events[:, both].sum(axis=1).tolist()
    check_estimable(comparator, treated)
    found = fit_terms(lambda b: _terms(risk, b))
    squares = _residuals(risk, found.log_hr) ** 2
    middle = (np.stack([risk.censored, risk.events, risk.others]) * squares).sum()
    return FineGray(
        log_hr=found.log_hr,
        std_error=math.sqrt(float(middle)) / found.terms.information,
        log_likelihood=found.terms.log_likelihood,
        patients=int(table.all_causes.patients.sum()),
        events=int(risk.events.sum()),
    )


@dataclass(frozen=True, eq=False)
class _Risk:
    """Events of the cause, of others and censorings, shape (2, K), and the risk sets.

    G(t-) is the chance to be uncensored just before t, shape (K,); `gone` the sum of
    1/G(u-) over patients with another cause before t, shape (2, K); `at_risk` n + G(t-) gone.
    """

    events: Counts
    others: Counts
    censored: Counts
    followed: Counts
    uncensored: Reals
    gone: Reals
    at_risk: Reals


def _risk(table: CauseTable, cause: int) -> _Risk:
    """Find the risk sets; every time has somebody who leaves, so nothing is divided by 0."""
    n, censored = table.all_causes.at_risk, table.censored
    everybody, lost = n.sum(axis=0), censored.sum(axis=0)
    G = product_limit(lost / everybody, lost == everybody)
    uncensored = np.append(1.0, G[:-1])[: len(G)]
    others = table.others(cause)
    leaving = others / uncensored
    gone = np.cumsum(leaving, axis=1) - leaving
    return _Risk(
        events=table.events[cause],
        others=others,
        censored=censored,
        followed=everybody,
        uncensored=uncensored,
        gone=gone,
        at_risk=n + uncensored * gone,
    )


def _terms(risk: _Risk, log_hr: float) -> CoxTerms:
    """Evaluate Breslow's partial likelihood over the weighted risk sets."""
    d, treated = risk.events.sum(axis=0), float(risk.events[1].sum())
    denominator = risk.at_risk[0] + math.exp(log_hr) * risk.at_risk[1]
    m = math.exp(log_hr) * risk.at_risk[1] / denominator
    return CoxTerms(
        log_likelihood=log_hr * treated - float((d * np.log(denominator)).sum()),
        score=treated - float((d * m).sum()),
        information=float((d * m * (1 - m)).sum()),
    )


def _residuals(risk: _Risk, log_hr: float) -> Reals:
    """Find each patient's part in the score, estimated censoring distribution included.

    With m and h as for Cox's score residuals, a patient of arm x who leaves at t has
    -e^(bx) sum of (x - m) h up to t, plus x - m where the event is of the cause; where it is of
    another the sum goes on, with weights G(u-)/G(t-). Weights being estimated, everybody has in
    addition -sum of q c/n^2 up to t, c of n being censored, and q/n where censored at t. There q(t)
    is how much of the score hangs on the weights after t: the sum over u >= t of
    e^(bx) (x - m) h G(u-), times `gone` at t, over both arms.

    Returns
    -------
    array of shape (3, 2, K)
        By status (censored, event of the cause, of another), arm and time.
    """
    x = np.array([[0.0], [1.0]])
    hazard_ratio = np.exp(log_hr * x)
    weighted = hazard_ratio * risk.at_risk
    m = weighted[1] / weighted.sum(axis=0)
    step = hazard_ratio * (x - m) * risk.events.sum(axis=0) / weighted.sum(axis=0)
    onwards = np.flip(np.cumsum(np.flip(step * risk.uncensored, axis=1), axis=1), axis=1)
    q = (risk.gone * onwards).sum(axis=0)
    compensator = np.cumsum(q * risk.censored.sum(axis=0) / risk.followed**2)
    common = -np.cumsum(step, axis=1) - compensator
    after = onwards - step * risk.uncensored
    residuals: Reals = np.stack(
        [common + q / risk.followed, common + (x - m), common - after / risk.uncensored]
    )
    return residuals
