"""Matched pairs whose partners are known: tests within pairs, and how much bias they withstand.

Only where one hospital holds both partners can it count such pairs; nobody else ever could.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import bdtr, bdtrc

from protocol.stats.cox import NotEstimable, Solution, fit_terms
from protocol.stats.distributions import ChiSquare, ratio
from protocol.stats.log_rank import LogRank
from protocol.stats.partial_likelihood import CoxTerms, Ties

LN2 = math.log(2.0)


@dataclass(frozen=True)
class McNemar:
    """Pairs in which one partner alone has the event (treated, comparator)."""

    only_treated: int
    only_control: int

    @property
    def discordant(self) -> int:
        """Pairs whose partners differ: all that the test looks at."""
        return self.only_treated + self.only_control

    @property
    def plain(self) -> ChiSquare:
        """(b - c)^2 / (b + c); NaN without a discordant pair.

        References
        ----------
        McNemar (1947), Psychometrika 12, 153-157.
        """
        apart = self.only_treated - self.only_control
        return ChiSquare(ratio(apart * apart, self.discordant), 1)

    @property
    def corrected(self) -> ChiSquare:
        """(|b - c| - 1)^2 / (b + c), corrected for continuity unless b = c (Edwards 1948)."""
        apart = abs(self.only_treated - self.only_control)
        less = apart - 1 if apart else 0
        return ChiSquare(ratio(less * less, self.discordant), 1)

    @property
    def exact_p(self) -> float:
        """Two-sided binomial P value of b out of b + c at one half; 1 without a pair."""
        fewer = min(self.only_treated, self.only_control)
        return min(1.0, 2 * float(bdtr(fewer, self.discordant, 0.5))) if self.discordant else 1.0

    def upper_p(self, gamma: float) -> float:
        """Bound the one-sided P value where hidden bias makes odds within pairs up to `gamma`.

        The chance of max(b, c) or more out of b + c at gamma/(1 + gamma).

        References
        ----------
        Rosenbaum (2002), Observational Studies, 4.3.
        """
        most = max(self.only_treated, self.only_control)
        if most == 0:
            return 1.0
        return float(bdtrc(most - 1, self.discordant, gamma / (1 + gamma)))


@dataclass(frozen=True)
class PairedTimes:
    """Pairs of a treated and a comparator patient, counted by who has the event first.

    `treated_first` and `control_first`: the event falls while the partner is still at risk, who
    has none that day. `together`: both have it on one day. `alone`: events after the partner has
    left, by arm (comparator, treated). Pairs without any event are in `pairs` only.
    """

    pairs: int
    treated_first: int
    control_first: int
    together: int
    alone: tuple[int, int]

    @property
    def events(self) -> int:
        """Events of all partners."""
        return self.treated_first + self.control_first + 2 * self.together + sum(self.alone)

    @property
    def log_rank(self) -> LogRank:
        """Log-rank test with every pair a stratum: half an event expected of each at risk.

        A day with both events, or one with a single patient at risk, has no variance.
        """
        half = (self.treated_first + self.control_first) / 2
        shared, alone = self.together, self.alone
        return LogRank(
            observed=(
                float(self.control_first + shared + alone[0]),
                float(self.treated_first + shared + alone[1]),
            ),
            expected=(half + shared + alone[0], half + shared + alone[1]),
            variance=half / 2,
        )

    def terms(self, log_hr: float, ties: Ties | str = Ties.EFRON) -> CoxTerms:
        """Evaluate the partial likelihood with every pair a stratum.

        An event alone at risk adds nothing. A first event chooses among two: log likelihood b or
        0 less log(1 + e^b). Two on one day choose twice, under Efron from the mean risk the
        second time, which adds log 2.
        """
        log_sum = max(log_hr, 0.0) + math.log1p(math.exp(-abs(log_hr)))
        share = 1 / (1 + math.exp(-log_hr))
        chosen = self.treated_first + self.control_first + 2 * self.together
        treated = self.treated_first + self.together
        efron = self.together * LN2 if Ties(ties) is Ties.EFRON else 0.0
        return CoxTerms(
            log_likelihood=log_hr * treated - chosen * log_sum + efron,
            score=treated - chosen * share,
            information=chosen * share * (1 - share),
        )

    def fit(self, ties: Ties | str = Ties.EFRON) -> Solution:
        """Find the log hazard ratio within pairs.

        Raises
        ------
        NotEstimable
            If no pair has a first event, or all have it in one arm.

        References
        ----------
        Holt and Prentice (1974), Biometrika 61, 17-30.
        """
        treated, control = self.treated_first + self.together, self.control_first + self.together
        if not treated or not control:
            raise NotEstimable("within pairs the first events fall in one arm only")
        return fit_terms(lambda b: self.terms(b, ties))


def upper_p_values(test: McNemar, gammas: Sequence[float] = (1.0, 1.5, 2.0)) -> tuple[float, ...]:
    """Bound the P value at several strengths of hidden bias."""
    return tuple(test.upper_p(gamma) for gamma in gammas)
