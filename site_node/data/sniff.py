"""Looks at the beginning of a file: its encoding, its separator, its columns, never a whole row.

What is found is proposed to a person, who decides; nothing here reads an extract for a study.
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from protocol.errors import Problem, ProblemsError
from site_node.data.dates import NoDateError, reader
from site_node.data.encoding import UTF_16_MARKS, Encoding
from site_node.data.source import Column, Dialect, Separator, read_blocks

SAMPLE_BYTES = 1 << 20
SEPARATORS: tuple[Separator, ...] = (",", ";", "\t", "|")
MISSING_WORDS = (
    *("NA", "N/A", "n/a", "NULL", "null", "None", "NaN", "nan", "-", "--", ".", "?", "k. A."),
    *("k.A.", "missing", "fehlend", "nd", "n.d.", "-9", "-99", "-999", "999", "9999"),
)
"""Words that often stand for a missing value, and often do not."""

_POINT = re.compile(r"[+-]?[0-9]*\.[0-9]+")
_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_DAYS = (
    *("YYYY-MM-DD", "DD.MM.YYYY", "D.M.YYYY", "DD/MM/YYYY", "MM/DD/YYYY", "D/M/YYYY", "M/D/YYYY"),
    *("DD-MM-YYYY", "MM-DD-YYYY", "YYYY/MM/DD", "YYYYMMDD"),
    *("DD-MMM-YYYY", "DDMMMYYYY", "DD MMM YYYY"),
)
FORMS = (
    *_DAYS,
    *(f"{day} {time}" for day in _DAYS for time in ("hh:mm", "hh:mm:ss")),
    "YYYY-MM-DDThh:mm:ss",
)
"""The forms of dates that are tried."""


@dataclass(frozen=True)
class Sniffed:
    """How a file begins: its dialect, the names of its columns, and a column of text for each.

    `marked` tells of a byte order mark; `sure` whether the bytes fit one encoding only.
    """

    dialect: Dialect
    marked: bool
    sure: bool
    header: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def rows(self) -> int:
        """How many rows were looked at."""
        return len(self.columns[0].codes) if self.columns else 0

    def first_rows(self, count: int) -> list[list[str]]:
        """Take rows as they stand. For the screen of whoever asked for them, and nothing else."""
        wanted = range(min(count, self.rows))
        return [[c.spellings[int(c.codes[row])] for c in self.columns] for row in wanted]


def sniff(path: Path) -> Sniffed:
    """Look at the beginning of a hospital's file.

    Raises
    ------
    ProblemsError
        If the file cannot be read, or its beginning is no CSV in any known dialect.
    """
    sample = _sample(path)
    encoding, sure = _encoding(sample)
    text = sample.decode(_PYTHON.get(encoding, encoding), errors="replace").removeprefix("\ufeff")
    dialect = Dialect(encoding, _separator(text))
    names: list[str] = []

    def everything(header: Sequence[str]) -> Mapping[str, int]:
        names.extend(header)
        return {str(at): at for at in range(len(header))}

    # Two blocks, since a last line that is left open comes as a block of its own.
    blocks = list(islice(read_blocks(path, everything, (), SAMPLE_BYTES, dialect), 2))
    columns = tuple(_joined([block[str(at)] for block in blocks]) for at in range(len(names)))
    _require_names(path, names, columns)
    return Sniffed(dialect, _marked(sample), sure, tuple(names), columns)


def _joined(parts: Sequence[Column]) -> Column:
    """Put parts of a column one below the other."""
    places: dict[str, int] = {}
    codes = [
        np.array([places.setdefault(text, len(places)) for text in part.spellings])[part.codes]
        for part in parts
    ]
    return Column(list(places), np.concatenate([np.empty(0, np.intp), *codes]))


def _require_names(path: Path, header: Sequence[str], columns: Sequence[Column]) -> None:
    """Refuse a first line that may be a patient's: a draft repeats the names of columns.

    A name is neither empty nor a number nor a date, and does not occur among its column's values.
    """
    odd = [not name.strip() or _is_value(name.strip()) for name in header]
    for at, column in enumerate(columns):
        odd[at] |= header[at] in column.spellings
    if 5 * sum(odd) > len(odd):
        rule = "does not look like the names of columns"
        fix = "begin the file with the names of its columns, in one line"
        raise ProblemsError(str(path), [Problem("line 1", rule, fix)])


def _is_value(text: str) -> bool:
    numbers = any(pattern.fullmatch(text) for pattern in (_POINT, _COMMA, _WHOLE))
    return numbers or any(_fits(form, text) for form in FORMS)


_PYTHON = {"windows-1252": "cp1252", "windows-1250": "cp1250"}


def _sample(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(SAMPLE_BYTES)
    except OSError:
        fix = "give the path of the hospital's CSV file"
        raise ProblemsError(str(path), [Problem("the file", "cannot be read", fix)]) from None


def _marked(sample: bytes) -> bool:
    return sample.startswith(b"\xef\xbb\xbf") or sample[:2] in UTF_16_MARKS


def _encoding(sample: bytes) -> tuple[Encoding, bool]:
    """Find an encoding that the bytes fit, and whether they fit no other."""
    # Every second byte of Latin letters in UTF-16 is a zero.
    if sample[:2] in UTF_16_MARKS or sample[1:200:2].count(0) > 50:
        return "utf-16", True
    cut = sample if len(sample) < SAMPLE_BYTES else sample[: sample.rfind(b"\n") + 1]
    try:
        cut.decode("utf-8")
    except UnicodeDecodeError:
        # What latin-1 has is the same in windows-1252, which has more.
        return "windows-1252", False
    return "utf-8", True


def _separator(text: str) -> Separator:
    """Choose the sign that cuts the first line into most fields."""
    first = text.splitlines()[:1]
    fields = {sign: max(map(len, csv.reader(first, delimiter=sign)), default=0) for sign in ",;\t|"}
    return max(SEPARATORS, key=lambda sign: fields[sign])


def decimal_signs(columns: Iterable[Column]) -> set[str]:
    """Tell which decimal signs occur in columns that hold numbers and little else."""
    found = set()
    for column in columns:
        points, commas, whole, other = _kinds(column)
        if points + commas and points + commas + whole > 4 * other:
            found |= {sign for sign, count in ((".", points), (",", commas)) if count}
    return found


def share_of_numbers(column: Column) -> float:
    """Tell which share of the different spellings are numbers; an empty column may be anything."""
    points, commas, whole, other = _kinds(column)
    numbers = points + commas + whole
    return numbers / (numbers + other) if numbers + other else 1.0


def _kinds(column: Column) -> tuple[int, int, int, int]:
    texts = [text.strip() for text in column.spellings if text.strip()]
    points, commas, whole = (
        sum(bool(pattern.fullmatch(text)) for text in texts) for pattern in (_POINT, _COMMA, _WHOLE)
    )
    return points, commas, whole, len(texts) - points - commas - whole


def date_forms(column: Column) -> tuple[str, ...]:
    """List the forms that all of a column's texts fit; none if it holds no dates."""
    texts = {text.strip() for text in column.spellings} - {"", *MISSING_WORDS}
    if not texts:
        return ()
    first = next(iter(texts))
    likely = [form for form in FORMS if _fits(form, first)]
    fitting = [form for form in likely if all(_fits(form, text) for text in texts)]
    # Where two digits always stand, the form of one or two says nothing more.
    return tuple(f for f in fitting if f.replace("D", "DD").replace("M", "MM") not in fitting)


def _fits(form: str, text: str) -> bool:
    try:
        reader(form)(text)
    except NoDateError:
        return False
    return True


def present(column: Column, words: Iterable[str]) -> list[str]:
    """List those of some well-known words that occur in a column."""
    there = {text.strip() for text in column.spellings}
    return [word for word in words if word in there]


def distinct(column: Column) -> bool:
    """Tell whether no value occurs twice and none is empty."""
    return len(np.unique(column.codes)) == len(column.codes) and "" not in column.spellings
