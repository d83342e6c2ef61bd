"""A throw-away PostgreSQL server for tests: a cluster in a folder of its own, no TCP port."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

from coordinator.store import Store

MISSING = (
    "these tests need a PostgreSQL server's programs: install the package `postgresql` "
    "(Debian, Fedora: postgresql-server; macOS: brew install postgresql), or add the folder of "
    "`initdb` and `pg_ctl` to PATH"
)
NOT_ROOT = "PostgreSQL does not run as root: the tests run it as the account `postgres`, not there"

_NUMBERS = count(1)


@contextmanager
def postgres_server() -> Iterator[Path]:
    """Start a server and give the folder of its socket."""
    folder = Path(tempfile.mkdtemp(prefix="riskset-pg-"))
    try:
        _own(folder)
        data = folder / "data"
        account = ("-A", "trust", "-U", "riskset", "-E", "UTF8", "--locale=C")
        _run("initdb", "-D", str(data), "--no-sync", *account)
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        log = ("-l", str(folder / "log"))
        _run("pg_ctl", "-D", str(data), *log, "-o", options, "-w", "start")
        try:
            yield folder
        finally:
            _run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


def new_database(folder: Path) -> str:
    """Make an empty database, and give its URL."""
    name = f"t{next(_NUMBERS)}"
    with psycopg.connect(_dsn(folder, "postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"postgresql://riskset@/{name}?host={folder}"


def hang_up(store: Store) -> None:
    """End all other connections to a database, as a restart of its server does."""
    ended = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    with store.write() as connection:
        connection.exec_driver_sql(ended)


def _dsn(folder: Path, database: str) -> str:
    return f"host={folder} user=riskset dbname={database}"


def _own(folder: Path) -> None:
    """Give the folder to the account that the server runs as."""
    if os.geteuid() == 0:
        try:
            shutil.chown(folder, "postgres")
        except LookupError:
            pytest.fail(NOT_ROOT)


def _run(program: str, *options: str) -> None:
    as_whom = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()
    command = [*as_whom, _program(program), *options]
    # The server inherits its starter's streams and would keep a pipe open for ever.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            command, cwd="/", stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False
        )
        said.seek(0)
        if done.returncode:
            pytest.fail(f"{program}: {said.read().decode(errors='replace')}")


def _program(name: str) -> str:
    """Find a program of the server: on PATH, or where Debian keeps it."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(debian[-1]) if debian else None)
    if found is None:
        pytest.fail(MISSING)
    return found
