"""What tests of carriers leave behind: no thread."""

import threading
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    # gRPC's own poller of asynchronous servers stays for the life of the process.
    left = [
        thread
        for thread in threading.enumerate()
        if thread not in before and "_poll_wrapper" not in thread.name
    ]
    for thread in left:
        thread.join(5)
    assert [thread.name for thread in left if thread.is_alive()] == []
