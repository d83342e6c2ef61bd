"""Curves that show no single patient: steps of several events, ending while some are at risk (P2).

A step is drawn when at least five patients had the event since the step before, and at least the
floor where that is higher: then two, four or more such steps are taken together, so that a higher
floor only leaves steps out. Where patients weigh, times with an event are counted instead, as at
least one patient belongs to each.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from protocol.results.publication.rules import Floors
from protocol.results.publication.withheld import NOT_SHOWN
from protocol.results.values.causes import IncidenceCurvePoints
from protocol.results.values.survival import CurvePoints, QuantilePoint

BASE = 5
"""Events of the finest step that is ever drawn, where a profile has floors at all."""

C = TypeVar("C", CurvePoints, IncidenceCurvePoints)


def survival_curve(curve: CurvePoints, floors: Floors, *, hidden: bool) -> CurvePoints:
    """Reduce a Kaplan-Meier curve; a hidden one says only that it is not shown."""
    if floors.count <= 1 and not hidden:
        return curve
    kept = () if hidden else _kept(curve, floors)
    end = NOT_SHOWN  # what is behind the last step
    return CurvePoints(
        times=(*(curve.times[k] for k in kept), math.inf),
        at_risk=(*_starts(curve, kept), end),
        events=(NOT_SHOWN,) * (len(kept) + 1),
        censored=(NOT_SHOWN,) * (len(kept) + 1),
        survival=(*(curve.survival[k] for k in kept), end),
        std_error=(*(curve.std_error[k] for k in kept), end),
        conf_low=(*(curve.conf_low[k] for k in kept), end),
        conf_high=(*(curve.conf_high[k] for k in kept), end),
        cumulative_hazard=(*(curve.cumulative_hazard[k] for k in kept), end),
    )


def shown_quantiles(
    points: tuple[QuantilePoint, ...], curve: CurvePoints, floors: Floors
) -> tuple[QuantilePoint, ...]:
    """Hide times and limits behind the last at which enough are at risk: there a few have events.

    What is not reached stays so.
    """
    if floors.count <= 1:
        return points
    whole = _whole(curve)
    enough = [
        time
        for place, time in enumerate(curve.times)
        if _left(curve, place, whole) >= floors.at_risk
    ]
    last = max(enough, default=0.0)

    def cut(time: float) -> float:
        return NOT_SHOWN if time > last else time

    return tuple(
        replace(
            one,
            estimate=cut(one.estimate),
            conf_low=cut(one.conf_low),
            conf_high=cut(one.conf_high),
        )
        for one in points
    )


def incidence_curve(
    curve: IncidenceCurvePoints, floors: Floors, *, hidden: bool
) -> IncidenceCurvePoints:
    """Reduce a cumulative incidence curve in the same way."""
    if floors.count <= 1 and not hidden:
        return curve
    kept = () if hidden else _kept(curve, floors)
    end = NOT_SHOWN
    return IncidenceCurvePoints(
        times=(*(curve.times[k] for k in kept), math.inf),
        at_risk=(*_starts(curve, kept), end),
        events=(NOT_SHOWN,) * (len(kept) + 1),
        incidence=(*(curve.incidence[k] for k in kept), end),
        std_error=(*(curve.std_error[k] for k in kept), end),
        conf_low=(*(curve.conf_low[k] for k in kept), end),
        conf_high=(*(curve.conf_high[k] for k in kept), end),
    )


def _kept(curve: CurvePoints | IncidenceCurvePoints, floors: Floors) -> tuple[int, ...]:
    """Choose the points that are drawn, by their place in the curve."""
    whole = _whole(curve)
    events = curve.events if whole else [float(n > 0) for n in curve.events]
    finest, since = [], 0.0
    for place, n in enumerate(events):
        since += n
        if since >= BASE:
            finest.append(place)
            since = 0.0
    together = 1
    while BASE * together < floors.count:
        together *= 2
    drawn = finest[together - 1 :: together]
    return tuple(k for k in drawn if _left(curve, k, whole) >= floors.at_risk)


def _whole(curve: CurvePoints | IncidenceCurvePoints) -> bool:
    """Tell whether patients are counted, and do not weigh."""
    return all(float(n).is_integer() for n in (*curve.events, *curve.at_risk))


def _left(curve: CurvePoints | IncidenceCurvePoints, place: int, whole: bool) -> float:
    """Count those at risk at a point; where patients weigh, the times that follow."""
    return curve.at_risk[place] if whole else float(len(curve.times) - place)


def _starts(curve: CurvePoints | IncidenceCurvePoints, kept: Sequence[int]) -> list[float]:
    """Give the number at risk where each step begins: behind the point before."""
    begins = [0, *(k + 1 for k in kept)]
    return [curve.at_risk[k] for k in begins[: len(kept)]]
