"""Survival curves of both arms, with the risk table on the same time axis.

At risk just before t, as R's `survival` counts. No censoring ticks: each would be one patient's
time. Where patients weigh, the table holds sums of weights.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coordinator.report.choice import hazard_ratio, log_rank, log_rank_phrase, weighs
from coordinator.report.figures.arms import (
    LOOKS,
    Curve,
    draw,
    name_ends,
    room_for_names,
    ticks_of,
)
from coordinator.report.figures.sheet import (
    INK,
    LINE,
    MUTED,
    SMALL,
    WIDTH,
    Sheet,
    own_settings,
    shortened,
    text_width,
)
from coordinator.report.wording import count, interval, months, weight
from protocol.results.model import StudyCard
from protocol.results.publication.withheld import Withheld
from protocol.results.values.survival import CurvePoints, SurvivalResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT = 196.0
"""Of the plot, in points."""

_TOP, _TABLE = 36, 44
COUNTS = ("At risk", "Events before", "Censored before")
WEIGHTS = ("Weight at risk", "Event weight before", "Censored weight")
"""What the rows below the curves hold, where patients count alike and where they weigh."""


@dataclass(frozen=True)
class Arm(Curve):
    """One arm's survival with the counts of its table; sums of weights where patients weigh."""

    patients: int
    curve: CurvePoints
    weighted: bool

    def before(self, counts: tuple[float, ...], month: float) -> float:
        """Add up events or censorings before a time."""
        return sum(counts[: bisect_left(self.times, month - 1e-9)])

    def told(self, number: float) -> str:
        """Write one of the arm's counts or sums of weights."""
        return weight(abs(number)) if self.weighted else count(number)

    @property
    def rows(self) -> tuple[str, ...]:
        """Names of the table's rows: of a published curve, those at risk alone."""
        rows = WEIGHTS if self.weighted else COUNTS
        return rows[:1] if is_published(self.curve) else rows


def is_published(curve: CurvePoints) -> bool:
    """Tell whether a curve was reduced for publication."""
    return any(isinstance(n, Withheld) for n in curve.events)


def arms_of(found: SurvivalResult, study: StudyCard) -> tuple[Arm, Arm]:
    """Dress both arms for drawing, the treated first."""

    def arm(side: str) -> Arm:
        curve: CurvePoints = getattr(found.curves, side)
        return Arm(
            getattr(study.arms, side),
            *LOOKS[side],
            times=tuple(months(time, study.time_unit) for time in curve.times),
            numbers_at_risk=curve.at_risk,
            shares=curve.survival,
            low=curve.conf_low,
            high=curve.conf_high,
            start=1.0,
            patients=getattr(found.patients, side),
            curve=curve,
            weighted=weighs(found),
        )

    return arm("treated"), arm("comparator")


@own_settings()
def kaplan_meier(
    found: SurvivalResult, study: StudyCard, *, width: float = WIDTH, height: float = HEIGHT
) -> Sheet:
    """Draw both curves with 95 % bands and the risk table; `height` is that of the plot."""
    arms = arms_of(found, study)
    ticks = ticks_of(arms, [months(m.time, study.time_unit) for m in found.landmarks.treated])
    bottom = _TOP + height
    sheet = Sheet(width, bottom + _TABLE + sum(map(_table_height, arms)) - 6)
    left, right = _gutters(arms, ticks[-1])
    axes = sheet.axes(left, _TOP, width - right, bottom)
    _headings(sheet, found)
    _axes(axes, ticks)
    draw(axes, arms)
    name_ends(sheet, axes, arms, _TOP)
    _risk_table(sheet, axes, arms, ticks, bottom + _TABLE)
    return sheet


def _table_height(arm: Arm) -> float:
    return LINE * (len(arm.rows) + 1) + 7


def _gutters(arms: tuple[Arm, Arm], end: float) -> tuple[float, float]:
    """Make room left for the rows' names, and right for the arms' names, and a column's half."""
    first, last = (
        max(text_width(arm.told(arm.at_risk(month)), SMALL) for arm in arms) / 2
        for month in (0.0, end)
    )
    # The rows' names must not touch the first column, which is centred below t = 0.
    names = max(text_width(name, SMALL) for name in arms[0].rows)
    return names + first + 6, max(last, room_for_names(arms)) + 1


def _headings(sheet: Sheet, found: SurvivalResult) -> None:
    title = shortened(f"{found.label}, %", sheet.width, 9.2, bold=True)
    sheet.text(0, 9.5, title, bold=True, size=9.2)
    hr, test = hazard_ratio(found), log_rank(found)
    told = [log_rank_phrase(test)] if test else []
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
        for name, values, colour in zip(arm.rows, told, (INK, MUTED, MUTED), strict=False):
            line += LINE
            sheet.text(0, line, name, colour=colour, size=SMALL)
            for tick, value in zip(ticks, values, strict=True):
                number = sheet.text(tick, line, arm.told(value), colour=colour, size=SMALL)
                number.set(ha="center", transform=below)
        top += _table_height(arm)
