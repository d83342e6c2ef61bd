"""Stratified by hospital: each hospital tests its own table, and only the tests' parts travel."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from protocol.cohort import Cohort
from protocol.layout import Layout, Release, count, real
from protocol.question import Key, Opened, Silent
from protocol.stats.cox import CoxTerms, Ties, informative_events, terms
from protocol.stats.log_rank import LogRank, log_rank
from protocol.steps.risk_table import RiskTableStep

CURVATURE = 1e3


@dataclass(frozen=True)
class Contributors(Silent):
    """Count the hospitals that a stratified sum would be made of, in the tables' own trip."""

    name: ClassVar[str] = "contributors/1"
    partners_only: ClassVar[bool] = False
    table: RiskTableStep

    def key(self) -> Key:
        """One count for each risk table."""
        return self.table.key()

    def layout(self) -> Layout:
        """Send one indicator."""
        words = "whether both arms are at risk at an event"
        return Layout((count("contributing", (), words, 1, "hospitals"),))

    def local(self, cohort: Cohort) -> Release:
        """Look at this hospital's own table. Run by a hospital."""
        informative = sum(informative_events(self.table.own_table(cohort)))
        return {"contributing": np.array(int(informative > 0))}

    def learn(self, opened: Opened) -> int:
        """Count the hospitals. Run by everyone."""
        return int(opened.sums["contributing"])


@dataclass(frozen=True)
class StratifiedLogRank(Silent):
    """Observed and expected events and their variance, with hazards of each hospital's own."""

    name: ClassVar[str] = "stratified-log-rank/1"
    partners_only: ClassVar[bool] = True
    table: RiskTableStep

    def key(self) -> Key:
        """One test for each risk table."""
        return self.table.key()

    def layout(self) -> Layout:
        """Send five reals."""
        most = float(self.table.plan.disclosure.max_patients_per_hospital)
        return Layout(
            (
                real("observed", (2,), "events, by arm", most, "events"),
                real(
                    "expected", (2,), "events expected if arms were alike, by arm", most, "events"
                ),
                real("variance", (), "variance of observed minus expected", most),
            )
        )

    def local(self, cohort: Cohort) -> Release:
        """Test this hospital's own table. Run by a hospital."""
        own = log_rank(self.table.own_table(cohort).compact())
        return {
            "observed": np.array(own.observed, dtype=np.float64),
            "expected": np.array(own.expected, dtype=np.float64),
            "variance": np.array(own.variance),
        }

    def learn(self, opened: Opened) -> LogRank:
        """Combine the strata, which add. Run by everyone."""
        sums = opened.sums
        observed = float(sums["observed"][0]), float(sums["observed"][1])
        expected = float(sums["expected"][0]), float(sums["expected"][1])
        return LogRank(observed, expected, float(sums["variance"]))


@dataclass(frozen=True)
class StratifiedTerms:
    """The partial likelihood stratified by hospital, at one log hazard ratio."""

    log_hr: float
    terms: CoxTerms
    informative: tuple[int, int]


@dataclass(frozen=True)
class StratifiedCox(Silent):
    """Log partial likelihood, score and information at b, added over hospitals."""

    name: ClassVar[str] = "stratified-cox/1"
    partners_only: ClassVar[bool] = False
    table: RiskTableStep
    ties: Ties
    log_hr: float
    trip: int

    def key(self) -> Key:
        """Table, ties and number of the trip; b follows from this step's own totals."""
        return (*self.table.key(), str(self.ties), self.trip)

    def layout(self) -> Layout:
        """Send three reals and two counts."""
        most = self.table.plan.disclosure.max_patients_per_hospital
        return Layout(
            (
                real("terms", (3,), "log likelihood, score, information", most * CURVATURE),
                count("informative", (2,), "events with both arms at risk, by arm", most, "events"),
            ),
            about=True,
        )

    def local(self, cohort: Cohort) -> Release:
        """Evaluate this hospital's own table. Run by a hospital."""
        own = self.table.own_table(cohort).compact()
        found = terms(own, self.log_hr, self.ties)
        return {
            "terms": np.array([found.log_likelihood, found.score, found.information]),
            "informative": np.array(informative_events(own), dtype=np.int64),
        }

    def learn(self, opened: Opened) -> StratifiedTerms:
        """Name the sums. Run by everyone."""
        likelihood, score, information = (float(v) for v in opened.sums["terms"])
        comparator, treated = opened.sums["informative"]
        found = CoxTerms(likelihood, score, information)
        return StratifiedTerms(self.log_hr, found, (int(comparator), int(treated)))
