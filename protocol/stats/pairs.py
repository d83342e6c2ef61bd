"""Matched pairs: tests within pairs, and how much bias they withstand.

Only where one hospital holds both partners can it count such pairs; nobody else ever could. Of
pairs across hospitals their cells are known, and with them what to expect of the pairs.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scipy.special import betainc

from protocol.stats.cox import NotEstimable, Solution, fit_terms
from protocol.stats.distributions import ChiSquare, ratio
from protocol.stats.log_rank import LogRank
from protocol.stats.partial_likelihood import CoxTerms, Ties

LN2 = math.log(2.0)


@dataclass(frozen=True)
class McNemar:
    """Pairs in which one partner alone has the event (treated, comparator).

    Whole numbers where pairs are known; else what random pairing within cells makes one expect,
    with `spread`, the standard deviation of their sum over such pairings.
    """

    only_treated: float
    only_control: float
    spread: float = 0.0

    @property
    def discordant(self) -> float:
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
        less = max(0.0, abs(self.only_treated - self.only_control) - 1)
        return ChiSquare(ratio(less * less, self.discordant), 1)

    @property
    def exact_p(self) -> float:
        """Two-sided binomial P value of b out of b + c at one half; 1 without a pair."""
        return min(1.0, 2 * self.upper_p(1.0))

    def upper_p(self, gamma: float) -> float:
        """Bound the one-sided P value where hidden bias makes odds within pairs up to `gamma`.

        The chance of max(b, c) or more out of b + c at gamma/(1 + gamma). The binomial's tail is
        an incomplete beta function, which also takes numbers of pairs that are only expected.

        References
        ----------
        Rosenbaum (2002), Observational Studies, 4.3.
        """
        fewer, most = sorted((self.only_treated, self.only_control))
        return float(betainc(most, fewer + 1, gamma / (1 + gamma))) if most > 0 else 1.0


class EventCell(NamedTuple):
    """A cell of pairs: (with the event, known without it) of the treated and the comparators."""

    treated: tuple[int, int]
    control: tuple[int, int]
    pairs: int


def expected_mcnemar(cells: Iterable[EventCell]) -> McNemar:
    """Expect the discordant pairs of cells within which anybody may be anybody's partner.

    Of m pairs with a events among the treated and b among the comparators, a(m - b)/m are
    expected to be the treated's alone and b(m - a)/m the comparator's. Their difference is a - b
    whoever pairs with whom; the pairs with two events are hypergeometric with variance
    ab(m - a)(m - b)/(m^2 (m - 1)), and each takes two from the discordant ones. Partners whose
    outcome is unknown make no discordant pair.
    """
    treated = control = variance = 0.0
    for cell in cells:
        m, (a, without_a), (b, without_b) = cell.pairs, cell.treated, cell.control
        treated += ratio(a * without_b, m)
        control += ratio(b * without_a, m)
        variance += 4 * ratio(a * b * (m - a) * (m - b), m * m * (m - 1)) if m > 1 else 0.0
    return McNemar(treated, control, math.sqrt(variance))


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
