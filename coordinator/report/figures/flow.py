"""The flow of patients: from rows through exclusions to arms and matched populations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from coordinator.report.figures.sheet import (
    FINE_DASHES,
    HAIR,
    INK,
    LINE,
    MUTED,
    RULE,
    SIZE,
    SMALL,
    WIDTH,
    Sheet,
    own_settings,
    text_width,
    wrap,
)
from coordinator.report.wording import count
from protocol.results.model import Results

_PAD, _GAP, _INDENT, _HALF_GAP, _CLOSE, _EDGE = 6.5, 17.0, 17.0, 10.0, 8.0, 0.5
_SIDES = ("treated", "comparator")


@dataclass(frozen=True)
class Box:
    """A title, a count, and lines in smaller print below."""

    title: str
    number: str
    lines: tuple[str, ...] = ()
    dashed: bool = False


@dataclass(frozen=True)
class _Place:
    """A box with its words broken to its width; in points from the upper left corner."""

    box: Box
    x: float
    top: float
    width: float
    title: tuple[str, ...]
    small: tuple[str, ...]

    @property
    def bottom(self) -> float:
        return self.top + 2 * _PAD + LINE * (len(self.title) + len(self.small)) - 3

    @property
    def centre(self) -> float:
        return self.x + self.width / 2

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


@own_settings()
def flow(results: Results, *, width: float = WIDTH) -> Sheet:
    """Draw the flow; each arm's matched populations hang below it like branches."""
    column, right = width / 2 - _HALF_GAP - _EDGE, width / 2 + _HALF_GAP
    rows = _placed(_rows(results), _EDGE, _EDGE, column)
    side = _placed(_excluded(results), right, rows.bottom + 6, column)
    total = results.flow.patients.comparator + results.flow.patients.treated
    patients = Box("Patients in the study", count(total))
    study = _placed(patients, _EDGE, side.bottom + _GAP, column)
    arms = [
        list(_arm(results, name, x, study.bottom + _GAP + 5, column))
        for name, x in zip(_SIDES, (_EDGE, right), strict=True)
    ]
    sheet = Sheet(width, max(arm[-1].bottom for arm in arms) + 1)
    _arrow(sheet, (rows.centre, rows.bottom), (study.centre, study.top))
    _arrow(sheet, (rows.centre, side.middle), (side.x, side.middle))
    fork = study.bottom + _GAP / 2
    for arm, *branches in arms:
        _arrow(
            sheet,
            (study.centre, study.bottom),
            (study.centre, fork),
            (arm.centre, fork),
            (arm.centre, arm.top),
        )
        spine = arm.x + _INDENT / 2
        for branch in branches:
            _arrow(sheet, (spine, arm.bottom), (spine, branch.middle), (branch.x, branch.middle))
    for place in (rows, side, study, *(place for arm in arms for place in arm)):
        _draw(sheet, place)
    return sheet


def _rows(results: Results) -> Box:
    hospitals = len(results.study.hospitals)
    of = "1 hospital" if hospitals == 1 else f"{hospitals} hospitals"
    return Box(f"Rows of {of}", count(results.flow.rows))


def _excluded(results: Results) -> Box:
    excluded = results.flow.excluded
    lines = tuple(f"{one.reason}: {count(one.rows)}" for one in excluded)
    return Box("Excluded", count(sum(one.rows for one in excluded)), lines)


def _arm(results: Results, side: str, x: float, top: float, width: float) -> Iterator[_Place]:
    """Place one arm's box and its branches below."""
    patients = getattr(results.flow.patients, side)
    place = _placed(Box(getattr(results.study.arms, side), count(patients)), x, top, width)
    yield place
    for branch in _branches(results, side):
        place = _placed(branch, x + _INDENT, place.bottom + _CLOSE, width - _INDENT)
        yield place


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


def _number(box: Box) -> str:
    return f"n = {box.number}" if box.number else ""


def _placed(box: Box, x: float, top: float, width: float) -> _Place:
    room = width - 2 * _PAD
    title = wrap(box.title, room - text_width(_number(box), bold=True) - 8, bold=True)
    small = tuple(part for line in box.lines for part in wrap(line, room, SMALL))
    return _Place(box, x, top, width, tuple(title), small)


def _draw(sheet: Sheet, place: _Place) -> None:
    from matplotlib.patches import FancyBboxPatch  # noqa: PLC0415 - slow to import

    sheet.page.add_patch(
        FancyBboxPatch(
            (place.x, place.top),
            place.width,
            place.bottom - place.top,
            boxstyle="round,pad=0,rounding_size=2",
            facecolor="none",
            edgecolor=RULE,
            linestyle=FINE_DASHES if place.box.dashed else "solid",
        )
    )
    line = place.top + _PAD + 7.5
    end = place.x + place.width - _PAD
    sheet.text(end, line, _number(place.box), anchor="right", bold=True)
    words = [(part, INK, SIZE) for part in place.title]
    words += [(part, MUTED, SMALL) for part in place.small]
    for part, colour, size in words:
        bold = colour == INK
        sheet.text(place.x + _PAD, line, part, colour=colour, size=size, bold=bold)
        line += LINE


def _arrow(sheet: Sheet, *corners: tuple[float, float]) -> None:
    """Draw a line through corners that ends in an arrow's head."""
    from matplotlib.patches import FancyArrowPatch  # noqa: PLC0415
    from matplotlib.path import Path  # noqa: PLC0415

    sheet.page.add_patch(
        FancyArrowPatch(
            path=Path(list(corners)),
            arrowstyle="-|>",
            mutation_scale=7,
            color=RULE,
            linewidth=HAIR,
            joinstyle="miter",
        )
    )
