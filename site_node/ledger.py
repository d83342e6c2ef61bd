"""The ledger: what a hospital was asked and what it sent, in lines that can only be added to.

Each line names the one before it by digest, so that no line can be changed, dropped or moved
unseen. A line is on disk when `append` returns. The database itself holds that there is one
answer to a trip. A study can be forgotten: bodies go, their digests and the chain stay.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

from protocol.canonical import DIGEST_SIZE
from site_node.folder import FILE_MODE, UnavailableError, write_private
from site_node.ledger_lines import (
    FIRST,
    Entry,
    FormatError,
    Head,
    Kind,
    LedgerError,
    Line,
    RolledBackError,
)

__all__ = [
    "FIRST",
    "Entry",
    "FormatError",
    "Head",
    "Kind",
    "Ledger",
    "LedgerError",
    "Line",
    "RolledBackError",
    "utc_now",
]

FORMAT = 1
"""The ledger's format. A node refuses one that a later node has written."""

_FIXED = ("seq", "time", "kind", "ctx", "trip", "body_digest", "prev", "digest")
_SAME = " AND ".join(f"NEW.{name} IS OLD.{name}" for name in _FIXED)
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL, ctx BLOB NOT NULL,
    trip INTEGER NOT NULL, body BLOB, body_digest BLOB NOT NULL, prev BLOB NOT NULL,
    digest BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX once ON entries (ctx, kind, trip)
    WHERE kind IN ('opened', 'keyed', 'release', 'result', 'closed');
CREATE TRIGGER no_change BEFORE UPDATE ON entries WHEN NOT (NEW.body IS NULL AND {_SAME})
    BEGIN SELECT RAISE(ABORT, 'lines of a ledger do not change'); END;
CREATE TRIGGER no_removal BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'lines of a ledger stay'); END;
PRAGMA user_version = {FORMAT};
COMMIT;
"""
_WRITE = "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_READ = """
SELECT seq, time, kind, ctx, trip, body, body_digest, prev, digest FROM entries
WHERE (?1 IS NULL OR ctx = ?1) AND (?2 = '[]' OR kind IN (SELECT value FROM json_each(?2)))
ORDER BY seq
"""
_PLACES = "SELECT ctx, trip FROM entries WHERE kind = ? ORDER BY seq"
_ERASE = """
UPDATE entries SET body = NULL
WHERE ctx = ?1 AND body IS NOT NULL AND kind IN (SELECT value FROM json_each(?2))
"""


def utc_now() -> datetime:
    """Ask the clock, in UTC."""
    return datetime.now(UTC)


class Ledger:
    """A ledger that is open for one node; its threads may share it."""

    def __init__(
        self, path: Path, database: sqlite3.Connection, now: Callable[[], datetime], head_file: Path
    ) -> None:
        self.path = path
        self._database = database
        self._now = now
        self._head_file = head_file
        self._one_at_a_time = Lock()
        self._doubtful = False
        self.head = Head()

    @classmethod
    def open(
        cls,
        path: Path,
        head_file: Path,
        now: Callable[[], datetime] = utc_now,
        *,
        older: bool = False,
    ) -> "Ledger":
        """Open a ledger, made if there is none, and verify all of it.

        Parameters
        ----------
        head_file
            Where the last line's number and digest are kept apart from the database, so that an
            older copy of it is told.
        older
            Take an older copy all the same: for making a new identity, and for nothing else.

        Raises
        ------
        LedgerError
            If a line was changed, or the file is no ledger; the first bad line is named.
        RolledBackError
            If the ledger lacks a line that it had.
        FormatError
            If a later version wrote it.
        UnavailableError
            If the disk refuses.
        """
        _require_filled(path)
        ledger = cls(path, _connected(path), now, head_file)
        try:
            ledger._begin()
            ledger.head = ledger.verify()
            if not older:
                ledger._require_newest()
        except BaseException:
            ledger.close()
            raise
        return ledger

    def close(self) -> None:
        """Close the file. Nothing is lost by not calling it."""
        self._database.close()

    def append(self, *entries: Entry) -> int:
        """Write lines in one commit, and return the last one's number once it is on disk.

        Raises
        ------
        UnavailableError
            If the disk refuses: then none of them is written.
        LedgerError
            If a line of that kind is there already for the run and trip, or the file is damaged.
        """
        with self._one_at_a_time:
            if self._doubtful:
                with _speaking(self.path):
                    self.head, self._doubtful = self._last(), False
            lines = self._lines(entries)
            self._written([astuple(line) for line in lines])
            self.head = Head(lines[-1].seq, lines[-1].digest)
            self._keep_head()
            return self.head.seq

    def lines(self, ctx: bytes | None = None, *kinds: Kind) -> Iterator[Line]:
        """Read lines in order: of one run or of all, of some kinds or of all."""
        with self._one_at_a_time, _speaking(self.path):
            rows = self._database.execute(_READ, (ctx, _listed(kinds))).fetchall()
        return map(_line, rows)

    def places(self, kind: Kind) -> list[tuple[bytes, int]]:
        """List run and trip of all lines of a kind, without their bodies."""
        with self._one_at_a_time, _speaking(self.path):
            found = self._database.execute(_PLACES, (kind,)).fetchall()
        return [(ctx, trip) for ctx, trip in found]

    def verify(self) -> Head:
        """Walk all lines, and return the last one's number and digest.

        Raises
        ------
        LedgerError
            If a line is not the one that was written; names the first.
        """
        head = Head()
        # Not by `lines`: a ledger may be larger than the memory.
        for line in map(_line, self._rows()):
            whole = line.body is None or sha256(line.body).digest() == line.body_digest
            if (line.seq, line.prev) != (head.seq + 1, head.digest):
                raise LedgerError(f"{self.path}: a line before line {line.seq} is not the original")
            if not whole or line.named != line.digest:
                raise LedgerError(f"{self.path}: line {line.seq} is not as it was written")
            head = Head(line.seq, line.digest)
        return head

    def digest_of(self, seq: int) -> bytes | None:
        """Read the digest of the line of a number, if there is one."""
        with self._one_at_a_time, _speaking(self.path):
            return self._digest_of(seq)

    def _digest_of(self, seq: int) -> bytes | None:
        query = "SELECT digest FROM entries WHERE seq = ?"
        found = self._database.execute(query, (seq,)).fetchone()
        return None if found is None else bytes(found[0])

    def _rows(self) -> Iterator[Any]:
        with _speaking(self.path):
            yield from self._database.execute(_READ, (None, _listed(())))

    def erase(self, ctx: bytes, *kinds: Kind) -> int:
        """Forget the bodies of a run's lines of some kinds; the lines stay. Says how many.

        Raises
        ------
        UnavailableError
            If the disk refuses.
        """
        with self._one_at_a_time, _speaking(self.path):
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                count = self._database.execute(_ERASE, (ctx, _listed(kinds))).rowcount
            # The log of the database holds the old pages until it is folded in.
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return count

    def _lines(self, entries: Sequence[Entry]) -> list[Line]:
        head, time, lines = self.head, self._now().isoformat(), list[Line]()
        for e in entries:
            hashed = sha256(e.body).digest()
            seq, prev = head.seq + 1, head.digest
            line = Line(seq, time, e.kind, e.ctx, e.trip, e.body, hashed, prev, b"")
            head = Head(line.seq, line.named)
            lines.append(Line(seq, time, e.kind, e.ctx, e.trip, e.body, hashed, prev, head.digest))
        return lines

    def _begin(self) -> None:
        """See which version wrote the file, and make the table in a new one."""
        with _speaking(self.path):
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version > FORMAT:
                raise FormatError(f"{self.path}: is of format {version}, this node writes {FORMAT}")
            if version == 0:
                self._database.executescript(_SCHEMA)

    def _written(self, values: Sequence[Any]) -> None:
        try:
            with _speaking(self.path), self._database:
                self._database.execute("BEGIN IMMEDIATE")
                # Ours are the only lines: whoever else wrote here is another node.
                self._require_head()
                self._database.executemany(_WRITE, values)
        except UnavailableError:
            # A disk that fails in a commit leaves open whether it is there.
            self._doubtful = True
            raise

    def _last(self) -> Head:
        last = "SELECT seq, digest FROM entries ORDER BY seq DESC LIMIT 1"
        return Head(*(self._database.execute(last).fetchone() or ()))

    def _require_head(self) -> None:
        if self._last() != self.head:
            raise LedgerError(f"{self.path}: another program writes into the ledger")

    def _require_newest(self) -> None:
        """Refuse a ledger without the line that was its last when this node wrote last."""
        kept = _kept_head(self._head_file)
        if kept.seq and self._digest_of(kept.seq) != kept.digest:
            raise RolledBackError(
                f"{self.path}: is an older copy, without the line {kept.seq} that it had"
            )

    def _keep_head(self) -> None:
        # Without a sync: a head that lags after a power failure is still a line of the ledger.
        with suppress(UnavailableError):
            text = f"{self.head.seq} {self.head.digest.hex()}\n"
            write_private(self._head_file, text.encode("ascii"), sync=False)


@contextmanager
def _speaking(path: Path) -> Iterator[None]:
    """Turn what SQLite says into our errors."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise UnavailableError(f"{path}: {str(error).lower()}") from None
    except OSError as error:
        raise UnavailableError(f"{path}: {(error.strerror or 'fails').lower()}") from None
    except sqlite3.IntegrityError as error:
        raise LedgerError(f"{path}: a line is there already: {error}") from None
    except sqlite3.Error:
        raise LedgerError(f"{path}: is damaged, or no ledger") from None


def _connected(path: Path) -> sqlite3.Connection:
    with _speaking(path):
        # The node calls from whichever thread carries the request, one at a time.
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
        try:
            path.chmod(FILE_MODE)
            for setting in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
                database.execute(f"PRAGMA {setting}")
        except BaseException:
            database.close()
            raise
    return database


def _require_filled(path: Path) -> None:
    if path.exists() and not path.stat().st_size:
        raise LedgerError(f"{path}: is empty, where a ledger has at least its table")


def _listed(kinds: Sequence[Kind]) -> str:
    return json.dumps(kinds)


def _line(row: Any) -> Line:
    seq, time, kind, *rest = row
    try:
        return Line(seq, time, Kind(kind), *rest)
    except ValueError:
        raise LedgerError(f"line {seq} of the ledger is of no kind") from None


def _kept_head(path: Path) -> Head:
    """Read the head that was kept; one that a power failure cut short says nothing."""
    try:
        seq, hexed = path.read_text(encoding="ascii").split()
        kept = Head(int(seq), bytes.fromhex(hexed))
    except (OSError, ValueError):
        return Head()
    return kept if len(kept.digest) == DIGEST_SIZE else Head()
