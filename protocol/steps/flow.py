"""Flow: who is in the study, who is not and why, and whose values are missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.canonical import DIGEST_SIZE
from protocol.cohort import Cohort, Flags, complete_cases, known, reasons
from protocol.ids import SiteId
from protocol.layout import Layout, Release, count
from protocol.plan.model import Plan
from protocol.question import Key, Opened
from protocol.steps.coin import CoinTerms
from protocol.steps.lock import statements
from protocol.steps.plausible import require


@dataclass(frozen=True)
class FlowOfPatients:
    """The study's patients over all hospitals. Pairs are (comparator, treated)."""

    rows: int
    excluded: tuple[tuple[str, int], ...]
    patients: tuple[int, int]
    complete: tuple[int, int]
    missing: Mapping[str, tuple[int, int]]
    hospitals_by_arm: tuple[int, int]
    coin_commitments: Mapping[SiteId, bytes]

    @property
    def incomplete(self) -> tuple[int, int]:
        """Patients with a missing covariate, by arm."""
        (c0, c1), (p0, p1) = self.complete, self.patients
        return p0 - c0, p1 - c1


@dataclass(frozen=True)
class Flow:
    """Count rows, exclusions by reason, patients by arm, and missing values by variable."""

    name: ClassVar[str] = "flow/1"
    partners_only: ClassVar[bool] = False
    plan: Plan
    terms: CoinTerms

    def key(self) -> Key:
        """One flow a study."""
        return ()

    def layout(self) -> Layout:
        """Whole patients only; nothing of their values."""
        bound = self.plan.disclosure.max_patients_per_hospital
        variables = len(self.plan.variables)
        return Layout(
            (
                count("rows", (), "rows of the extract", 10 * bound, "rows"),
                count(
                    "excluded", (len(reasons(self.plan)),), "rows excluded, by reason", bound * 10
                ),
                count("patients", (2,), "patients in the study, by arm", bound),
                count("complete", (2,), "patients without a missing covariate, by arm", bound),
                count("missing", (variables, 2), "missing values, by variable and arm", bound),
                count("hospitals", (2,), "whether the hospital has the arm", 1, "hospitals"),
            )
        )

    def local(self, cohort: Cohort) -> Release:
        """Count this hospital's patients. Run by a hospital."""
        arms = _by_arm(cohort, np.ones(cohort.size, dtype=np.bool_))
        unknown = [~known(self.plan, v.name, cohort.values) for v in self.plan.variables]
        return {
            "rows": np.array(cohort.rows, dtype=np.int64),
            "excluded": np.array(cohort.excluded, dtype=np.int64),
            "patients": arms,
            "complete": _by_arm(cohort, complete_cases(self.plan, cohort)),
            "missing": _table(cohort, unknown),
            "hospitals": (arms > 0).astype(np.int64),
        }

    def statement(self, cohort: Cohort) -> bytes:
        """Commit to the share of the coin (SPEC 8)."""
        return self.terms.commitment(cohort)

    def learn(self, opened: Opened) -> FlowOfPatients:
        """Name the counts. Run by everyone."""
        sums, plan = opened.sums, self.plan
        enrolled = int(sums["rows"]) == int(sums["excluded"].sum()) + int(sums["patients"].sum())
        require(self.name, enrolled, "rows are not exclusions plus patients")
        complete = (sums["complete"] <= sums["patients"]).all()
        require(self.name, complete, "an arm has more complete cases than patients")
        missing = (sums["missing"] <= sums["patients"]).all()
        require(self.name, missing, "a variable is missing in more patients than there are")
        require(
            self.name,
            int(sums["patients"].sum()) == opened.patients,
            "patients differ from the lane",
        )
        names = [variable.name for variable in plan.variables]
        counted = zip(reasons(plan), sums["excluded"], strict=True)
        return FlowOfPatients(
            rows=int(sums["rows"]),
            excluded=tuple((reason, int(number)) for reason, number in counted),
            patients=_pair(sums["patients"]),
            complete=_pair(sums["complete"]),
            missing={n: _pair(row) for n, row in zip(names, sums["missing"], strict=True)},
            hospitals_by_arm=_pair(sums["hospitals"]),
            coin_commitments=statements(opened, "the commitment to the coin share", DIGEST_SIZE),
        )


def _by_arm(cohort: Cohort, flags: Flags) -> NDArray[np.int64]:
    return np.bincount(cohort.arm[flags], minlength=2).astype(np.int64)


def _table(cohort: Cohort, rows: list[Flags]) -> NDArray[np.int64]:
    return np.array([_by_arm(cohort, flags) for flags in rows], dtype=np.int64).reshape(-1, 2)


def _pair(counts: NDArray[np.int64]) -> tuple[int, int]:
    return int(counts[0]), int(counts[1])
