"""Do several groups differ in rank? From the number of patients of each group at each value.

For two arms `location.mann_whitney` is the same test, with the choice of a correction.
"""

import numpy as np

from protocol.stats.distributions import ChiSquare, ratio
from protocol.stats.table import Counts


def kruskal_wallis(counts: Counts) -> ChiSquare:
    """Compare groups by ranks, ties given their mean rank.

    With R_g the rank sum of a group of n_g, N all patients and t the tie sizes:
    H = (12 / (N (N + 1)) sum R_g^2 / n_g - 3 (N + 1)) / (1 - sum(t^3 - t) / (N^3 - N)), chi-square
    on groups - 1 degrees of freedom. Exact with ties where values are counted one by one; coarser
    bins make more ties. NaN where fewer than two groups have patients, or all are tied.

    Parameters
    ----------
    counts
        Patients by ascending value (or bin) and group, shape (values, groups).

    References
    ----------
    Kruskal and Wallis (1952), J. Am. Stat. Assoc. 47, 583-621.
    """
    counts = counts[:, counts.any(axis=0)]
    ties, sizes = counts.sum(axis=1).astype(np.float64), counts.sum(axis=0)
    n = float(ties.sum())
    rank = np.cumsum(ties) - (ties - 1) / 2  # mean rank of the patients at each value
    sums = (rank[:, None] * counts).sum(axis=0)
    spread = 12 * ratio(float((sums * sums / sizes).sum()), n * (n + 1)) - 3 * (n + 1)
    shrink = 1 - ratio(float((ties**3 - ties).sum()), n**3 - n)
    return ChiSquare(ratio(spread, shrink), len(sizes) - 1)
