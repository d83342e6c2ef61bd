"""Lotteries that were not kept: how far the estimate hangs on who was drawn.

No outcome of another lottery's patients is tabulated. One sum of score residuals a lottery leaves,
and only where lotteries differ by enough patients.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort, event_status
from protocol.disclosure import rules, time_grid
from protocol.layout import Layout, Release, count, real
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.model import Plan
from protocol.question import Key, Opened, Silent
from protocol.steps.quota import Draw, Matched
from protocol.steps.residuals import GRAIN, SMALLEST_GROUP


@dataclass(frozen=True, eq=False)
class LotteryOverlap(Silent):
    """Count the patients whom one lottery takes and another does not; no outcome enters."""

    name: ClassVar[str] = "lottery-overlap/1"
    partners_only: ClassVar[bool] = False
    plan: Plan
    population: Matched

    def key(self) -> Key:
        """One comparison a population."""
        return (self.population.name,)

    def layout(self) -> Layout:
        """Send a count for each pair of lotteries and arm."""
        keys = 1 + len(self.population.rivals)
        most = self.plan.disclosure.max_patients_per_hospital
        words = "patients taken by one lottery and not by another, by arm"
        return Layout((count("differ", (keys, keys, 2), words, most),))

    def local(self, cohort: Cohort) -> Release:
        """Compare whom the lotteries take in this hospital. Run by a hospital."""
        draws = (self.population.draw, *self.population.rivals)
        taken = np.array([draw.taken(cohort) for draw in draws]).reshape(len(draws), cohort.size)
        counts = np.zeros((len(draws), len(draws), 2), dtype=np.int64)
        for arm in (0, 1):
            own = taken[:, cohort.arm == arm].astype(np.int64)
            counts[:, :, arm] = own @ (1 - own).T
        return {"differ": counts}

    def learn(self, opened: Opened) -> tuple[Draw, ...]:
        """Choose lotteries of which any two differ by none or by enough patients (rule D).

        In the order of their numbers, the one that was kept before them. Run by everyone.
        """
        floor = max(rules(self.plan).difference_floor, SMALLEST_GROUP)
        differ = opened.sums["differ"]
        chosen = [0]
        for number in range(1, len(differ)):
            apart = differ[number, chosen]
            if ((apart == 0) | (apart >= floor)).all():
                chosen.append(number)
        return tuple(self.population.rivals[number - 1] for number in chosen[1:])


@dataclass(frozen=True, eq=False)
class LotteryScores(Silent):
    """Sums of rounded score residuals over the patients whom each other lottery takes.

    `residuals` (arm, time, status) follow from the open risk table of the lottery that was kept.
    """

    name: ClassVar[str] = "lottery-scores/1"
    partners_only: ClassVar[bool] = True
    plan: Plan
    endpoint: TimeToEvent
    population: Matched
    others: tuple[Draw, ...]
    residuals: NDArray[np.float64]

    def key(self) -> Key:
        """One set of sums an endpoint and population."""
        return self.endpoint.name, self.population.name

    def layout(self) -> Layout:
        """Send one real a lottery."""
        most = self.plan.disclosure.max_patients_per_hospital
        bound = most * max(1.0, float(np.abs(self.residuals).max(initial=0.0)) + GRAIN)
        words = "sums of rounded score residuals, by lottery that was not kept"
        return Layout((real("sums", (len(self.others),), words, bound),), about=True)

    def local(self, cohort: Cohort) -> Release:
        """Sum over whom this hospital's lotteries take. Run by a hospital."""
        time, status = event_status(self.plan, self.endpoint, cohort)
        known = status >= 0
        place = time_grid(self.plan, self.endpoint).cell(np.where(known, time, 0))
        event = (status == 1).astype(np.intp)
        own = np.round(self.residuals[cohort.arm.astype(np.intp), place, event] / GRAIN) * GRAIN
        own = np.where(known, own, 0.0)
        return {"sums": np.array([float(own @ draw.taken(cohort)) for draw in self.others])}

    def learn(self, opened: Opened) -> tuple[float, ...]:
        """Name the sums. Run by everyone."""
        return tuple(float(score) for score in opened.sums["sums"])
