import io
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ProblemsError
from site_node.data.encoding import Encoding, as_utf_8
from site_node.data.source import Dialect, read_blocks

Write = Callable[[str | bytes], Path]
CODECS: dict[Encoding, str] = {
    "windows-1252": "cp1252",
    "latin-1": "latin-1",
    "windows-1250": "cp1250",
    "utf-16": "utf-16",
}


def whole(raw: bytes, encoding: Encoding, size: int) -> bytes:
    stream = as_utf_8("x.csv", io.BytesIO(raw), encoding)
    return b"".join(iter(lambda: stream.read(size), b""))


@given(
    st.text(st.sampled_from('aZ,;\n\r"äß §'), max_size=40),
    st.sampled_from(sorted(CODECS)),
    st.sampled_from([1, 3, 1 << 10]),
)
def test_text_is_the_same_in_every_encoding(text: str, encoding: Encoding, size: int) -> None:
    raw = text.encode(CODECS[encoding])
    assert whole(raw, encoding, size).decode("utf-8").removeprefix("\ufeff") == text


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("size", [1, 5, 1 << 10])
def test_utf_16_is_read_by_its_mark(codec: str, size: int) -> None:
    raw = "\ufeffa,ä\n𝄞,1\n".encode(codec)
    assert whole(raw, "utf-16", size).decode("utf-8") == "\ufeffa,ä\n𝄞,1\n"


@pytest.mark.parametrize(
    ("raw", "encoding", "told"),
    [
        (b"a,b\n1,\x96\n", "latin-1", "line 2: holds bytes that are no letters of latin-1"),
        (b"a,b\n1,2\n\x81,\n", "windows-1252", "line 3: holds bytes that are no letters of"),
        (b"a\x00,\x00\n\x00\x00", "utf-16", "line 2: holds bytes that are no letters of utf-16"),
    ],
)
@pytest.mark.parametrize("size", [1, 1 << 10])
def test_bytes_of_no_letter_are_refused(
    raw: bytes, encoding: Encoding, told: str, size: int
) -> None:
    with pytest.raises(ProblemsError) as refused:
        whole(raw, encoding, size)
    (problem,) = refused.value.problems
    assert told in str(problem)
    assert ("windows-1252" in problem.fix) == (encoding == "latin-1")


@pytest.mark.parametrize("encoding", sorted(CODECS))
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_dialects_are_read(write: Write, encoding: Encoding, separator: str) -> None:
    rows = [["näme", "b"], ["ä" + separator + "\n", "1,5"], ["", 'say "x"']]
    quoted = [[f'"{field.replace(chr(34), chr(34) * 2)}"' for field in row] for row in rows]
    text = "".join(separator.join(row) + "\r\n" for row in quoted)
    path = write(text.encode(CODECS[encoding]))
    dialect = Dialect(encoding, separator)  # type: ignore[arg-type]
    header: list[str] = []

    def both(names: Sequence[str]) -> dict[str, int]:
        header.extend(names)
        return {"a": 0, "b": 1}

    (block,) = read_blocks(path, both, dialect=dialect)
    assert header == rows[0]
    assert [block["a"].spellings[code] for code in block["a"].codes] == ["ä" + separator + "\n", ""]
    assert [block["b"].spellings[code] for code in block["b"].codes] == ["1,5", 'say "x"']
