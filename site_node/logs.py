"""What a node tells its operator: one JSON object a line, of an event and a closed set of fields.

No field takes text from a row. `reason` is the sentence of one of our own errors, and those name
rules and places, never a value of a record.
"""

import json
from collections.abc import Callable
from datetime import datetime
from enum import IntEnum, StrEnum
from threading import Lock
from typing import TextIO, TypedDict, Unpack


class Level(IntEnum):
    """How loud an event is."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


class Event(StrEnum):
    """All that a node tells, in the words that stand in the log."""

    STARTED = "started"
    STOPPED = "stopped"
    RESUMED = "run-resumed"
    OPENED = "run-opened"
    KEYED = "run-keyed"
    ANSWERED = "answered"
    REPEATED = "answered-again"
    CLOSED = "run-closed"
    REFUSED = "refused"
    EVIDENCE = "evidence-kept"
    FAULT = "fault"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    UNREACHABLE = "unreachable"
    SUCCEEDED = "coordinator-key-replaced"


class Fields(TypedDict, total=False):
    """What a line may hold beside its event."""

    run: str
    study: str
    trip: int
    steps: int
    bytes: int
    peer: str
    code: str
    reason: str
    version: str
    seconds: float


class Log:
    """Writes lines of at least a level to a stream; threads may share it."""

    def __init__(
        self, stream: TextIO | None, now: Callable[[], datetime], least: Level = Level.INFO
    ) -> None:
        self._stream = stream
        self._now = now
        self._least = least
        self._one_at_a_time = Lock()

    def say(self, event: Event, level: Level = Level.INFO, **fields: Unpack[Fields]) -> None:
        """Write one line. A stream that fails costs the line and never the answer."""
        if self._stream is None or level < self._least:
            return
        head = {"time": self._now().isoformat(timespec="milliseconds"), "level": level.name.lower()}
        line = json.dumps({**head, "event": event, **fields})
        with self._one_at_a_time:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                self._stream = None  # a full disk or a closed terminal
