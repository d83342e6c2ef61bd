"""No test of a carrier leaves a thread behind."""

import threading
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in threading.enumerate() if thread not in before]
    # gRPC's own poller of asynchronous servers stays for the life of the process.
    assert [name for name in left if "_poll_wrapper" not in name] == []
