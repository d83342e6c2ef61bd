"""A hospital that holds an invitation comes to the port for the first time (SPEC 2.9).

Whether there is such an invitation, and where a join request is kept, is asked of the hooks.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from coordinator.carriers.door import Alarm, Door
from coordinator.carriers.hooks import no_succession
from coordinator.carriers.limits import Limits
from coordinator.carriers.stream import DeniedError, Stream
from protocol.governance.identity import SignatureError
from protocol.governance.invitation import Denial as NotInvited
from protocol.governance.invitation import InvitationError, why_not
from protocol.governance.joining import Handshake
from protocol.governance.signed import SignedRoster
from protocol.ids import SiteId, site_id
from protocol.wire import federation_pb2 as pb
from protocol.wire.encoding import MessageError
from protocol.wire.rosters import write_rosters
from protocol.wire.service import NONCE_BYTES, SMALL_BYTES, Denial


@dataclass(frozen=True)
class Invited:
    """An invitation as the coordinator keeps it. `used_by` is an identity key (32 bytes)."""

    secret: bytes = field(repr=False)
    expires: datetime
    used_by: bytes | None = None


@dataclass(frozen=True)
class Joined:
    """A hospital that showed that it knows its invitation and holds its key."""

    invitation: str
    site: SiteId
    name: str
    identity: bytes
    peer: str


@dataclass(frozen=True)
class Joining:
    """What joining needs. The hooks are called like those of `Hooks`.

    `federation` is the file that hospitals are to trust; `invited` looks an invitation up by its
    public half; `joined` keeps a join request, and may refuse it with an `InvitationError` if
    another came first; `succession` gives the rosters that show the coordinator's key where it is
    no longer the file's.
    """

    federation: bytes
    invited: Callable[[str], Invited | None]
    joined: Callable[[Joined], None]
    succession: Callable[[], Sequence[SignedRoster]] = no_succession


@dataclass(frozen=True)
class Reception:
    """Receives hospitals: `certificate` is the SHA-256 of the server's own."""

    joining: Joining
    seed: bytes = field(repr=False)
    certificate: bytes
    limits: Limits
    door: Door
    lobby: Door
    alarm: Callable[[Alarm], None]
    ask: Callable[..., Awaitable[Any]]

    async def receive(self, stream: Stream) -> None:
        """Serve one stream to the receipt.

        Raises
        ------
        InvitationError, DeniedError, MessageError
            If the hospital is not invited, is too slow, or breaks the protocol.
        """
        seen, invited = await self._knocked(stream)
        code = seen.centre_code(invited.secret)
        card = pb.CentreCard(federation=seen.federation, nonce=seen.centre_nonce, code=code)
        await stream.write(pb.FromCentre(card=card))
        await self._proved(stream, seen, invited)
        asked = (seen.invitation, seen.site, seen.name, seen.identity, stream.peer)
        await self.ask(self.joining.joined, Joined(*asked))
        shown = await self.ask(self.joining.succession)
        receipt = pb.JoinReceipt(signature=seen.receipt(self.seed), rosters=write_rosters(shown))
        await stream.write(pb.FromCentre(receipt=receipt))

    async def _knocked(self, stream: Stream) -> tuple[Handshake, Invited]:
        with self.door.opened(stream.peer):
            said = await self._read(stream, self.limits.login_seconds)
            if said.WhichOneof("said") != "knock":
                raise MessageError("joining does not begin with a knock (SPEC 2.9)")
            seen = self._handshake(said.knock)
            invited: Invited | None = await self.ask(self.joining.invited, seen.invitation)
        if invited is None:
            raise InvitationError(NotInvited.UNKNOWN)
        now = datetime.now(UTC)
        if no := why_not(
            now=now, expires=invited.expires, used_by=invited.used_by, identity=seen.identity
        ):
            raise InvitationError(no)
        return seen, invited

    async def _proved(self, stream: Stream, seen: Handshake, invited: Invited) -> None:
        """Wait while the hospital's operator compares the words, then check the proof."""
        with self.lobby.opened(stream.peer):
            said = await self._read(stream, self.limits.join_seconds)
        if said.WhichOneof("said") != "proof":
            raise MessageError("a card is not followed by its proof (SPEC 2.9)")
        try:
            seen.require_site(invited.secret, said.proof.code, said.proof.signature)
        except (InvitationError, SignatureError):
            self.alarm(Alarm(NotInvited.CODE, seen.site, stream.peer))
            raise InvitationError(NotInvited.CODE) from None

    def _handshake(self, knock: pb.Knock) -> Handshake:
        try:
            return Handshake(
                invitation=knock.invitation,
                site_nonce=knock.nonce,
                centre_nonce=secrets.token_bytes(NONCE_BYTES),
                site=site_id(knock.site),
                name=knock.name,
                identity=knock.identity,
                federation=self.joining.federation,
                certificate=self.certificate,
            )
        except ValueError:
            raise InvitationError(NotInvited.MESSAGE) from None

    async def _read(self, stream: Stream, seconds: float) -> pb.FromJoiner:
        said = pb.FromJoiner()
        try:
            async with asyncio.timeout(seconds):
                await stream.read(said, SMALL_BYTES)
        except TimeoutError:
            raise DeniedError(Denial.SLOW) from None
        return said
