"""The hazard ratio of the two arms (Cox 1972), from the risk-set table.

With one covariate of two values the partial likelihood and the robust variance depend on counts
(and sums of weights) alone. `partial_likelihood` and `sandwich` hold the formulas; here is the
search for the estimate and what is reported of it.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from protocol.errors import FederationError
from protocol.stats.distributions import chi_square_tail, exponential, normal_quantile, ratio
from protocol.stats.partial_likelihood import CoxTerms, Ties, informative_events, terms
from protocol.stats.sandwich import (
    PairCell,
    pair_robust_variance,
    residual_squares,
    score_residuals,
)
from protocol.stats.table import RiskTable

__all__ = [
    "MAX_LOG_HR",
    "MAX_TRIPS",
    "Cox",
    "CoxTerms",
    "NotEstimable",
    "PairCell",
    "Solution",
    "Ties",
    "check_estimable",
    "converged",
    "fit",
    "fit_strata",
    "fit_terms",
    "informative_events",
    "next_log_hr",
    "pair_robust_variance",
    "residual_squares",
    "score_residuals",
    "terms",
]

MAX_LOG_HR = 10.0
"""A hazard ratio beyond exp(10), 22,000, is a separated data set and no estimate."""

MAX_TRIPS = 50


class NotEstimable(FederationError):  # noqa: N818 - a finding rather than a fault
    """The data do not determine an effect. `reason` is a sentence for the report."""

    code = "not-estimable"
    fix = "report curves and counts; more patients or a wider group may make it estimable"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"not estimable: {reason}")


@dataclass(frozen=True)
class Solution:
    """Where the score vanishes, with the terms there and at no effect."""

    log_hr: float
    null: CoxTerms
    terms: CoxTerms


@dataclass(frozen=True)
class Cox:
    """The treated arm's log hazard ratio against the comparator, with its tests.

    `std_error` is model-based, `robust_std_error` the sandwich; the latter is the one to report
    where patients are weighted. The tests are chi-square on one degree of freedom.
    """

    log_hr: float
    std_error: float
    robust_std_error: float
    log_likelihood_null: float
    log_likelihood: float
    score_test: float
    robust_score_test: float
    patients: int
    events: int
    ties: Ties
    weighted: bool

    @property
    def hazard_ratio(self) -> float:
        """Hazard of the treated over that of the comparator."""
        return math.exp(self.log_hr)

    @property
    def likelihood_ratio(self) -> float:
        """Twice the gain in log likelihood; no test where patients are weighted."""
        return 2 * (self.log_likelihood - self.log_likelihood_null)

    @property
    def wald_test(self) -> float:
        """Squared log hazard ratio over its model-based variance."""
        return ratio(self.log_hr**2, self.std_error**2)

    @property
    def robust_wald_test(self) -> float:
        """Squared log hazard ratio over its robust variance; NaN where that is zero."""
        return ratio(self.log_hr**2, self.robust_std_error**2)

    def interval(self, level: float = 0.95, *, robust: bool | None = None) -> tuple[float, float]:
        """Limits of the hazard ratio; robust by default where patients are weighted."""
        robust = self.weighted if robust is None else robust
        half = normal_quantile(level) * (self.robust_std_error if robust else self.std_error)
        return exponential(self.log_hr - half), exponential(self.log_hr + half)

    @property
    def p_value(self) -> float:
        """Wald's P value; robust where patients are weighted."""
        return chi_square_tail(self.robust_wald_test if self.weighted else self.wald_test, 1)


def fit(table: RiskTable, ties: Ties | str = Ties.EFRON) -> Cox:
    """Find the log hazard ratio and its standard errors.

    Raises
    ------
    NotEstimable
        If no hazard ratio exists, because an arm has no event while both are at risk.

    References
    ----------
    Cox (1972), J. R. Stat. Soc. B 34, 187-220; Lin and Wei (1989), J. Am. Stat. Assoc. 84,
    1074-1078.
    """
    return fit_strata([table], ties)


def fit_strata(tables: Iterable[RiskTable], ties: Ties | str = Ties.EFRON) -> Cox:
    """Find the one log hazard ratio of strata with hazards of their own.

    Raises
    ------
    NotEstimable
        As for `fit`, over all strata together.
    """
    ties = Ties(ties)
    strata = [table.compact() for table in tables]
    events = [informative_events(t) for t in strata]
    check_estimable(sum(e[0] for e in events), sum(e[1] for e in events))
    found = fit_terms(lambda b: _total(terms(t, b, ties) for t in strata))
    squares = sum(residual_squares(t, found.log_hr, ties) for t in strata)
    null_squares = sum(residual_squares(t, 0.0, ties) for t in strata)
    return Cox(
        log_hr=found.log_hr,
        std_error=1 / math.sqrt(found.terms.information),
        robust_std_error=math.sqrt(squares) / found.terms.information,
        log_likelihood_null=found.null.log_likelihood,
        log_likelihood=found.terms.log_likelihood,
        score_test=found.null.score**2 / found.null.information,
        robust_score_test=ratio(found.null.score**2, null_squares),
        patients=int(sum(t.patients.sum() for t in strata)),
        events=int(sum(t.events.sum() for t in strata)),
        ties=ties,
        weighted=any(t.weights is not None for t in strata),
    )


def fit_terms(ask: Callable[[float], CoxTerms]) -> Solution:
    """Solve for the log hazard ratio where somebody else sums the terms at each value.

    Raises
    ------
    NotEstimable
        As `next_log_hr`.
    """
    b = 0.0
    null = current = ask(b)
    for _ in range(MAX_TRIPS):
        if converged(current):
            return Solution(b, null, current)
        b = next_log_hr(current, b)
        current = ask(b)
    raise NotEstimable("the search for the hazard ratio does not settle")


def next_log_hr(terms: CoxTerms, log_hr: float) -> float:
    """Take one Newton step of at most 1.

    Only operations that round alike everywhere, since every hospital replays it. The cap makes
    the search safe from any start: |dI/db| <= I, as each share has m(1-m)|1-2m| <= m(1-m), so a
    step of at most 1 cannot overshoot by more than a third and the next ones close in.

    Raises
    ------
    NotEstimable
        If there is no information, or the log hazard ratio runs beyond `MAX_LOG_HR`.
    """
    if not terms.information > 0:
        raise NotEstimable("the two arms are never at risk together when an event falls")
    step = terms.score / terms.information
    b = log_hr + (1.0 if step > 1.0 else -1.0 if step < -1.0 else step)
    if not -MAX_LOG_HR <= b <= MAX_LOG_HR:
        raise NotEstimable("events fall in one arm only while both are at risk")
    return b


def converged(terms: CoxTerms) -> bool:
    """Say whether the next step is below 1e-10 standard errors.

    The convergence of Newton's method is quadratic, so this log hazard ratio is then right to
    rounding. Without information it is False.
    """
    return terms.information > 0 and terms.score * terms.score <= 1e-20 * terms.information


def check_estimable(comparator: int, treated: int) -> None:
    """Refuse where the likelihood has no maximum.

    The score falls to minus the comparator's informative events as b grows, and rises to the
    treated arm's as b falls: it has a root only if both are there.

    Raises
    ------
    NotEstimable
        If an arm has no event while both arms are at risk.
    """
    if comparator == 0 and treated == 0:
        raise NotEstimable("no event falls while both arms are at risk")
    if comparator == 0 or treated == 0:
        arm = "treated" if treated == 0 else "comparator"
        raise NotEstimable(f"the {arm} arm has no event while both arms are at risk")


def _total(parts: Iterable[CoxTerms]) -> CoxTerms:
    total = CoxTerms(0.0, 0.0, 0.0)
    for part in parts:
        total = total + part
    return total
