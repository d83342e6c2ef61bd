"""Turns a file of one of a few encodings into UTF-8 while it is read.

The list is short on purpose: with many encodings every file can be read somehow, and wrongly.
UTF-8 passes through as it is; `source` judges it.
"""

import codecs
import re
from typing import BinaryIO, Literal, NoReturn, Protocol

from protocol.errors import Problem, ProblemsError

Encoding = Literal["utf-8", "windows-1252", "latin-1", "windows-1250", "utf-16"]
"""How letters are written as bytes. A byte order mark is taken off without being asked."""

UTF_16_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_CODECS = {"windows-1252": "cp1252", "latin-1": "latin-1", "windows-1250": "cp1250"}
_CONTROL = re.compile("[\x80-\x9f]")
"""Between the two halves of latin-1, where it has no letters."""


class Bytes(Protocol):
    """What blocks of bytes can be read from; an empty one is the end."""

    def read(self, size: int, /) -> bytes:
        """Read some bytes."""
        ...


def as_utf_8(subject: str, file: BinaryIO, encoding: Encoding) -> Bytes:
    """Read a file's text as UTF-8, whatever its own encoding."""
    return file if encoding == "utf-8" else _Recoded(subject, file, encoding)


class _Recoded:
    """Reads a file and writes its text in UTF-8, block by block."""

    def __init__(self, subject: str, file: BinaryIO, encoding: Encoding) -> None:
        self._subject, self._file, self._encoding = subject, file, encoding
        self._decoder: codecs.IncrementalDecoder | None = None
        self._line = 1

    def read(self, size: int, /) -> bytes:
        """Read about `size` bytes.

        Raises
        ------
        ProblemsError
            If bytes are none of the encoding's, naming the line.
        """
        # A block may end within a letter and so give no text, which is not the file's end.
        while raw := self._file.read(max(size, 2)):
            if text := self._text(raw, final=False):
                return text.encode("utf-8")
        return self._text(b"", final=True).encode("utf-8")

    def _text(self, raw: bytes, *, final: bool) -> str:
        if self._decoder is None:
            self._decoder = codecs.getincrementaldecoder(_codec(self._encoding, raw))()
        try:
            text = self._decoder.decode(raw, final)
        except UnicodeDecodeError as error:
            self._refuse(error.object[: error.start].count(b"\n"))
        if self._encoding == "latin-1" and (odd := _CONTROL.search(text)):
            self._refuse(text.count("\n", 0, odd.start()))
        self._line += text.count("\n")
        return text

    def _refuse(self, line_feeds: int) -> NoReturn:
        where = f"line {self._line + line_feeds}"
        rule = f"holds bytes that are no letters of {self._encoding}"
        fix = "state the encoding that the export was made in, or save the file as 'CSV UTF-8'"
        if self._encoding == "latin-1":
            fix = 'say encoding = "windows-1252" under [file]: most files called latin-1 are that'
        raise ProblemsError(self._subject, [Problem(where, rule, fix)])


def _codec(encoding: Encoding, first: bytes) -> str:
    if encoding == "utf-16":
        return UTF_16_MARKS.get(first[:2], "utf-16-le")
    return _CODECS[encoding]
