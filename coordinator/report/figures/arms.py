"""One curve an arm, as steps over months with a band and a name at its end.

Lines differ by dash and direct label, not only by colour.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coordinator.report.figures.sheet import (
    COMPARATOR,
    COMPARATOR_TEXT,
    DASHED,
    LINE,
    SOLID,
    TREATED,
    TREATED_TEXT,
    Dash,
    Sheet,
    nice_step,
    text_width,
    wrap,
)
from protocol.results.publication.withheld import Withheld

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS = (1, 2, 3, 6, 12, 24, 36, 60, 120, 240, 600)
SHOWN_SHARE = 0.1
"""Curves are drawn while this share is at risk: Pocock et al. (2002), Lancet 359, 1686-1689."""
LOOKS: dict[str, tuple[str, str, Dash]] = {
    "treated": (TREATED, TREATED_TEXT, SOLID),
    "comparator": (COMPARATOR, COMPARATOR_TEXT, DASHED),
}
"""Colour of the line and of its name, and its dash, by arm."""
GAP = 7
"""Points between the axes and the names of the lines."""
_LABELS = 84


@dataclass(frozen=True)
class Curve:
    """One arm's curve as it is drawn: shares by month from `start` on, with their limits."""

    label: str
    colour: str
    text: str
    dash: Dash
    times: tuple[float, ...]
    numbers_at_risk: tuple[float, ...]
    shares: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    start: float

    def at_risk(self, month: float) -> float:
        """Count who is at risk just before a time."""
        place = bisect_left(self.times, month - 1e-9)
        return self.numbers_at_risk[place] if place < len(self.times) else 0.0

    def names(self) -> list[str]:
        """Break the arm's name into the lines that stand beside its curve."""
        return wrap(self.label, _LABELS, bold=True, most=4)

    def steps(self, end: float) -> tuple[list[float], list[float]]:
        """List the months at which shares change, cut at the axis' end; NaN keeps the last."""
        times, levels = [0.0], [self.start]
        for time, share in zip(self.times, self.shares, strict=True):
            if time <= end and not math.isnan(share) and share != levels[-1]:
                times.append(time)
                levels.append(share)
        return [*times, min(end, self.last)], [*levels, levels[-1]]

    @property
    def last(self) -> float:
        """When the curve ends; behind the end of a published one stands that it is not shown."""
        shown = zip(self.times, self.shares, strict=True)
        return max((time for time, share in shown if not isinstance(share, Withheld)), default=0.0)


def last_month(curves: Sequence[Curve], landmarks: list[float]) -> float:
    """Find where the curves end: at the last landmark, or later while enough are at risk."""
    everybody = sum(curve.at_risk(0.0) for curve in curves)
    times = sorted({time for curve in curves for time in curve.times})
    shown = [t for t in times if sum(c.at_risk(t) for c in curves) >= SHOWN_SHARE * everybody]
    return max([1.0, *landmarks, *shown[-1:]])


def ticks_of(curves: Sequence[Curve], landmarks: list[float], most: int = 9) -> list[float]:
    """Lay the time axis in months, from 0."""
    end = last_month(curves, landmarks)
    step = nice_step(end, most, STEPS)
    return [step * k for k in range(math.ceil(end / step - 1e-9) + 1)]


def room_for_names(curves: Sequence[Curve]) -> float:
    """Measure what the names need to the right of the axes, in points."""
    return GAP + max(text_width(words, bold=True) for curve in curves for words in curve.names())


def draw(axes: Axes, curves: Sequence[Curve]) -> None:
    """Draw bands below lines, the first curve on top."""
    end = axes.get_xlim()[1]
    for curve in reversed(curves):
        _band(axes, curve, end)
    for curve in reversed(curves):
        axes.step(
            *curve.steps(end),
            where="post",
            color=curve.colour,
            linestyle=curve.dash,
            linewidth=1.5,
            clip_on=False,
            zorder=3,
        )


def _band(axes: Axes, curve: Curve, end: float) -> None:
    """Shade between the limits; where there are none, as before an event, it has no width."""
    corners = [(0.0, curve.start, curve.start)]
    points = zip(curve.times, curve.shares, curve.low, curve.high, strict=True)
    for time, share, low, high in points:
        if time <= end and not math.isnan(share):
            lower, upper = (share if math.isnan(v) else v for v in (low, high))
            corners.append((time, lower, upper))
    corners.append((min(end, curve.last), *corners[-1][1:]))
    times, lows, highs = zip(*corners, strict=True)
    axes.fill_between(
        times, lows, highs, step="post", facecolor=curve.colour, alpha=0.13, linewidth=0
    )


def name_ends(sheet: Sheet, axes: Axes, curves: Sequence[Curve], top: float) -> None:
    """Write both arms' names where their lines end, apart from each other.

    `top` is where the axes begin on the sheet.
    """
    end, height, highest = axes.get_xlim()[1], axes.bbox.height, axes.get_ylim()[1]
    bottom = top + height
    halves = [LINE * len(curve.names()) / 2 for curve in curves]
    middles = [bottom - curve.steps(end)[1][-1] / highest * height for curve in curves]
    upper, lower = sorted((0, 1), key=lambda k: middles[k])
    overlap = sum(halves) + 4 - (middles[lower] - middles[upper])
    if overlap > 0:
        middles[upper], middles[lower] = middles[upper] - overlap / 2, middles[lower] + overlap / 2
    shift = max(0.0, middles[lower] + halves[lower] - bottom)
    shift = shift or min(0.0, middles[upper] - halves[upper] - top)
    for curve, half, middle in zip(curves, halves, middles, strict=True):
        for number, words in enumerate(curve.names()):
            line = middle - shift - half + LINE * (number + 0.75)
            sheet.text(axes.bbox.x1 + GAP, line, words, colour=curve.text, bold=True)
