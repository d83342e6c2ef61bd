import csv
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ProblemsError
from site_node.data.source import MAX_FIELD_BYTES, MAX_RECORD_BYTES, Dialect, Separator, read_blocks

Write = Callable[[str | bytes], Path]
Rows = list[list[str]]
COMMAS = Dialect()


def read(
    path: Path,
    block_bytes: int = 1 << 20,
    row_by_row: Sequence[str] = ("b",),
    dialect: Dialect = COMMAS,
) -> dict[str, list[str]]:
    """All columns of a file as text."""

    def everything(header: Sequence[str]) -> dict[str, int]:
        return {name: position for position, name in enumerate(header)}

    found: dict[str, list[str]] = {}
    for block in read_blocks(path, everything, row_by_row, block_bytes, dialect):
        for name, column in block.items():
            found.setdefault(name, []).extend(column.spellings[code] for code in column.codes)
    return found


def refused(path: Path) -> str:
    with pytest.raises(ProblemsError) as error:
        read(path)
    return str(error.value.problems[0])


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
"""Whatever a field may hold: quotation marks, commas, line breaks, any script."""


class Excel(csv.excel):
    quoting = csv.QUOTE_ALL


@given(
    rows=st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=8),
    style=st.tuples(
        st.sampled_from([csv.excel, csv.unix_dialect, Excel]),
        st.sampled_from([",", ";", "\t", "|"]),
    ),
    mark=st.sampled_from(["", "\ufeff"]),
    block_bytes=st.sampled_from([1, 7, 1 << 20]),
)
def test_what_was_written_is_read(
    write: Write,
    rows: Rows,
    style: tuple[type[csv.Dialect], Separator],
    mark: str,
    block_bytes: int,
) -> None:
    """Line ends, quoting, separators, a byte order mark and the size of blocks do not matter."""
    (quoting, separator), text = style, io.StringIO(newline="")
    csv.writer(text, quoting, delimiter=separator).writerows([["a", "b", "c"], *rows])
    stated = Dialect(separator=separator)
    columns = read(write(mark + text.getvalue()), block_bytes, dialect=stated)
    assert columns == dict(zip("abc", map(list, zip(*rows, strict=True)), strict=True))


pieces = ["a,b\n", 'a,"\n"\n', '"",b\r\n', '"a""",\n', "é", "a", ",", '"', "\n", "\r", "\0"]


@given(
    st.lists(st.sampled_from(pieces), max_size=7).map("".join),
    st.sampled_from(["utf-8", "latin-1"]),
    st.sampled_from([1, 3, 1 << 20]),
)
def test_odd_text_is_refused_or_read_as_others_read_it(
    write: Write, text: str, encoding: str, block_bytes: int
) -> None:
    path = write(b"a,b\n" + text.encode(encoding))
    try:
        columns = read(path, block_bytes)
    except ProblemsError:
        return
    rows = list(csv.reader(io.StringIO(text.rstrip("\r\n"), newline=""), strict=True))
    assert columns == ({"a": [a for a, _ in rows], "b": [b for _, b in rows]} if rows else {})


def test_a_field_has_a_limit(write: Write) -> None:
    long = "x" * MAX_FIELD_BYTES
    assert read(write(f"a,b\n1,2\n3,{long}\n"))["b"] == ["2", long]
    wanted = "line 3: has a field of more than 10,000 bytes"
    assert refused(write(f"a,b\n1,2\n3,{long}x\n")) == wanted
    assert refused(write("a,b\n1,2\n3," + "x" * 10**6 + "\n")) == wanted


@pytest.mark.parametrize("start", ["", '"'])
def test_a_record_without_an_end_is_not_collected(write: Write, start: str) -> None:
    path = write(f"a,b\n1,2\n{start}" + "x,\n"[: 3 if start else 2] * MAX_RECORD_BYTES)
    with pytest.raises(ProblemsError, match=r"line 3: has a field of more than 10,000 bytes"):
        read(path, block_bytes=1 << 16)


def test_blank_lines_at_the_end_are_dropped(write: Write) -> None:
    assert read(write("a,b\r\n1,2\r\n\r\n\n\r\n")) == {"a": ["1"], "b": ["2"]}


def test_columns_may_be_read_row_by_row(write: Write) -> None:
    path = write("a,b\n1,x\n1,x\n2,y\n")
    wanted = {"a": ["1", "1", "2"], "b": ["x", "x", "y"]}
    assert read(path, row_by_row=()) == read(path, row_by_row=("a", "b")) == wanted
    (block,) = read_blocks(path, lambda _: {"a": 0, "b": 1}, row_by_row=("b",))
    assert [list(column.spellings) for column in block.values()] == [["1", "2"], ["x", "x", "y"]]


def test_last_line_needs_no_end(write: Write) -> None:
    assert read(write('a,b\n1,"2"')) == {"a": ["1"], "b": ["2"]}
    assert read(write('a,"b"')) == {}


def test_only_the_chosen_columns_are_read(write: Write) -> None:
    path = write("a,b,c\n1,2,3\n4,5,6\n")
    (block,) = read_blocks(path, lambda header: {"x": header.index("c"), "y": header.index("a")})
    assert {name: list(column.spellings) for name, column in block.items()} == {
        "x": ["3", "6"],
        "y": ["1", "4"],
    }


def test_missing_file_and_folder(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.csv") == "the file: does not exist"
    assert refused(tmp_path) == "the file: is a folder"
    circle = tmp_path / "circle.csv"
    circle.symlink_to(circle)
    assert refused(circle) == "the file: cannot be opened"


def test_a_link_is_followed(write: Write, tmp_path: Path) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to(write("a\n1\n"))
    assert read(link) == {"a": ["1"]}


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    """An export program may write into the check without a file between."""
    source, sink = os.pipe()
    os.write(sink, b"a,b\n1,2\n")
    os.close(sink)
    assert read(Path(f"/dev/fd/{source}")) == {"a": ["1"], "b": ["2"]}
    os.close(source)
