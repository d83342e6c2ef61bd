"""A node that answers when a test lets it."""

import threading
from types import TracebackType


class Gate:
    """Answers each request with itself once `open` was called; opens when its block ends."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._open = threading.Event()

    def handle(self, request: bytes) -> bytes:
        self.asked.set()
        self._open.wait()
        return request

    def open(self) -> None:
        self._open.set()

    def __enter__(self) -> "Gate":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.open()
