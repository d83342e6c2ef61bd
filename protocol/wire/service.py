"""The names and numbers of the gRPC service that both of its ends must have alike (SPEC 11)."""

from enum import StrEnum

from protocol.wire.frames import FRAME_BYTES

WIRE = 2
"""Version of `federation.proto` as a whole; two ends talk only if theirs is the same."""

SERVICE = "riskset.v1.Federation"
CONNECT = f"/{SERVICE}/Connect"
JOIN = f"/{SERVICE}/Join"

NONCE_BYTES = 32
UNANSWERED = 4
"""Requests, of as many runs, that one hospital has to hold at a time."""

SMALL_BYTES = 4096
"""No message before the end of a login or a joining is larger, but for what it is to trust."""

PATIENCE_SECONDS = 120
"""How long a ping may wait behind a message: on a line of 1 kB/s a question takes ten seconds and
more, and a line that is only slow must not be taken for a dead one."""

KEEPALIVE_SECONDS = 30
"""Below the minute after which many proxies forget a silent connection."""

CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", FRAME_BYTES),
    ("grpc.max_send_message_length", FRAME_BYTES),
    ("grpc.max_metadata_size", 8192),
    ("grpc.keepalive_time_ms", KEEPALIVE_SECONDS * 1000),
    ("grpc.keepalive_timeout_ms", PATIENCE_SECONDS * 1000),
    ("grpc.http2.ping_timeout_ms", PATIENCE_SECONDS * 1000),
    ("grpc.http2.max_pings_without_data", 0),
)
"""What both ends set: the largest frame, and pings by which a dead connection is noticed."""


class Denial(StrEnum):
    """Why the coordinator ends a stream. The words for it are each end's own."""

    WIRE = "wire-version"
    PROGRAM = "program-version"
    IDENTITY = "unknown-identity"
    SECOND = "second-session"
    REPLACED = "replaced"
    BUSY = "busy"
    SLOW = "slow"
    MESSAGE = "message"
    CLOSING = "closing"
    FAULT = "fault"
