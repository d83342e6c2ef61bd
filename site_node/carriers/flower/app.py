"""The `ClientApp` of a hospital: parcels in, parcels out, and nothing for any other app."""

from collections.abc import Callable

from flwr.app import ConfigRecord, Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp

from protocol.errors import FederationError
from protocol.wire.sealed import Parcel, pack, unpack

ACTION = "riskset"
MESSAGE_TYPE = f"query.{ACTION}"
NOT_OURS = 2
"""Flower's code for an app that fails at a message."""

Answer = Callable[[Parcel], Parcel]


class ForeignMessageError(FederationError):
    """A message of another app came; it is refused, and no code of that app was fetched."""

    code = "foreign-message"
    fix = "tell whoever runs the Flower federation that this node serves riskset only"


def client_app(answer: Answer, limit_bytes: int) -> ClientApp:
    """Make the app. Its code is this, whatever bundle the SuperLink names for a run.

    It raises `MessageError` at what is no parcel of at most `limit_bytes`.
    """
    app = ClientApp()

    @app.query(ACTION)
    def query(message: Message, context: Context) -> Message:  # noqa: ARG001 - Flower's order
        parcel = answer(unpack(message.content, limit_bytes))
        return Message(written(parcel), reply_to=message)

    return app


def written(parcel: Parcel) -> RecordDict:
    """Write a parcel as the content of a message."""
    return RecordDict({name: ConfigRecord(dict(record)) for name, record in pack(parcel).items()})


def refusal(message: Message) -> Message:
    """Answer a message that is not ours."""
    return Message(Error(NOT_OURS, "this node serves riskset only"), reply_to=message)
