"""The hazard ratio of the two arms (Cox 1972), from the risk-set table.

With one covariate of two values the partial likelihood and the robust variance depend on counts
(and sums of weights) alone. Conventions are those of R's `survival::coxph`.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocol.errors import FederationError
from protocol.stats.distributions import chi_square_tail, normal_quantile, ratio
from protocol.stats.table import Reals, RiskTable

MAX_LOG_HR = 10.0
"""A hazard ratio beyond exp(10), 22,000, is a separated data set and no estimate."""

MAX_TRIPS = 50


class Ties(StrEnum):
    """What to make of events on one day."""

    EFRON = "efron"
    """Their order is unknown (Efron 1977); R's default, and best on coarse grids."""
    BRESLOW = "breslow"
    """Every one sees all the others still at risk (Breslow 1974)."""


class NotEstimable(FederationError):  # noqa: N818 - a finding rather than a fault
    """The data do not determine an effect. `reason` is a sentence for the report."""

    code = "not-estimable"
    fix = "report the curves and counts; a hazard ratio does not exist here"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"no hazard ratio: {reason}")


@dataclass(frozen=True)
class CoxTerms:
    """Log partial likelihood and its derivatives at one log hazard ratio. Strata add."""

    log_likelihood: float
    score: float
    information: float

    def __add__(self, other: "CoxTerms") -> "CoxTerms":
        return CoxTerms(
            self.log_likelihood + other.log_likelihood,
            self.score + other.score,
            self.information + other.information,
        )


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
        return (self.log_hr / self.std_error) ** 2

    @property
    def robust_wald_test(self) -> float:
        """Squared log hazard ratio over its robust variance."""
        return (self.log_hr / self.robust_std_error) ** 2

    def interval(self, level: float = 0.95, *, robust: bool | None = None) -> tuple[float, float]:
        """Limits of the hazard ratio; robust by default where patients are weighted."""
        robust = self.weighted if robust is None else robust
        half = normal_quantile(level) * (self.robust_std_error if robust else self.std_error)
        return math.exp(self.log_hr - half), math.exp(self.log_hr + half)

    @property
    def p_value(self) -> float:
        """Wald's P value; robust where patients are weighted."""
        return chi_square_tail(self.robust_wald_test if self.weighted else self.wald_test, 1)

    @property
    def robust_p_value(self) -> float:
        """Wald's P value by the robust variance."""
        return chi_square_tail(self.robust_wald_test, 1)


class PairCell(NamedTuple):
    """Score residuals of the pairs of one (merged) transport cell: sums by arm, and pairs."""

    sum_focal: float
    sum_control: float
    pairs: int


def terms(table: RiskTable, log_hr: float, ties: Ties | str = Ties.EFRON) -> CoxTerms:
    """Evaluate the log partial likelihood, its slope and its negative curvature.

    At a time with d deaths, for l = 0..d-1 and f = l/d (Breslow: f = 0):
    m = e^b (n1 - f d1) / (e^b (n1 - f d1) + n0 - f d0), score d1 - sum m, information
    sum m (1 - m). Weighted, n and d inside m are sums of weights, each of the d steps counts
    with the mean weight of the deaths, and d1 is their weight in the treated arm.
    """
    steps = death_steps(table, log_hr, ties)
    treated = float(table.weight_events[1].sum())
    return CoxTerms(
        log_likelihood=log_hr * treated - float((steps.weight * np.log(steps.denominator)).sum()),
        score=treated - float((steps.weight * steps.share).sum()),
        information=float((steps.weight * steps.share * (1 - steps.share)).sum()),
    )


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
    check_estimable(*np.sum([informative_events(t) for t in strata], axis=0, initial=0).tolist())
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


def informative_events(table: RiskTable) -> tuple[int, int]:
    """Count each arm's events while both arms are at risk; strata add."""
    both = (table.weight_at_risk > 0).all(axis=0)
    counted = table.events * (table.weight_events > 0)
    comparator, treated = counted[:, both].sum(axis=1).tolist()
    return comparator, treated


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


@dataclass(frozen=True, eq=False)
class DeathSteps:
    """The deaths one by one, ordered by time: arrays of shape (deaths,).

    `cell` is the index of the time, `fraction` f, `weight` the mean weight of the deaths of that
    time, `share` m and `denominator` the risk that m is a share of.
    """

    cells: int
    cell: NDArray[np.intp]
    fraction: Reals
    weight: Reals
    share: Reals
    denominator: Reals

    def sums(self, values: Reals) -> Reals:
        """Add up by time, shape (K,)."""
        sums = np.bincount(self.cell, weights=values, minlength=self.cells)
        return sums.astype(np.float64)


def death_steps(table: RiskTable, log_hr: float, ties: Ties | str = Ties.EFRON) -> DeathSteps:
    """Lay out the steps over which the partial likelihood is a sum."""
    deaths = table.events.sum(axis=0)
    # Deaths of weight nothing change nothing, and nobody of weight may be at risk with them.
    deaths = np.where(table.weight_events.sum(axis=0) > 0, deaths, 0)
    cell = np.repeat(np.arange(len(deaths)), deaths)
    order = np.arange(len(cell)) - np.repeat(np.cumsum(deaths) - deaths, deaths)
    tied = deaths[cell]
    efron = Ties(ties) is Ties.EFRON
    fraction: Reals = order / tied if efron else np.zeros(len(cell), dtype=np.float64)
    left = table.weight_at_risk[:, cell] - fraction * table.weight_events[:, cell]
    treated_risk = math.exp(log_hr) * left[1]
    denominator = treated_risk + left[0]
    return DeathSteps(
        cells=len(deaths),
        cell=cell,
        fraction=fraction,
        weight=table.weight_events.sum(axis=0)[cell] / tied,
        share=treated_risk / denominator,
        denominator=denominator,
    )


def _total(parts: Iterable[CoxTerms]) -> CoxTerms:
    total = CoxTerms(0.0, 0.0, 0.0)
    for part in parts:
        total = total + part
    return total
