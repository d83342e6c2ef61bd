"""The propensity scores of both arms as a mirrored histogram: how far the arms overlap."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from coordinator.report.figures.sheet import (
    COMPARATOR,
    COMPARATOR_TEXT,
    COMPARATOR_TINT,
    HAIR,
    INK,
    LINE,
    MUTED,
    PAPER,
    TREATED,
    TREATED_TEXT,
    WIDTH,
    Sheet,
    nice_step,
    own_settings,
    text_width,
    wrap,
)
from coordinator.report.wording import count
from protocol.results.values.estimates import Pair
from protocol.results.values.propensity import Histogram

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BARS = 40
SHARES = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
_TOP, _HALF, _BOTTOM, _LABELS, _GAP = 8, 79, 34, 84, 8
_STEPS = tuple(digit * 10**power for power in range(7) for digit in (1, 2, 5))


def merged(histogram: Histogram, most: int = MOST_BARS) -> Histogram:
    """Merge neighbouring bins until there are few enough to see."""
    bins = len(histogram.edges) - 1
    every = max(1, math.ceil(bins / most))
    starts = range(0, bins, every)
    edges = (*(histogram.edges[k] for k in starts), histogram.edges[-1])

    def added(patients: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sum(patients[k : k + every]) for k in starts)

    arms = histogram.patients
    return Histogram(edges, Pair(added(arms.comparator), added(arms.treated)))


@own_settings()
def overlap(histogram: Histogram, arms: Pair[str], *, width: float = WIDTH) -> Sheet:
    """Draw the treated arm upwards and the comparator, hatched, downwards."""
    shown = merged(histogram)
    highest = max((*shown.patients.treated, *shown.patients.comparator, 1))
    step = nice_step(highest, 4, _STEPS)
    parts = math.ceil(highest / step)
    told = {side: _label(getattr(arms, side), getattr(shown.patients, side)) for side in _SIDES}
    gutter = max(text_width(line, bold=True) for lines in told.values() for line in lines)
    middle, bottom = _TOP + _HALF, _TOP + 2 * _HALF
    sheet = Sheet(width, bottom + _BOTTOM)
    left = text_width(count(step * parts)) + 8
    axes = sheet.axes(left, _TOP, width - gutter - _GAP - 1, bottom)
    _counts(axes, step, parts)
    _bars(axes, shown)
    _probabilities(axes, width - gutter - _GAP - left)
    for side, top in (("treated", _TOP + 9), ("comparator", middle + 16)):
        _write(sheet, told[side], width - gutter, top, _SIDES[side])
    return sheet


_SIDES = {"treated": TREATED_TEXT, "comparator": COMPARATOR_TEXT}


def _label(arm: str, patients: tuple[int, ...]) -> list[str]:
    return [*wrap(arm, _LABELS, bold=True, most=4), f"n = {count(sum(patients))}"]


def _counts(axes: Axes, step: float, parts: int) -> None:
    ticks = [k * step for k in range(-parts, parts + 1)]
    axes.set_ylim(ticks[0], ticks[-1])
    axes.set_yticks(ticks, [count(abs(tick)) for tick in ticks])
    axes.grid(axis="y")
    axes.spines.bottom.set_visible(False)
    axes.axhline(0, color=INK, linewidth=HAIR, zorder=3)


def _bars(axes: Axes, shown: Histogram) -> None:
    axes.set_xlim(shown.edges[0], shown.edges[-1])
    treated: dict[str, Any] = {"facecolor": TREATED, "edgecolor": PAPER}
    comparator: dict[str, Any] = {"facecolor": COMPARATOR_TINT, "edgecolor": COMPARATOR}
    comparator["hatch"] = "////"
    for patients, sign, look in (
        (shown.patients.treated, 1, treated),
        (shown.patients.comparator, -1, comparator),
    ):
        bins = zip(pairwise(shown.edges), patients, strict=True)
        bars = [(low, sign * number, high - low) for (low, high), number in bins if number]
        if bars:
            starts, heights, widths = zip(*bars, strict=True)
            axes.bar(starts, heights, widths, align="edge", **look)


def _probabilities(axes: Axes, width: float) -> None:
    """Mark probabilities where their logits lie, leaving out those without room."""
    low, high = axes.get_xlim()
    ticks: dict[float, str] = {}
    taken = -math.inf
    for share in SHARES:
        logit, told = math.log(share / (1 - share)), f"{100 * share:g} %"
        place, half = (logit - low) / (high - low) * width, text_width(told) / 2
        if low <= logit <= high and place - half > taken:
            ticks[logit], taken = told, place + half + 8
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.set_xlabel("Propensity score: probability of the treated arm (axis: logit)")


def _write(sheet: Sheet, lines: list[str], x: float, y: float, colour: str) -> None:
    *arm, number = lines
    for words in arm:
        sheet.text(x, y, words, colour=colour, bold=True)
        y += LINE
    sheet.text(x, y, number, colour=MUTED)
