"""Results on coarser time grids, from the same tables: what the profile's grid may have cost."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from protocol.grid import MONTHS, Grid, grid
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.model import Plan
from protocol.plan.variables import Time
from protocol.results.balance import test
from protocol.results.survival import NAN, hazard_ratio_of
from protocol.results.values.estimates import Estimate, HazardRatio, Pair, Test
from protocol.results.values.sensitivity import GridEstimates, TimeGrids
from protocol.run import Played
from protocol.stats import km
from protocol.stats.cox import NotEstimable, Ties, fit
from protocol.stats.distributions import ChiSquare
from protocol.stats.log_rank import log_rank, xie_liu
from protocol.stats.rmst import difference, rmst
from protocol.stats.table import RiskTable, Weights
from protocol.steps.risk_table import Events

AS_ASKED = "as asked"


def time_grids(played: Played) -> Iterator[TimeGrids]:
    """Work every endpoint out on coarser grids, where the plan asks for it."""
    asked = played.plan.sensitivity
    if asked is None or not asked.time_grid:
        return
    for endpoint in played.plan.survival:
        for population in played.findings.populations:
            key = (endpoint.name, population.name, "")
            events: Events | None = played.record.get("risk-table/1", *key)
            if events is not None:
                grids = tuple(_on_grids(played.plan, endpoint, events))
                yield TimeGrids(
                    endpoint.name, endpoint.label, population.name, endpoint.landmarks, grids
                )


def _on_grids(plan: Plan, endpoint: TimeToEvent, events: Events) -> Iterator[GridEstimates]:
    yield _estimates(AS_ASKED, endpoint, events.grid, events.table.compact())
    variable = plan.variable(endpoint.time)
    if not isinstance(variable, Time):
        return
    for name in MONTHS:
        coarse = grid(name, plan.study.time_unit, variable.range[1])
        if wider(coarse, events.grid):
            table = coarsened(events.table, events.grid, coarse).compact()
            yield _estimates(name, endpoint, coarse, table)


def wider(coarse: Grid, fine: Grid) -> bool:
    """Tell whether a grid's cells are wider than another's."""
    return coarse.numerator * fine.denominator > fine.numerator * coarse.denominator


def coarsened(table: RiskTable, fine: Grid, coarse: Grid) -> RiskTable:
    """Count a table's patients on a coarser grid, as if their times had been read on it.

    A cell goes to the first coarse time that is not earlier; times on an edge stay there.
    """
    scale = coarse.numerator * fine.denominator
    into = -((-np.arange(fine.cells) * fine.numerator * coarse.denominator) // scale)

    def merged(cells: NDArray[np.float64] | NDArray[np.int64]) -> NDArray[np.float64]:
        sums = np.zeros((len(cells), coarse.cells))
        np.add.at(sums.T, into, cells.T)
        return sums

    weights = table.weights
    return RiskTable(
        merged(table.events).astype(np.int64),
        merged(table.censored).astype(np.int64),
        coarse.times,
        None
        if weights is None
        else Weights(
            merged(weights.events),
            merged(weights.censored),
            merged(weights.events_squared),
            merged(weights.censored_squared),
        ),
    )


def _estimates(name: str, endpoint: TimeToEvent, on: Grid, table: RiskTable) -> GridEstimates:
    edges = np.array([on.edge(time) for time in endpoint.landmarks], dtype=np.float64)
    read = [km.at(km.curve(table.arm(arm)), edges).survival for arm in (0, 1)]
    return GridEstimates(
        grid=name,
        survival=Pair(*(tuple(float(s) for s in arm) for arm in read)),
        log_rank=_log_rank(table),
        efron=_ratio(table, Ties.EFRON),
        breslow=_ratio(table, Ties.BRESLOW),
        mean_time=_mean_time(endpoint, on, table),
    )


def _log_rank(table: RiskTable) -> Test:
    found = log_rank(table) if table.weights is None else xie_liu(table)
    return test(ChiSquare(found.chi_square, 1))


def _ratio(table: RiskTable, ties: Ties) -> HazardRatio | None:
    try:
        cox = fit(table, ties)
    except NotEstimable:
        return None
    if table.weights is not None:
        return hazard_ratio_of(f"{ties} robust", cox.log_hr, cox.robust_std_error, NAN, NAN)
    return hazard_ratio_of(str(ties), cox.log_hr, cox.std_error, NAN, NAN)


def _mean_time(endpoint: TimeToEvent, on: Grid, table: RiskTable) -> Estimate | None:
    if endpoint.horizon is None or 0 in table.patients:
        return None
    comparator, treated = (rmst(table.arm(arm), on.edge(endpoint.horizon)) for arm in (0, 1))
    gained = difference(treated, comparator)
    return Estimate(gained.estimate, gained.std_error, *gained.interval(), gained.p_value)
