"""Hospitals in the same process: for tests, previews and simulations of hundreds of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from protocol.ids import SiteId

Handle = Callable[[bytes], bytes]
"""A hospital as a function from a request to its reply."""


@dataclass(frozen=True)
class Embedded:
    """A carrier without a network: asks one hospital after the other, in their order."""

    sites: Mapping[SiteId, Handle] = field(repr=False)

    def exchange(
        self,
        requests: Mapping[SiteId, bytes],
        deadline: datetime,  # noqa: ARG002 - a function answers at once
        stopped: Callable[[], bool],
    ) -> Iterator[tuple[SiteId, bytes]]:
        """Yield the reply of every hospital that is here; one that is not never answers.

        It ends then without that hospital's reply, and the caller asks again in its own time.
        """
        for site, request in requests.items():
            if stopped():
                return
            if site in self.sites:
                yield site, self.sites[site](request)
