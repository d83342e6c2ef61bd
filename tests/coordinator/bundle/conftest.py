"""One small simulated run, and its bundle."""

from pathlib import Path

import pytest

from coordinator.bundle.names import READER
from protocol.run import Played
from tests.coordinator.bundle.made import (
    Members,
    both_forms,
    bundle_of,
    members_of,
    play_small,
)


@pytest.fixture(scope="package")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play_small(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="package")
def path(played: Played, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_of(played, tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="package")
def full(played: Played, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a consortium's bundle with the readers' form in it."""
    return both_forms(played, tmp_path_factory.mktemp("forms"))


@pytest.fixture
def readers(full: Path) -> Members:
    return members_of(full.with_name(READER))


@pytest.fixture
def members(path: Path) -> Members:
    return members_of(path)
