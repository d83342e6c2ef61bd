"""Questions about matched pairs, and about the lottery that drew them, where a plan asks."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.disclosure import rules
from protocol.plan.model import Plan
from protocol.play import Play, ask, tell
from protocol.stats.cox import NotEstimable, Ties, fit, score_residuals
from protocol.stats.sandwich import strangers_residuals
from protocol.stats.table import RiskTable
from protocol.steps.lotteries import LotteryOverlap, LotteryScores
from protocol.steps.pair_cells import PairCellEvents
from protocol.steps.pairs import PairedEvents, PairedTable, SetSquares
from protocol.steps.quota import Draw, Matched
from protocol.steps.residuals import GRAIN
from protocol.steps.risk_table import Events, RiskTableStep
from protocol.steps.within import WithinHospital


def within_pairs(step: RiskTableStep, events: Events | None) -> Iterator[Play[Any]]:
    """Ask for tests of pairs whose partners one hospital knows, and an error for their likeness."""
    population = step.population
    if not isinstance(population, WithinHospital) or not population.design.pairs:
        return
    plan, endpoint = step.plan, step.endpoint
    if not population.weighted:
        yield tell(PairedTable(plan, endpoint, population))
        for landmark in endpoint.landmarks:
            yield tell(PairedEvents(plan, endpoint, population, landmark))
    if events is not None and rules(plan).totals_to_sites:
        yield _set_squares(step, population, events.table)


def _set_squares(step: RiskTableStep, population: WithinHospital, table: RiskTable) -> Play[None]:
    """Ask whether the patients of a set resemble each other."""
    try:
        cox = fit(table)
    except NotEstimable:
        return
    residuals = np.stack([_rounded(table, b) for b in (0.0, cox.log_hr)])
    yield from tell(SetSquares(step, population, Ties.EFRON, residuals))


def _rounded(table: RiskTable, log_hr: float) -> NDArray[np.float64]:
    """Round score residuals: at full precision a sum would be a fingerprint of its patients."""
    grains: NDArray[np.float64] = np.round(score_residuals(table, log_hr) / GRAIN)
    return grains * GRAIN


def cell_events(step: RiskTableStep, population: Matched) -> Iterator[Play[Any]]:
    """Ask for events by cell, where pairs across hospitals are to be looked at."""
    if population.design.pairs:
        for landmark in step.endpoint.landmarks:
            yield tell(PairCellEvents(step.plan, step.endpoint, population, landmark))


def other_lotteries(plan: Plan, population: Matched) -> Play[tuple[Draw, ...]]:
    """Choose the lotteries to look at beside the one that was kept; none if the plan wants none."""
    asked = plan.sensitivity
    if asked is None or not asked.lottery or not population.rivals or population.weighted:
        return ()
    return (yield from ask(LotteryOverlap(plan, population)))


def lottery_scores(
    step: RiskTableStep, population: Matched, others: tuple[Draw, ...], table: RiskTable
) -> Play[None]:
    """Ask how far another lottery would move the hazard ratio of the one that was kept."""
    try:
        cox = fit(table)
    except NotEstimable:
        return
    residuals = strangers_residuals(table, cox.log_hr)
    yield from tell(LotteryScores(step.plan, step.endpoint, population, others, residuals))
