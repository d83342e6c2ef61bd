"""Messages of a run cut into chunks and put together again, within limits (SPEC 11).

A chunk announces its message's size, so that a message too large is refused by its first chunk.
What moves the chunks is a carrier's.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from protocol.wire import federation_pb2 as pb
from protocol.wire.encoding import MessageError

CHUNK_BYTES = 1 << 18
"""Data of a full chunk. It also bounds what somebody who has not logged in can make a carrier hold,
which is why it is not the largest that gRPC would take."""

FRAME_BYTES = CHUNK_BYTES + 64
"""A full chunk with its numbers around it: no carrier reads anything larger in one piece."""


def chunks(message: int, payload: bytes, size: int = CHUNK_BYTES) -> Iterator[pb.Chunk]:
    """Cut a message into its chunks, in order. All but the last hold `size` bytes.

    Raises
    ------
    ValueError
        If the message is empty: no message of a run is.
    """
    if not payload:
        raise ValueError("an empty message")
    for start in range(0, len(payload), size):
        yield pb.Chunk(message=message, total=len(payload), data=payload[start : start + size])


@dataclass
class _Begun:
    total: int
    data: bytearray = field(default_factory=bytearray)


class Assembler:
    """Puts one peer's chunks together, holding no more than `at_once * limit_bytes`.

    Memory follows what arrives and not what is announced. There is one way to cut a message, so
    empty, short and overlong chunks are refused, which also bounds how many there can be.
    """

    def __init__(self, limit_bytes: int, at_once: int = 1, size: int = CHUNK_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._at_once = at_once
        self._size = size
        self._begun: dict[int, _Begun] = {}

    @property
    def unfinished(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._begun)

    def add(self, chunk: pb.Chunk) -> tuple[int, bytes] | None:
        """Take a chunk, and give back number and bytes of the message that it completes.

        Raises
        ------
        MessageError
            If the message is larger than the limit, changes its size on the way or is not cut as
            `chunks` does, or if more messages are begun than may be at once.
        """
        begun = self._begun.get(chunk.message) or self._begin(chunk)
        if chunk.total != begun.total:
            raise MessageError("a message changes its size from one chunk to the next (SPEC 11)")
        if len(chunk.data) != min(self._size, begun.total - len(begun.data)):
            raise MessageError("a message is not cut into full chunks and a last one (SPEC 11)")
        begun.data += chunk.data
        if len(begun.data) < begun.total:
            return None
        del self._begun[chunk.message]
        return chunk.message, bytes(begun.data)

    def _begin(self, chunk: pb.Chunk) -> _Begun:
        if not 0 < chunk.total <= self._limit_bytes:
            raise MessageError(
                f"a message of {chunk.total} bytes is announced; "
                f"between 1 and {self._limit_bytes} are taken",
                "raise the limit on messages in the configuration if the study is that large",
            )
        if len(self._begun) == self._at_once:
            raise MessageError(f"more than {self._at_once} messages are begun at once (SPEC 11)")
        self._begun[chunk.message] = begun = _Begun(chunk.total)
        return begun
