"""Copies of the journal: taken while the daemon works, put back while none does."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from coordinator.store import Store
from coordinator.tables import SCHEMA_VERSION
from protocol.errors import Exit, FederationError


class BackupError(FederationError):
    """A copy of the journal cannot be made, or is none."""

    code = "backup"
    exit = Exit.USAGE
    fix = "name a new file in a folder that is there"


def backup(store: Store, path: Path) -> None:
    """Copy an SQLite journal into a new file, as it is at one moment; runs go on meanwhile.

    The copy holds the journal's secrets too (invitations), so its owner alone may read it.

    Raises
    ------
    BackupError
        If the file is there already or cannot be written, or a server keeps the journal.
    """
    if store.file is None:
        fix = "use `pg_dump --format=custom` and `pg_restore`, which PostgreSQL brings"
        raise BackupError("a PostgreSQL server keeps this journal, and copies it itself", fix)
    _copy(store.file, path)


def restore(path: Path, journal: Path) -> None:
    """Make a journal from a copy. Hospitals that know more than the copy tell so when asked.

    Raises
    ------
    BackupError
        If there is a journal already, or the copy is damaged or of a later version.
    """
    if not path.is_file():
        raise BackupError(f"{path}: is no file", "name a file that `riskset backup` wrote")
    if journal.exists():
        fix = "stop the daemon and move that journal aside first: nothing is replaced"
        raise BackupError(f"{journal}: is there already", fix)
    with closing(sqlite3.connect(path)) as copy:
        _require_whole(copy, path)
    _copy(path, journal)


def _copy(source: Path, target: Path) -> None:
    """Copy a database in whole under another name first, so that no half of one is taken for it."""
    part = target.with_name(target.name + ".part")
    if target.exists():
        raise BackupError(f"{target}: is there already")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600))
        with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(part)) as other:
            one.backup(other)
            other.execute("PRAGMA journal_mode=DELETE")  # one file, and no companions
        _sync(part)
        part.rename(target)
        _sync(target.parent)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise BackupError(f"{target}: {error}") from None


def _require_whole(copy: sqlite3.Connection, path: Path) -> None:
    try:
        (state,) = copy.execute("PRAGMA integrity_check").fetchone()
        (version,) = copy.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    except (sqlite3.Error, TypeError):
        fix = "name a file that `riskset backup` wrote"
        raise BackupError(f"{path}: is no copy of a journal", fix) from None
    if state != "ok":
        raise BackupError(f"{path}: the copy is damaged", "use another copy")
    if int(version) > SCHEMA_VERSION:
        fix = "install the version of riskset that wrote it, or a later one"
        raise BackupError(f"{path}: is of version {version}, beyond {SCHEMA_VERSION}", fix)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
