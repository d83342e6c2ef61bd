"""Parcels as Flower's messages, and how long the SuperLink keeps them without an answer."""

from flwr.app import ConfigRecord, Message, RecordDict

from coordinator.carriers.flower.board import Ticket
from coordinator.carriers.flower.lines import Asked, Line
from protocol.wire.sealed import Kind, Parcel, pack

MESSAGE_TYPE = "query.riskset"
GREETING_SECONDS = 120.0
REQUEST_SECONDS = 3600.0
"""Then it is sent again."""


def greeting(node: int, parcel: Parcel) -> Message:
    """Write what begins a session with a node."""
    return _message(node, parcel, GREETING_SECONDS)


def sealed(line: Line, ticket: Ticket) -> tuple[Asked, Message]:
    """Seal a ticket's request for the hospital behind a line, under a number of its own."""
    sent = Asked(line, next(line.numbers), ticket.number)
    request = line.session.seal_request(sent.number, ticket.request)
    return sent, _message(line.node, Parcel(Kind.REQUEST, request), REQUEST_SECONDS)


def _message(node: int, parcel: Parcel, seconds: float) -> Message:
    records = {name: ConfigRecord(dict(record)) for name, record in pack(parcel).items()}
    return Message(RecordDict(dict(records)), node, MESSAGE_TYPE, ttl=seconds)
