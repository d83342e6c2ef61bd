"""Effects: do hospitals agree? Powers of their own hazard ratios, of which none is shown."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from protocol.cohort import Cohort
from protocol.layout import Layout, Release, count, real
from protocol.question import Key, Opened, Silent
from protocol.stats.cox import NotEstimable, fit
from protocol.stats.heterogeneity import EffectSums
from protocol.stats.table import RiskTable
from protocol.steps.risk_table import RiskTableStep

MAX_EFFECT = 5.0
"""A hospital whose log hazard ratio lies beyond has a separated data set, and says nothing."""


@dataclass(frozen=True)
class PooledEffects:
    """Sums over the hospitals that have a log hazard ratio of their own, and how many have."""

    hospitals: int
    sums: EffectSums


@dataclass(frozen=True)
class HospitalEffects(Silent):
    """Sums of w, w^2, w^3, w t, w t^2, w^2 t, w^2 t^2 over hospitals, t their own log hazard ratio.

    A hospital weighs w = 1/(se^2 + between). With the sums of one trip, and a further mean at the
    variance these suggest, five hospitals are not told apart (rule S7); the third powers and
    further trips of REML are for the profile `open` only, and are zeros elsewhere.
    """

    name: ClassVar[str] = "effects/1"
    partners_only: ClassVar[bool] = False
    table: RiskTableStep
    between: float = 0.0
    trip: int = 0

    def key(self) -> Key:
        """Table and number of the trip; the variance follows from the totals before."""
        return (*self.table.key(), self.trip)

    def layout(self) -> Layout:
        """Send seven reals and whether the hospital has an effect."""
        scale = max(1.0, self.table.plan.disclosure.max_patients_per_hospital / self._scale)
        words = "powers of the weight and of the log hazard ratio"
        return Layout(
            (
                count("hospitals", (), "whether there is an effect", 1, "hospitals"),
                real("powers", (7,), words, scale**3 * MAX_EFFECT**2),
            ),
            about=True,
        )

    def contributes(self, cohort: Cohort) -> bool:
        """Say whether the hospital has an effect of its own. Run by a hospital."""
        return own_effect(self.table.own_table(cohort)) is not None

    def local(self, cohort: Cohort) -> Release:
        """Fit this hospital's own table. Run by a hospital.

        Weights are sent as shares of the patients expected, so that their cubes keep their digits.
        """
        own = own_effect(self.table.own_table(cohort))
        if own is None:
            return {"hospitals": np.array(0), "powers": np.zeros(7)}
        t, std_error = own
        w = 1 / (std_error * std_error + self.between) / self._scale
        powers = [w, w * w, w**3, w * t, w * t * t, w * w * t, w * w * t * t]
        if self.table.plan.disclosure.profile != "open":
            powers = [w, w * w, 0.0, w * t, w * t * t, 0.0, 0.0]
            if self.trip > 0:
                powers = [w, 0.0, 0.0, w * t, 0.0, 0.0, 0.0]
        return {"hospitals": np.array(1), "powers": np.array(powers)}

    def learn(self, opened: Opened) -> PooledEffects:
        """Give the sums their scale back. Run by everyone."""
        n = self._scale
        w, w2, w3, wt, wt2, w2t, w2t2 = (float(power) for power in opened.sums["powers"])
        sums = EffectSums(
            self.between, w * n, w2 * n * n, w3 * n * n * n, wt * n, wt2 * n, w2t * n * n,
            w2t2 * n * n,
        )  # fmt: skip
        return PooledEffects(int(opened.sums["hospitals"]), sums)

    @property
    def _scale(self) -> float:
        expected = self.table.plan.disclosure
        return float(expected.expected_treated + expected.expected_comparator)


def own_effect(table: RiskTable) -> tuple[float, float] | None:
    """Find a hospital's log hazard ratio (Efron) and its error, if it has an event in each arm."""
    try:
        cox = fit(table)
    except NotEstimable:
        return None
    return (cox.log_hr, cox.std_error) if abs(cox.log_hr) <= MAX_EFFECT else None
