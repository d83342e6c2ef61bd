"""Love plot: standardised mean differences before and after, the largest on top."""

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
from protocol.results.model import BalanceRow

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
_AFTER: dict[str, Any] = {
    "linestyle": "none",
    "marker": "s",
    "markersize": 5.2,
    "color": TREATED,
    "markeredgewidth": 0,
}


@dataclass(frozen=True)
class Difference:
    """One column before and after; `after` is NaN where there is no matched population."""

    label: str
    before: float
    after: float


def differences(
    before: tuple[BalanceRow, ...], after: tuple[BalanceRow, ...]
) -> tuple[Difference, ...]:
    """Put both populations' differences side by side, the largest before on top."""
    found = {row.column: row.smd for row in after}
    rows = [Difference(r.label, r.smd, found.get(r.column, math.nan)) for r in before]
    return tuple(sorted(rows, key=lambda row: -abs(row.before) if row.before == row.before else 1))


@own_settings()
def love(rows: tuple[Difference, ...], *, width: float = WIDTH) -> Sheet:
    """Draw hollow circles before, filled squares after, and the band within 0.1."""
    labels = [shortened(row.label, _LABELS) for row in rows]
    left = max((text_width(label) for label in labels), default=60.0) + 8
    bottom = _TOP + _ROW * max(1, len(rows))
    sheet = Sheet(width, bottom + _BOTTOM)
    axes = sheet.axes(left, _TOP, width - 12, bottom)
    _frame(axes, rows, labels)
    for number, row in enumerate(rows):
        axes.plot([row.before, row.after], [number, number], color=RULE, linewidth=HAIR)
    marks: dict[str, Any] = {"clip_on": False, "zorder": 3}
    axes.plot([row.before for row in rows], range(len(rows)), **_BEFORE, **marks)
    axes.plot([row.after for row in rows], range(len(rows)), **_AFTER, **marks)
    _legend(sheet, left, matched=any(not math.isnan(row.after) for row in rows))
    return sheet


def _frame(axes: Axes, rows: tuple[Difference, ...], labels: list[str]) -> None:
    known = [abs(v) for row in rows for v in (row.before, row.after) if not math.isnan(v)]
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


def _legend(sheet: Sheet, left: float, *, matched: bool) -> None:
    words, line, x = "before" if matched else "all patients", 14.0, left + 4
    for name, look in ((words, _BEFORE), ("after matching", _AFTER)):
        if look is _BEFORE or matched:
            sheet.page.plot([x], [line - 2.9], **look)
            sheet.text(x + 7, line, name)
        x += 7 + text_width(name) + 18
    end = sheet.width - 12
    sheet.text(end, line, "shaded: within ±0.1", colour=MUTED, anchor="right", size=SIZE)
