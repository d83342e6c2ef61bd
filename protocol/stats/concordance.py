"""How well a score tells the arms apart: the c-statistic, from counts by arm in slices."""

from dataclasses import dataclass

from protocol.stats.distributions import ratio
from protocol.stats.table import Counts


@dataclass(frozen=True)
class Concordance:
    """Pairs of a treated and a comparator patient, by whose score is higher.

    `undecided` pairs share a slice; in slices of one value they are ties.
    """

    higher: int
    lower: int
    undecided: int

    @property
    def c_statistic(self) -> float:
        """Share of pairs in which the treated has the higher score, ties counting a half.

        References
        ----------
        Hanley and McNeil (1982), Radiology 143, 29-36.
        """
        pairs = self.higher + self.lower + self.undecided
        return ratio(self.higher + self.undecided / 2, pairs)

    @property
    def most_error(self) -> float:
        """How far the statistic can be off if undecided pairs are no ties."""
        return ratio(self.undecided / 2, self.higher + self.lower + self.undecided)

    def refined(self, within: "Concordance") -> "Concordance":
        """Decide the undecided pairs by the counts in finer slices."""
        return Concordance(self.higher + within.higher, self.lower + within.lower, within.undecided)


def concordance(counts: Counts) -> Concordance:
    """Count pairs over slices in ascending order, shape (slices, 2), comparator first."""
    comparator, treated = ([int(n) for n in column] for column in counts.T)
    higher = lower = together = below = 0
    above = sum(comparator)
    for c, t in zip(comparator, treated, strict=True):
        above -= c
        higher, lower, together = higher + t * below, lower + t * above, together + t * c
        below += c
    return Concordance(higher, lower, together)
