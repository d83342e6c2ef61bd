"""No test of a carrier leaves a thread behind."""

import threading
from collections.abc import Iterator

import pytest

from tests.federation.carriers.world import PATIENCE_SECONDS


@pytest.fixture(autouse=True)
def no_thread_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    if "[flower" in request.node.name:
        return  # its nodes last longer than a test, and some were started again in this one
    # gRPC's own poller of asynchronous servers stays for the life of the process.
    left = [
        thread
        for thread in threading.enumerate()
        if thread not in before and "_poll_wrapper" not in thread.name
    ]
    for thread in left:
        thread.join(PATIENCE_SECONDS)
    assert [thread.name for thread in left if thread.is_alive()] == []
