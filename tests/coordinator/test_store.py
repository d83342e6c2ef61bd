"""The journal as a database: it keeps what was written, for one daemon, and nothing half."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from coordinator.store import Store, StoreBusyError, StoreError, StoreVersionError
from coordinator.tables import SCHEMA_VERSION, meta, presence
from tests.coordinator.hospitals import NOON
from tests.postgres import hang_up, new_database


def put(store: Store, key: str) -> None:
    with store.write() as connection:
        connection.execute(insert(meta).values(key=key, value="1"))


def keys(store: Store) -> set[str]:
    with store.read() as connection:
        return set(connection.execute(select(meta.c.key)).scalars())


def test_what_was_written_is_there_after_opening_again(url: str) -> None:
    with Store(url) as store:
        put(store, "one")
    with Store(url) as store:
        assert keys(store) == {"schema", "one"}


def test_half_a_transaction_is_none(store: Store) -> None:
    def half() -> None:
        with store.write() as connection:
            connection.execute(insert(meta).values(key="one", value="1"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert keys(store) == {"schema"}


def test_two_open_stores_see_what_the_other_wrote(store: Store, url: str) -> None:
    """The commands and the daemon are two processes."""
    with Store(url) as other:
        put(other, "one")
        assert "one" in keys(store)
        put(store, "two")
        assert "two" in keys(other)


def test_a_journal_of_a_later_version_is_refused(url: str) -> None:
    with Store(url) as store, store.write() as connection:
        later = update(meta).where(meta.c.key == "schema").values(value=str(SCHEMA_VERSION + 1))
        connection.execute(later)
    with pytest.raises(StoreVersionError, match=f"version {SCHEMA_VERSION + 1}") as told:
        Store(url)
    assert "later one" in told.value.fix


def test_a_journal_is_one_daemons(store: Store, url: str) -> None:
    with Store(url) as other:
        with store.sole_daemon():
            with pytest.raises(StoreBusyError, match="another daemon"), other.sole_daemon():
                pytest.fail("two daemons work on one journal")
            put(other, "meanwhile")  # commands go on
        with other.sole_daemon():
            assert "meanwhile" in keys(store)


def test_a_server_that_went_away_takes_the_hold_with_it(postgres: Path) -> None:
    """The daemon has to find out; commands and runs connect again by themselves."""
    with Store(new_database(postgres)) as store, store.sole_daemon() as held:
        held()
        put(store, "before")
        hang_up(store)
        with pytest.raises(StoreError, match="the journal: "):
            held()
        put(store, "after")
        assert {"before", "after"} < keys(store)
        with Store(store.url.render_as_string()) as other, other.sole_daemon() as mine:
            mine()


def test_times_come_back_with_their_zone_and_sort(store: Store) -> None:
    east = timezone(timedelta(hours=5))
    times = [NOON + timedelta(microseconds=1), NOON, datetime(2030, 1, 31, 16, tzinfo=east)]
    with store.write() as connection:
        for number, time in enumerate(times):
            values = {"connected": True, "since": time, "peer": "", "software": ""}
            connection.execute(insert(presence).values(site=f"s{number}", **values))
    with store.read() as connection:
        found = connection.execute(select(presence).order_by(presence.c.since)).all()
    assert [row.site for row in found] == ["s2", "s1", "s0"]
    assert [row.since for row in found] == sorted(times)
    assert all(row.since.tzinfo is UTC or row.since.utcoffset() == timedelta(0) for row in found)


def test_a_time_without_a_zone_is_no_time(sqlite: Store) -> None:
    values = {"site": "s", "connected": True, "peer": "", "software": ""}
    with pytest.raises(Exception, match="time zone"), sqlite.write() as connection:
        connection.execute(insert(presence).values(since=NOON.replace(tzinfo=None), **values))


def test_the_file_is_its_owners_alone_and_syncs_all(sqlite: Store) -> None:
    assert sqlite.file is not None
    assert sqlite.file.stat().st_mode & 0o777 == 0o600
    with sqlite.write() as connection:
        asked = ("journal_mode", "synchronous", "foreign_keys")
        said = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked]
    assert said == ["wal", 2, 1]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nonsense", "no database URL"),
        ("sqlite://", "names no file"),
        ("mysql://host/name", "cannot be kept in `mysql`"),
        ("sqlite:////nowhere/at/all/journal.db", "No such file"),
        ("postgresql://riskset@/x?host=/nowhere", "the journal"),
    ],
)
def test_an_address_that_leads_nowhere_is_told(address: str, said: str) -> None:
    with pytest.raises(StoreError, match=said) as told:
        Store(address)
    assert told.value.fix


def test_a_file_that_is_no_journal_is_told(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    file.write_text("patients, all of them" * 100, encoding="utf-8")
    with pytest.raises(StoreError, match="not a database"):
        Store(f"sqlite:///{file}")


def test_a_full_disk_is_told_and_leaves_what_was_there(sqlite: Store) -> None:
    with sqlite.write() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1")  # SQLite's own full disk
    many = [{"key": f"k{number}", "value": "x" * 1000} for number in range(1000)]
    with pytest.raises(StoreError, match="full"), sqlite.write() as connection:
        connection.execute(insert(meta), many)
    assert keys(sqlite) == {"schema"}


def test_the_schema_is_told_by_number(sqlite: Store) -> None:
    assert sqlite.file is not None
    with closing(sqlite3.connect(sqlite.file)) as plain:
        found = plain.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    assert found == (str(SCHEMA_VERSION),)
