"""Hazard ratios across populations and methods on one logarithmic axis."""

import math
from dataclasses import dataclass

from coordinator.report.figures.canvas import (
    GRID,
    INK,
    MUTED,
    PAPER,
    RULE,
    TREATED,
    Canvas,
    Scale,
    log_scale,
    text_width,
    wrap,
)
from coordinator.report.wording import interval

TICKS = (0.05, 0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
_ROW, _TOP, _SMALL = 22, 40, 11.5


@dataclass(frozen=True)
class ForestRow:
    """One line: a heading where `events` is empty and there is no ratio."""

    label: str
    events: str = ""
    hazard_ratio: float = math.nan
    conf_low: float = math.nan
    conf_high: float = math.nan
    std_error: float = math.nan
    heading: bool = False
    minor: bool = False
    reason: str = ""

    @property
    def drawn(self) -> bool:
        """Whether there is an interval to draw."""
        return self.conf_low > 0 and self.conf_high < math.inf


def forest(
    rows: tuple[ForestRow, ...], treated: str, comparator: str, *, width: float = 760
) -> str:
    """Draw boxes (area by precision) with intervals; arrows where one leaves the axis."""
    canvas = Canvas(width)
    labels = max(text_width(r.label, bold=r.heading) + (0 if r.heading else 12) for r in rows)
    left = min(250.0, labels + 12)
    events_right = left + 84
    x = _axis(rows, events_right + 24, width - 150)
    bottom = _TOP + _ROW * len(rows)
    canvas.text(events_right, 24, "Events / n", colour=MUTED, size=_SMALL, anchor="end")
    canvas.text(width, 24, "HR (95 % CI)", colour=MUTED, size=_SMALL, anchor="end")
    _ticks(canvas, x, bottom)
    most = max((1 / r.std_error for r in rows if r.drawn and r.std_error > 0), default=1.0)
    for number, row in enumerate(rows):
        y = _TOP + _ROW * (number + 0.5)
        _words(canvas, row, y, left, events_right)
        if row.drawn:
            _interval(canvas, row, x, y, most)
    _favours(canvas, x, bottom + 44, treated, comparator)
    return canvas.svg(bottom + 54)


def _axis(rows: tuple[ForestRow, ...], first: float, last: float) -> Scale:
    """Hold every interval, but not more than a factor of 20 either way."""
    lows = [r.conf_low for r in rows if r.drawn] or [0.5]
    highs = [r.conf_high for r in rows if r.drawn] or [2.0]
    low = max([t for t in TICKS if t <= min([*lows, 0.8])] or [TICKS[0]])
    high = min([t for t in TICKS if t >= max([*highs, 1.25])] or [TICKS[-1]])
    return log_scale(low, high, first, last)


def _ticks(canvas: Canvas, x: Scale, bottom: float) -> None:
    taken = -math.inf
    for tick in TICKS:
        place = x(math.log(tick))
        if not x.low - 1e-9 <= math.log(tick) <= x.high + 1e-9:
            continue
        canvas.line(place, _TOP, place, bottom, colour=RULE if tick == 1 else GRID)
        if place - taken > 30 or tick == 1:
            canvas.text(place, bottom + 18, f"{tick:g}", colour=MUTED, anchor="middle", size=_SMALL)
            taken = place


def _words(canvas: Canvas, row: ForestRow, y: float, left: float, events_right: float) -> None:
    indent = 0 if row.heading else 12
    colour = MUTED if row.minor else INK
    words = wrap(row.label, left - indent)
    told = words[0] if len(words) == 1 else f"{words[0]} …"
    canvas.text(indent, y + 4, told, colour=colour, bold=row.heading)
    canvas.text(events_right, y + 4, row.events, colour=colour, size=_SMALL, anchor="end")
    if not row.heading:
        ratio = row.reason and "not estimable"
        told = ratio or interval(row.hazard_ratio, row.conf_low, row.conf_high)
        canvas.text(canvas.width, y + 4, told, colour=colour, anchor="end")


def _interval(canvas: Canvas, row: ForestRow, x: Scale, y: float, most: float) -> None:
    low, high = (min(x.high, max(x.low, math.log(v))) for v in (row.conf_low, row.conf_high))
    colour = MUTED if row.minor else TREATED
    canvas.line(x(low), y, x(high), y, colour=colour, width=1.6)
    for end, limit, sign in ((low, row.conf_low, -1), (high, row.conf_high, 1)):
        if abs(end - math.log(limit)) > 1e-9:
            tip = x(end) + 2 * sign
            points = [(tip - 7 * sign, y - 4), (tip, y), (tip - 7 * sign, y + 4)]
            canvas.path(points, colour=colour, width=1.6)
    middle = math.log(row.hazard_ratio)
    if x.low <= middle <= x.high:
        half = max(3.0, 6.5 * (1 / row.std_error) / most) if row.std_error > 0 else 3.0
        fill = PAPER if row.minor else colour
        canvas.rect(x(middle) - half, y - half, 2 * half, 2 * half, fill=fill, stroke=colour)


def _favours(canvas: Canvas, x: Scale, y: float, treated: str, comparator: str) -> None:
    one = x(0.0)
    for arm, place, anchor in ((treated, one - 10, "end"), (comparator, one + 10, "start")):
        told = f"favours {arm}"
        if text_width(told, _SMALL) > min(place, canvas.width - place) - 20:
            told = "favours treated" if anchor == "end" else "favours comparator"
        words = f"← {told}" if anchor == "end" else f"{told} →"
        canvas.text(place, y, words, colour=MUTED, size=_SMALL, anchor=anchor)
