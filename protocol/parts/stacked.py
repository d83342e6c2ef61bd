"""Ask what a weighted hazard ratio's error takes if the propensity score is estimated."""

import numpy as np

from protocol.play import Play, ask, tell
from protocol.stats import linear
from protocol.stats.cox import NotEstimable, Ties, fit, score_residuals
from protocol.steps.risk_table import Events, RiskTableStep
from protocol.steps.stacked import ScoreSlopes, StackedSquares
from protocol.steps.weighting import Weighted


def stacked(step: RiskTableStep, events: Events | None) -> Play[None]:
    """Ask the slopes of the score, then the squares of what they make of every patient's part.

    Nothing is asked where hospitals do not see the table, or the weights are not of a fitted score.
    """
    population = step.population
    if events is None or not isinstance(population, Weighted) or not population.information:
        return
    try:
        log_hrs = [fit(events.table, ties).log_hr for ties in Ties]
    except NotEstimable:
        return
    residuals = np.stack(
        [score_residuals(events.table, b, ties) for b, ties in zip(log_hrs, Ties, strict=True)]
    )
    slopes = yield from ask(ScoreSlopes(step, population, residuals))
    directions = tuple(tuple(linear.solve(population.information, row)) for row in slopes)
    yield from tell(StackedSquares(step, population, residuals, directions))
