"""One encoding a message (SPEC 10): what is read is written again, and has to be the same bytes."""

from collections.abc import Callable
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from protocol.errors import Exit, FederationError

M = TypeVar("M", bound=Message)

V = TypeVar("V")


class MessageError(FederationError):
    """Bytes are no message of this protocol, or not in its one encoding."""

    code = "message"
    exit = Exit.TAMPERING
    fix = "let both ends use the same version of riskset; ask IT whether a proxy changes traffic"


def written(message: Message) -> bytes:
    """Write a message in its one encoding."""
    return message.SerializeToString(deterministic=True)


def read(raw: bytes, empty: M, parse: Callable[[M], V], encode: Callable[[V], bytes]) -> V:
    """Read a value, and refuse bytes that are not what it is written as.

    Raises
    ------
    MessageError
        If the bytes are no such message, or not in its one encoding.
    """
    try:
        empty.ParseFromString(raw)
        value = parse(empty)
    except (DecodeError, ValueError):
        raise MessageError("the bytes are no message of this protocol (SPEC 10)") from None
    if encode(value) != raw:
        raise MessageError("the message is not in its one encoding (SPEC 10)")
    return value
