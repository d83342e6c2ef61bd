"""All that a node uses of Flower beyond its public names: the Fleet API of a SuperLink.

Messages come and go; bundles of code, which the same API offers, are never asked for.
"""

import logging
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event

import httpx
from flwr.app import Context, Message, RecordDict
from flwr.app.message import remove_content_from_message
from flwr.common.serde import message_to_proto
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    DeactivateNodeRequest,
    PullMessagesRequest,
    PushMessagesRequest,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest
from flwr.proto.message_pb2 import (
    ConfirmMessageReceivedRequest,
    ObjectTree,
    PullObjectRequest,
    PushObjectRequest,
)
from flwr.proto.node_pb2 import Node
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    get_object_tree,
    iterate_object_tree,
    no_object_id_recompute,
)
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents
from flwr.supercore.interceptors import RuntimeVersionHttpInterceptor
from flwr.supercore.primitives.asymmetric import bytes_to_private_key
from flwr.supercore.protobuf.client import ProtobufClientInterceptor
from flwr.supernode.fleet_http_client import FleetHttpClient
from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor

from protocol.wire.sealed import MOST_PARTS
from site_node.carriers.flower.errors import LEASE_SECONDS, NotLetInError, told, unregistered
from site_node.carriers.flower.keys import public_of

CALL_SECONDS = 30.0
BEAT_SECONDS = 4.0
DOWNLOAD_SECONDS = 60.0

# What it would tell, the carrier tells in words of its own.
logging.getLogger("flwr").setLevel(logging.CRITICAL)
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True)
class SuperLink:
    """Where a SuperLink is (`host:port`), who signs its certificate (PEM), this node's key (PEM).

    `proxy` is the URL of an HTTP proxy to go through.
    """

    address: str
    ca: str
    key: bytes = field(repr=False)
    proxy: str | None = None


class FleetLink:
    """A node's connection to a SuperLink, to be closed. `beat` may be called by another thread."""

    def __init__(
        self, link: SuperLink, limit_bytes: int, call_seconds: float = CALL_SECONDS
    ) -> None:
        self._link = link
        self._limit_bytes = limit_bytes
        self._call_seconds = call_seconds
        private = bytes_to_private_key(link.key)
        self._public = public_of(link.key)
        spoken: list[ProtobufClientInterceptor] = [
            RuntimeVersionHttpInterceptor(component_name="SuperNode"),
            NodeAuthHttpInterceptor(private, private.public_key()),
        ]
        self._client = FleetHttpClient(f"https://{link.address}", interceptors=spoken)
        self._guard()
        self._node: Node | None = None

    def activate(self) -> None:
        """Say that this node is there, and hold its lease from now on.

        Raises
        ------
        NotLetInError
            If the SuperLink does not let the node in.
        LineError
            If it cannot be reached.
        """
        try:
            with told(self._link.address):
                self._activate(LEASE_SECONDS // 2)
        except NotLetInError:
            self.look()  # says so if it is the key that is unknown
            raise

    def look(self) -> datetime | None:
        """See whether the SuperLink knows this node's key; gives its clock's time, if it tells it.

        No lease begins or ends by it, so a node that is running is not disturbed.

        Raises
        ------
        NotLetInError
            If it does not know the key, or does not take the signature.
        LineError
            If it cannot be reached.
        """
        with told(self._link.address):
            try:
                # It looks for the key first, and then refuses heartbeats of no interval.
                self._activate(0)
            except httpx.HTTPStatusError as error:
                if error.response.status_code == httpx.codes.PRECONDITION_FAILED:
                    raise unregistered(self._link.address) from None
                if error.response.status_code != httpx.codes.BAD_REQUEST:
                    raise
                return _moment(error.response.headers.get("date", ""))
        return None

    def _activate(self, interval: int) -> None:
        asked = ActivateNodeRequest(public_key=self._public, heartbeat_interval=interval)
        self._node = Node(node_id=self._client.ActivateNode(asked).node_id)

    @property
    def node(self) -> Node:
        """The name that the SuperLink has for us, after `activate`."""
        if self._node is None:
            raise RuntimeError("the node is not activated")
        return self._node

    @property
    def context(self) -> Context:
        """What Flower gives a `ClientApp` beside a message."""
        return Context(
            run_id=0,
            node_id=self.node.node_id,
            node_config={},
            state=RecordDict(),
            run_config={},
            series_id=0,
        )

    def beat(self) -> bool:
        """Hold the lease for another while; says whether the SuperLink knows this node.

        Raises
        ------
        LineError
            If it cannot be reached.
        """
        with told(self._link.address):
            said = self._client.SendNodeHeartbeat(
                SendNodeHeartbeatRequest(node=self.node, heartbeat_interval=LEASE_SECONDS // 2)
            )
        return bool(said.success)

    def pull(self) -> Message | None:
        """Fetch the next message, if there is one.

        Raises
        ------
        LineError
            If the SuperLink cannot be reached, or sends what is no message within the limits.
        """
        with told(self._link.address):
            came = self._client.PullMessages(PullMessagesRequest(node=self.node))
            if not came.messages_list:
                return None
            named = came.messages_list[0].metadata
            contents = self._objects(named.run_id, came.message_object_trees[0])
            if contents is None:
                return None
            message = inflate_object_from_contents(named.message_id, contents)
            self._client.ConfirmMessageReceived(
                ConfirmMessageReceivedRequest(
                    node=self.node, run_id=named.run_id, message_object_id=named.message_id
                )
            )
        if not isinstance(message, Message) or not message.has_content():
            return None
        message.metadata.__dict__["_message_id"] = named.message_id
        return message

    def push(self, reply: Message) -> None:
        """Send a reply. One to a run that is over is dropped.

        Raises
        ------
        LineError
            If the SuperLink cannot be reached.
        """
        with told(self._link.address), no_object_id_recompute():
            reply.metadata.__dict__["_message_id"] = reply.object_id
            run_id = reply.metadata.run_id
            try:
                self._push(reply, run_id)
            except httpx.HTTPStatusError as error:
                if error.response.status_code not in (400, 403, 404, 409):
                    raise

    def close(self) -> None:
        """Leave, so that no lease has to run out, and end the connection."""
        if self._node is not None:
            with suppress(httpx.HTTPError, ValueError):
                self._client.DeactivateNode(DeactivateNodeRequest(node_id=self._node.node_id))
        self._client.close()

    def _push(self, reply: Message, run_id: int) -> None:
        taken = self._client.PushMessages(
            PushMessagesRequest(
                node=self.node,
                messages_list=[message_to_proto(remove_content_from_message(reply))],
                message_object_trees=[get_object_tree(reply)],
                clientapp_runtime_list=[0.0],
            )
        )
        wanted = set(taken.objects_to_push)
        for name, one in get_all_nested_objects(reply).items():
            if name in wanted:
                self._client.PushObject(
                    PushObjectRequest(
                        node=self.node,
                        run_id=run_id,
                        session_id=taken.session_id,
                        object_id=name,
                        object_content=one.deflate(),
                    )
                )

    def _objects(self, run_id: int, tree: ObjectTree) -> dict[str, bytes] | None:
        """Fetch all that a message is made of; nothing if that is not there in time."""
        names = [part.object_id for part in iterate_object_tree(tree)]
        if len(names) > MOST_PARTS + 3:
            raise ValueError("a message of too many parts")
        contents: dict[str, bytes] = {}
        for name in names:
            content = self._object(run_id, name)
            if content is None:
                return None
            contents[name] = content
            if sum(map(len, contents.values())) > self._limit_bytes:
                raise ValueError("a message of too many bytes")
        return contents

    def _object(self, run_id: int, name: str) -> bytes | None:
        asked = PullObjectRequest(node=self.node, run_id=run_id, object_id=name)
        until, pause = time.monotonic() + DOWNLOAD_SECONDS, 0.005
        while time.monotonic() < until:
            found = self._client.PullObject(asked)
            if not found.object_found:
                return None
            if found.object_available:
                return bytes(found.object_content)
            # The other end is still sending it.
            _PAUSE.wait(pause)
            pause = min(2 * pause, 0.25)
        return None

    def _guard(self) -> None:
        """Let the connection go to the SuperLink only, and take no more than allowed."""
        self._client._client.close()
        trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusted.load_verify_locations(cadata=self._link.ca)
        self._client._client = httpx.Client(
            verify=trusted,
            timeout=self._call_seconds,
            follow_redirects=False,
            trust_env=False,
            proxy=self._link.proxy,
            event_hooks={"response": [self._require_size]},
        )

    def _require_size(self, response: httpx.Response) -> None:
        size = response.headers.get("content-length", "")
        if not size.isdecimal() or int(size) > self._limit_bytes:
            raise ValueError("an answer of no size, or of too many bytes")


_PAUSE = Event()


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
