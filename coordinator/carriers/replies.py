"""What every carrier does with requests before they go, and with replies as they come in."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from queue import Empty, SimpleQueue

from protocol.ids import SiteId
from protocol.wire.encoding import MessageError

LOOK_SECONDS = 0.25
"""How often somebody who waits looks whether to stop."""


def require_size(requests: Mapping[SiteId, bytes], limit_bytes: int) -> None:
    """Refuse a request that hospitals would not be sent.

    Raises
    ------
    MessageError
        If one has more bytes than the limit.
    """
    for site, request in requests.items():
        if len(request) > limit_bytes:
            raise MessageError(
                f"the request to {site} has {len(request)} bytes; at most {limit_bytes} are sent",
                "raise the limit on messages here and at the hospitals",
            )


def as_they_come(
    replies: "SimpleQueue[tuple[SiteId, bytes]]",
    sites: Iterable[SiteId],
    deadline: datetime,
    stopped: Callable[[], bool],
) -> Iterator[tuple[SiteId, bytes]]:
    """Yield one reply of each site, until the last one came, the deadline passed, or we stop."""
    # The wall clock may jump while we wait for days.
    until = time.monotonic() + (deadline - datetime.now(UTC)).total_seconds()
    waiting = set(sites)
    while waiting and not stopped():
        left = until - time.monotonic()
        if left <= 0:
            return
        with suppress(Empty):
            site, reply = replies.get(timeout=min(left, LOOK_SECONDS))
            waiting.discard(site)
            yield site, reply
