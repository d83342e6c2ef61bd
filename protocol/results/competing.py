"""Results of an endpoint with competing causes, from the same table as its curves."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from protocol.plan.endpoints import TimeToEvent
from protocol.question import Record
from protocol.results.balance import test
from protocol.results.survival import NAN, hazard_ratio_of
from protocol.results.values.causes import (
    CauseResult,
    CompetingResult,
    IncidenceCurvePoints,
    IncidencePoint,
)
from protocol.results.values.estimates import HazardRatio, Pair, Test
from protocol.stats.competing import CauseTable
from protocol.stats.cox import NotEstimable, fit
from protocol.stats.cumulative_incidence import (
    Incidence,
    IncidenceCurve,
    at,
    cumulative_incidence,
)
from protocol.stats.fine_gray import fine_gray
from protocol.stats.gray import GrayParts, gray
from protocol.steps.risk_table import Events

ARMS = (0, 1)


def competing_result(
    endpoint: TimeToEvent, population: str, record: Record
) -> CompetingResult | None:
    """Work out the causes of one endpoint in one population; None if there is one cause only.

    Weighted tables do not tell competing causes apart, so they have no such result.
    """
    events: Events | None = record.get("risk-table/1", endpoint.name, population, "")
    if not endpoint.competing or events is None or events.weights is not None:
        return None
    table = CauseTable(events.events, events.censored, events.grid.times).compact()
    edges = np.array([events.grid.edge(t) for t in endpoint.landmarks], dtype=np.float64)
    names = (endpoint.name, *endpoint.competing)
    key = (endpoint.name, population, "")
    causes = [
        replace(
            _cause(endpoint, name, table, k, edges),
            gray_by_hospital=_stratified_gray(record.get("stratified-gray/1", *key, k)),
        )
        for k, name in enumerate(names)
    ]
    return CompetingResult(endpoint.name, endpoint.label, population, tuple(causes))


def _cause(
    endpoint: TimeToEvent,
    name: str,
    table: CauseTable,
    cause: int,
    edges: NDArray[np.float64],
) -> CauseResult:
    curves = [cumulative_incidence(table, arm, cause) for arm in ARMS]
    landmarks = [_landmarks(endpoint, at(curve, edges)) for curve in curves]
    events = table.events[cause].sum(axis=1)
    return CauseResult(
        cause=name,
        label=endpoint.label if cause == 0 else name,
        events=Pair(int(events[0]), int(events[1])),
        curves=Pair(*(_points(curve) for curve in curves)),
        landmarks=Pair(*landmarks),
        gray=_gray(table, cause),
        cause_specific=_cause_specific(table, cause),
        subdistribution=_subdistribution(table, cause),
    )


def _points(curve: IncidenceCurve) -> IncidenceCurvePoints:
    low, high = curve.interval()
    columns = (
        curve.times,
        curve.at_risk,
        curve.events,
        curve.incidence,
        curve.std_error,
        low,
        high,
    )
    return IncidenceCurvePoints(*(tuple(float(x) for x in column) for column in columns))


def _landmarks(endpoint: TimeToEvent, read: Incidence) -> tuple[IncidencePoint, ...]:
    low, high = read.interval()
    return tuple(
        IncidencePoint(
            time=time,
            grid_time=float(read.times[k]),
            at_risk=float(read.at_risk[k]),
            incidence=float(read.incidence[k]),
            std_error=float(read.std_error[k]),
            conf_low=float(low[k]),
            conf_high=float(high[k]),
            jackknife_std_error=float(read.jackknife_std_error[k]),
        )
        for k, time in enumerate(endpoint.landmarks)
    )


def _gray(table: CauseTable, cause: int) -> Test:
    return test(gray(table, cause).test)


def _stratified_gray(found: GrayParts | None) -> Test | None:
    return None if found is None else test(found.test)


def _cause_specific(table: CauseTable, cause: int) -> HazardRatio | None:
    try:
        cox = fit(table.cause(cause))
    except NotEstimable:
        return None
    return hazard_ratio_of("efron", cox.log_hr, cox.std_error, cox.likelihood_ratio, cox.score_test)


def _subdistribution(table: CauseTable, cause: int) -> HazardRatio | None:
    try:
        found = fine_gray(table, cause)
    except NotEstimable:
        return None
    return hazard_ratio_of("fine-gray", found.log_hr, found.std_error, NAN, NAN)
