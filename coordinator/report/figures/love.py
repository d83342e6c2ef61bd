"""Love plot: standardised mean differences before and after, the largest on top."""

import math
from dataclasses import dataclass

from coordinator.report.figures.canvas import (
    GRID,
    MUTED,
    PAPER,
    RULE,
    TREATED,
    Canvas,
    Scale,
    nice_step,
    text_width,
    wrap,
)
from coordinator.report.wording import decimal
from protocol.results.model import BalanceRow

THRESHOLD = 0.1
_ROW, _TOP = 19, 46


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


def love(rows: tuple[Difference, ...], *, width: float = 760) -> str:
    """Draw hollow circles before, filled squares after, and the band within 0.1."""
    canvas = Canvas(width)
    left = min(300.0, max((text_width(row.label) for row in rows), default=80.0) + 14)
    known = [abs(v) for row in rows for v in (row.before, row.after) if not math.isnan(v)]
    step = nice_step(max([0.2, *known]), 4, (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 10.0))
    end = step * math.ceil(max([0.2, *known]) / step - 1e-9)
    x = Scale(-end, end, left, width - 16)
    bottom = _TOP + _ROW * len(rows)
    _frame(canvas, x, step, bottom)
    for number, row in enumerate(rows):
        _row(canvas, x, _TOP + _ROW * (number + 0.5), row, left)
    _legend(canvas, left, matched=any(not math.isnan(row.after) for row in rows))
    words = "Standardised mean difference (treated − comparator)"
    canvas.text((x.first + x.last) / 2, bottom + 38, words, colour=MUTED, anchor="middle")
    return canvas.svg(bottom + 46)


def _frame(canvas: Canvas, x: Scale, step: float, bottom: float) -> None:
    width = x(THRESHOLD) - x(-THRESHOLD)
    canvas.rect(x(-THRESHOLD), _TOP, width, bottom - _TOP, fill=GRID, opacity=0.55)
    for edge in (-THRESHOLD, THRESHOLD):
        canvas.line(x(edge), _TOP, x(edge), bottom, dash="4 3")
    canvas.line(x(0), _TOP, x(0), bottom)
    for k in range(-round(x.high / step), round(x.high / step) + 1):
        canvas.line(x(k * step), bottom, x(k * step), bottom + 5)
        told = decimal(k * step, 2 if step == 0.25 else 1)
        canvas.text(x(k * step), bottom + 19, told, colour=MUTED, anchor="middle")


def _row(canvas: Canvas, x: Scale, y: float, row: Difference, left: float) -> None:
    words = wrap(row.label, left - 14)
    told = words[0] if len(words) == 1 else f"{words[0]} …"
    canvas.text(left - 12, y + 4, told, anchor="end")
    canvas.line(x.first, y, x.last, y, colour=GRID)
    if not math.isnan(row.before) and not math.isnan(row.after):
        canvas.line(x(row.before), y, x(row.after), y, colour=RULE)
    if not math.isnan(row.before):
        canvas.circle(x(row.before), y, 4.2, fill=PAPER, stroke=MUTED)
    if not math.isnan(row.after):
        canvas.rect(x(row.after) - 4, y - 4, 8, 8, fill=TREATED)


def _legend(canvas: Canvas, left: float, *, matched: bool) -> None:
    canvas.circle(left + 6, 18, 4.2, fill=PAPER, stroke=MUTED)
    canvas.text(left + 18, 22, "before" if matched else "all patients")
    if matched:
        canvas.rect(left + 86, 14, 8, 8, fill=TREATED)
        canvas.text(left + 102, 22, "after matching")
    canvas.text(canvas.width - 16, 22, "shaded: within ±0.1", colour=MUTED, anchor="end")
