"""One hospital's stream as messages, each measured before it is parsed."""

import asyncio
from dataclasses import dataclass, field

import grpc
from google.protobuf.message import DecodeError, Message

from protocol.wire import federation_pb2 as pb
from protocol.wire.encoding import MessageError
from protocol.wire.frames import FRAME_BYTES
from protocol.wire.service import Denial

Context = grpc.aio.ServicerContext[bytes, bytes]


class EndedError(Exception):
    """The hospital ended the stream. Nobody is to blame, and nobody is told but its handler."""


class DeniedError(Exception):
    """The coordinator ends the stream, and says why."""

    def __init__(self, why: Denial) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, eq=False)
class Stream:
    """A stream from a hospital. Writers take turns, so a ping can pass between two chunks."""

    context: Context
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def peer(self) -> str:
        """The address that it comes from, without its port: `ipv4:192.0.2.7`."""
        return self.context.peer().rpartition(":")[0]

    async def read(self, into: Message, limit_bytes: int = FRAME_BYTES) -> None:
        """Wait for a message and parse it into an empty one.

        Raises
        ------
        EndedError
            If there is no further one.
        MessageError
            If it is larger than the limit, or none of this service.
        """
        raw = await self.context.read()
        if not isinstance(raw, bytes):
            raise EndedError
        if len(raw) > limit_bytes:
            raise MessageError(f"a message of {len(raw)} bytes comes where {limit_bytes} are taken")
        try:
            into.ParseFromString(raw)
        except DecodeError:
            raise MessageError("the bytes are no message of this service (SPEC 11)") from None

    async def write(self, message: pb.FromOffice | pb.FromCentre) -> None:
        """Send a message, as soon as the hospital takes it."""
        async with self._turn:
            await self.context.write(message.SerializeToString())
