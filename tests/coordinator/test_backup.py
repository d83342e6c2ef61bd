"""A copy of the journal is whole, and a run goes on from it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from coordinator.backup import BackupError, backup, restore
from coordinator.journal import Journal, RunState
from coordinator.points import Point
from coordinator.store import Store
from coordinator.tables import SCHEMA_VERSION
from tests.coordinator.hospitals import brief_plan
from tests.coordinator.office import Desk
from tests.postgres import new_database


def half_way(store: Store, profile: str = "exact") -> tuple[Desk, bytes]:
    """Conduct a run into its third trip."""
    desk = Desk(store)
    run = desk.start(brief_plan(profile))
    desk.die(run, Point.TRIP_WRITTEN, 3)
    return desk, run


def test_a_run_goes_on_from_a_copy(sqlite: Store, tmp_path: Path) -> None:
    """Also where hospitals have gone on since: they send again what they sent."""
    desk, run = half_way(sqlite)
    backup(sqlite, tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    assert desk.conduct(run) is RunState.FINISHED
    journal = tmp_path / "restored.db"
    restore(tmp_path / "copy", journal)
    with Store(f"sqlite:///{journal}") as store:
        again = Desk(store, desk.sites, desk.clock)
        assert Journal(store, run).row().trip == 3
        assert again.conduct(run) is RunState.FINISHED
    assert again.published[0].chain == desk.published[0].chain


def test_a_copy_is_taken_while_the_journal_is_written(sqlite: Store, tmp_path: Path) -> None:
    with sqlite.write() as connection:
        connection.exec_driver_sql("INSERT INTO meta VALUES ('half', '1')")
        backup(sqlite, tmp_path / "copy")
    with closing(sqlite3.connect(tmp_path / "copy")) as copy:
        assert copy.execute("SELECT key FROM meta").fetchall() == [("schema",)]


def test_nothing_is_overwritten(sqlite: Store, tmp_path: Path) -> None:
    backup(sqlite, tmp_path / "copy")
    with pytest.raises(BackupError, match="is there already"):
        backup(sqlite, tmp_path / "copy")
    assert sqlite.file is not None
    with pytest.raises(BackupError, match="is there already"):
        restore(tmp_path / "copy", sqlite.file)


@pytest.mark.parametrize("damage", ["text", "later", "cut", "none"])
def test_what_is_no_copy_is_told(sqlite: Store, tmp_path: Path, damage: str) -> None:
    half_way(sqlite)
    copy, journal = tmp_path / "copy", tmp_path / "new.db"
    backup(sqlite, copy)
    match damage:
        case "text":
            copy.write_text("no database at all" * 100, encoding="utf-8")
        case "later":
            with closing(sqlite3.connect(copy)) as changed:
                changed.execute("UPDATE meta SET value = ?", (str(SCHEMA_VERSION + 1),))
                changed.commit()
        case "cut":
            copy.write_bytes(copy.read_bytes()[:20_000])
        case "none":
            copy.unlink()
    with pytest.raises(BackupError) as told:
        restore(copy, journal)
    assert told.value.fix
    assert not journal.exists()


def test_a_folder_that_is_not_there_is_told(sqlite: Store, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="No such file"):
        backup(sqlite, tmp_path / "nowhere" / "copy")


def test_a_servers_journal_is_copied_by_the_server(postgres: Path, tmp_path: Path) -> None:
    with Store(new_database(postgres)) as store, pytest.raises(BackupError) as told:
        backup(store, tmp_path / "copy")
    assert "pg_dump" in told.value.fix
