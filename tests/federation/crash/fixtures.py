"""One federation for all these tests, copied for each; and a database server."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.federation.crash.cluster import cluster, running
from tests.federation.crash.ground import (
    SMALL,
    Ground,
    brief_text,
    copied,
    founded,
    in_the_clear,
    totals,
)
from tests.federation.crash.invariants import published
from tests.postgres import new_database, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Path]:
    with postgres_server() as folder:
        yield folder


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return founded(tmp_path_factory.mktemp("federation") / "template", brief_text())


@pytest.fixture(scope="session")
def sums(template: Ground) -> Any:
    """What the study comes to in one process."""
    return json.loads(json.dumps(totals(in_the_clear(template))))


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """A federation whose study has a model, a coin and a lottery."""
    text = SMALL.read_text(encoding="utf-8")
    return founded(tmp_path_factory.mktemp("federation") / "whole", text)


@pytest.fixture(scope="session")
def whole_sums(whole: Ground, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What an undisturbed run of it comes to."""
    ground = copied(whole, tmp_path_factory.mktemp("calm") / "federation")
    with running(cluster(ground)) as (calm, journal):
        calm.until_published(journal)
        return json.loads(published(ground, journal))


@pytest.fixture
def ground(template: Ground, tmp_path: Path) -> Ground:
    return copied(template, tmp_path / "federation")


@pytest.fixture
def ground_with(template: Ground, tmp_path: Path) -> Callable[[str], Ground]:
    """Copy the federation, with a journal of the office's own choice."""
    return lambda store: copied(template, tmp_path / "federation", store)


@pytest.fixture(params=["sqlite", "postgresql"])
def stored(request: pytest.FixtureRequest, ground_with: Callable[[str], Ground]) -> Ground:
    """Copy the federation twice: with the office's journal in a file, and in a database server."""
    if request.param == "sqlite":
        return ground_with("")
    return ground_with(new_database(request.getfixturevalue("postgres")))
