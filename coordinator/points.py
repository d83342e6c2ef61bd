"""Named places at which a test ends the coordinator, as a power cut would."""

from collections.abc import Callable
from enum import StrEnum


class Point(StrEnum):
    """Where a run stands between two moves, in the order of a run's life."""

    RUN_CREATED = "run-created"
    OPEN_WRITTEN = "open-written"
    SENT = "sent"
    """Hospitals have a request, and no reply to it was taken in."""
    REPLY_RECEIVED = "reply-received"
    OPENED = "opened"
    """All fresh keys are here, in memory only."""
    KEYS_WRITTEN = "keys-written"
    TRIP_WRITTEN = "trip-written"
    BEFORE_CLOSE = "before-close"
    """All replies of a trip are here, and nothing is added up."""
    RESULT_COMPUTED = "result-computed"
    RESULT_WRITTEN = "result-written"
    FINISHING = "finishing"
    FINISHED_WRITTEN = "finished-written"
    PUBLISHING = "publishing"


At = Callable[[Point], None]


def pass_by(_: Point) -> None:
    """Do nothing at a point, as in production."""
