"""What a page is made of: text, tables, figures and lists, as plain values.

Sections say what stands where; the template says how it looks. A cell may hold a second line
after a line break: it is set smaller.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Text:
    """Paragraphs; `look` is "", "lead", "note", "quote" or "limits"."""

    kind: ClassVar[str] = "text"
    paragraphs: tuple[str, ...]
    look: str = ""


@dataclass(frozen=True)
class Row:
    """A row of a table; a heading's only cell spans all columns."""

    cells: tuple[str, ...]
    look: str = ""  # "", "heading", "minor" or "total"


@dataclass(frozen=True)
class Table:
    """A table; `groups` are headings over several columns, each with its span."""

    kind: ClassVar[str] = "table"
    caption: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    groups: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()
    words: tuple[int, ...] = (0,)
    """Columns that hold words and are set to the left."""


@dataclass(frozen=True)
class Figure:
    """A drawing with its caption, what it shows in words, and its numbers as a table."""

    kind: ClassVar[str] = "figure"
    name: str
    title: str
    svg: str
    alt: str
    caption: str
    table: Table
    small: bool = False


@dataclass(frozen=True)
class Fact:
    """A number that stands large, with what it is and what goes with it."""

    what: str
    number: str
    detail: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Numbers side by side."""

    kind: ClassVar[str] = "facts"
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Items:
    """A list of sentences; numbered where they are cited."""

    kind: ClassVar[str] = "items"
    items: tuple[str, ...]
    numbered: bool = False


@dataclass(frozen=True)
class Terms:
    """Names with what they stand for."""

    kind: ClassVar[str] = "terms"
    terms: tuple[tuple[str, str], ...]
    code: bool = False


@dataclass(frozen=True)
class More:
    """What is folded away until somebody opens it."""

    kind: ClassVar[str] = "more"
    summary: str
    blocks: tuple["Text | Table | Figure | Items", ...]


Block = Text | Table | Figure | Facts | Items | Terms | More


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading."""

    name: str
    title: str
    blocks: tuple[Block, ...]
