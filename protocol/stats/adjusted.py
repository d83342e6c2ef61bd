"""The hazard ratio adjusted for covariates (Cox 1972), from sums over risk sets.

A hospital's own terms add up to the fit with hazards of each hospital's own; risk-set sums of
all hospitals make the fit with one hazard for all, and tell far more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocol.stats import linear
from protocol.stats.distributions import chi_square_tail, exponential, normal_quantile, ratio
from protocol.stats.linear import TOLERANCE
from protocol.stats.logistic import LogisticSums, full_matrix, leeway, newton_step
from protocol.stats.partial_likelihood import Ties
from protocol.stats.table import Reals, suffix_sums

CONVERGED = 1e-10
"""Converged when no coefficient would move by more than this, in SDs of its column."""
ROUNDING = 1e-13
MAX_TRIPS = 25
MAX_COEFFICIENT = 15.0
"""A standardised coefficient beyond this is a separated data set and no estimate."""


@dataclass(frozen=True)
class AdjustedTerms:
    """Log partial likelihood, score (q) and information (q x q) at one b. Strata add."""

    log_likelihood: float
    score: tuple[float, ...]
    information: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, eq=False)
class RiskSums:
    """Sums of r = e^(x'b), r x and r x x' by the time of leaving; hospitals add.

    Parameters
    ----------
    leaving, dying
        Of all patients and of those with the event, shape (K, 1 + q + q (q + 1) / 2): r, then
        r x, then the upper triangle of r x x'.
    events
        Patients with the event, shape (K,).
    fitted
        Sum of x'b over the events.
    observed
        Sums of x over the events, shape (q,).
    """

    leaving: Reals
    dying: Reals
    events: NDArray[np.int64]
    fitted: float
    observed: Reals


def risk_sums(
    x: Reals, cell: NDArray[np.intp], event: NDArray[np.bool_], b: Sequence[float], cells: int
) -> RiskSums:
    """Sum over patients: columns x (n, q), index of the time of leaving, event or censoring."""
    predictor = x @ np.asarray(b, dtype=np.float64)
    risk = np.exp(predictor)
    upper = np.triu_indices(x.shape[1])
    products = x[:, upper[0]] * x[:, upper[1]]
    rows = risk[:, None] * np.column_stack((np.ones(len(x)), x, products))
    leaving, dying = np.zeros((cells, rows.shape[1])), np.zeros((cells, rows.shape[1]))
    np.add.at(leaving, cell, rows)
    np.add.at(dying, cell[event], rows[event])
    return RiskSums(
        leaving=leaving,
        dying=dying,
        events=np.bincount(cell[event], minlength=cells).astype(np.int64),
        fitted=float(predictor[event].sum()),
        observed=x[event].sum(axis=0),
    )


def adjusted_terms(sums: RiskSums, ties: Ties | str = Ties.EFRON) -> AdjustedTerms:
    """Evaluate the log partial likelihood, its slope and its negative curvature.

    At a time with d events, for l = 0..d-1 and f = l/d (Breslow: f = 0), S the sums at risk less
    f times those of the events: log likelihood sum x'b - sum log S0, score sum x - sum S1/S0,
    information sum S2/S0 - (S1/S0)(S1/S0)'.

    References
    ----------
    Cox (1972), J. R. Stat. Soc. B 34, 187-220; Efron (1977), J. Am. Stat. Assoc. 72, 557-565.
    """
    size = len(sums.observed)
    at_risk = suffix_sums(sums.leaving.T).T
    cell = np.repeat(np.arange(len(sums.events)), sums.events)
    order = np.arange(len(cell)) - np.repeat(np.cumsum(sums.events) - sums.events, sums.events)
    efron = Ties(ties) is Ties.EFRON
    fraction = order / sums.events[cell] if efron else np.zeros(len(cell))
    left = at_risk[cell] - fraction[:, None] * sums.dying[cell]
    mean = left[:, 1 : size + 1] / left[:, :1]
    second = (left[:, size + 1 :] / left[:, :1]).sum(axis=0)
    products = np.array(full_matrix(second.tolist(), size)).reshape(size, size)
    information = products - mean.T @ mean
    # A column that is constant within every risk set leaves rounding, which is no information.
    nothing = np.diag(information) <= ROUNDING * np.diag(products)
    information[nothing, :] = information[:, nothing] = 0.0
    return AdjustedTerms(
        log_likelihood=sums.fitted - float(np.log(left[:, 0]).sum()),
        score=tuple((sums.observed - mean.sum(axis=0)).tolist()),
        information=tuple(tuple(row) for row in information.tolist()),
    )


def adjusted_leeway(null: AdjustedTerms) -> tuple[float, ...]:
    """Widen the limits of covariates that are nearly alike: the arm's ratio is none the worse.

    Raises
    ------
    linear.NotPositive
        If a column adds nothing to those before it.
    """
    return leeway(null.information, TOLERANCE)


def adjusted_step(terms: AdjustedTerms, wider: Sequence[float] | None = None) -> tuple[float, ...]:
    """Take one Newton step, shortened as a whole where it is long.

    Raises
    ------
    linear.NotPositive
        If a column adds nothing to those before it.
    """
    return newton_step(LogisticSums(0.0, terms.score, terms.information), wider)


@dataclass(frozen=True)
class AdjustedFit:
    """A finished fit in standardised columns; the treated arm's coefficient stands first.

    `scale` divides each column; `raw` and `std_error` are in the columns' own units.
    """

    names: tuple[str, ...]
    b: tuple[float, ...]
    scale: tuple[float, ...]
    null: AdjustedTerms
    terms: AdjustedTerms
    patients: int
    events: int
    ties: Ties
    trips: int

    @property
    def raw(self) -> tuple[float, ...]:
        """Log hazard ratios in the columns' own units."""
        return tuple(b / scale for b, scale in zip(self.b, self.scale, strict=True))

    @property
    def std_error(self) -> tuple[float, ...]:
        """Model-based standard errors of `raw`."""
        inverse = linear.inverse(self.terms.information)
        return tuple(math.sqrt(inverse[j][j]) / scale for j, scale in enumerate(self.scale))

    @property
    def score_test(self) -> float:
        """U' I^-1 U at no effect of any column."""
        step = linear.solve(self.null.information, self.null.score)
        return linear.dot(step, self.null.score)

    @property
    def wald_test(self) -> float:
        """B' I b at the estimate."""
        return sum(
            linear.dot(row, self.b) * own
            for row, own in zip(self.terms.information, self.b, strict=True)
        )

    def interval(self, position: int, level: float = 0.95) -> tuple[float, float]:
        """Limits of the hazard ratio of one column."""
        half = normal_quantile(level) * self.std_error[position]
        return exponential(self.raw[position] - half), exponential(self.raw[position] + half)

    def p_value(self, position: int) -> float:
        """Wald's P value of one column."""
        return chi_square_tail(ratio(self.raw[position], self.std_error[position]) ** 2, 1)
