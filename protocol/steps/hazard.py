"""Hazard: all patients' events by time, both arms together, for models of missing covariates.

Who lives long has other covariates than who does not, so what a missing value was is foretold
from the outcome too: by whether the event happened, and by the cumulative hazard at the time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort, event_status, outcome
from protocol.disclosure import time_grid
from protocol.layout import Field, Layout, Release, count
from protocol.plan.model import Plan
from protocol.question import Key, Opened, Silent
from protocol.steps.plausible import require

Reals = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Prognosis:
    """What the outcomes of all patients say of one patient.

    `hazards` has, by endpoint with a time, the Nelson-Aalen estimate at each grid time, shape
    (K,); `means` the mean of every column, which stands in where a patient's outcome is missing.
    """

    plan: Plan
    hazards: Mapping[str, Reals]
    means: tuple[float, ...]

    @property
    def columns(self) -> int:
        """How many columns there are: two an endpoint with a time, one a binary outcome."""
        return len(self.means)

    def matrix(self, cohort: Cohort) -> Reals:
        """Compute the columns of the hospital's patients; NaN where an outcome is missing."""
        x = np.empty((cohort.size, self.columns), order="F")
        at = 0
        for endpoint in self.plan.survival:
            time, status = event_status(self.plan, endpoint, cohort)
            cell = time_grid(self.plan, endpoint).cell(time)
            known = status >= 0
            x[:, at] = np.where(known, status == 1, np.nan)
            x[:, at + 1] = np.where(known, self.hazards[endpoint.name][cell], np.nan)
            at += 2
        for binary in self.plan.binary:
            happened = outcome(self.plan, binary, cohort)
            x[:, at] = np.where(happened >= 0, happened, np.nan)
            at += 1
        return x


@dataclass(frozen=True)
class Hazard(Silent):
    """Events and other ends by grid time, and binary outcomes, over all patients and both arms.

    No more than the sum of the two arms' tables of all patients.
    """

    name: ClassVar[str] = "hazard/1"
    partners_only: ClassVar[bool] = False
    plan: Plan

    def key(self) -> Key:
        """One a study."""
        return ()

    def layout(self) -> Layout:
        """Send 2 K counts an endpoint with a time, two a binary outcome; if values are missing."""
        most = self.plan.disclosure.max_patients_per_hospital
        words = "patients with the event, or last seen without it, by grid time"
        fields: list[Field] = [
            count(f"times {e.name}", (2, time_grid(self.plan, e).cells), words, most)
            for e in self.plan.survival
        ]
        fields += [
            count(f"outcome {e.name}", (2,), "patients without and with the outcome", most)
            for e in self.plan.binary
        ]
        return Layout(tuple(fields), about=True)

    def local(self, cohort: Cohort) -> Release:
        """Count this hospital's patients. Run by a hospital."""
        release: dict[str, NDArray[np.int64]] = {}
        for endpoint in self.plan.survival:
            time, status = event_status(self.plan, endpoint, cohort)
            grid, known = time_grid(self.plan, endpoint), status >= 0
            counts = np.zeros((2, grid.cells), dtype=np.int64)
            ended = (status[known] != 1).astype(np.intp)
            np.add.at(counts, (ended, grid.cell(time[known])), 1)
            release[f"times {endpoint.name}"] = counts
        for binary in self.plan.binary:
            happened = outcome(self.plan, binary, cohort)
            counts = np.bincount(happened[happened >= 0], minlength=2)
            release[f"outcome {binary.name}"] = counts.astype(np.int64)
        return release

    def learn(self, opened: Opened) -> Prognosis:
        """Work out cumulative hazards and means. Run by everyone.

        Raises
        ------
        ImpossibleTotalError
            If more patients have an outcome than there are.
        """
        for counts in opened.sums.values():
            within = int(counts.sum()) <= opened.patients
            require(self.name, within, "more patients have an outcome than there are")
        hazards: dict[str, Reals] = {}
        means: list[float] = []
        for endpoint in self.plan.survival:
            events, others = opened.sums[f"times {endpoint.name}"]
            hazards[endpoint.name] = nelson_aalen(events, others)
            means += _means(events, others, hazards[endpoint.name])
        for binary in self.plan.binary:
            no, yes = (int(n) for n in opened.sums[f"outcome {binary.name}"])
            means.append(yes / (no + yes) if no + yes > 0 else 0.0)
        return Prognosis(self.plan, hazards, tuple(means))


def nelson_aalen(events: NDArray[np.int64], others: NDArray[np.int64]) -> Reals:
    """Add up events over patients at risk, d/n, to every time; shape (K,).

    References
    ----------
    Nelson (1972), Technometrics 14, 945-966; White and Royston (2009), Stat. Med. 28, 1982-1998
    (as a column of imputation models).
    """
    at_risk = 0
    for d, c in zip(events, others, strict=True):
        at_risk += int(d) + int(c)
    hazard = np.zeros(len(events))
    total = 0.0
    for at, (d, c) in enumerate(zip(events, others, strict=True)):
        if d > 0:
            total += int(d) / at_risk
        hazard[at] = total
        at_risk -= int(d) + int(c)
    return hazard


def _means(events: NDArray[np.int64], others: NDArray[np.int64], hazard: Reals) -> list[float]:
    """Find the share of patients with the event, and the mean of the hazard at their times."""
    patients, happened, total = 0, 0, 0.0
    for d, c, value in zip(events, others, hazard, strict=True):
        patients += int(d) + int(c)
        happened += int(d)
        total += (int(d) + int(c)) * float(value)
    return [happened / patients, total / patients] if patients else [0.0, 0.0]
