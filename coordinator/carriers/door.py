"""Between a new connection and a session: bounds, versions, and the login (SPEC 2.10)."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from coordinator.carriers.stream import DeniedError, Stream
from protocol import PROGRAM_VERSION
from protocol.governance.identity import SignatureError, identity_public
from protocol.governance.invitation import Denial as NotInvited
from protocol.governance.login import Login, LoginError
from protocol.ids import SiteId, site_id
from protocol.wire import federation_pb2 as pb
from protocol.wire.encoding import MessageError
from protocol.wire.service import NONCE_BYTES, SMALL_BYTES, WIRE, Denial

Ask = Callable[[SiteId], Awaitable[bytes | None]]
"""Looks up the identity key (32 bytes) of a hospital of the roster."""


@dataclass(frozen=True)
class Alarm:
    """Something at the port that a person has to know: whom it names, from where, and what."""

    why: Denial | NotInvited
    site: str
    peer: str


class Door:
    """Counts who is coming in, so that strangers cannot take all of the coordinator's memory."""

    def __init__(self, most: int, most_per_address: int) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._by_address: Counter[str] = Counter()

    @contextmanager
    def opened(self, peer: str) -> Iterator[None]:
        """Count a login while it lasts.

        Raises
        ------
        DeniedError
            If there are too many already, from that address or at all.
        """
        counted = self._by_address
        if counted[peer] >= self._most_per_address or counted.total() >= self._most:
            raise DeniedError(Denial.BUSY)
        self._by_address[peer] += 1
        try:
            yield
        finally:
            self._by_address[peer] -= 1
            if not self._by_address[peer]:
                del self._by_address[peer]


@dataclass(frozen=True)
class Guest:
    """A hospital that has shown who it is, and the version of its software.

    A visit only shows that a login works. One that is `behind` goes by an earlier key of the
    coordinator's, until it is shown who replaced it.
    """

    site: SiteId
    software: str
    visit: bool
    behind: bool = False


async def log_in(
    stream: Stream, seed: bytes, identity: Ask, alarm: Callable[[Alarm], None]
) -> Guest:
    """Let a hospital show who it is.

    `seed` is the coordinator's. Whether the roster lacks the name or has another key for it is
    not told to a stranger.

    Raises
    ------
    DeniedError, MessageError
        If it speaks another version, is not who it says, or breaks the protocol.
    EndedError
        If it goes away in the middle.
    """
    hello = await _hello(stream)
    login = _login(hello)
    own = identity_public(seed)
    behind = hello.coordinator not in (b"", own)
    challenge = pb.Challenge(nonce=login.office_nonce, signature=login.challenge(seed))
    challenge.coordinator = own if behind else b""
    await stream.write(pb.FromOffice(challenge=challenge))
    proof = await _proof(stream)
    key = await identity(login.site)
    try:
        if key is None:
            raise DeniedError(Denial.IDENTITY)
        login.require_site(key, own, proof)
    except SignatureError:
        alarm(Alarm(Denial.IDENTITY, login.site, stream.peer))
        raise DeniedError(Denial.IDENTITY) from None
    return Guest(login.site, plain(hello.software), hello.visit, behind)


def plain(text: str) -> str:
    """Keep what prints of a stranger's word, and not too much of it."""
    return "".join(sign for sign in text if sign.isprintable())[:40]


def denied(why: str, software: str) -> pb.Denied:
    """Say why a stream ends, and which versions this end speaks."""
    return pb.Denied(code=why, wire=WIRE, program=PROGRAM_VERSION, software=software)


async def last_word(stream: Stream, message: pb.FromOffice | pb.FromCentre) -> None:
    """Send why the stream ends, if the other side still listens."""
    try:
        async with asyncio.timeout(2):
            await stream.write(message)
    except Exception:  # noqa: S110 - it is gone, which is what was wanted
        pass


async def _hello(stream: Stream) -> pb.Hello:
    said = pb.FromSite()
    await stream.read(said, SMALL_BYTES)
    if said.WhichOneof("said") != "hello":
        raise MessageError("a session does not begin with a hello (SPEC 11)")
    # Versions come first: what else is in another version's hello means nothing here.
    if said.hello.wire != WIRE:
        raise DeniedError(Denial.WIRE)
    if said.hello.program != PROGRAM_VERSION:
        raise DeniedError(Denial.PROGRAM)
    return said.hello


def _login(hello: pb.Hello) -> Login:
    try:
        return Login(site_id(hello.site), hello.nonce, secrets.token_bytes(NONCE_BYTES))
    except (ValueError, LoginError):
        raise MessageError("a hello has no hospital's id, or no nonce of 32 bytes") from None


async def _proof(stream: Stream) -> bytes:
    said = pb.FromSite()
    await stream.read(said, SMALL_BYTES)
    if said.WhichOneof("said") != "proof":
        raise MessageError("a challenge is not followed by its proof (SPEC 11)")
    return said.proof.signature
