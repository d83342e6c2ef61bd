"""The propensity scores of both arms as a mirrored histogram: how far the arms overlap."""

import math

from coordinator.report.figures.canvas import (
    COMPARATOR,
    COMPARATOR_TEXT,
    GRID,
    INK,
    MUTED,
    TREATED,
    TREATED_TEXT,
    Canvas,
    Scale,
    nice_step,
    text_width,
    wrap,
)
from coordinator.report.wording import count
from protocol.results.model import Histogram, Pair

MOST_BARS = 40
SHARES = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
_TOP, _RIGHT, _HALF = 16, 130, 120
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


def overlap(histogram: Histogram, arms: Pair[str], *, width: float = 760) -> str:
    """Draw the treated arm upwards and the comparator, hatched, downwards."""
    shown = merged(histogram)
    canvas = Canvas(width)
    highest = max((*shown.patients.treated, *shown.patients.comparator, 1))
    step = nice_step(highest, 4, _STEPS)
    most = step * math.ceil(highest / step)
    left = text_width(count(most)) + 14
    x = Scale(shown.edges[0], shown.edges[-1], left, width - _RIGHT)
    y = Scale(0, most, _TOP + _HALF, _TOP)
    _grid(canvas, x, y, step)
    hatch = canvas.hatched("hatch", COMPARATOR)
    _bars(canvas, shown.edges, shown.patients.treated, (x, y), TREATED, up=True)
    _bars(canvas, shown.edges, shown.patients.comparator, (x, y), hatch, up=False)
    canvas.line(x.first, y(0), x.last, y(0), colour=INK)
    _label(
        canvas, (x.last + 12, _TOP + 14), arms.treated, sum(shown.patients.treated), TREATED_TEXT
    )
    bottom = _TOP + 2 * _HALF
    _label(
        canvas,
        (x.last + 12, y(0) + 24),
        arms.comparator,
        sum(shown.patients.comparator),
        COMPARATOR_TEXT,
    )
    _probabilities(canvas, x, bottom)
    return canvas.svg(bottom + 48)


def _grid(canvas: Canvas, x: Scale, y: Scale, step: float) -> None:
    for k in range(round(y.high / step) + 1):
        for level in {y(k * step), 2 * y(0) - y(k * step)}:
            canvas.line(x.first, level, x.last, level, colour=GRID)
            canvas.text(x.first - 8, level + 4, count(k * step), colour=MUTED, anchor="end")


def _bars(
    canvas: Canvas,
    edges: tuple[float, ...],
    patients: tuple[int, ...],
    scales: tuple[Scale, Scale],
    fill: str,
    *,
    up: bool,
) -> None:
    x, y = scales
    colour = TREATED if up else COMPARATOR
    for k, number in enumerate(patients):
        if number:
            tall = y(0) - y(number)
            top = y(0) - tall if up else y(0)
            wide = max(1.0, x(edges[k + 1]) - x(edges[k]) - 1)
            canvas.rect(x(edges[k]) + 0.5, top, wide, tall, fill=fill, stroke=colour)


def _label(
    canvas: Canvas, place: tuple[float, float], arm: str, patients: int, colour: str
) -> None:
    x, top = place
    lines = wrap(arm, _RIGHT - 16, bold=True)
    for number, words in enumerate(lines):
        canvas.text(x, top + 16 * number, words, colour=colour, bold=True)
    canvas.text(x, top + 16 * len(lines), f"n = {count(patients)}", colour=MUTED)


def _probabilities(canvas: Canvas, x: Scale, y: float) -> None:
    """Mark probabilities where their logits lie, leaving out those without room."""
    taken = -math.inf
    for share in SHARES:
        place = x(math.log(share / (1 - share)))
        if x.first <= place <= x.last and place - taken > 44:
            canvas.line(place, y, place, y + 5)
            canvas.text(place, y + 20, f"{100 * share:g} %", colour=MUTED, anchor="middle")
            taken = place
    words = "Propensity score: probability of the treated arm (axis: logit)"
    canvas.text((x.first + x.last) / 2, y + 40, words, colour=MUTED, anchor="middle")
