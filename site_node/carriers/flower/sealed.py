"""A hospital's end of sealed sessions: whatever carries the parcels, only the node reads them.

Sessions live in memory. After a restart the coordinator is told that its session is unknown, and
offers another.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

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
from protocol.wire.encoding import MessageError
from protocol.wire.heads import pack_heads, read_heads
from protocol.wire.sealed import Kind, Parcel, pack_accept, read_offer
from site_node.carriers.grpc import Greet
from site_node.carriers.session import Credentials
from site_node.carriers.worker import Handle

MOST_SESSIONS = 8
"""A coordinator needs one; older ones may still have messages under way."""


@dataclass
class _Open:
    """A session: what was taken in it, and whether it has brought the heads of ledgers."""

    session: Session
    seen: Seen = field(default_factory=Seen)
    told: bool = False

    def take(self, opened: tuple[int, bytes]) -> tuple[int, bytes]:
        """Take what was opened, if its number is new here."""
        self.seen = self.seen.take(opened[0])
        return opened


class SealedSite:
    """Answers parcels: offers with an identity's signature, requests with what `handle` says.

    `credentials` is asked at every offer, as rosters can bring a new coordinator's key; `greet`
    compares the heads of ledgers that a session brings first, and gives those to show; `warn` is
    told what the operator should know; `random` gives so many secret bytes. Of one thread.
    """

    def __init__(
        self,
        credentials: Callable[[], Credentials],
        handle: Handle,
        *,
        greet: Greet,
        warn: Callable[[FederationError], None],
        random: Callable[[int], bytes],
    ) -> None:
        self._credentials = credentials
        self._handle = handle
        self._greet = greet
        self._warn = warn
        self._random = random
        self._open: dict[bytes, _Open] = {}

    def answer(self, parcel: Parcel) -> Parcel:
        """Answer an offer, heads of ledgers or a request.

        Raises
        ------
        MessageError
            If the parcel is none of these, or holds no heads where it should.
        """
        match parcel.kind:
            case Kind.OFFER:
                return self._accepted(parcel)
            case Kind.HEADS | Kind.REQUEST:
                return self._known(parcel)
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
            + bytes([opened.told])
            for key, opened in self._open.items()
        ]

    def resume(self, kept: bytes) -> None:
        """Take up a session that `kept` wrote."""
        key, to_site, to_office = kept[:32], kept[32:64], kept[64:96]
        highest, below = kept[96 : 96 + NUMBER_BYTES], kept[96 + NUMBER_BYTES : -1]
        seen = Seen(int.from_bytes(highest, "big"), int.from_bytes(below, "big"))
        self._open[key] = _Open(Session(key, to_site, to_office), seen, bool(kept[-1]))

    def _accepted(self, parcel: Parcel) -> Parcel:
        me = self._credentials()
        try:
            said, session = accept(
                read_offer(parcel), me.coordinator, me.site, me.seed, self._random(32)
            )
        except FederationError as error:
            self._warn(error)
            return Parcel(Kind.DENIED)
        self._open[session.id] = _Open(session)
        while len(self._open) > MOST_SESSIONS:
            del self._open[next(iter(self._open))]
        return pack_accept(said)

    def _known(self, parcel: Parcel) -> Parcel:
        """Answer within a session; one that is unknown here has to begin anew."""
        try:
            opened = self._open.get(session_of(parcel.body))
            if opened is None:
                return Parcel(Kind.UNKNOWN)
            if parcel.kind is Kind.HEADS:
                return self._shown(opened, parcel.body)
            return self._answered(opened, parcel.body)
        except SealError as error:
            self._warn(error)
            return Parcel(Kind.UNKNOWN)

    def _shown(self, opened: _Open, sealed: bytes) -> Parcel:
        number, told = opened.take(opened.session.open_told(sealed))
        shown = pack_heads(self._greet(read_heads(told)))
        opened.told = True
        return Parcel(Kind.HEADS, opened.session.seal_shown(number, shown))

    def _answered(self, opened: _Open, sealed: bytes) -> Parcel:
        number, request = opened.take(opened.session.open_request(sealed))
        if not opened.told:
            # Nothing is answered before this ledger was held up to what others remember of it.
            raise SealError("a request came in a session that has brought no heads of ledgers")
        return Parcel(Kind.REPLY, opened.session.seal_reply(number, self._handle(request)))
