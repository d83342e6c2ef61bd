"""One small simulated run, and its bundle."""

from pathlib import Path

import pytest

from protocol.run import Played
from tests.coordinator.bundle.made import Members, bundle_of, members_of, play_small


@pytest.fixture(scope="package")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play_small(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="package")
def path(played: Played, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_of(played, tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def members(path: Path) -> Members:
    return members_of(path)
