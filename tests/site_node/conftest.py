"""The corpus's plan, a way to write extracts, and a town: for all tests of the hospital's side."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from protocol.plan.model import Plan
from protocol.plan.read import read_plan
from tests.site_node.town import Town, town

Write = Callable[[str | bytes], Path]


@pytest.fixture(scope="session")
def corpus() -> Path:
    return Path(__file__).parents[1] / "data" / "extracts"


@pytest.fixture(scope="session")
def plan(corpus: Path) -> Plan:
    return read_plan((corpus / "plan.toml").read_text(encoding="utf-8"), "plan.toml")


@pytest.fixture(scope="session")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Write an extract and give its path; each call overwrites the one before."""
    path = tmp_path_factory.mktemp("extract") / "extract.csv"

    def to_file(content: str | bytes) -> Path:
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return path

    return to_file


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Town]:
    """Found a town of three hospitals whose operators approved its plan."""
    made = town(tmp_path)
    yield made
    made.close()
