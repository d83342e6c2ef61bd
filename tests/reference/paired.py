"""Results about matched pairs, counted where both partners are.

Pairs across hospitals are nobody's to count: for R's pooled selections one hospital holds all rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort
from protocol.ids import SiteId
from protocol.stats.cox import NotEstimable, Ties, fit
from protocol.stats.pairs import McNemar, upper_p_values
from protocol.stats.table import RiskTable
from protocol.steps.pairs import PairedEvents, PairedTable, SetSquares
from protocol.steps.population import Filtered
from tests.reference.axis import Clock
from tests.reference.bench import Bench
from tests.reference.by_hospital import (
    null_score,
    residual_pair,
    solution_numbers,
    with_squares,
)
from tests.reference.plan_of import Group, Selection
from tests.reference.rows import Matching
from tests.reference.survival import comparison, cox_numbers
from tests.reference.terms import Terms

Answers = Iterator[tuple[str, Any]]
GAMMAS = {"1": 1.0, "1.5": 1.5, "2": 2.0}
MIDDLE = 1
"""Which of the landmarks pairs are compared at."""


@dataclass(frozen=True, eq=False)
class GivenPairs:
    """A selection whose sets are known, by rows of each hospital."""

    selection: Filtered
    sets: dict[SiteId, dict[int, list[int]]]

    @property
    def name(self) -> str:
        """The selection's name."""
        return self.selection.name

    @property
    def weighted(self) -> bool:
        """Whether sets differ in size."""
        return self.selection.weighted

    def weights(self, cohort: Cohort) -> NDArray[np.float64]:
        """Weigh the hospital's patients."""
        return self.selection.weights(cohort)

    def pairs(self, cohort: Cohort) -> dict[int, list[int]]:
        """Name the comparators of each treated patient."""
        return self.sets[cohort.site]


def paired(terms: Terms, group: Group, selection: Selection, clock: Clock) -> Answers:
    """Answer what of the group `match` takes the pairs, if they are those of the selection."""
    made = selection.made
    if made is None or made.weights != terms_weights(group, selection, made):
        return
    bench = group.bench.pooled if _crosses(made) else group.bench
    spec = next(p for p in bench.plan.populations if p.name == f"p{selection.code}")
    population = GivenPairs(Filtered(bench.plan, spec), _sets(made, group.bench, bench))
    for ending in terms.endings:
        table = bench.table(ending.code, population)
        counted = bench.ask(table).table
        name = f"match.{selection.name}.{ending.name}."
        if min(counted.patients) == 0:
            continue
        yield from _clustered(name, bench, population, ending.code, counted)
        if not selection.weighted:
            yield from _strata(name, bench, population, ending.code, counted)
            yield from _mcnemar(name, bench, population, ending.code, clock)


def terms_weights(group: Group, selection: Selection, made: Matching) -> dict[str, float]:
    """Read the selection's weights back from the hospitals, by id."""
    by_site = [cohort.values[selection.code] for cohort in group.bench.cohorts]
    people = made.scored
    found = {
        people.ids[k]: float(by_site[people.site[k]][people.row[k]]) for k in range(len(people.ids))
    }
    return {who: made.weights[who] if _near(w, made.weights.get(who)) else w
            for who, w in found.items() if w > 0}  # fmt: skip


def _near(weight: float, other: float | None) -> bool:
    return other is not None and abs(weight - other) <= 1e-12


def _crosses(made: Matching) -> bool:
    site = made.scored.site
    return any(site[t] != site[c] for t, own in made.pairs.items() for c in own)


def _sets(made: Matching, apart: Bench, bench: Bench) -> dict[SiteId, dict[int, list[int]]]:
    """Translate the pairs into rows of the hospitals, or of the one that holds all."""
    people = made.scored
    starts = np.cumsum([0, *(cohort.size for cohort in apart.cohorts)])
    pooled = len(bench.cohorts) < len(apart.cohorts)
    found: dict[SiteId, dict[int, list[int]]] = {c.site: {} for c in bench.cohorts}
    for t, own in made.pairs.items():
        site = int(people.site[t])
        where = bench.cohorts[0 if pooled else site].site
        rows = [int(people.row[k] + (starts[people.site[k]] if pooled else 0)) for k in (t, *own)]
        found[where][rows[0]] = rows[1:]
    return found


def _clustered(
    name: str, bench: Bench, population: GivenPairs, endpoint: str, table: RiskTable
) -> Answers:
    try:
        cox = fit(table)
    except NotEstimable:
        return
    residuals = residual_pair(table, cox.log_hr, Ties.EFRON)
    step = SetSquares(bench.table(endpoint, population), population, Ties.EFRON, residuals)
    found = with_squares(cox, bench.ask(step), null_score(table, Ties.EFRON))
    yield f"{name}cox.cluster_pair", cox_numbers(found, robust=True)


def _strata(
    name: str, bench: Bench, population: GivenPairs, endpoint: str, table: RiskTable
) -> Answers:
    step = bench.table(endpoint)
    times = bench.ask(PairedTable(bench.plan, step.endpoint, population))
    yield from comparison(f"{name}logrank.strata_pair", times.log_rank)
    try:
        yield f"{name}cox.strata_pair", solution_numbers(times.fit(), table)
    except NotEstimable:
        return


def _mcnemar(
    name: str, bench: Bench, population: GivenPairs, endpoint: str, clock: Clock
) -> Answers:
    if len(clock.landmarks) <= MIDDLE:
        return
    landmark = float(clock.landmarks[MIDDLE])
    whole = int(np.searchsorted(clock.axis.times, landmark, side="right")) - 1
    step = PairedEvents(bench.plan, bench.table(endpoint).endpoint, population, whole)
    test = bench.ask(step)
    if test.discordant == 0:
        return
    yield f"{name}mcnemar", _numbers(test, landmark)


def _numbers(test: McNemar, landmark: float) -> dict[str, Any]:
    bounds = upper_p_values(test, tuple(GAMMAS.values()))
    return {
        "landmark": landmark,
        "only_treated": test.only_treated,
        "only_control": test.only_control,
        "chisq": test.plain.statistic,
        "p": test.plain.p_value,
        "p_correct": test.corrected.p_value,
        "p_exact": test.exact_p,
        "rosenbaum_upper_p": dict(zip(GAMMAS, bounds, strict=True)),
    }
