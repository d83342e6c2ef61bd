"""Compare more than two groups: the k-sample log-rank test, its relatives, and its trend.

The groups are arms, or levels of a variable. Strata need no table of theirs: `KLogRank` adds.
"""

from dataclasses import dataclass

import numpy as np

from protocol.stats.distributions import ChiSquare, ratio
from protocol.stats.log_rank import Weighting, fleming_harrington
from protocol.stats.table import Counts, Reals, suffix_sums

RANK = 1e-10
"""An eigenvalue of the covariance below this share of the largest is 0: groups never met."""


@dataclass(frozen=True, eq=False)
class KLogRank:
    """Observed and expected events by group, shape (k,), and the covariance of O - E, (k, k)."""

    observed: Reals
    expected: Reals
    covariance: Reals

    def __add__(self, other: "KLogRank") -> "KLogRank":
        return KLogRank(
            self.observed + other.observed,
            self.expected + other.expected,
            self.covariance + other.covariance,
        )

    @property
    def difference(self) -> Reals:
        """O - E by group; adds up to 0."""
        return self.observed - self.expected

    @property
    def test(self) -> ChiSquare:
        """Test whether all hazards are equal: (O - E)' V^- (O - E), on V's rank; NaN at rank 0.

        With all groups at risk together the rank is k - 1, and any k - 1 groups give the same.
        """
        values, vectors = np.linalg.eigh(self.covariance)
        kept = values > RANK * max(float(values.max(initial=0.0)), 0.0)
        df = int(kept.sum())
        if df == 0:
            return ChiSquare(float("nan"), 0)
        along = self.difference @ vectors[:, kept]
        return ChiSquare(float((along * along / values[kept]).sum()), df)

    def trend(self, scores: Reals) -> ChiSquare:
        """Test whether hazards rise or fall with the groups' scores, on one degree of freedom.

        (s'(O - E))^2 / s'Vs. Shifting or stretching the scores changes nothing. NaN where groups
        of different scores are never at risk together.

        References
        ----------
        Tarone (1975), Biometrika 62, 679-682.
        """
        along = float(scores @ self.difference)
        spread = float(scores @ self.covariance @ scores)
        return ChiSquare(ratio(along * along, max(spread, 0.0)), 1)


def k_log_rank(events: Counts, censored: Counts, weighting: Weighting | None = None) -> KLogRank:
    """Compare k groups; with two it is `log_rank`.

    Given the margins the events of a time are hypergeometric: mean d n_g/n, covariance
    d (n - d)/(n - 1) (n_g/n)(1{g = h} - n_h/n), times the squared weight.

    Parameters
    ----------
    events, censored
        Patients by group and time, ascending, shape (k, K).

    References
    ----------
    Mantel (1966), Cancer Chemother. Rep. 50, 163-170; Peto and Peto (1972), J. R. Stat. Soc. A
    135, 185-207; Kalbfleisch and Prentice (2002), Statistical Analysis of Failure Time Data, 1.5.
    """
    died = events.any(axis=0)
    at_risk = suffix_sums(events + censored)[:, died].astype(np.float64)
    own = events[:, died].astype(np.float64)
    n, d = at_risk.sum(axis=0), own.sum(axis=0)
    w = (weighting or fleming_harrington(0.0, 0.0))(n, d)
    share = at_risk / n
    # With one patient left the event can fall in one group only: no variance.
    correction = np.divide(n - d, n - 1, out=np.zeros(len(n)), where=n > 1)
    v = w * w * d * correction
    return KLogRank(
        observed=(w * own).sum(axis=1),
        expected=(w * d * share).sum(axis=1),
        covariance=np.diag((v * share).sum(axis=1)) - (v * share) @ share.T,
    )
