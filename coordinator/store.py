"""Opens the coordinator's journal: SQLite by default, PostgreSQL by URL, the same tables in both.

What runs write in it is `coordinator.journal`'s; rosters, invitations and presence are
`coordinator.members`'. Errors of the database become sentences here, so that a daemon can wait for
a database that is away and no run ends by it.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    event,
    insert,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from coordinator.tables import SCHEMA_VERSION, meta, tables
from protocol.errors import Exit, FederationError

_LOCK = 7_305_804_402_566_345_331
"""The advisory lock of the one daemon in PostgreSQL: a number of our own."""


class StoreError(FederationError):
    """The journal cannot be read or written just now; what is written stays."""

    code = "journal"
    exit = Exit.UNREACHABLE
    fix = "see that the disk has space, or that the database server runs, and try again"


class StoreVersionError(FederationError):
    """The journal is one that this software does not understand."""

    code = "journal-version"
    exit = Exit.USAGE
    fix = "install the version of riskset that wrote it, or a later one"


class StoreBusyError(FederationError):
    """Another daemon works on the same journal."""

    code = "journal-busy"
    exit = Exit.USAGE
    fix = "stop the other `riskset serve` first; two would ask hospitals the same twice"


class Store:
    """An open journal. Every write is one transaction, on disk when it returns."""

    def __init__(self, url: str) -> None:
        """Open the journal of a URL such as `sqlite:///journal.db`, and make it if it is new.

        Raises
        ------
        StoreError
            If there is no such database.
        StoreVersionError
            If a later version of the software wrote it.
        """
        self.url = _checked_url(url)
        if self.file is not None:
            _private(self.file)
        self._engine = _engine(self.url)
        try:
            with self.write() as connection:
                _prepare(connection)
        except BaseException:
            self.close()
            raise

    @property
    def file(self) -> Path | None:
        """The file of an SQLite journal; None where a server keeps it."""
        return Path(self.url.database or "") if self.url.get_backend_name() == "sqlite" else None

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a transaction: all of it is written, and synced, or none of it.

        Raises
        ------
        StoreError
            If the database does not take it.
        """
        with _as_sentences(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection to read with, each statement by itself.

        Raises
        ------
        StoreError
            If the database does not answer.
        """
        with _as_sentences(), self._engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def sole_daemon(self) -> Iterator[Callable[[], None]]:
        """Hold the journal for one daemon; the hold ends with the process, however that ends.

        Gives a function that raises a StoreError if the hold was lost, as by a restart of the
        database server.

        Raises
        ------
        StoreBusyError
            If another holds it.
        """
        holding = self._advisory() if self.file is None else _flock(self.file)
        with holding as held:
            yield held

    @contextmanager
    def _advisory(self) -> Iterator[Callable[[], None]]:
        with self.read() as connection:
            free = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK})
            if not free.scalar_one():
                raise StoreBusyError("another daemon works on this journal")

            def held() -> None:
                with _as_sentences():
                    connection.execute(text("SELECT 1"))

            try:
                yield held
            finally:
                # Closed and not given back to the pool, so that the lock goes with it.
                connection.invalidate()


@contextmanager
def _flock(journal: Path) -> Iterator[Callable[[], None]]:
    beside = journal.with_name(journal.name + ".lock")
    with beside.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read(20).strip()
            told = f" (process {holder})" if holder.isdigit() else ""
            raise StoreBusyError(f"{journal}: another daemon{told} works on it") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield lambda: None  # the lock is the process's own


@contextmanager
def _as_sentences() -> Iterator[None]:
    """Turn the database's errors into ours; its words may quote a password or a statement."""
    try:
        yield
    except DBAPIError as error:
        said = str(error.orig).strip().splitlines()
        raise StoreError(f"the journal: {said[0] if said else 'the database failed'}") from error


def _checked_url(text_of_url: str) -> URL:
    try:
        url = make_url(text_of_url)
    except ArgumentError:
        raise StoreError(
            "the journal's address is no database URL",
            "write it as sqlite:///journal.db or postgresql://user@host/name",
        ) from None
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise StoreError(
            f"a journal cannot be kept in `{url.drivername}`", "use sqlite:// or postgresql://"
        )
    if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
        raise StoreError("the journal's address names no file", "write it as sqlite:///journal.db")
    return url


def _engine(url: URL) -> Engine:
    try:
        engine = create_engine(url, pool_pre_ping=url.get_backend_name() != "sqlite")
    except (ModuleNotFoundError, NoSuchModuleError):
        raise StoreError(
            "PostgreSQL needs a driver that is not installed", "pip install 'riskset[postgres]'"
        ) from None
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    """Sync every transaction before it counts, and let SQLAlchemy say where one begins."""
    del record
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # At once, so that two writers wait for each other where they would else collide half-way.
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _private(file: Path) -> None:
    """Make the file readable for its owner alone before anything is in it."""
    try:
        os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        fix = "name a folder that is there and that this account may write to"
        raise StoreError(f"{file}: {error.strerror}", fix) from None


def _prepare(connection: Connection) -> None:
    """Make the tables of a new journal; refuse that of a later version."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK + 1})
    tables.create_all(connection)
    found = connection.execute(select(meta.c.value).where(meta.c.key == "schema")).scalar()
    if found is None:
        connection.execute(insert(meta).values(key="schema", value=str(SCHEMA_VERSION)))
        return
    if not found.isdigit() or int(found) > SCHEMA_VERSION:
        raise StoreVersionError(
            f"the journal has version {found}; this software knows up to {SCHEMA_VERSION}"
        )
    if int(found) < SCHEMA_VERSION:  # later versions only added tables
        now = {"value": str(SCHEMA_VERSION)}
        connection.execute(update(meta).where(meta.c.key == "schema").values(**now))
