"""One SuperLink serves all tests that need one: it takes seconds to start."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.federation.flower.superlink import Running


@pytest.fixture(scope="session")
def superlink(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Running"]:
    # Flower takes seconds to load, which other tests need not wait for.
    from tests.federation.flower.superlink import IN_MEMORY, superlink_in  # noqa: PLC0415

    with superlink_in(tmp_path_factory.mktemp("superlink"), IN_MEMORY) as running:
        yield running
