"""Survival curves of both arms, with the risk table on the same time axis.

At risk just before t, as R's `survival` counts; lines differ by dash and direct label, not only
by colour. No censoring ticks: each would be one patient's time.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass

from coordinator.report.choice import hazard_ratio, log_rank
from coordinator.report.figures.canvas import (
    COMPARATOR,
    COMPARATOR_TEXT,
    DASH,
    GRID,
    INK,
    LINE,
    MUTED,
    RULE,
    SIZE,
    TREATED,
    TREATED_TEXT,
    Canvas,
    Scale,
    nice_step,
    text_width,
    wrap,
)
from coordinator.report.wording import count, interval, months, p_phrase
from protocol.results.model import CurvePoints, StudyCard, SurvivalResult

STEPS = (1, 2, 3, 6, 12, 24, 36, 60, 120, 240, 600)
SHOWN_SHARE = 0.1
"""Curves are drawn while this share is at risk: Pocock et al. (2002), Lancet 359, 1686-1689."""

_TOP, _LABEL_WIDTH, _SMALL = 54, 118, 11.5


@dataclass(frozen=True)
class Arm:
    """One arm as it is drawn; times in months."""

    label: str
    colour: str
    text: str
    dash: str
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

    def arm(label: str, look: tuple[str, str, str], patients: int, curve: CurvePoints) -> Arm:
        times = tuple(months(time, study.time_unit) for time in curve.times)
        return Arm(label, *look, patients, times, curve)

    return (
        arm(
            study.arms.treated,
            (TREATED, TREATED_TEXT, ""),
            found.patients.treated,
            found.curves.treated,
        ),
        arm(
            study.arms.comparator,
            (COMPARATOR, COMPARATOR_TEXT, DASH),
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


def kaplan_meier(
    found: SurvivalResult, study: StudyCard, *, width: float = 760, height: float = 300
) -> str:
    """Draw both curves with 95 % bands and the risk table; `height` is that of the plot."""
    arms = arms_of(found, study)
    ticks = ticks_of(arms, [months(m.time, study.time_unit) for m in found.landmarks.treated])
    canvas = Canvas(width)
    # The rows' names must not touch the first column, which is centred below t = 0.
    first = max(text_width(count(arm.at_risk(0.0)), _SMALL) for arm in arms)
    left = text_width("Censored before", _SMALL) + first / 2 + 6
    x = Scale(0.0, ticks[-1], left, width - _LABEL_WIDTH)
    y = Scale(0.0, 1.0, _TOP + height, _TOP)
    _headings(canvas, found)
    _axes(canvas, x, y, ticks)
    for arm in reversed(arms):
        _band(canvas, arm, x, y)
    for arm in reversed(arms):
        _curve(canvas, arm, x, y)
    _end_labels(canvas, arms, x, y)
    bottom = _risk_table(canvas, arms, x, ticks, _TOP + height + 62)
    return canvas.svg(bottom + 4)


def _headings(canvas: Canvas, found: SurvivalResult) -> None:
    canvas.text(0, 15, f"{found.label}, %", bold=True, size=14)
    hr, test = hazard_ratio(found), log_rank(found)
    told = [f"log-rank {p_phrase(test.test.p_value)}"] if test else []
    if hr:
        ratio = interval(hr.hazard_ratio, hr.conf_low, hr.conf_high)
        told.append(f"hazard ratio {ratio.replace('(', '(95 % CI ')}")
    elif found.not_estimable:
        told.append("hazard ratio not estimable")
    line = " · ".join(told)
    canvas.text(0, 34, line[:1].upper() + line[1:], colour=MUTED)


def _axes(canvas: Canvas, x: Scale, y: Scale, ticks: list[float]) -> None:
    for tenth in range(0, 11, 2):
        level = y(tenth / 10)
        canvas.line(x.first, level, x.last, level, colour=GRID if tenth else RULE)
        canvas.text(x.first - 8, level + 4, f"{10 * tenth}", colour=MUTED, anchor="end")
    for tick in ticks:
        canvas.line(x(tick), y.first, x(tick), y.first + 5)
        canvas.text(x(tick), y.first + 20, f"{tick:g}", colour=MUTED, anchor="middle")
    middle = (x.first + x.last) / 2
    canvas.text(middle, y.first + 38, "Months", colour=MUTED, anchor="middle")


def _steps(
    arm: Arm, values: tuple[float, ...], x: Scale, y: Scale, start: float = 1.0
) -> list[tuple[float, float]]:
    """Turn values at times into the corners of steps, cut at the axis' end; NaN keeps the last."""
    points, level = [(x(0.0), y(start))], start
    for time, value in zip(arm.times, values, strict=True):
        if time > x.high:
            break
        if math.isnan(value) or value == level:
            continue
        points += [(x(time), y(level)), (x(time), y(value))]
        level = value
    end = min(x.high, arm.times[-1]) if arm.times else 0.0
    return [*points, (x(end), y(level))]


def _band(canvas: Canvas, arm: Arm, x: Scale, y: Scale) -> None:
    curve = arm.curve
    # Before the first event there is no interval: the band has no width there.
    high = _steps(arm, _known(curve.conf_high, curve.survival), x, y)
    low = _steps(arm, _known(curve.conf_low, curve.survival), x, y)
    canvas.path([*high, *reversed(low)], fill=arm.colour, opacity=0.13, closed=True)


def _known(limits: tuple[float, ...], survival: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(s if math.isnan(v) else v for v, s in zip(limits, survival, strict=True))


def _curve(canvas: Canvas, arm: Arm, x: Scale, y: Scale) -> None:
    points = _steps(arm, arm.curve.survival, x, y)
    canvas.path(points, colour=arm.colour, width=2.2, dash=arm.dash)


def _level_at_end(arm: Arm, x: Scale) -> float:
    seen = [s for t, s in zip(arm.times, arm.curve.survival, strict=True) if t <= x.high]
    return seen[-1] if seen else 1.0


def _end_labels(canvas: Canvas, arms: tuple[Arm, Arm], x: Scale, y: Scale) -> None:
    """Write each arm's name where its line ends, apart from the other's."""
    labels = [wrap(arm.label, _LABEL_WIDTH - 16, bold=True) for arm in arms]
    places = [y(_level_at_end(arm, x)) for arm in arms]
    need = LINE * max(len(label) for label in labels) + 6
    upper, lower = sorted((0, 1), key=lambda k: places[k])
    gap = need - (places[lower] - places[upper])
    if gap > 0:
        places[upper], places[lower] = places[upper] - gap / 2, places[lower] + gap / 2
    shift = max(0.0, places[lower] + LINE * len(labels[lower]) / 2 - y.first)
    for k, arm in enumerate(arms):
        top = max(y.last + 4, places[k] - shift) - LINE * (len(labels[k]) - 1) / 2 + 4
        for number, words in enumerate(labels[k]):
            canvas.text(x.last + 10, top + LINE * number, words, colour=arm.text, bold=True)


def _risk_table(
    canvas: Canvas, arms: tuple[Arm, Arm], x: Scale, ticks: list[float], top: float
) -> float:
    """Write at risk, events and censorings under the ticks; give the lower end."""
    y = top + 14
    for arm in arms:
        canvas.line(0, y - 13, 22, y - 13, colour=arm.colour, width=2.2, dash=arm.dash)
        canvas.text(28, y - 9, arm.label, colour=arm.text, bold=True, size=SIZE)
        rows = (
            ("At risk", [arm.at_risk(tick) for tick in ticks], INK),
            ("Events before", [arm.before(arm.curve.events, tick) for tick in ticks], MUTED),
            ("Censored before", [arm.before(arm.curve.censored, tick) for tick in ticks], MUTED),
        )
        for name, values, colour in rows:
            y += LINE
            canvas.text(0, y - 8, name, colour=colour, size=_SMALL)
            for tick, value in zip(ticks, values, strict=True):
                told = count(value)
                canvas.text(x(tick), y - 8, told, colour=colour, size=_SMALL, anchor="middle")
        y += LINE + 8
    return y - LINE
