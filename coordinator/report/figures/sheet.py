"""A matplotlib figure measured in points from its upper left corner, and how it becomes SVG.

Settings, colours and fonts of all figures are here, and all imports of matplotlib, which wait
until something is drawn: only who writes a report pays for them. Letters become outlines of
matplotlib's own DejaVu Sans, so that a figure looks the same, and measures the same, everywhere.
"""

from __future__ import annotations

import base64
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from matplotlib.transforms import Transform

INK, MUTED, RULE, GRID = "#1B1F24", "#5B6570", "#8A949E", "#E3E7EB"
PAPER, SHADE = "#FFFFFF", "#F0F2F4"
TREATED, TREATED_TEXT = "#0072B2", "#0072B2"
COMPARATOR, COMPARATOR_TEXT, COMPARATOR_TINT = "#D55E00", "#B84A00", "#F5D7BF"
Dash = str | tuple[float, tuple[float, ...]]
Anchor = Literal["left", "center", "right"]

SOLID: Dash = "solid"
DASHED: Dash = (0, (4.6, 2.6))
"""The comparator's line: told apart without colour. Strokes and gaps in points."""
FINE_DASHES: Dash = (0, (2.6, 2.0))

WIDTH = 497.0
"""Points: 6.9 inches, the text width of most journals."""
FONT = "DejaVu Sans"
SIZE, SMALL, LINE, HAIR = 8.0, 7.4, 11.2, 0.65

_SETTINGS: dict[Any, Any] = {
    "font.family": FONT,
    "font.size": SIZE,
    "text.color": INK,
    "text.parse_math": False,  # a label may hold dollars
    "axes.axisbelow": True,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.labelpad": 4,
    "axes.labelsize": SIZE,
    "axes.linewidth": HAIR,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.xmargin": 0,
    "axes.ymargin": 0,
    "grid.color": GRID,
    "grid.linewidth": HAIR,
    "hatch.linewidth": 0.9,
    "lines.scale_dashes": False,
    "lines.solid_capstyle": "butt",
    "patch.linewidth": HAIR,
    "xtick.color": RULE,
    "xtick.labelcolor": MUTED,
    "xtick.labelsize": SIZE,
    "xtick.major.size": 3.3,
    "xtick.major.width": HAIR,
    "xtick.minor.size": 0,
    "ytick.color": RULE,
    "ytick.labelcolor": MUTED,
    "ytick.labelsize": SIZE,
    "ytick.major.pad": 5,
    "ytick.major.size": 0,
    "svg.fonttype": "path",
    "svg.hashsalt": "riskset",
}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


@contextmanager
def own_settings() -> Iterator[None]:
    """Draw with these settings, whatever the user's are; also a decorator.

    A letter that the font lacks becomes a box without a warning: the figure's table, which the
    reader's own fonts write, has every label.
    """
    import matplotlib as mpl  # noqa: PLC0415 - slow to import

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield


class Sheet:
    """A figure whose `page` is an invisible axes in points from the upper left corner."""

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415

        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        FigureCanvasSVG(self.figure)  # texts are measured by the renderer that draws them
        self.page = self.axes(0, 0, width, height)
        self.page.set(xlim=(0, width), ylim=(height, 0))
        self.page.set_axis_off()

    def axes(self, left: float, top: float, right: float, bottom: float) -> Axes:
        """Add axes between these places, in points; what lies around them is transparent."""
        across, down = (right - left) / self.width, (bottom - top) / self.height
        found = self.figure.add_axes((left / self.width, 1 - bottom / self.height, across, down))
        found.patch.set_visible(False)
        return found

    def below(self, axes: Axes) -> Transform:
        """Place by the time axis of `axes` across, and by points from the top down."""
        from matplotlib.transforms import blended_transform_factory  # noqa: PLC0415

        return blended_transform_factory(axes.transData, self.page.transData)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        colour: str = INK,
        size: float = SIZE,
        anchor: Anchor = "left",
        bold: bool = False,
    ) -> Text:
        """Write words on the line `y`; both places are in points."""
        return self.page.text(
            x,
            y,
            words,
            color=colour,
            size=size,
            ha=anchor,
            weight="bold" if bold else "normal",
        )

    @own_settings()
    def svg(self) -> str:
        """Write the figure as an SVG document; the same figure gives the same text."""
        written = StringIO()
        self.figure.savefig(written, format="svg", metadata=_NO_METADATA)
        return _compact(written.getvalue())


def _compact(svg: str) -> str:
    """Leave out what draws nothing: head, comments, breaks, digits, long names of letters."""
    svg = re.sub(r"<!--.*?-->", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r"\s*\n\s*", " ", svg).replace("> <", "><")
    svg = re.sub(r"([1-9]\d*\.\d\d)\d+", r"\1", svg)  # a hundredth of a point is enough
    return svg.replace("DejaVuSans-Bold-", "b").replace("DejaVuSans-", "r").strip()


def text_width(words: str, size: float = SIZE, *, bold: bool = False) -> float:
    """Measure a text in points, as the SVG will draw it."""
    from matplotlib.font_manager import FontProperties  # noqa: PLC0415
    from matplotlib.textpath import text_to_path  # noqa: PLC0415

    font = FontProperties(family=FONT, size=size, weight="bold" if bold else "normal")
    return float(text_to_path.get_text_width_height_descent(words, font, ismath=False)[0])


def wrap(
    text: str, width: float, size: float = SIZE, *, bold: bool = False, most: int = 0
) -> list[str]:
    """Break a text into lines no wider than `width`, at spaces where its words allow.

    If there are more than `most` lines, the last one kept ends in an ellipsis.
    """
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, bold=bold) <= width:
            lines[-1] = longer
        else:
            lines += _pieces(word, width, size, bold=bold)
    if most and len(lines) > most:
        rest = " ".join(lines[most - 1 :])
        lines = [*lines[: most - 1], shortened(rest, width, size, bold=bold)]
    return lines or [""]


def shortened(text: str, width: float, size: float = SIZE, *, bold: bool = False) -> str:
    """Cut a text to a width, with an ellipsis where something is missing."""
    if text_width(text, size, bold=bold) <= width:
        return text
    kept = text
    while kept and text_width(f"{kept} …", size, bold=bold) > width:
        kept = kept[:-1].rstrip()
    return f"{kept} …"


def _pieces(word: str, width: float, size: float, *, bold: bool) -> list[str]:
    """Cut a word that is wider than a line."""
    pieces = [word[:1]]
    for letter in word[1:]:
        if text_width(pieces[-1] + letter, size, bold=bold) <= width:
            pieces[-1] += letter
        else:
            pieces.append(letter)
    return pieces


def data_uri(svg: str) -> str:
    """Turn an SVG into the address of an image that lies within the page."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def nice_step(span: float, most: int, steps: Sequence[float]) -> float:
    """Find the smallest step that cuts a span into at most so many parts."""
    return next((step for step in steps if span / step <= most), steps[-1])
