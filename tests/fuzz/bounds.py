"""The bounds of every reader: the memory that it may take, and the processor's time.

Time is the process's own, so that a busy machine makes no reader slow.
"""

import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.targets import Target

MOST_MEMORY = 64 << 20
MOST_SECONDS = 10
"""Ten times what any reader needs under the tracer that counts its memory."""


class TooLongError(BaseException):
    """A reader took more time than any input of this size is worth."""


@contextmanager
def bounded() -> Iterator[None]:
    """Run a reader within the bounds; for a process's main thread."""
    before = signal.signal(signal.SIGVTALRM, _too_long)
    tracemalloc.start(1)
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
    try:
        yield
        most = tracemalloc.get_traced_memory()[1]
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
        tracemalloc.stop()
    assert most < MOST_MEMORY, f"took {most >> 20} MiB"


def _too_long(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise TooLongError


def hold(target: Target, raw: bytes, folder: Path) -> bool:
    """Let a target read bytes, and see that it kept its word; says whether it read a value."""
    value, refused = _read(target, raw, folder)
    if refused is not None:
        # Whoever is told has a terminal, which obeys some characters.
        assert "\x1b" not in str(refused), "a refusal moves the cursor"
    elif target.write is not None:
        assert target.write(value) == raw, "a second encoding of one value"
    return refused is None


def _read(target: Target, raw: bytes, folder: Path) -> tuple[Any, Exception | None]:
    try:
        with bounded():
            return target.read(raw, folder), None
    except target.errors as error:
        return None, error
