"""Whether hazards differ between the levels of a subgroup variable: tests of k groups."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from protocol.plan.endpoints import Subgroup, TimeToEvent
from protocol.plan.model import Plan
from protocol.plan.variables import levels
from protocol.question import Record
from protocol.results.balance import test
from protocol.results.values.strata import LevelComparison
from protocol.run import Played
from protocol.stats.k_samples import KLogRank, k_log_rank
from protocol.steps.risk_table import Events, Level

ARMS = (0, 1)


def level_comparisons(played: Played) -> Iterator[LevelComparison]:
    """Compare levels from the tables of subgroups, where the plan asks and all can be seen."""
    for endpoint in played.plan.survival:
        for population in played.findings.populations:
            for subgroup in played.plan.subgroups:
                if subgroup.test != "none" and not population.weighted:
                    yield from _compared(played, endpoint, population.name, subgroup)


def _compared(
    played: Played, endpoint: TimeToEvent, population: str, subgroup: Subgroup
) -> Iterator[LevelComparison]:
    names = levels(played.plan.variable(subgroup.variable))
    found = list(_tables(played.plan, played.record, endpoint, population, subgroup))
    if len(found) < len(names):
        return
    apart = [_k_groups([_arm(events, arm) for events in found]) for arm in ARMS]
    whole = _k_groups([_arm(events, slice(None)) for events in found])
    within = apart[0] + apart[1]
    scores = np.arange(len(names), dtype=np.float64) if subgroup.test == "trend" else None
    yield LevelComparison(
        endpoint=endpoint.name,
        label=endpoint.label,
        population=population,
        variable=subgroup.variable,
        levels=names,
        differ=test(whole.test),
        differ_by_arm=test(within.test),
        trend=None if scores is None else test(whole.trend(scores)),
        trend_by_arm=None if scores is None else test(within.trend(scores)),
    )


def _tables(
    plan: Plan, record: Record, endpoint: TimeToEvent, population: str, subgroup: Subgroup
) -> Iterator[Events]:
    for level in levels(plan.variable(subgroup.variable)):
        key = (endpoint.name, population, str(Level(subgroup.variable, level)))
        events: Events | None = record.get("risk-table/1", *key)
        if events is not None:
            yield events


def _arm(events: Events, arm: int | slice) -> NDArray[np.int64]:
    """Add up events and censorings of one arm, or of both: shape (2, K)."""
    table = events.table
    both = np.stack([table.events, table.censored])
    return both[:, arm] if isinstance(arm, int) else np.asarray(both.sum(axis=1))


def _k_groups(groups: Sequence[NDArray[np.int64]]) -> KLogRank:
    return k_log_rank(np.stack([g[0] for g in groups]), np.stack([g[1] for g in groups]))
