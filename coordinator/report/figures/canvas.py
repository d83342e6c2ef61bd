"""A small sheet to draw on: shapes and words in, one deterministic SVG text out.

Coordinates are pixels from the upper left corner. Only presentation attributes are used, so that
a page's security policy may forbid inline styles.
"""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

INK, MUTED, RULE, GRID = "#1B1F24", "#5B6570", "#8A949E", "#E3E7EB"
PAPER = "#FFFFFF"
TREATED, TREATED_TEXT = "#0072B2", "#0072B2"
COMPARATOR, COMPARATOR_TEXT = "#D55E00", "#B84A00"
DASH = "7 4"
"""The comparator's line: told apart without colour."""

FONT = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'Segoe UI', sans-serif"
SIZE = 12.5
LINE = 17

Look = dict[str, str | float]
"""Attributes of a shape."""

_NARROW = dict.fromkeys("ijlI|.,:;'! ", 0.25) | dict.fromkeys('ftr()[]/-"·', 0.31)
_WIDE = dict.fromkeys("mwMW%@", 0.86) | dict.fromkeys("ABCDEGHKNOPQRSUVXYZ&+−=<>≤≥", 0.7)
_WIDTHS = _NARROW | _WIDE
_SAFETY = 1.08  # other fonts of the stack are up to that much wider than Helvetica


def text_width(text: str, size: float = SIZE, *, bold: bool = False) -> float:
    """Bound the width of a text from above, in pixels, by Helvetica's letter classes."""
    ems = sum(_WIDTHS.get(letter, 0.556) for letter in text)
    return ems * size * _SAFETY * (1.06 if bold else 1.0)


def wrap(text: str, width: float, size: float = SIZE, *, bold: bool = False) -> list[str]:
    """Break a text at spaces into lines no wider than `width`, where its words allow."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, bold=bold) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines or [""]


def data_uri(svg: str) -> str:
    """Turn an SVG into the address of an image that lies within the page."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def nice_step(span: float, most: int, steps: Sequence[float]) -> float:
    """Find the smallest step that cuts a span into at most so many parts."""
    return next((step for step in steps if span / step <= most), steps[-1])


@dataclass(frozen=True)
class Scale:
    """Turns values into pixels along one axis."""

    low: float
    high: float
    first: float
    last: float

    def __call__(self, value: float) -> float:
        """Place a value."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.0
        return self.first + share * (self.last - self.first)


def log_scale(low: float, high: float, first: float, last: float) -> Scale:
    """Scale logarithms: call the result with `math.log(value)`."""
    return Scale(math.log(low), math.log(high), first, last)


class Canvas:
    """Collects shapes in drawing order."""

    def __init__(self, width: float) -> None:
        self.width = width
        self._parts: list[str] = []

    def line(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        *,
        colour: str = RULE,
        width: float = 1,
        dash: str = "",
    ) -> None:
        """Draw a straight line."""
        look: Look = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
        self._add("line", look | {"stroke": colour, "stroke-width": width} | _dashes(dash))

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str = "none",
        stroke: str = "none",
        dash: str = "",
        opacity: float = 1,
        corner: float = 0,
    ) -> None:
        """Draw a box."""
        look: Look = {"x": x, "y": y, "width": width, "height": height}
        look |= {"fill": fill, "stroke": stroke} | _dashes(dash) | _sheer(opacity)
        if corner:
            look["rx"] = corner
        self._add("rect", look)

    def circle(self, x: float, y: float, radius: float, *, fill: str, stroke: str) -> None:
        """Draw a dot."""
        look: Look = {"cx": x, "cy": y, "r": radius, "fill": fill, "stroke": stroke}
        self._add("circle", look | {"stroke-width": 1.5})

    def path(
        self,
        points: Sequence[tuple[float, float]],
        *,
        colour: str = "none",
        width: float = 1,
        dash: str = "",
        fill: str = "none",
        opacity: float = 1,
        closed: bool = False,
    ) -> None:
        """Draw a line through points; closed, it is an area."""
        if not points:
            return
        told = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
        look: Look = {"d": f"M{told}{'Z' if closed else ''}", "fill": fill, "stroke": colour}
        look |= {"stroke-width": width, "stroke-linejoin": "round"}
        self._add("path", look | _dashes(dash) | _sheer(opacity))

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        colour: str = INK,
        size: float = SIZE,
        anchor: str = "start",
        bold: bool = False,
    ) -> None:
        """Write words; `y` is the line they stand on."""
        look: Look = {"x": x, "y": y, "fill": colour, "font-size": size, "text-anchor": anchor}
        if bold:
            look["font-weight"] = "600"
        self._add("text", look, words)

    def hatched(self, name: str, colour: str) -> str:
        """Define a hatch and give the fill that uses it."""
        self._parts.append(
            f'<defs><pattern id="{name}" width="6" height="6" patternUnits="userSpaceOnUse" '
            f'patternTransform="rotate(45)"><rect width="6" height="6" fill="{colour}" '
            f'fill-opacity="0.25"/><line x1="0" y1="0" x2="0" y2="6" stroke="{colour}" '
            'stroke-width="2.4"/></pattern></defs>'
        )
        return f"url(#{name})"

    def svg(self, height: float) -> str:
        """Write the sheet, cut at a height, as a whole SVG document."""
        width, tall = _number(self.width), _number(math.ceil(height))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{tall}" '
            f'viewBox="0 0 {width} {tall}" font-family="{escape(FONT)}" '
            'font-variant-numeric="tabular-nums">'
            f'<rect width="{width}" height="{tall}" fill="{PAPER}"/>{"".join(self._parts)}</svg>'
        )

    def _add(self, name: str, look: Look, words: str = "") -> None:
        told = " ".join(
            f'{key}="{escape(value) if isinstance(value, str) else _number(value)}"'
            for key, value in look.items()
        )
        self._parts.append(f"<{name} {told}>{escape(words, quote=False)}</{name}>")


def _dashes(dash: str) -> Look:
    return {"stroke-dasharray": dash} if dash else {}


def _sheer(opacity: float) -> Look:
    return {"fill-opacity": opacity} if opacity < 1 else {}


def _number(value: float) -> str:
    """Write a coordinate to a hundredth of a pixel, without trailing zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
