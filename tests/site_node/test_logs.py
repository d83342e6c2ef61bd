"""A log has events and a closed set of fields, and never costs an answer."""

import json
from datetime import UTC, datetime
from io import StringIO
from typing import get_type_hints

import pytest

from site_node.logs import Event, Fields, Level, Log

NOW = datetime(2030, 6, 1, 12, 30, tzinfo=UTC)


def test_a_line_is_one_json_object() -> None:
    stream = StringIO()
    log = Log(stream, lambda: NOW)
    log.say(Event.ANSWERED, run="ab12", trip=3, bytes=4096)
    log.say(Event.REFUSED, Level.WARNING, code="roster", reason='two lines\nand "quotes"')
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first == {
        "time": "2030-06-01T12:30:00.000+00:00",
        "level": "info",
        "event": "answered",
        "run": "ab12",
        "trip": 3,
        "bytes": 4096,
    }
    assert (second["level"], second["reason"]) == ("warning", 'two lines\nand "quotes"')


@pytest.mark.parametrize("least", list(Level))
def test_less_than_the_least_level_is_not_told(least: Level) -> None:
    stream = StringIO()
    log = Log(stream, lambda: NOW, least)
    for level in Level:
        log.say(Event.STARTED, level)
    assert len(stream.getvalue().splitlines()) == sum(level >= least for level in Level)


def test_no_field_is_made_for_text_of_a_record() -> None:
    """Whoever adds a field looks at this list first."""
    assert set(get_type_hints(Fields)) == {
        "run",
        "study",
        "trip",
        "steps",
        "bytes",
        "peer",
        "code",
        "reason",
        "version",
        "seconds",
    }


class Broken(StringIO):
    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_log_that_fails_is_left_alone() -> None:
    closed = StringIO()
    closed.close()
    told = list[datetime]()

    def now() -> datetime:
        told.append(NOW)
        return NOW

    for stream in (Broken(), closed, None):
        log = Log(stream, now)
        log.say(Event.STARTED)
        log.say(Event.STOPPED)
    assert len(told) == 2, "a stream that failed once is not tried again"
