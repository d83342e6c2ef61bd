"""How bytes come to hospitals and back. What carries them is not trusted: it sees masked words.

Requests and replies are those of `protocol.wire.codec`, whatever carries them; a carrier reads
none of them.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Protocol

from protocol.ids import SiteId


class Carrier(Protocol):
    """The coordinator's side of a network of hospitals. Several runs may use it at once."""

    def exchange(
        self, requests: Mapping[SiteId, bytes], deadline: datetime, stopped: Callable[[], bool]
    ) -> Iterator[tuple[SiteId, bytes]]:
        """Deliver each request at least once and yield the replies as they come.

        Duplicates and any order are welcome, for a hospital answers the same request with the
        same stored bytes. Ends when every hospital of `requests` has answered, when `deadline`
        (with a time zone) has passed, or soon after `stopped()` says so; it is asked often, in
        the thread of the caller. Whoever has enough closes the iterator.
        """
        ...
