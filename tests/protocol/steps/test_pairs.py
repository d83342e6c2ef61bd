"""Pairs within a hospital: counts of pairs, split over hospitals as whole pairs."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from protocol.cohort import Cohort
from protocol.parts.matching import LocalMatch
from protocol.stats.cox import Ties, fit, score_residuals
from protocol.stats.pairs import McNemar, PairedTimes
from protocol.steps.pairs import PairedEvents, PairedTable, SetSquares
from protocol.steps.risk_table import RiskTableStep
from tests.federation.cohorts import ask, clinics, cohort, pool, small_plan, walk

PLAN = small_plan()
(RELAPSE,) = PLAN.survival


@dataclass(frozen=True)
class Neighbours:
    """Rows 0 and 1 are a pair, rows 2 and 3, and so on: treated first."""

    name: str = "neighbours"
    weighted: bool = False

    def weights(self, cohort: Cohort) -> NDArray[np.float64]:
        return np.ones(cohort.size)

    def pairs(self, cohort: Cohort) -> dict[int, list[int]]:
        return {row: [row + 1] for row in range(0, cohort.size, 2)}


def pairs(name: str, days: list[int], status: list[int]) -> Cohort:
    return cohort(name, [1, 0] * (len(days) // 2), days=days, status=status)


# Pairs (treated, comparator): event first at risk; comparator first; both on day 9; the treated
# alone after the comparator is censored; censored both; comparator of unknown time.
SITES = [
    pairs("a", [5, 8, 7, 6, 9, 9], [1, 1, 1, 1, 1, 1]),
    pairs("b", [8, 4, 5, 6, 3, -1], [1, 0, 0, 0, 1, 1]),
]


def test_pairs_by_hand() -> None:
    found = ask(PairedTable(PLAN, RELAPSE, Neighbours()), SITES)
    # Pair 1: treated on 5, then the comparator alone on 8. Pair 2: the other way round.
    assert found == PairedTimes(6, 1, 1, 1, alone=(1, 3))
    assert ask(PairedTable(PLAN, RELAPSE, Neighbours()), [pool(SITES)]) == found  # split = pooled


def test_mcnemar_counts_who_alone_has_had_the_event() -> None:
    # By day 6: pair 1 treated only, pair 2 comparator only; day 9 is later; an event on day 8
    # too; a pair with an unknown time does not count.
    step = PairedEvents(PLAN, RELAPSE, Neighbours(), 6)
    assert ask(step, SITES) == McNemar(1, 1)
    assert ask(step, [pool(SITES)]) == McNemar(1, 1)
    assert ask(PairedEvents(PLAN, RELAPSE, Neighbours(), 8), SITES) == McNemar(1, 0)


def test_set_squares_are_sums_before_squares() -> None:
    table = RiskTableStep(PLAN, RELAPSE, Neighbours())
    counted = ask(table, SITES).table
    b = fit(counted).log_hr
    residuals = np.stack([score_residuals(counted, at) for at in (0.0, b)])
    found = ask(SetSquares(table, Neighbours(), Ties.EFRON, residuals), SITES)
    squares = 0.0
    for site in SITES:
        for t in range(0, site.size, 2):
            days, status = site.values["days"], site.values["status"]
            parts = [
                residuals[1, site.arm[k], days[k], int(status[k] == 1)]
                for k in (t, t + 1)
                if days[k] >= 0
            ]
            squares += float(sum(parts)) ** 2
    assert found.estimate == pytest.approx(squares)
    assert found == ask(SetSquares(table, Neighbours(), Ties.EFRON, residuals), [pool(SITES)])


def test_a_match_within_hospitals_has_pairs() -> None:
    walked = walk(PLAN, clinics())
    within = next(d for d in walked.findings.designs if isinstance(d, LocalMatch)).population
    found = ask(PairedTable(PLAN, RELAPSE, within), clinics())
    matched = ask(RiskTableStep(PLAN, RELAPSE, within), clinics()).table
    assert found.pairs * 2 == int(matched.patients.sum())
    assert found.events == int(matched.events.sum())
