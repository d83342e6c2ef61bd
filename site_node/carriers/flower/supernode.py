"""The same app under a stock SuperNode, for federations that accept Flower's trust model.

There the SuperLink says which code runs: what is here is what an honest one names. Each message
is a process of its own, which loads the rows, answers and ends; sessions live in the SuperNode's
memory meanwhile. `docs/carriers.md` says what is lost.

Start the SuperNode with `--node-config 'riskset-config="/path/to/site.toml"'`.
"""

from pathlib import Path

from flwr.app import ConfigRecord, Context, Message
from flwr.clientapp import ClientApp

from protocol.errors import Exit, FederationError
from protocol.wire.sealed import unpack
from site_node.carriers.flower.app import ACTION, written
from site_node.carriers.flower.carrier import OVERHEAD_BYTES, FlowerSiteCarrier
from site_node.serving import Serving, prepared

SETTING = "riskset-config"
SESSIONS = "riskset-sessions"

app = ClientApp()


class SuperNodeError(FederationError):
    """The SuperNode does not say where the hospital's settings are, or they name no Flower."""

    code = "supernode"
    exit = Exit.USAGE
    fix = (
        f"""start it with --node-config '{SETTING}="/path/to/site.toml"', """
        'and set carrier = "flower" in that file'
    )


@app.query(ACTION)
def query(message: Message, context: Context) -> Message:
    """Answer one message, and leave the sessions in the context.

    Raises
    ------
    FederationError
        If the settings, the state folder or the message are not as they have to be.
    """
    where = context.node_config.get(SETTING)
    if not isinstance(where, str):
        raise SuperNodeError(f"the SuperNode's configuration has no {SETTING}")
    with prepared(Path(where), lambda _: None) as serving:
        return _answered(serving, message, context)


def _answered(serving: Serving, message: Message, context: Context) -> Message:
    carrier = serving.carrier
    if not isinstance(carrier, FlowerSiteCarrier):
        raise SuperNodeError("the hospital's settings do not name Flower as the carrier")
    serving.node.take_in()
    for kept in _sessions(context):
        carrier.sealed.resume(kept)
    limit_bytes = (serving.config.message_mb << 20) + OVERHEAD_BYTES
    parcel = carrier.sealed.answer(unpack(message.content, limit_bytes))
    context.state[SESSIONS] = ConfigRecord({"kept": carrier.sealed.kept()})
    return Message(written(parcel), reply_to=message)


def _sessions(context: Context) -> list[bytes]:
    record = context.state.config_records.get(SESSIONS)
    kept = record["kept"] if record is not None else []
    return [one for one in kept if isinstance(one, bytes)] if isinstance(kept, list) else []
