"""The hazard ratio adjusted for the propensity model's covariates: sums at the current b.

Stratified by hospital, no risk set leaves. With one hazard for all hospitals, late risk sets of
a few patients would show their covariates: profile `open` only.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort, event_status
from protocol.disclosure import time_grid
from protocol.layout import Layout, Release, count, real
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.model import Plan
from protocol.question import Key, Opened, Silent
from protocol.stats.adjusted import AdjustedTerms, RiskSums, adjusted_terms, risk_sums
from protocol.stats.cox import Ties
from protocol.stats.logistic import full_matrix
from protocol.steps.model import Model
from protocol.steps.open_only import require_open
from protocol.steps.plausible import require_information
from protocol.steps.score import REACH

CURVATURE = 1e3
MAX_RISK = 2.0**24
"""How many times as likely to have the event as the mean patient anybody may be."""


@dataclass(frozen=True)
class Adjustment:
    """Who is treated, then columns of the propensity model, in its complete cases.

    `kept` are the model's columns that take part, as positions in X where 0 stands for the arm.
    """

    model: Model
    endpoint: TimeToEvent
    ties: Ties
    kept: tuple[int, ...]

    @property
    def plan(self) -> Plan:
        """The study's plan."""
        return self.model.plan

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, the treatment's variable first."""
        every = (self.plan.treatment.variable, *self.model.names[1:])
        return tuple(every[position] for position in self.kept)

    @property
    def scale(self) -> tuple[float, ...]:
        """What the columns are divided by."""
        every = (1.0, *self.model.scale)
        return tuple(every[position] for position in self.kept)

    def rows(
        self, cohort: Cohort
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
        """Lay out a hospital's patients: X (n, q), the grid's cell and whether they had the event.

        Competing causes are censorings.
        """
        parts = list(self.model.chunks(cohort))
        x = np.concatenate([p for p, _ in parts]) if parts else np.empty((0, self.model.size))
        rows = self.model.rows(cohort)
        x[:, 0] = cohort.arm[rows]
        time, status = event_status(self.plan, self.endpoint, cohort)
        there = status[rows] >= 0
        cell = time_grid(self.plan, self.endpoint).cell(time[rows][there])
        return x[there][:, list(self.kept)], cell, status[rows][there] == 1


@dataclass(frozen=True)
class AdjustedSums:
    """What the sums say at one b, of how many patients, events and informative hospitals."""

    b: tuple[float, ...]
    terms: AdjustedTerms
    patients: int
    events: int
    hospitals: int


@dataclass(frozen=True)
class StratifiedAdjusted(Silent):
    """Log partial likelihood, score and information with hazards of each hospital's own."""

    name: ClassVar[str] = "adjusted-by-hospital/1"
    partners_only: ClassVar[bool] = False
    adjustment: Adjustment
    b: tuple[float, ...]
    fit: str
    trip: int

    def key(self) -> Key:
        """Endpoint, ties, number of the fit's columns and of the trip."""
        asked = self.adjustment
        return asked.endpoint.name, str(asked.ties), self.fit, self.trip

    def layout(self) -> Layout:
        """Send 1 + q + q (q + 1) / 2 reals and three counts."""
        most, q = self.adjustment.plan.disclosure.max_patients_per_hospital, len(self.b)
        words = "log likelihood, score, information (upper triangle)"
        return Layout(
            (
                count("patients", (), "complete cases with a known time", most),
                count("events", (), "events among them", most, "events"),
                count("hospital", (), "whether the hospital has information", 1, "hospitals"),
                real("terms", (1 + q + q * (q + 1) // 2,), words, most * REACH * REACH),
            ),
            about=True,
        )

    def contributes(self, cohort: Cohort) -> bool:
        """Say whether both arms are at risk at an event. Run by a hospital."""
        return bool(self.local(cohort)["hospital"] > 0)

    def local(self, cohort: Cohort) -> Release:
        """Evaluate the likelihood of this hospital's own patients. Run by a hospital."""
        x, cell, event = self.adjustment.rows(cohort)
        times, place = np.unique(cell, return_inverse=True)
        own = adjusted_terms(risk_sums(x, place, event, self.b, len(times)), self.adjustment.ties)
        upper = np.array(own.information).reshape(len(self.b), -1)[np.triu_indices(len(self.b))]
        return {
            "patients": np.array(len(x)),
            "events": np.array(int(event.sum())),
            "hospital": np.array(int(own.information[0][0] > 0)),
            "terms": np.array([own.log_likelihood, *own.score, *upper]),
        }

    def learn(self, opened: Opened) -> AdjustedSums:
        """Unfold the sums. Run by everyone."""
        sums, q = opened.sums, len(self.b)
        likelihood, *rest = (float(value) for value in sums["terms"])
        information = full_matrix(rest[q:], q)
        require_information(self.name, information)
        terms = AdjustedTerms(likelihood, tuple(rest[:q]), information)
        patients, events = int(sums["patients"]), int(sums["events"])
        return AdjustedSums(self.b, terms, patients, events, int(sums["hospital"]))


@dataclass(frozen=True)
class PooledAdjusted(Silent):
    """Risk-set sums over all hospitals: one hazard for all. Profile `open` only.

    `cells` are the cells of the time grid in which somebody leaves, known from a risk table.
    """

    name: ClassVar[str] = "adjusted-pooled/1"
    partners_only: ClassVar[bool] = True
    adjustment: Adjustment
    b: tuple[float, ...]
    fit: str
    trip: int
    cells: tuple[int, ...]

    def key(self) -> Key:
        """Endpoint, ties, number of the fit's columns and of the trip."""
        asked = self.adjustment
        return asked.endpoint.name, str(asked.ties), self.fit, self.trip

    def layout(self) -> Layout:
        """Send 2 (1 + q + q (q + 1) / 2) reals and a count for each time, and 1 + q reals."""
        most = self.adjustment.plan.disclosure.max_patients_per_hospital
        shape = len(self.cells), self._width
        bound, words = most * MAX_RISK * REACH, "sums of risk, risk times x and x x'"
        return Layout(
            (
                count("patients", (), "complete cases with a known time", most),
                count("events", (len(self.cells),), "events by time", most, "events"),
                real("leaving", shape, f"{words}, of all by time", bound),
                real("dying", shape, f"{words}, of events by time", bound),
                real("observed", (1 + len(self.b),), "x'b and x of events", most * REACH * REACH),
            ),
            about=True,
        )

    def local(self, cohort: Cohort) -> Release:
        """Sum over this hospital's patients. Run by a hospital.

        Raises
        ------
        DisclosureError
            Under every profile but `open`.
        """
        require_open(
            self.adjustment.plan,
            "risk sets of a few patients would show their covariates",
            "stratify the adjusted hazard ratio by hospital",
        )
        x, cell, event = self.adjustment.rows(cohort)
        place = np.searchsorted(self.cells, cell)
        own = risk_sums(x, place, event, self.b, len(self.cells))
        return {
            "patients": np.array(len(x)),
            "events": own.events,
            "leaving": own.leaving,
            "dying": own.dying,
            "observed": np.array([own.fitted, *own.observed]),
        }

    def learn(self, opened: Opened) -> AdjustedSums:
        """Evaluate the likelihood. Run by everyone."""
        sums = opened.sums
        fitted, observed = float(sums["observed"][0]), sums["observed"][1:]
        pooled = RiskSums(sums["leaving"], sums["dying"], sums["events"], fitted, observed)
        return _evaluated(self, pooled, int(sums["patients"]), len(opened.sites))

    @cached_property
    def _width(self) -> int:
        q = len(self.b)
        return 1 + q + q * (q + 1) // 2


def _evaluated(
    asked: PooledAdjusted, sums: RiskSums, patients: int, hospitals: int
) -> AdjustedSums:
    """Evaluate risk-set sums; with logarithms, as without rules all rows are on one machine."""
    terms = adjusted_terms(sums, asked.adjustment.ties)
    return AdjustedSums(asked.b, terms, patients, int(sums.events.sum()), hospitals)
