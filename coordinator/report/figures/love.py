"""Love plot: standardised mean differences before, matched and weighted, the largest on top."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coordinator.report.figures.sheet import (
    FINE_DASHES,
    HAIR,
    INK,
    MUTED,
    PAPER,
    RULE,
    SHADE,
    SIZE,
    TREATED,
    WIDTH,
    Sheet,
    nice_step,
    own_settings,
    shortened,
    text_width,
)
from coordinator.report.wording import decimal
from protocol.results.values.patients import BalanceRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

THRESHOLD = 0.1
_ROW, _TOP, _BOTTOM, _LABELS = 12.6, 28, 32, 200

_BEFORE: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 5.6,
    "markerfacecolor": PAPER,
    "markeredgecolor": MUTED,
    "markeredgewidth": 1,
}
_MATCHED: dict[str, Any] = {
    "linestyle": "none",
    "marker": "s",
    "markersize": 5.2,
    "color": TREATED,
    "markeredgewidth": 0,
}
_WEIGHTED: dict[str, Any] = {
    "linestyle": "none",
    "marker": "^",
    "markersize": 5.6,
    "markerfacecolor": "none",
    "markeredgecolor": INK,
    "markeredgewidth": 0.9,
}


@dataclass(frozen=True)
class Difference:
    """One column in all patients, matched and weighted; NaN where there is no such population."""

    label: str
    before: float
    matched: float
    weighted: float = math.nan


def differences(
    before: tuple[BalanceRow, ...],
    matched: tuple[BalanceRow, ...],
    weighted: tuple[BalanceRow, ...] = (),
) -> tuple[Difference, ...]:
    """Put the populations' differences side by side, the largest before on top."""
    after = [{row.column: row.smd for row in one} for one in (matched, weighted)]
    rows = [
        Difference(r.label, r.smd, *(found.get(r.column, math.nan) for found in after))
        for r in before
    ]
    return tuple(sorted(rows, key=lambda row: -abs(row.before) if row.before == row.before else 1))


def has_matched(rows: tuple[Difference, ...]) -> bool:
    """Tell whether there is a matched population to draw."""
    return any(not math.isnan(row.matched) for row in rows)


def has_weighted(rows: tuple[Difference, ...]) -> bool:
    """Tell whether there is a weighted population to draw."""
    return any(not math.isnan(row.weighted) for row in rows)


@own_settings()
def love(rows: tuple[Difference, ...], *, width: float = WIDTH) -> Sheet:
    """Draw circles before, squares matched, triangles weighted, and the band within 0.1."""
    labels = [shortened(row.label, _LABELS) for row in rows]
    left = max((text_width(label) for label in labels), default=60.0) + 8
    bottom = _TOP + _ROW * max(1, len(rows))
    sheet = Sheet(width, bottom + _BOTTOM)
    axes = sheet.axes(left, _TOP, width - 12, bottom)
    _frame(axes, rows, labels)
    for number, row in enumerate(rows):
        after = row.weighted if math.isnan(row.matched) else row.matched
        axes.plot([row.before, after], [number, number], color=RULE, linewidth=HAIR)
    marks: dict[str, Any] = {"clip_on": False, "zorder": 3}
    axes.plot([row.before for row in rows], range(len(rows)), **_BEFORE, **marks)
    axes.plot([row.matched for row in rows], range(len(rows)), **_MATCHED, **marks)
    axes.plot([row.weighted for row in rows], range(len(rows)), **_WEIGHTED, **marks)
    _legend(sheet, left, rows)
    return sheet


def _frame(axes: Axes, rows: tuple[Difference, ...], labels: list[str]) -> None:
    known = [
        abs(v) for row in rows for v in (row.before, row.matched, row.weighted) if not math.isnan(v)
    ]
    most = max([0.2, *known])
    step = nice_step(most, 4, (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 10.0))
    parts = math.ceil(most / step - 1e-9)
    ticks = [k * step for k in range(-parts, parts + 1)]
    axes.set(xlim=(ticks[0], ticks[-1]), ylim=(max(1, len(rows)) - 0.5, -0.5))
    axes.set_xticks(ticks, [decimal(tick, 2 if step == 0.25 else 1) for tick in ticks])
    axes.set_yticks(range(len(rows)), labels)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_xlabel("Standardised mean difference (treated − comparator)")
    axes.grid(axis="y")
    axes.spines.bottom.set_visible(False)
    axes.axvspan(-THRESHOLD, THRESHOLD, facecolor=SHADE, linewidth=0, zorder=0)
    for edge in (-THRESHOLD, THRESHOLD):
        axes.axvline(edge, color=RULE, linewidth=HAIR, linestyle=FINE_DASHES)
    axes.axvline(0, color=RULE, linewidth=HAIR)


def _legend(sheet: Sheet, left: float, rows: tuple[Difference, ...]) -> None:
    """Name the marks that are drawn, from the axis on or earlier if they need the room."""
    entries = [("before", _BEFORE)]
    entries += [("after matching", _MATCHED)] if has_matched(rows) else []
    entries += [("after weighting", _WEIGHTED)] if has_weighted(rows) else []
    if len(entries) == 1:
        entries = [("all patients", _BEFORE)]
    end, band = sheet.width - 12, "shaded: within ±0.1"
    needed = sum(text_width(name) + 25 for name, _ in entries) + text_width(band)
    line, x = 14.0, min(left + 4, end - needed)
    for name, look in entries:
        sheet.page.plot([x], [line - 2.9], **look)
        sheet.text(x + 7, line, name)
        x += 7 + text_width(name) + 18
    sheet.text(end, line, band, colour=MUTED, anchor="right", size=SIZE)
