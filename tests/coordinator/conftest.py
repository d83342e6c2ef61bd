"""A new journal for every test, in both databases; and a run without any trouble."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.journal import RunState
from coordinator.store import Store
from protocol.run import Played
from tests.coordinator.office import Desk
from tests.postgres import new_database, postgres_server

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Path]:
    with postgres_server() as folder:
        yield folder


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of an empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'journal.db'}"
    folder: Path = request.getfixturevalue("postgres")
    return new_database(folder)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store(url) as opened:
        yield opened


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Store]:
    """Give a journal where the kind of database does not matter."""
    with Store(f"sqlite:///{tmp_path / 'journal.db'}") as opened:
        yield opened


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Conduct the run of the tests without any trouble."""
    with Store(f"sqlite:///{tmp_path_factory.mktemp('whole') / 'journal.db'}") as opened:
        desk = Desk(opened)
        assert desk.conduct(desk.start()) is RunState.FINISHED
        return desk.published[0]
