"""The flow of patients: from rows through exclusions to arms and matched populations."""

from collections.abc import Sequence
from dataclasses import dataclass

from coordinator.report.figures.canvas import (
    INK,
    LINE,
    MUTED,
    PAPER,
    RULE,
    SIZE,
    Canvas,
    text_width,
    wrap,
)
from coordinator.report.wording import count
from protocol.results.model import Results

_PAD, _GAP, _INDENT = 10, 26, 26


@dataclass(frozen=True)
class Box:
    """A title, a count, and lines in smaller print below."""

    title: str
    number: str
    lines: tuple[str, ...] = ()
    dashed: bool = False


def flow(results: Results, *, width: float = 760) -> str:
    """Draw the flow; each arm's matched populations hang below it like branches."""
    canvas = Canvas(width)
    middle, column = width / 2, _column(canvas)
    hospitals = len(results.study.hospitals)
    rows = Box(
        f"Rows of {'1 hospital' if hospitals == 1 else f'{hospitals} hospitals'}",
        count(results.flow.rows),
    )
    bottom = _box(canvas, 0, 0, column, rows)
    side = _box(canvas, middle + 16, bottom + 8, column, _excluded(results))
    canvas.line(column / 2, bottom, column / 2, side + _GAP, colour=RULE)
    elbow = (bottom + 8 + side) / 2
    canvas.line(column / 2, elbow, middle + 10, elbow, colour=RULE)
    _arrow(canvas, middle + 16, elbow, down=False)
    top = side + _GAP
    _arrow(canvas, column / 2, top, down=True)
    total = results.flow.patients.comparator + results.flow.patients.treated
    bottom = _box(canvas, 0, top, column, Box("Patients in the study", count(total)))
    ends = [
        _arm(canvas, results, side_name, x, bottom)
        for side_name, x in (("treated", 0.0), ("comparator", middle + 16))
    ]
    return canvas.svg(max(ends) + 2)


def _column(canvas: Canvas) -> float:
    return canvas.width / 2 - 16


def _excluded(results: Results) -> Box:
    excluded = results.flow.excluded
    lines = tuple(f"{one.reason}: {count(one.rows)}" for one in excluded)
    return Box("Excluded", count(sum(one.rows for one in excluded)), lines)


def _arm(canvas: Canvas, results: Results, side: str, x: float, above: float) -> float:
    """Draw one arm's box and its branches below; give the lower end."""
    width, top = _column(canvas), above + _GAP + 8
    centre, trunk = x + width / 2, width / 2
    canvas.line(trunk, above, trunk, above + _GAP / 2, colour=RULE)
    canvas.line(trunk, above + _GAP / 2, centre, above + _GAP / 2)
    canvas.line(centre, above + _GAP / 2, centre, top - 2, colour=RULE)
    _arrow(canvas, centre, top, down=True)
    patients = getattr(results.flow.patients, side)
    bottom = _box(canvas, x, top, width, Box(getattr(results.study.arms, side), count(patients)))
    spine, y, reached = x + _INDENT / 2, bottom, bottom
    for branch in _branches(results, side):
        start = y + 12
        y = _box(canvas, x + _INDENT, start, width - _INDENT, branch)
        elbow = (start + y) / 2
        canvas.line(spine, reached, spine, elbow)
        canvas.line(spine, elbow, x + _INDENT - 6, elbow)
        _arrow(canvas, x + _INDENT, elbow, down=False)
        reached = elbow
    return y


def _branches(results: Results, side: str) -> list[Box]:
    """List what becomes of an arm: complete covariates, then each design."""
    patients, complete = (
        getattr(results.flow.patients, side),
        getattr(results.flow.complete, side),
    )
    found = []
    if complete != patients:
        told = (f"a covariate is missing: {count(patients - complete)}",)
        found.append(Box("Complete covariates", count(complete), told))
    for design in results.designs:
        if design.reason:
            found.append(
                Box(design.label, "", ("not made or not looked at; see “Left out”",), True)
            )
        else:
            told = (f"not matched: {count(getattr(design.left_out, side))}",)
            found.append(Box(design.label, count(getattr(design.matched, side)), told))
    return found


def _box(canvas: Canvas, x: float, y: float, width: float, box: Box) -> float:
    """Draw a box as tall as its words; give its lower end."""
    room = width - 2 * _PAD
    number = f"n = {box.number}" if box.number else ""
    title = wrap(box.title, room - text_width(number, bold=True) - 12, bold=True)
    small: Sequence[str] = [part for line in box.lines for part in wrap(line, room, SIZE - 1)]
    height = 2 * _PAD + LINE * (len(title) + len(small)) - 3
    canvas.rect(
        x + 0.5,
        y + 0.5,
        width - 1,
        height,
        fill=PAPER,
        stroke=RULE,
        corner=3,
        dash="4 3" if box.dashed else "",
    )
    line = y + _PAD + 11
    canvas.text(x + width - _PAD, line, number, anchor="end", bold=True)
    for words in title:
        canvas.text(x + _PAD, line, words, colour=INK, bold=True)
        line += LINE
    for words in small:
        canvas.text(x + _PAD, line, words, colour=MUTED, size=SIZE - 1)
        line += LINE
    return y + height


def _arrow(canvas: Canvas, x: float, y: float, *, down: bool) -> None:
    points = [(x - 4, y - 7), (x + 4, y - 7), (x, y)]
    if not down:
        points = [(x - 7, y - 4), (x - 7, y + 4), (x, y)]
    canvas.path(points, fill=RULE, closed=True)
