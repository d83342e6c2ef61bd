"""Tests stratified by hospital: each hospital works out its own parts, and the parts are added.

No table of a hospital travels. How many hospitals contribute is counted beside the tables
(`contributors/1`, and `hospitals` here), for rule S7.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort, at_levels, known
from protocol.layout import Layout, Release, count, real
from protocol.plan.model import Plan
from protocol.question import Key, Opened, Silent
from protocol.stats.competing import CauseTable
from protocol.stats.gray import GrayParts, gray
from protocol.stats.log_rank import FAMILY, LogRank, log_rank
from protocol.stats.tables import MantelHaenszel, mantel_haenszel
from protocol.steps.population import Population
from protocol.steps.risk_table import RiskTableStep

MH_PARTS = 7


class Contributed(Protocol):
    """A step that adds up what each hospital finds by itself, if it finds anything."""

    @property
    def name(self) -> str:
        """Kind and version of the step."""
        ...

    def key(self) -> Key:
        """Tell the step from its likes."""
        ...

    def contributes(self, cohort: Cohort) -> bool:
        """Say whether a hospital has anything to add. Run by a hospital."""
        ...


@dataclass(frozen=True)
class HospitalCount(Silent):
    """Count the hospitals that a sum would be made of, before it is asked for (rule S7)."""

    name: ClassVar[str] = "hospital-count/1"
    partners_only: ClassVar[bool] = False
    of: Contributed

    def key(self) -> Key:
        """One count for each sum."""
        return self.of.name, *self.of.key()

    def layout(self) -> Layout:
        """Send one indicator."""
        words = "whether the hospital has anything to add to a sum"
        return Layout((count("hospitals", (), words, 1, "hospitals"),))

    def local(self, cohort: Cohort) -> Release:
        """Look at this hospital's own patients. Run by a hospital."""
        return {"hospitals": np.array(int(self.of.contributes(cohort)))}

    def learn(self, opened: Opened) -> int:
        """Count the hospitals. Run by everyone."""
        return int(opened.sums["hospitals"])


@dataclass(frozen=True)
class StratifiedFamily(Silent):
    """Relatives of the log-rank test, with risk sets of each hospital's own.

    `tests` are names of `FAMILY`: those that the plan wants, and no other leaves.
    """

    name: ClassVar[str] = "stratified-family/1"
    partners_only: ClassVar[bool] = True
    table: RiskTableStep
    tests: tuple[str, ...]

    def key(self) -> Key:
        """One family for each risk table."""
        return self.table.key()

    def layout(self) -> Layout:
        """Send five reals a test, in which the number at risk counts as a share."""
        most = float(self.table.plan.disclosure.max_patients_per_hospital)
        weight = max(1.0, most / float(self._scales.max()))
        words = "observed and expected events by arm, weighted"
        return Layout(
            (
                real("events", (len(self.tests), 4), words, most * weight, "events"),
                real("variance", (len(self.tests),), "variance of O - E", most * weight * weight),
            )
        )

    def local(self, cohort: Cohort) -> Release:
        """Test this hospital's own table by every weight. Run by a hospital."""
        table = self.table.own_table(cohort).compact()
        own = [log_rank(table, weighting=FAMILY[name]) for name in self.tests]
        return {
            "events": np.array([(*t.observed, *t.expected) for t in own]) / self._scales[:, None],
            "variance": np.array([test.variance for test in own]) / (self._scales * self._scales),
        }

    def learn(self, opened: Opened) -> dict[str, LogRank]:
        """Name the tests. Run by everyone."""
        events = opened.sums["events"] * self._scales[:, None]
        variances = opened.sums["variance"] * (self._scales * self._scales)
        found = zip(self.tests, events.tolist(), variances.tolist(), strict=True)
        return {
            name: LogRank((o0, o1), (e0, e1), variance)
            for name, (o0, o1, e0, e1), variance in found
        }

    @property
    def _scales(self) -> NDArray[np.float64]:
        """What each test's weights are divided by: the patients expected, their root, or 1."""
        expected = self.table.plan.disclosure
        n = float(expected.expected_treated + expected.expected_comparator)
        by_name = {"gehan": n, "tarone-ware": math.sqrt(n)}
        return np.array([by_name.get(name, 1.0) for name in self.tests])


@dataclass(frozen=True)
class StratifiedGray(Silent):
    """Gray's test of one cause, with incidence of each hospital's own."""

    name: ClassVar[str] = "stratified-gray/1"
    partners_only: ClassVar[bool] = True
    table: RiskTableStep
    cause: int = 0

    def key(self) -> Key:
        """One test a table and cause; 0 is the plan's event."""
        return (*self.table.key(), self.cause)

    def layout(self) -> Layout:
        """Send two reals, and whether the hospital could work them out."""
        most = float(self.table.plan.disclosure.max_patients_per_hospital)
        words = "score of the treated arm and its variance"
        return Layout(
            (
                real("parts", (2,), words, most * most),
                count("undefined", (), "whether there is no such test", 1, "hospitals"),
            )
        )

    def local(self, cohort: Cohort) -> Release:
        """Test this hospital's own table. Run by a hospital."""
        counted = self.table.local(cohort)
        times = self.table.own_table(cohort).times
        own = CauseTable(counted["events"], counted["censored"], times).compact()
        parts = GrayParts(0.0, 0.0)
        # An arm that is not there, or has no event of the cause to wait for, compares nothing.
        if min(own.all_causes.patients) > 0 and own.events[self.cause].any():
            parts = gray(own, self.cause)
        defined = math.isfinite(parts.score) and math.isfinite(parts.variance)
        sent = (parts.score, parts.variance) if defined else (0.0, 0.0)
        return {"parts": np.array(sent), "undefined": np.array(int(not defined))}

    def learn(self, opened: Opened) -> GrayParts:
        """Combine the strata, which add; NaN if one of them has no test. Run by everyone."""
        if opened.sums["undefined"] > 0:
            return GrayParts(math.nan, math.nan)
        score, variance = (float(part) for part in opened.sums["parts"])
        return GrayParts(score, variance)


@dataclass(frozen=True)
class CommonOdds:
    """Mantel and Haenszel's sums over hospitals, and how many hospitals tell the arms apart."""

    parts: MantelHaenszel
    hospitals: int


@dataclass(frozen=True)
class StratifiedOutcome(Silent):
    """The Mantel-Haenszel odds ratio of having some levels of a variable, by hospital."""

    name: ClassVar[str] = "stratified-outcome/1"
    partners_only: ClassVar[bool] = True
    plan: Plan
    population: Population
    variable: str
    event_levels: tuple[str, ...]

    def key(self) -> Key:
        """One odds ratio a variable and population."""
        return self.variable, self.population.name, "|".join(self.event_levels)

    def layout(self) -> Layout:
        """Send seven reals, and whether both arms and both outcomes are there."""
        most = float(self.plan.disclosure.max_patients_per_hospital)
        words = "ad/n, bc/n, a - E(a), its variance, and three parts of the odds ratio's variance"
        return Layout(
            (
                real("parts", (MH_PARTS,), words, most),
                count("hospitals", (), "whether its table is informative", 1, "hospitals"),
            )
        )

    def contributes(self, cohort: Cohort) -> bool:
        """Say whether both arms and both outcomes are there. Run by a hospital."""
        return bool(self.local(cohort)["hospitals"] > 0)

    def local(self, cohort: Cohort) -> Release:
        """Prepare this hospital's own two by two table. Run by a hospital."""
        members = (self.population.weights(cohort) > 0) & known(
            self.plan, self.variable, cohort.values
        )
        happened = at_levels(self.plan, self.variable, self.event_levels, cohort.values) & members
        (n0, n1), (e0, e1) = (
            np.bincount(cohort.arm[rows], minlength=2).tolist() for rows in (members, happened)
        )
        own = mantel_haenszel((e0, e1), (n0, n1))
        parts = (
            own.concordant,
            own.discordant,
            own.difference,
            own.variance,
            own.agreeing,
            own.mixed,
            own.disagreeing,
        )
        return {"parts": np.array(parts), "hospitals": np.array(int(own.variance > 0))}

    def learn(self, opened: Opened) -> CommonOdds:
        """Name the sums. Run by everyone."""
        parts = MantelHaenszel(*(float(part) for part in opened.sums["parts"]))
        return CommonOdds(parts, int(opened.sums["hospitals"]))
