"""One SuperLink serves all tests that need one: it takes seconds to start."""

from collections.abc import Iterator

import pytest

from tests.federation.flower.superlink import IN_MEMORY, Running, superlink_in


@pytest.fixture(scope="session")
def superlink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with superlink_in(tmp_path_factory.mktemp("superlink"), IN_MEMORY) as running:
        yield running
