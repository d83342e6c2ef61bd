"""A hospital's end of sealed sessions: whatever carries the parcels, only the node reads them.

Sessions live in memory. After a restart the coordinator is told that its session is unknown, and
offers another.
"""

from collections.abc import Callable
from dataclasses import dataclass

from protocol.errors import FederationError
from protocol.secagg.sealing import (
    NUMBER_BYTES,
    WINDOW,
    SealError,
    Seen,
    Session,
    accept,
    session_of,
)
from protocol.wire.codec import MessageError
from protocol.wire.sealed import Kind, Parcel, pack_accept, read_offer
from site_node.carriers.session import Credentials
from site_node.carriers.worker import Handle

MOST_SESSIONS = 8
"""A coordinator needs one; older ones may still have messages under way."""


@dataclass
class _Open:
    session: Session
    seen: Seen


class SealedSite:
    """Answers parcels: offers with an identity's signature, requests with what `handle` says.

    `credentials` is asked at every offer, as rosters can bring a new coordinator's key; `warn` is
    told what the operator should know; `random` gives so many secret bytes. Of one thread.
    """

    def __init__(
        self,
        credentials: Callable[[], Credentials],
        handle: Handle,
        *,
        warn: Callable[[FederationError], None],
        random: Callable[[int], bytes],
    ) -> None:
        self._credentials = credentials
        self._handle = handle
        self._warn = warn
        self._random = random
        self._open: dict[bytes, _Open] = {}

    def answer(self, parcel: Parcel) -> Parcel:
        """Answer an offer or a request.

        Raises
        ------
        MessageError
            If the parcel is neither.
        """
        match parcel.kind:
            case Kind.OFFER:
                return self._accepted(parcel)
            case Kind.REQUEST:
                return self._answered(parcel.body)
            case other:
                raise MessageError(f"a node is sent no parcels of kind {other} (SPEC 12.8)")

    def kept(self) -> list[bytes]:
        """Write all sessions down, for a process that ends after each answer. They are secrets."""
        return [
            key
            + opened.session.to_site
            + opened.session.to_office
            + opened.seen.highest.to_bytes(NUMBER_BYTES, "big")
            + opened.seen.below.to_bytes(WINDOW // 8, "big")
            for key, opened in self._open.items()
        ]

    def resume(self, kept: bytes) -> None:
        """Take up a session that `kept` wrote."""
        key, to_site, to_office = kept[:32], kept[32:64], kept[64:96]
        highest, below = kept[96 : 96 + NUMBER_BYTES], kept[96 + NUMBER_BYTES :]
        seen = Seen(int.from_bytes(highest, "big"), int.from_bytes(below, "big"))
        self._open[key] = _Open(Session(key, to_site, to_office), seen)

    def _accepted(self, parcel: Parcel) -> Parcel:
        me = self._credentials()
        try:
            said, session = accept(
                read_offer(parcel), me.coordinator, me.site, me.seed, self._random(32)
            )
        except FederationError as error:
            self._warn(error)
            return Parcel(Kind.DENIED)
        self._open[session.id] = _Open(session, Seen())
        while len(self._open) > MOST_SESSIONS:
            del self._open[next(iter(self._open))]
        return pack_accept(said)

    def _answered(self, sealed: bytes) -> Parcel:
        try:
            opened = self._open.get(session_of(sealed))
            if opened is None:
                return Parcel(Kind.UNKNOWN)
            number, request = opened.session.open_request(sealed)
            opened.seen = opened.seen.take(number)
        except SealError as error:
            self._warn(error)
            return Parcel(Kind.UNKNOWN)
        return Parcel(Kind.REPLY, opened.session.seal_reply(number, self._handle(request)))
