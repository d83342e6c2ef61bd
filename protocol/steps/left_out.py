"""Left-out hospitals: how far the hazard ratio moves without any one, and not without which."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from protocol.cohort import Cohort
from protocol.layout import Layout, Release, count
from protocol.question import Key, Opened, Silent
from protocol.stats.cox import NotEstimable, fit
from protocol.stats.table import RiskTable
from protocol.steps.risk_table import Events, RiskTableStep

STEP = 0.05
"""Width of a step of the log hazard ratio's scale: no estimate is shown more finely."""
REACH = 60
"""Steps on either side of no effect; an estimate beyond lies in the last one."""
STEPS = 2 * REACH
BITS = 40
"""Marks are drawn from 1 to 2^BITS."""


@dataclass(frozen=True)
class LeftOutRange:
    """Between which log hazard ratios all estimates lie that leave one hospital out.

    NaN where no hospital can be left out. `undefined` counts hospitals without which there is no
    hazard ratio.
    """

    low: float
    high: float
    undefined: int


@dataclass(frozen=True, eq=False)
class LeftOutHospitals(Silent):
    """Mark steps of a coarse scale at or beyond the estimate without the own hospital.

    Pooled tables less the table without a hospital are that hospital's own; so every hospital
    leaves itself out, and marks every step up to its estimate, and every step from it. A mark is
    a number that only the hospital can work out, of any size up to 2^40 alike on a logarithmic
    scale: a sum says that somebody marked the step, and next to nothing of how many did. What
    shows is the first and the last marked step (rule L).
    """

    name: ClassVar[str] = "left-out/1"
    partners_only: ClassVar[bool] = True
    table: RiskTableStep
    events: Events

    def key(self) -> Key:
        """One scale for each risk table."""
        return self.table.key()

    def layout(self) -> Layout:
        """Send two marks a step, and whether there is no estimate."""
        words = "marks of steps of the log hazard ratio at or {} the estimate without the hospital"
        most = 1 << BITS
        return Layout(
            (
                count("above", (STEPS,), words.format("above"), most, "marks"),
                count("below", (STEPS,), words.format("below"), most, "marks"),
                count("undefined", (), "whether there is no estimate", 1, "hospitals"),
            )
        )

    def contributes(self, cohort: Cohort) -> bool:
        """Say whether there is an estimate without the hospital. Run by a hospital."""
        return self._without(cohort) is not None

    def local(self, cohort: Cohort) -> Release:
        """Leave this hospital out of the pooled table. Run by a hospital."""
        estimate = self._without(cohort)
        steps = np.arange(STEPS)
        marks = np.array([self._mark(cohort, int(step)) for step in steps], dtype=np.int64)
        if estimate is None:
            none = np.zeros(STEPS, dtype=np.int64)
            return {"above": none, "below": none, "undefined": np.array(1)}
        place = min(max(math.floor(estimate / STEP) + REACH, 0), STEPS - 1)
        return {
            "above": np.where(steps >= place, marks, 0),
            "below": np.where(steps <= place, marks, 0),
            "undefined": np.array(0),
        }

    def learn(self, opened: Opened) -> LeftOutRange:
        """Find the first and the last step that anybody marked. Run by everyone."""
        above = np.flatnonzero(opened.sums["above"]).tolist()
        below = np.flatnonzero(opened.sums["below"]).tolist()
        undefined = int(opened.sums["undefined"])
        if not above or not below:
            return LeftOutRange(math.nan, math.nan, undefined)
        low, high = above[0] - REACH, below[-1] + 1 - REACH
        return LeftOutRange(low * STEP, high * STEP, undefined)

    def _without(self, cohort: Cohort) -> float | None:
        own, pooled = self.table.own_table(cohort), self.events.table
        rest = RiskTable(pooled.events - own.events, pooled.censored - own.censored, pooled.times)
        try:
            return fit(rest).log_hr
        except NotEstimable:
            return None

    def _mark(self, cohort: Cohort, step: int) -> int:
        key = "|".join(str(part) for part in self.key())
        drawn = int.from_bytes(cohort.keyed("left-out", key, str(step))[:7], "little") / 2.0**56
        return min(1 << BITS, max(1, int(2.0 ** (BITS * drawn))))
