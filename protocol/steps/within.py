"""Matching within each hospital: greedy nearest neighbour on its own rows, no trip needed."""

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort
from protocol.disclosure import rules
from protocol.plan.adjustment import Design
from protocol.steps.overlap import Strata
from protocol.steps.population import rounded


def nearest_pairs(
    focal: NDArray[np.float64], control: NDArray[np.float64], caliper: float
) -> NDArray[np.int64]:
    """Give every focal patient, by falling score, the nearest free control within the caliper.

    At equal distance the one with the lower row number is taken. Returns, for each focal
    patient, the position of its control or -1. Cost n log n: free neighbours are found through
    a chain that skips who is taken.
    """
    order = np.lexsort((np.arange(len(control)), control))
    scores = [float(x) for x in control[order]]
    right, left = list(range(len(order) + 1)), list(range(len(order) + 1))
    found = np.full(len(focal), -1, dtype=np.int64)
    for patient in np.lexsort((np.arange(len(focal)), -focal)):
        score = float(focal[patient])
        at = bisect_left(scores, score)
        above, below = _free(right, at), _free(left, at)  # below is one past the position
        options = [k for k in (above, below - 1) if 0 <= k < len(order)]
        if below > 0:
            # Among equal scores below, the chain from above finds the lowest row first.
            options.append(_free(right, bisect_left(scores, scores[below - 1])))
        near = [(abs(score - scores[k]), int(order[k]), k) for k in options]
        if near and min(near)[0] <= caliper:
            _, found[patient], k = min(near)
            right[k], left[k + 1] = k + 1, k
    return found


def _free(chain: list[int], start: int) -> int:
    """Follow a chain to its end, shortening it on the way (path halving)."""
    at = start
    while chain[at] != at:
        chain[at] = chain[chain[at]]
        at = chain[at]
    return at


@dataclass(frozen=True, eq=False)
class WithinHospital:
    """The patients whom each hospital matches among its own.

    `focal` is the smaller arm over all hospitals. `scale` makes the weights of controls sum to
    their number; it is known after the sizes are.
    """

    design: Design
    strata: Strata
    caliper: float
    focal: int
    scale: float = 1.0

    @property
    def name(self) -> str:
        """The design's name."""
        return self.design.name

    @property
    def weighted(self) -> bool:
        """Whether several controls share one focal patient."""
        return self.design.ratio > 1

    def weights(self, cohort: Cohort) -> NDArray[np.float64]:
        """Weigh matched patients by 1, controls of a set by 1/(controls in it), rescaled."""
        pairs = self.pairs(cohort)
        weights = np.zeros(cohort.size)
        for row, controls in pairs.items():
            weights[row] = 1.0
            weights[controls] = self.scale / len(controls) if self.weighted else 1.0
        return (
            rounded(weights, rules(self.strata.model.plan).weight_digits)
            if self.weighted
            else weights
        )

    def pairs(self, cohort: Cohort) -> dict[int, list[int]]:
        """Pair the hospital's rows: each focal row with its controls. Never leaves."""
        model = self.strata.model
        rows, category = model.rows(cohort), self.strata.category(cohort)
        logit, arm = model.logit(cohort, self.strata.b), cohort.arm[rows]
        pairs: dict[int, list[int]] = {}
        for own in range(len(self.strata.categories)):
            side = category == own
            focal = np.flatnonzero(side & (arm == self.focal))
            free = np.flatnonzero(side & (arm != self.focal))
            for _ in range(self.design.ratio):
                found = nearest_pairs(logit[focal], logit[free], self.caliper)
                for patient, control in zip(
                    focal[found >= 0], free[found[found >= 0]], strict=True
                ):
                    pairs.setdefault(int(rows[patient]), []).append(int(rows[control]))
                free = np.delete(free, found[found >= 0])
                focal = focal[found >= 0]
        return pairs
