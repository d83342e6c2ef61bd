"""A ledger's lines stay as they are; whoever changes one is told which."""

import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from site_node.folder import UnavailableError, make_folder
from site_node.ledger import Entry, FormatError, Kind, Ledger, LedgerError, RolledBackError

ROOT = Path(__file__).parents[2]
NOW = datetime(2030, 6, 1, tzinfo=UTC)
CTX, OTHER = b"c" * 32, b"o" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "state").path / "ledger.db"


@contextmanager
def opened(path: Path, *, older: bool = False) -> Iterator[Ledger]:
    ledger = Ledger.open(path, path.with_name("head"), lambda: NOW, older=older)
    try:
        yield ledger
    finally:
        ledger.close()


@contextmanager
def database(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database past the ledger, as somebody else would."""
    connection = sqlite3.connect(path)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def filled(path: Path, lines: int = 5) -> None:
    with opened(path) as ledger:
        for number in range(lines):
            ledger.append(Entry(Kind.RELEASE, CTX, number + 1, f"body {number + 1}".encode()))


def forged(path: Path, sql: str, *values: object) -> None:
    """Change a line as somebody would who takes the triggers away first."""
    with database(path) as connection:
        connection.executescript("DROP TRIGGER no_change; DROP TRIGGER no_removal;")
        connection.execute(sql, values)


def test_lines_come_back_in_order_and_in_full(path: Path) -> None:
    with opened(path) as ledger:
        assert ledger.head.seq == 0
        assert ledger.append(Entry(Kind.OPENED, CTX, 0, b"a"), Entry(Kind.NOTE)) == 2
        assert ledger.append(Entry(Kind.RELEASE, OTHER, 7, b"\0" * 100)) == 3
    with opened(path) as ledger:
        first, second, third = ledger.lines()
        assert (first.kind, first.ctx, first.trip, first.body) == (Kind.OPENED, CTX, 0, b"a")
        assert (second.prev, third.prev) == (first.digest, second.digest)
        assert first.moment == NOW
        assert [line.seq for line in ledger.lines(OTHER)] == [3]
        assert [line.seq for line in ledger.lines(None, Kind.OPENED, Kind.NOTE)] == [1, 2]
        assert ledger.places(Kind.RELEASE) == [(OTHER, 7)]
        assert ledger.head.seq == 3


def test_the_settings_are_those_that_sync_every_commit(path: Path) -> None:
    filled(path)
    with opened(path) as ledger:
        read = ledger._database.execute
        assert read("PRAGMA journal_mode").fetchone() == ("wal",)
        assert read("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert path.stat().st_mode & 0o077 == 0


def test_there_is_one_answer_to_a_trip(path: Path) -> None:
    """The database itself holds it, whatever a node might do."""
    filled(path)
    with opened(path) as ledger:
        with pytest.raises(LedgerError, match="a line is there already"):
            ledger.append(Entry(Kind.NOTE), Entry(Kind.RELEASE, CTX, 3, b"another"))
        assert ledger.head.seq == 5  # the note went with it
        ledger.append(Entry(Kind.RELEASE, OTHER, 3), Entry(Kind.RESULT, CTX, 3))


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE entries SET body = x'00' WHERE seq = 2",
        "UPDATE entries SET trip = 9",
        "UPDATE entries SET body = NULL, time = '' WHERE seq = 1",
        "UPDATE entries SET seq = 9 WHERE seq = 5",
        "DELETE FROM entries WHERE seq = 5",
    ],
)
def test_lines_neither_change_nor_go(path: Path, sql: str) -> None:
    filled(path)
    with pytest.raises(sqlite3.IntegrityError), database(path) as connection:
        connection.execute(sql)
    with opened(path) as ledger:
        assert ledger.head.seq == 5


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE entries SET body = x'00' WHERE seq = 2", "line 2 is not as it was written"),
        ("UPDATE entries SET time = '2031' WHERE seq = 3", "line 3 is not as it was written"),
        ("UPDATE entries SET kind = 'result' WHERE seq = 4", "line 4 is not as it was written"),
        ("UPDATE entries SET kind = 'other' WHERE seq = 4", "line 4 of the ledger is of no kind"),
        ("UPDATE entries SET digest = zeroblob(32) WHERE seq = 1", "line 1 is not as it was"),
        ("DELETE FROM entries WHERE seq = 2", "a line before line 3 is not the original"),
        ("DELETE FROM entries WHERE seq = 1", "a line before line 2 is not the original"),
        ("UPDATE entries SET seq = 9 WHERE seq = 5", "a line before line 9 is not the original"),
    ],
)
def test_the_first_line_that_was_changed_is_named(path: Path, sql: str, told: str) -> None:
    filled(path)
    forged(path, sql)
    with pytest.raises(LedgerError, match=told), opened(path):
        pass


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_told_or_harmless(path: Path, place: float, bit: int) -> None:
    """Whatever bit of the file flips: the same lines come back, or the ledger is refused."""
    path.unlink(missing_ok=True)
    path.with_name("head").unlink(missing_ok=True)
    filled(path)
    with opened(path) as ledger:
        before = [line.digest for line in ledger.lines()]
    raw = bytearray(path.read_bytes())
    raw[int(place * len(raw))] ^= 1 << bit
    path.write_bytes(raw)
    try:
        with opened(path) as ledger:
            assert [line.digest for line in ledger.lines()] == before
            assert [line.body for line in ledger.lines()] == [
                f"body {k + 1}".encode() for k in range(5)
            ]
    except (LedgerError, UnavailableError):
        pass


def test_an_older_copy_is_told(path: Path) -> None:
    filled(path, 2)
    old = path.read_bytes()
    with opened(path) as ledger:
        ledger.append(Entry(Kind.NOTE))
    path.write_bytes(old)
    with pytest.raises(RolledBackError, match="without the line 3 that it had"), opened(path):
        pass
    with opened(path, older=True) as ledger:
        assert ledger.head.seq == 2


def test_a_ledger_that_went_another_way_is_told(path: Path) -> None:
    filled(path, 2)
    old = path.read_bytes()
    with opened(path) as ledger:
        ledger.append(Entry(Kind.NOTE))
    path.write_bytes(old)
    with opened(path, older=True) as ledger:
        ledger.append(Entry(Kind.NOTE, body=b"x"))
        kept = path.with_name("head").read_bytes()
    path.write_bytes(old)
    with opened(path, older=True) as ledger:
        ledger.append(Entry(Kind.NOTE, body=b"y"))
    path.with_name("head").write_bytes(kept)
    with pytest.raises(RolledBackError), opened(path):
        pass


@pytest.mark.parametrize("head", [b"", b"3", b"\xff\xff", b"3 zz", b"9 00"])
def test_a_head_that_was_cut_short_says_nothing(path: Path, head: bytes) -> None:
    filled(path)
    path.with_name("head").write_bytes(head)
    with opened(path) as ledger:
        assert ledger.head.seq == 5


@pytest.mark.parametrize("content", [b"", b"not a database, and longer than its header" * 20])
def test_a_file_that_is_no_ledger_is_refused(path: Path, content: bytes) -> None:
    filled(path)
    path.write_bytes(content)
    with pytest.raises(LedgerError, match=r"is empty|is damaged"), opened(path):
        pass


def test_a_missing_ledger_is_told_where_there_was_one(path: Path) -> None:
    filled(path)
    path.unlink()
    with pytest.raises(RolledBackError), opened(path):
        pass


def test_a_later_format_is_refused(path: Path) -> None:
    filled(path)
    with database(path) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(FormatError, match="is of format 2, this node writes 1"), opened(path):
        pass


def test_a_full_disk_costs_nothing_that_was_written(path: Path) -> None:
    filled(path)
    with opened(path) as ledger:
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limit[1]))
        try:
            with pytest.raises(UnavailableError):
                ledger.append(Entry(Kind.NOTE), Entry(Kind.RELEASE, CTX, 9, bytes(4 << 20)))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        assert ledger.head.seq == 5
        assert ledger.append(Entry(Kind.RELEASE, CTX, 9, b"smaller")) == 6
    with opened(path) as ledger:
        assert [line.trip for line in ledger.lines()] == [1, 2, 3, 4, 5, 9]


def test_another_writer_is_noticed(path: Path) -> None:
    with opened(path) as one, opened(path) as other:
        one.append(Entry(Kind.NOTE))
        with pytest.raises(LedgerError, match="another program writes"):
            other.append(Entry(Kind.NOTE))


def test_what_was_forgotten_is_gone_and_the_chain_holds(path: Path) -> None:
    canary = b"canary" * 1000
    with opened(path) as ledger:
        ledger.append(Entry(Kind.RELEASE, CTX, 1, canary), Entry(Kind.OPENED, CTX, 0, b"kept"))
        ledger.append(Entry(Kind.RELEASE, OTHER, 1, b"other"))
        assert ledger.erase(CTX, Kind.RELEASE, Kind.RESULT) == 1
        assert [line.body for line in ledger.lines()] == [None, b"kept", b"other"]
        assert ledger.verify() == ledger.head
        files = path.parent.glob("ledger.db*")
        assert not any(canary[:30] in file.read_bytes() for file in files)
    with opened(path) as ledger:
        assert ledger.head.seq == 3


_WRITER = """
import sys
from pathlib import Path
from site_node.ledger import *
path = Path(sys.argv[1])
ledger = Ledger.open(path, path.with_name("head"))
for number in range(10_000):
    print(ledger.append(Entry(Kind.RELEASE, b"c" * 32, number, bytes(5_000))), flush=True)
"""


def test_what_was_said_to_be_written_outlives_a_killed_node(path: Path) -> None:
    """I2: a number is said after its line is there, whenever the process is killed."""
    command = [sys.executable, "-c", _WRITER, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(20):
            writer.stdout.readline()
        writer.kill()
        told = writer.stdout.read().split()
    with opened(path) as ledger:
        assert ledger.head.seq >= 20 + len([line for line in told if line.isdigit()])
        assert len(list(ledger.lines())) == ledger.head.seq
