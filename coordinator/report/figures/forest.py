"""Hazard ratios across populations and methods on one logarithmic axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coordinator.report.figures.sheet import (
    GRID,
    HAIR,
    INK,
    MUTED,
    PAPER,
    RULE,
    SIZE,
    SMALL,
    TREATED,
    WIDTH,
    Sheet,
    own_settings,
    shortened,
    text_width,
)
from coordinator.report.wording import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TICKS = (0.05, 0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
_ROW, _TOP, _BOTTOM, _INDENT, _LABELS, _GAP = 14.6, 22, 36, 8, 168, 14


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

    @property
    def ratio(self) -> str:
        """The ratio in words."""
        if self.heading:
            return ""
        return (self.reason and "not estimable") or interval(
            self.hazard_ratio, self.conf_low, self.conf_high
        )


@dataclass(frozen=True)
class _Columns:
    """Where each column ends, in points, by the width of what stands in it."""

    labels: float
    events: float
    ratios: float


@own_settings()
def forest(
    rows: tuple[ForestRow, ...], treated: str, comparator: str, *, width: float = WIDTH
) -> Sheet:
    """Draw boxes (area by precision) with intervals; arrows where one leaves the axis."""
    columns = _columns(rows, width)
    bottom = _TOP + _ROW * len(rows)
    sheet = Sheet(width, bottom + _BOTTOM)
    axes = sheet.axes(columns.events + _GAP, _TOP, columns.ratios - _GAP, bottom)
    _axis(axes, rows)
    for heading, x in (("Events / n", columns.events), ("HR (95 % CI)", width)):
        sheet.text(x, _TOP - 10, heading, colour=MUTED, size=SMALL, anchor="right")
    most = max((1 / r.std_error for r in rows if r.drawn and r.std_error > 0), default=1.0)
    for number, row in enumerate(rows):
        _words(sheet, row, _TOP + _ROW * (number + 0.5) + 2.9, columns)
        if row.drawn:
            _interval(axes, row, number, most)
    _favours(sheet, axes, bottom + 29, treated, comparator)
    return sheet


def _columns(rows: tuple[ForestRow, ...], width: float) -> _Columns:
    def widest(words: list[str], size: float) -> float:
        return max(text_width(word, size) for word in words)

    labels = min(
        _LABELS,
        max(text_width(r.label, bold=r.heading) + (0 if r.heading else _INDENT) for r in rows),
    )
    events = widest(["Events / n", *(row.events for row in rows)], SMALL)
    ratios = max(widest([row.ratio for row in rows], SIZE), text_width("HR (95 % CI)", SMALL))
    return _Columns(labels, labels + 10 + events, width - ratios)


def _axis(axes: Axes, rows: tuple[ForestRow, ...]) -> None:
    """Hold every interval, but not more than a factor of 20 either way."""
    lows = [r.conf_low for r in rows if r.drawn] or [0.5]
    highs = [r.conf_high for r in rows if r.drawn] or [2.0]
    low = max([t for t in TICKS if t <= min([*lows, 0.8])] or [TICKS[0]])
    high = min([t for t in TICKS if t >= max([*highs, 1.25])] or [TICKS[-1]])
    ticks = [tick for tick in TICKS if low <= tick <= high]
    axes.set_xscale("log")
    axes.set(xlim=(low, high), ylim=(len(rows) - 0.5, -0.5))
    axes.set_xticks(ticks, _with_room(axes, ticks))
    axes.set_xticks([], minor=True)
    axes.tick_params(axis="x", labelsize=SMALL, length=0)
    axes.set_yticks([])
    axes.grid(axis="x")
    axes.axvline(1, color=RULE, linewidth=HAIR)
    axes.spines.bottom.set_color(GRID)


def _with_room(axes: Axes, ticks: list[float]) -> list[str]:
    """Label those ticks that leave room for each other, and always 1."""
    low, high = (math.log(limit) for limit in axes.get_xlim())
    width = axes.bbox.width

    def ends(tick: float) -> tuple[float, float]:
        place = (math.log(tick) - low) / (high - low) * width
        half = text_width(f"{tick:g}", SMALL) / 2 + 3
        return place - half, place + half

    taken = [ends(1.0)]
    labels = []
    for tick in ticks:
        start, end = ends(tick)
        if tick == 1 or all(end < first or start > last for first, last in taken):
            labels.append(f"{tick:g}")
            taken.append((start, end))
        else:
            labels.append("")
    return labels


def _words(sheet: Sheet, row: ForestRow, line: float, columns: _Columns) -> None:
    indent = 0 if row.heading else _INDENT
    colour = MUTED if row.minor else INK
    label = shortened(row.label, columns.labels - indent + 0.1, bold=row.heading)
    sheet.text(indent, line, label, colour=colour, bold=row.heading)
    sheet.text(columns.events, line, row.events, colour=colour, size=SMALL, anchor="right")
    sheet.text(sheet.width, line, row.ratio, colour=colour, anchor="right")


def _interval(axes: Axes, row: ForestRow, y: int, most: float) -> None:
    low, high = axes.get_xlim()
    colour = MUTED if row.minor else TREATED
    ends = [min(high, max(low, limit)) for limit in (row.conf_low, row.conf_high)]
    axes.plot(ends, [y, y], color=colour, linewidth=1.1)
    for end, limit, arrow in zip(ends, (row.conf_low, row.conf_high), "<>", strict=True):
        if end != limit:
            axes.plot([end], [y], arrow, color=colour, markersize=4, clip_on=False)
    if low <= row.hazard_ratio <= high:
        side = max(4.0, 8.5 * (1 / row.std_error) / most) if row.std_error > 0 else 4.0
        fill = PAPER if row.minor else colour
        look: dict[str, Any] = {
            "markersize": side,
            "markerfacecolor": fill,
            "markeredgecolor": colour,
        }
        axes.plot([row.hazard_ratio], [y], "s", markeredgewidth=HAIR, clip_on=False, **look)


def _favours(sheet: Sheet, axes: Axes, line: float, treated: str, comparator: str) -> None:
    """Name both directions; by role only, if a name has no room beside the ratio of 1."""
    one = float(sheet.page.transData.inverted().transform(axes.transData.transform((1, 0)))[0])
    words = f"← favours {treated}", f"favours {comparator} →"
    if any(
        text_width(told, SMALL) > room - 6
        for told, room in zip(words, (one, sheet.width - one), strict=True)
    ):
        words = "← favours treated", "favours comparator →"
    sheet.text(one - 6, line, words[0], colour=MUTED, size=SMALL, anchor="right")
    sheet.text(one + 6, line, words[1], colour=MUTED, size=SMALL)
