"""Zip files that can be trusted not to be a trap: nothing packed, nothing twice, nothing strange.

Members are stored as they are, so a file can never unfold into more than itself; times and rights
are fixed, so equal members make equal bytes.
"""

import stat
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from coordinator.bundle.names import limit
from coordinator.bundle.plain import BundleError

_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = stat.S_IFREG | 0o644
_UNIX = 3
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x06"
_END_SIZE, _END_64_SIZE, _LOCATOR_SIZE = 22, 56, 20
MOST_DIRECTORY = 2**27
"""Most bytes of the list of members, which is read at once."""


@contextmanager
def writing(path: Path | BytesIO) -> Iterator[ZipFile]:
    """Open a new zip file; its list of members is sorted by name."""
    with ZipFile(path, "x", ZIP_STORED) as file:
        yield file
        file.filelist.sort(key=lambda member: member.filename)


def put(file: ZipFile, name: str, body: bytes) -> None:
    """Write one member.

    Raises
    ------
    ValueError
        If a bundle has no member of that name, or none so large.
    """
    if (most := limit(name)) is None or len(body) > most:
        raise ValueError(f"a bundle has no member {name} of {len(body)} bytes")
    info = ZipInfo(name, _TIME)
    info.create_system, info.external_attr = _UNIX, _MODE << 16
    file.writestr(info, body)


@contextmanager
def reading(source: Path | BytesIO, name: str) -> Iterator[ZipFile]:
    """Open a zip file after checking everything that can be checked before a member is read.

    `name` is what people know it by.

    Raises
    ------
    OSError
        If the file is not there, or may not be read: nobody changed it then.
    BundleError
        If it is no zip file, or has a member that no bundle has: packed, linked, hidden, twice,
        too large, or of another name.
    """
    with ExitStack() as stack:
        raw = stack.enter_context(_opened(source, name)) if isinstance(source, Path) else source
        try:
            size = _check_end(raw)
            file = stack.enter_context(ZipFile(raw))
        except (BadZipFile, OSError, ValueError, NotImplementedError, struct.error):
            raise BundleError(f"{name}: is no bundle, or not a whole one") from None
        _check_members(name, file, size)
        yield file


def body(file: ZipFile, name: str) -> bytes:
    """Read one member whole.

    Raises
    ------
    BundleError
        If it is not there, or not as it was written.
    """
    try:
        return file.read(name)
    except KeyError:
        raise BundleError(f"{name}: is missing") from None
    except (BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError):
        raise BundleError(f"{name}: was changed, or is not whole") from None


def _opened(path: Path, name: str) -> IO[bytes]:
    # Opening a pipe would wait for somebody to write into it.
    if path.is_fifo():
        raise BundleError(f"{name}: is a pipe, and a bundle has to be a file")
    return path.open("rb")


def _check_end(file: IO[bytes]) -> int:
    """See that the list of members is of a size that can be read, before it is; give the size."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_SIZE - _LOCATOR_SIZE - _END_64_SIZE))
    tail = file.read()
    end = tail[-_END_SIZE:]
    if len(end) != _END_SIZE or end[:4] != _END or end[20:] != b"\0\0":
        raise BadZipFile
    (directory,) = struct.unpack("<I", end[12:16])
    if directory == 0xFFFFFFFF and tail[:4] == _END_64:
        (directory,) = struct.unpack("<Q", tail[40:48])
    if directory > min(MOST_DIRECTORY, size):
        raise BadZipFile
    return size


def _check_members(path: str, file: ZipFile, size: int) -> None:
    members = file.infolist()
    names = [member.filename for member in members]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BundleError(f"{_shown(twice)}: is there twice")
    if names != sorted(names):
        raise BundleError(f"{path}: its members are not in order")
    for member in members:
        if fault := _fault(member):
            raise BundleError(f"{_shown(member.filename)}: {fault}")
    if sum(member.file_size for member in members) > size:
        raise BundleError(f"{path}: its members claim more bytes than the file has")


def _fault(member: ZipInfo) -> str:
    most = limit(member.orig_filename)
    if most is None or member.filename != member.orig_filename:
        return "no bundle has a member of this name"
    if member.external_attr != _MODE << 16 or member.create_system != _UNIX:
        return "is no plain file"
    packed = (member.compress_type, member.file_size) != (ZIP_STORED, member.compress_size)
    if packed or member.flag_bits or member.comment:
        return "is packed or locked, which no member of a bundle is"
    if member.file_size > most:
        return f"is larger than {most} bytes"
    return ""


def _shown(name: str) -> str:
    """Write a stranger's name so that it can do nothing on a screen."""
    return name[:80].encode("ascii", "backslashreplace").decode() if name.isprintable() else "?"
