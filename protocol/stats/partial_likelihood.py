"""The partial likelihood of the two arms, step by step over the deaths.

What a hazard ratio, its robust variance and the test of proportional hazards have in common.
Conventions are those of R's `survival::coxph`.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from protocol.stats.table import Reals, RiskTable


class Ties(StrEnum):
    """What to make of events on one day."""

    EFRON = "efron"
    """Their order is unknown (Efron 1977); R's default, and best on coarse grids."""
    BRESLOW = "breslow"
    """Every one sees all the others still at risk (Breslow 1974)."""


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


def informative_events(table: RiskTable) -> tuple[int, int]:
    """Count each arm's events while both arms are at risk; strata add."""
    both = (table.weight_at_risk > 0).all(axis=0)
    counted = table.events * (table.weight_events > 0)
    comparator, treated = counted[:, both].sum(axis=1).tolist()
    return comparator, treated
