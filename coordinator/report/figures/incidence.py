"""Cumulative incidence of competing causes, a panel each below one another on the same axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from coordinator.report.figures.arms import (
    LOOKS,
    Curve,
    draw,
    name_ends,
    room_for_names,
    ticks_of,
)
from coordinator.report.figures.sheet import (
    MUTED,
    WIDTH,
    Sheet,
    nice_step,
    own_settings,
    shortened,
)
from coordinator.report.wording import interval, months, p_phrase
from protocol.results.model import StudyCard
from protocol.results.values.causes import CauseResult, CompetingResult, IncidenceCurvePoints

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT = 104.0
"""Of a panel's plot, in points."""
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)
_TOP, _BOTTOM, _LAST, _LEFT = 32, 24, 12, 30


def curves_of(cause: CauseResult, study: StudyCard) -> tuple[Curve, Curve]:
    """Dress both arms' curves of a cause for drawing, the treated first."""

    def curve(side: str) -> Curve:
        found: IncidenceCurvePoints = getattr(cause.curves, side)
        return Curve(
            getattr(study.arms, side),
            *LOOKS[side],
            times=tuple(months(time, study.time_unit) for time in found.times),
            numbers_at_risk=found.at_risk,
            shares=found.incidence,
            low=found.conf_low,
            high=found.conf_high,
            start=0.0,
        )

    return curve("treated"), curve("comparator")


def incidence_ticks(found: CompetingResult, study: StudyCard) -> list[float]:
    """Lay the time axis in months, the same for all causes."""
    first = found.causes[0]
    landmarks = [months(point.time, study.time_unit) for point in first.landmarks.treated]
    return ticks_of(curves_of(first, study), landmarks)


@own_settings()
def incidence(found: CompetingResult, study: StudyCard, *, width: float = WIDTH) -> Sheet:
    """Draw one panel a cause, both arms as steps with 95 % bands."""
    panels = [curves_of(cause, study) for cause in found.causes]
    ticks = incidence_ticks(found, study)
    shares = _shares(panels, ticks[-1])
    right = max(map(room_for_names, panels)) + 1
    each = _TOP + HEIGHT + _BOTTOM
    sheet = Sheet(width, each * len(panels) + _LAST)
    for number, (cause, curves) in enumerate(zip(found.causes, panels, strict=True)):
        top = each * number + _TOP
        axes = sheet.axes(_LEFT, top, width - right, top + HEIGHT)
        _headings(sheet, cause, top - _TOP)
        _axes(axes, ticks, shares, last=number == len(panels) - 1)
        draw(axes, curves)
        name_ends(sheet, axes, curves, top)
    return sheet


def cause_label(cause: CauseResult) -> str:
    """Call a cause as the report does, with a capital."""
    return cause.label[:1].upper() + cause.label[1:]


def _shares(panels: list[tuple[Curve, Curve]], end: float) -> list[float]:
    """Lay the axis of shares: from 0 to above every limit that is drawn."""
    drawn = [
        value
        for curves in panels
        for curve in curves
        for time, *values in zip(curve.times, curve.shares, curve.high, strict=True)
        for value in values
        if time <= end and not math.isnan(value)
    ]
    most = max([0.04, *drawn])
    step = nice_step(most, 5, STEPS)
    return [step * k for k in range(math.ceil(most / step - 1e-9) + 1)]


def _headings(sheet: Sheet, cause: CauseResult, top: float) -> None:
    title = shortened(f"{cause_label(cause)}, %", sheet.width, bold=True)
    sheet.text(0, top + 9.5, title, bold=True)
    told = f"Gray's test {p_phrase(cause.gray.p_value)}"
    if hr := cause.subdistribution:
        ratio = interval(hr.hazard_ratio, hr.conf_low, hr.conf_high)
        told += f" · subdistribution hazard ratio {ratio.replace('(', '(95 % CI ')}"
    sheet.text(0, top + 21.5, told, colour=MUTED)


def _axes(axes: Axes, ticks: list[float], shares: list[float], *, last: bool) -> None:
    axes.set(xlim=(0, ticks[-1]), ylim=(0, shares[-1]), xlabel="Months" if last else "")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks(shares, [f"{100 * share:.0f}" for share in shares])
    axes.grid(axis="y")
