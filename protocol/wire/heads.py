"""Heads of ledgers as messages and back (SPEC 2.11): what a login carries beside its proofs.

Over gRPC they travel inside of `Welcome` and `Heads`, in a sealed session as `Heads` alone.
"""

from collections.abc import Iterable, Sequence

from google.protobuf.message import DecodeError

from protocol.governance.heads import LedgerHead
from protocol.ids import site_id
from protocol.wire import federation_pb2 as pb
from protocol.wire.encoding import MessageError

MOST_HEADS = 1000
"""As many as a roster can have hospitals."""


def head_messages(heads: Iterable[LedgerHead]) -> list[pb.LedgerHead]:
    """Write heads, as `Welcome` and `Heads` hold them."""
    return [
        pb.LedgerHead(site=h.site, lines=h.lines, digest=h.digest, signature=h.signature)
        for h in heads
    ]


def heads_of(messages: Sequence[pb.LedgerHead]) -> tuple[LedgerHead, ...]:
    """Read heads. Their signatures are not checked yet.

    Raises
    ------
    MessageError
        If one is none, or there are too many.
    """
    if len(messages) > MOST_HEADS:
        raise MessageError(f"more than {MOST_HEADS} heads of ledgers come at once (SPEC 2.11)")
    try:
        return tuple(LedgerHead(site_id(m.site), m.lines, m.digest, m.signature) for m in messages)
    except ValueError:
        raise MessageError("the head of a ledger is none (SPEC 2.11)") from None


def pack_heads(heads: Iterable[LedgerHead]) -> bytes:
    """Write heads as the bytes of one message, as sealed sessions carry them (SPEC 12.9)."""
    return pb.Heads(heads=head_messages(heads)).SerializeToString()


def read_heads(raw: bytes) -> tuple[LedgerHead, ...]:
    """Read the bytes of one message of heads. Their signatures are not checked yet.

    Raises
    ------
    MessageError
        If they are none, or there are too many heads.
    """
    try:
        message = pb.Heads.FromString(raw)
    except DecodeError:
        raise MessageError("what should be heads of ledgers is none (SPEC 12.9)") from None
    return heads_of(message.heads)
