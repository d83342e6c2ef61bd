"""Survival curves of both arms, with the risk table on the same time axis.

At risk just before t, as R's `survival` counts; lines differ by dash and direct label, not only
by colour. No censoring ticks: each would be one patient's time.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coordinator.report.choice import hazard_ratio, log_rank
from coordinator.report.figures.sheet import (
    COMPARATOR,
    COMPARATOR_TEXT,
    DASHED,
    INK,
    LINE,
    MUTED,
    SMALL,
    SOLID,
    TREATED,
    TREATED_TEXT,
    WIDTH,
    Dash,
    Sheet,
    nice_step,
    own_settings,
    shortened,
    text_width,
    wrap,
)
from coordinator.report.wording import count, interval, months, p_phrase
from protocol.results.model import CurvePoints, StudyCard, SurvivalResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS = (1, 2, 3, 6, 12, 24, 36, 60, 120, 240, 600)
SHOWN_SHARE = 0.1
"""Curves are drawn while this share is at risk: Pocock et al. (2002), Lancet 359, 1686-1689."""

HEIGHT = 196.0
"""Of the plot, in points."""

_TOP, _TABLE, _GAP, _LABELS = 36, 44, 7, 84
_ROW_NAMES = ("At risk", "Events before", "Censored before")


@dataclass(frozen=True)
class Arm:
    """One arm as it is drawn; times in months."""

    label: str
    colour: str
    text: str
    dash: Dash
    patients: int
    times: tuple[float, ...]
    curve: CurvePoints

    def at_risk(self, month: float) -> float:
        """Count who is at risk just before a time."""
        place = bisect_left(self.times, month - 1e-9)
        return self.curve.at_risk[place] if place < len(self.times) else 0.0

    def before(self, counts: tuple[float, ...], month: float) -> float:
        """Add up events or censorings before a time."""
        return sum(counts[: bisect_left(self.times, month - 1e-9)])


def arms_of(found: SurvivalResult, study: StudyCard) -> tuple[Arm, Arm]:
    """Dress both arms for drawing, the treated first."""

    def arm(label: str, look: tuple[str, str, Dash], patients: int, curve: CurvePoints) -> Arm:
        times = tuple(months(time, study.time_unit) for time in curve.times)
        return Arm(label, *look, patients, times, curve)

    return (
        arm(
            study.arms.treated,
            (TREATED, TREATED_TEXT, SOLID),
            found.patients.treated,
            found.curves.treated,
        ),
        arm(
            study.arms.comparator,
            (COMPARATOR, COMPARATOR_TEXT, DASHED),
            found.patients.comparator,
            found.curves.comparator,
        ),
    )


def last_month(arms: tuple[Arm, Arm], landmarks: list[float]) -> float:
    """Find where the curves end: at the last landmark, or later while enough are at risk."""
    everybody = sum(arm.at_risk(0.0) for arm in arms)
    times = sorted({time for arm in arms for time in arm.times})
    shown = [t for t in times if sum(a.at_risk(t) for a in arms) >= SHOWN_SHARE * everybody]
    return max([1.0, *landmarks, *shown[-1:]])


def ticks_of(arms: tuple[Arm, Arm], landmarks: list[float], most: int = 9) -> list[float]:
    """Lay the time axis in months, from 0."""
    end = last_month(arms, landmarks)
    step = nice_step(end, most, STEPS)
    return [step * k for k in range(math.ceil(end / step - 1e-9) + 1)]


@own_settings()
def kaplan_meier(
    found: SurvivalResult, study: StudyCard, *, width: float = WIDTH, height: float = HEIGHT
) -> Sheet:
    """Draw both curves with 95 % bands and the risk table; `height` is that of the plot."""
    arms = arms_of(found, study)
    ticks = ticks_of(arms, [months(m.time, study.time_unit) for m in found.landmarks.treated])
    labels = [wrap(arm.label, _LABELS, bold=True, most=4) for arm in arms]
    bottom = _TOP + height
    sheet = Sheet(width, bottom + _TABLE + len(arms) * _table_height() - 6)
    left, right = _gutters(arms, labels, ticks[-1])
    axes = sheet.axes(left, _TOP, width - right, bottom)
    _headings(sheet, found)
    _axes(axes, ticks)
    for arm in reversed(arms):
        _band(axes, arm)
    for arm in reversed(arms):
        axes.step(
            *_steps(arm, arm.curve.survival, ticks[-1]),
            where="post",
            color=arm.colour,
            linestyle=arm.dash,
            linewidth=1.5,
            clip_on=False,
            zorder=3,
        )
    _end_labels(sheet, axes, arms, labels)
    _risk_table(sheet, axes, arms, ticks, bottom + _TABLE)
    return sheet


def _table_height() -> float:
    return LINE * (len(_ROW_NAMES) + 1) + 7


def _gutters(arms: tuple[Arm, Arm], labels: list[list[str]], end: float) -> tuple[float, float]:
    """Make room left for the rows' names, and right for the arms' names, and a column's half."""
    first, last = (
        max(text_width(count(arm.at_risk(month)), SMALL) for arm in arms) / 2
        for month in (0.0, end)
    )
    # The rows' names must not touch the first column, which is centred below t = 0.
    names = max(text_width(name, SMALL) for name in _ROW_NAMES)
    arms_names = max(text_width(words, bold=True) for label in labels for words in label)
    return names + first + 6, max(last, _GAP + arms_names) + 1


def _headings(sheet: Sheet, found: SurvivalResult) -> None:
    title = shortened(f"{found.label}, %", sheet.width, 9.2, bold=True)
    sheet.text(0, 9.5, title, bold=True, size=9.2)
    hr, test = hazard_ratio(found), log_rank(found)
    told = [f"log-rank {p_phrase(test.test.p_value)}"] if test else []
    if hr:
        ratio = interval(hr.hazard_ratio, hr.conf_low, hr.conf_high)
        told.append(f"hazard ratio {ratio.replace('(', '(95 % CI ')}")
    elif found.not_estimable:
        told.append("hazard ratio not estimable")
    line = " · ".join(told)
    sheet.text(0, 22.5, line[:1].upper() + line[1:], colour=MUTED)


def _axes(axes: Axes, ticks: list[float]) -> None:
    axes.set(xlim=(0, ticks[-1]), ylim=(0, 1), xlabel="Months")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks([k / 5 for k in range(6)], [f"{20 * k}" for k in range(6)])
    axes.grid(axis="y")


def _steps(arm: Arm, values: tuple[float, ...], end: float) -> tuple[list[float], list[float]]:
    """List the months at which values change, cut at the axis' end; NaN keeps the last."""
    times, levels = [0.0], [1.0]
    for time, value in zip(arm.times, values, strict=True):
        if time <= end and not math.isnan(value) and value != levels[-1]:
            times.append(time)
            levels.append(value)
    last = min(end, arm.times[-1]) if arm.times else 0.0
    return [*times, last], [*levels, levels[-1]]


def _band(axes: Axes, arm: Arm) -> None:
    """Shade between the limits; where there are none, as before an event, it has no width."""
    end, curve = axes.get_xlim()[1], arm.curve
    corners = [(0.0, 1.0, 1.0)]
    points = zip(arm.times, curve.survival, curve.conf_low, curve.conf_high, strict=True)
    for time, survival, low, high in points:
        if time <= end and not math.isnan(survival):
            lower, upper = (survival if math.isnan(v) else v for v in (low, high))
            corners.append((time, lower, upper))
    corners.append((min([end, *arm.times[-1:]]), *corners[-1][1:]))
    times, lows, highs = zip(*corners, strict=True)
    axes.fill_between(
        times, lows, highs, step="post", facecolor=arm.colour, alpha=0.13, linewidth=0
    )


def _end_labels(sheet: Sheet, axes: Axes, arms: tuple[Arm, Arm], labels: list[list[str]]) -> None:
    """Write each arm's name where its line ends, apart from the other's."""
    end, bottom = axes.get_xlim()[1], _TOP + axes.bbox.height
    halves = [LINE * len(label) / 2 for label in labels]
    levels = [_steps(arm, arm.curve.survival, end)[1][-1] for arm in arms]
    middles = [bottom - level * axes.bbox.height for level in levels]
    upper, lower = sorted((0, 1), key=lambda k: middles[k])
    overlap = sum(halves) + 4 - (middles[lower] - middles[upper])
    if overlap > 0:
        middles[upper], middles[lower] = middles[upper] - overlap / 2, middles[lower] + overlap / 2
    shift = max(0.0, middles[lower] + halves[lower] - bottom)
    shift = shift or min(0.0, middles[upper] - halves[upper] - _TOP)
    x = axes.bbox.x1 + _GAP
    for arm, label, half, middle in zip(arms, labels, halves, middles, strict=True):
        for number, words in enumerate(label):
            line = middle - shift - half + LINE * (number + 0.75)
            sheet.text(x, line, words, colour=arm.text, bold=True)


def _risk_table(
    sheet: Sheet, axes: Axes, arms: tuple[Arm, Arm], ticks: list[float], top: float
) -> None:
    """Write at risk, events and censorings under the ticks, by the curves' own time axis."""
    below = sheet.below(axes)
    for arm in arms:
        line = top
        sheet.page.plot(
            [0, 14], [line - 2.9] * 2, color=arm.colour, linestyle=arm.dash, linewidth=1.5
        )
        name = shortened(arm.label, sheet.width - 19, bold=True)
        sheet.text(19, line, name, colour=arm.text, bold=True)
        told = (
            [arm.at_risk(tick) for tick in ticks],
            [arm.before(arm.curve.events, tick) for tick in ticks],
            [arm.before(arm.curve.censored, tick) for tick in ticks],
        )
        for name, values, colour in zip(_ROW_NAMES, told, (INK, MUTED, MUTED), strict=True):
            line += LINE
            sheet.text(0, line, name, colour=colour, size=SMALL)
            for tick, value in zip(ticks, values, strict=True):
                number = sheet.text(tick, line, count(value), colour=colour, size=SMALL)
                number.set(ha="center", transform=below)
        top += _table_height()
