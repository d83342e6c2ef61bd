"""Reads a CSV file as blocks of whole records, and refuses every file that could be misread.

The dialect is RFC 4180: double quotes, LF or CRLF; encoding and separator are stated, UTF-8 and a
comma unless they are. Spreadsheets and parsers guess when a file is not like that; here each
deviation is an error with its line. What the fields mean is left to `values`.
"""

import csv
import io
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from protocol.errors import Problem, ProblemsError
from site_node.data.encoding import Bytes, Encoding, as_utf_8

BLOCK_BYTES = 8 << 20
"""How much of a file is in memory as text at once."""

MAX_FIELD_BYTES = 10_000
MAX_RECORD_BYTES = 1 << 20

_LINE_FEED, _RETURN, _QUOTE = b'\n\r"'
_UTF_8_MARK = b"\xef\xbb\xbf"

_TO_UTF_8 = (
    "save the file as 'CSV UTF-8', or state its encoding in a mapping file, such as "
    '[file] encoding = "windows-1252"'
)
_TO_TEXT = (
    "save the file as 'CSV UTF-8', or say [file] encoding = \"utf-16\" in a mapping file if it is "
    "text"
)
_TO_QUOTES = (
    "put a field that holds a separator, a line break or a quotation mark in quotation marks, and "
    "write a mark inside it twice"
)
_TO_WHOLE = "write every line with all its fields, and quote fields that hold the separator"
_TO_LINES = "save the file with line ends LF or CRLF"

Flags = NDArray[np.bool_]
Separator = Literal[",", ";", "\t", "|"]


@dataclass(frozen=True)
class Dialect:
    """How the text of a file is written."""

    encoding: Encoding = "utf-8"
    separator: Separator = ","


@dataclass(frozen=True)
class Column:
    """One column of a block: spellings, and which of them each row has.

    Spellings are distinct, but in columns that are read row by row.
    """

    spellings: Sequence[str]
    codes: NDArray[np.integer[Any]]


Block = Mapping[str, Column]
"""Columns of the same rows, by the names that `Choose` gave them."""

Choose = Callable[[Sequence[str]], Mapping[str, int]]
"""From the header to the positions of the columns that are needed, by name."""


def read_blocks(
    path: Path,
    choose: Choose,
    row_by_row: Collection[str] = (),
    block_bytes: int = BLOCK_BYTES,
    dialect: Dialect = Dialect(),
) -> Iterator[Block]:
    """Read some columns of a CSV file, one block of rows after the other.

    Every spelling is kept as it stands in the file. `row_by_row` names columns in which hardly a
    value occurs twice, so that looking for equal ones would only take time. Time is linear in the
    file's length; memory does not grow with it.

    Raises
    ------
    ProblemsError
        If the file cannot be opened, is empty, or is not CSV as the module describes it.
    """
    subject = str(path)
    with _opened(path) as file:
        text = as_utf_8(subject, file, dialect.encoding)
        records = _whole_records(subject, text, block_bytes, dialect.separator)
        first = next(records, None)
        if first is None:
            _refuse(subject, "the file", "is empty", "export the extract again, with its header")
        header = _header(first)
        positions = choose(header)
        for lines in records:
            _check_fields(lines, len(header))
            yield _columns(lines, len(header), positions, row_by_row)


@dataclass(frozen=True)
class _Lines:
    """Whole records as bytes, and the line of the file that they begin on."""

    subject: str
    first: int
    text: bytes
    separator: Separator

    def refuse(self, at: int, rule: str, fix: str) -> NoReturn:
        """Refuse the file for what stands at a byte of the text."""
        line = self.first + self.text.count(b"\n", 0, at)
        _refuse(self.subject, f"line {line}", rule, fix)


def _refuse(subject: str, where: str, rule: str, fix: str) -> NoReturn:
    raise ProblemsError(subject, [Problem(where, rule, fix)])


def _opened(path: Path) -> BinaryIO:
    subject, again = str(path), "give the path of the hospital's CSV file"
    if path.is_dir():
        _refuse(subject, "the file", "is a folder", again)
    try:
        return path.open("rb")
    except FileNotFoundError:
        _refuse(subject, "the file", "does not exist", again)
    except PermissionError:
        _refuse(subject, "the file", "may not be read by you", "ask its owner for reading rights")
    except OSError:
        _refuse(subject, "the file", "cannot be opened", again)


def _whole_records(
    subject: str, file: Bytes, block_bytes: int, separator: Separator
) -> Iterator[_Lines]:
    """Cut a file where records end. The header comes alone; blank lines at the end are dropped."""
    line, carried, more = 1, b"", True
    while more:
        new = file.read(block_bytes)
        more = bool(new)
        text = carried + new
        end = _end_of_records(text) if more else len(text.rstrip(b"\r\n"))
        if end and line == 1:
            cut = _end_of_first_record(text[:end])
            header = _ended(text[:cut].removeprefix(_UTF_8_MARK))
            yield _checked(_Lines(subject, line, header, separator))
            line += header.count(b"\n")
            text, end = text[cut:], end - cut
        if end > 0:
            whole = _ended(text[:end])
            yield _checked(_Lines(subject, line, whole, separator))
            line += whole.count(b"\n")
        carried = text[end:]
        if len(carried) > MAX_RECORD_BYTES:
            _too_long(_Lines(subject, line, carried, separator), 0)


def _ended(text: bytes) -> bytes:
    """End the last line, which a file may leave open; what looks ahead relies on it."""
    return text if text.endswith(b"\n") else text + b"\n"


def _outside_quotes(text: bytes) -> Flags:
    """Flag the bytes of whole records that stand outside of quoted fields."""
    if _QUOTE not in text:
        return np.ones(len(text), dtype=np.bool_)
    mark = np.frombuffer(text, dtype=np.uint8) == _QUOTE
    # The parity of the marks so far. A doubled mark inside a field flips it twice.
    outside: Flags = np.bitwise_xor.accumulate(mark.view(np.uint8)) == 0
    return outside


def _record_ends(text: bytes) -> NDArray[np.intp]:
    line_feed = np.frombuffer(text, dtype=np.uint8) == _LINE_FEED
    return np.flatnonzero(line_feed & _outside_quotes(text))


def _end_of_first_record(text: bytes) -> int:
    ends = _record_ends(text)
    return int(ends[0]) + 1 if len(ends) else len(text)


def _end_of_records(text: bytes) -> int:
    """Find where the last whole record ends, blank lines after it left out; 0 if there is none."""
    ends = _record_ends(text)
    last = int(ends[-1]) + 1 if len(ends) else 0
    filled = len(text[:last].rstrip(b"\r\n"))
    return text.index(b"\n", filled) + 1 if filled else 0


def _checked(lines: _Lines) -> _Lines:
    """Refuse bytes that parsers disagree about."""
    text = lines.text
    if 0 in text:
        rule = "holds a NUL byte, as UTF-16 text and spreadsheet files do"
        lines.refuse(text.index(0), rule, _TO_TEXT)
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = error.start - text.rfind(b"\n", 0, error.start)
        lines.refuse(error.start, f"is not UTF-8 at its byte {byte}", _TO_UTF_8)
    if _QUOTE in text:
        _check_quotes(lines)
    if _RETURN in text:
        _check_returns(lines)
    return lines


def _check_quotes(lines: _Lines) -> None:
    array = np.frombuffer(lines.text, dtype=np.uint8)
    marks = np.flatnonzero(array == _QUOTE)
    opening, closing = marks[0::2], marks[1::2]
    before = [_QUOTE, _LINE_FEED, ord(lines.separator)]
    # At the first byte, -1 looks at the last one, which is a line feed.
    good_opening = np.isin(array[opening - 1], before)
    good_closing = np.isin(array[closing + 1 - len(array)], [*before, _RETURN])
    bad = np.concatenate([opening[~good_opening], closing[~good_closing]])
    if len(bad):
        lines.refuse(int(bad.min()), "has a quotation mark within a field", _TO_QUOTES)
    if len(marks) % 2:
        lines.refuse(int(marks[-1]), "opens a quotation that never closes", _TO_QUOTES)


def _check_returns(lines: _Lines) -> None:
    array = np.frombuffer(lines.text, dtype=np.uint8)
    returns = np.flatnonzero((array == _RETURN) & _outside_quotes(lines.text))
    alone = returns[array[returns + 1 - len(array)] != _LINE_FEED]
    if len(alone):
        lines.refuse(int(alone[0]), "has a carriage return without a line feed", _TO_LINES)


def _check_fields(lines: _Lines, width: int) -> None:
    """Refuse records with more or fewer fields than the header, and overlong fields."""
    array = np.frombuffer(lines.text, dtype=np.uint8)
    between = (array == ord(lines.separator)) | (array == _LINE_FEED)
    ends = np.flatnonzero(between & _outside_quotes(lines.text))
    last_of_record = np.flatnonzero(array[ends] == _LINE_FEED)
    fields = np.diff(last_of_record, prepend=-1)
    ragged = np.flatnonzero(fields != width)
    if len(ragged):
        at = int(ends[last_of_record[ragged[0]] - fields[ragged[0]] + 1])
        found = "1 field" if fields[ragged[0]] == 1 else f"{fields[ragged[0]]} fields"
        lines.refuse(at, f"has {found} where the header has {width}", _TO_WHOLE)
    lengths = np.diff(ends, prepend=-1) - 1
    if lengths.max() > MAX_FIELD_BYTES:
        _too_long(lines, int(ends[lengths.argmax()] - lengths.max()))


def _too_long(lines: _Lines, at: int) -> NoReturn:
    rule = f"has a field of more than {MAX_FIELD_BYTES:,} bytes"
    lines.refuse(at, rule, "look for a quotation mark that opens a field and is never closed")


def _header(lines: _Lines) -> list[str]:
    """Read the names of the columns."""
    text = lines.text.decode("utf-8").removesuffix("\n").removesuffix("\r")
    header = next(csv.reader([text], delimiter=lines.separator))
    if not header:
        lines.refuse(0, "is blank", "begin the file with the names of its columns")
    return header


def _columns(
    lines: _Lines, width: int, positions: Mapping[str, int], row_by_row: Collection[str]
) -> Block:
    """Parse the needed columns of whole records."""
    whole = {position for name, position in positions.items() if name in row_by_row}
    frame = pd.read_csv(
        io.BytesIO(lines.text),
        sep=lines.separator,
        header=None,
        # Said, as a block whose first row is blank would not show it.
        names=range(width),
        usecols=sorted(set(positions.values())),
        # As categories each distinct spelling is one Python string, however often it occurs.
        dtype={at: "str" if at in whole else "category" for at in positions.values()},
        na_filter=False,
        index_col=False,
        skip_blank_lines=False,
        low_memory=False,
        encoding="utf-8",
    )
    return {name: _column(frame[position]) for name, position in positions.items()}


def _column(series: "pd.Series[Any]") -> Column:
    if isinstance(series.dtype, pd.CategoricalDtype):
        return Column(list(series.cat.categories), series.cat.codes.to_numpy())
    return Column(series.tolist(), np.arange(len(series)))
