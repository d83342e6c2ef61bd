"""Computes answers in a thread of its own, in order, so that the line stays alive meanwhile."""

import threading
from collections.abc import Callable
from queue import SimpleQueue

Handle = Callable[[bytes], bytes]
"""A hospital as a function from a request to its reply: `Node.handle`."""

Done = Callable[[bytes | BaseException], None]


class Worker:
    """Answers requests one after the other and hands each answer, or what went wrong, on.

    The thread is a daemon: a computation of hours does not keep the process from ending, and the
    ledger is made for that.
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._asked: SimpleQueue[tuple[bytes, Done] | None] = SimpleQueue()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="riskset-answers", daemon=True)
        self._thread.start()

    def ask(self, request: bytes, done: Done) -> None:
        """Have a request answered when it is its turn."""
        self._asked.put((request, done))

    def close(self, seconds: float) -> None:
        """Begin no further answer, and wait for the one in hand, but not longer than that."""
        self._closed.set()
        self._asked.put(None)
        self._thread.join(seconds)

    def _work(self) -> None:
        while (asked := self._asked.get()) is not None and not self._closed.is_set():
            request, done = asked
            try:
                reply: bytes | BaseException = self._handle(request)
            except BaseException as error:
                reply = error
            done(reply)
