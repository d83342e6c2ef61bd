"""The log-rank test as survey statistics has it: the weights are a design, patients a sample.

Beside Xie and Liu's test and the robust score test of Cox's model this is the third for weighted
patients; the three differ, so a report names the one it gives.
"""

import math
from dataclasses import dataclass

import numpy as np

from protocol.stats.distributions import chi_square_tail, ratio
from protocol.stats.partial_likelihood import death_steps
from protocol.stats.table import RiskTable, Weights


@dataclass(frozen=True)
class SurveyLogRank:
    """The weighted score of the treated arm, positive where they fare worse, and its error."""

    score: float
    std_error: float

    @property
    def z(self) -> float:
        """Score over its standard error; NaN where that is zero."""
        return ratio(self.score, self.std_error)

    @property
    def chi_square(self) -> float:
        """Squared z, on one degree of freedom."""
        return self.z * self.z

    @property
    def p_value(self) -> float:
        """Chance of a larger chi-square if the hazards are equal."""
        return chi_square_tail(self.chi_square, 1)


def survey_log_rank(table: RiskTable) -> SurveyLogRank:
    """Compare weighted arms by a total over a sample drawn with replacement.

    A patient of arm x who leaves at t has u = (x - m if an event) - (x H - M), with h and m of the
    weighted Cox model with no effect, Efron at ties, H and M the running sums of h and m h. The
    score is the sum of w u, its variance n/(n-1) times the sum of (w u - mean of w u)^2 over n
    patients. As R's `survey::svylogrank` with independent patients.

    References
    ----------
    Rader (2014), Methods for Analyzing Survival and Binary Data in Complex Surveys, Harvard.
    """
    steps = death_steps(table, 0.0)
    h, tied = steps.sums(steps.weight / steps.denominator), steps.sums(np.ones(len(steps.cell)))
    m = np.divide(steps.sums(steps.share), tied, out=np.zeros(len(tied)), where=tied > 0)
    x = np.array([[0.0], [1.0]])
    censored = -np.cumsum((x - m) * h, axis=1)
    event = censored + (x - m)
    counts = table.events.astype(np.float64), table.censored.astype(np.float64)
    weights, n = table.weights or Weights(*counts, *counts), int(table.patients.sum())
    score = float((weights.events * event + weights.censored * censored).sum())
    total = float(
        (weights.events_squared * event**2 + weights.censored_squared * censored**2).sum()
    )
    if n < 2:
        return SurveyLogRank(score, math.nan)
    spread = total - score * score / n
    # Patients who all weigh alike in the score leave a rounding error.
    spread = spread if spread > 1e-12 * total else 0.0
    return SurveyLogRank(score, math.sqrt(spread * n / (n - 1)))
