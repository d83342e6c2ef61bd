"""Somebody who dials the port and says whatever a test wants, in the right form or not."""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import grpc
from google.protobuf.message import Message

from protocol import PROGRAM_VERSION
from protocol.governance.identity import identity_public
from protocol.governance.login import Login
from protocol.ids import SiteId
from protocol.wire import federation_pb2 as pb
from protocol.wire.service import CONNECT, WIRE
from site_node.carriers.line import channel
from site_node.doctor.lookup import Endpoint
from site_node.doctor.way import Way
from tests.federation.carriers.world import OFFICE, PATIENCE_SECONDS, SITES, seed, trust

NONCE = bytes(range(32))


class Stranger:
    """One stream. `hear` waits for the next message and names its kind."""

    def __init__(self, call: Any, out: SimpleQueue[bytes | None]) -> None:
        self._call = call
        self._out = out

    def say(self, message: Message) -> None:
        self.say_raw(message.SerializeToString())

    def say_raw(self, raw: bytes) -> None:
        self._out.put(raw)

    def hear(self) -> pb.FromOffice:
        return pb.FromOffice.FromString(next(self._call))

    def denied(self) -> str:
        """Pass over what else is said, and give the code of the denial."""
        while (heard := self.hear()).WhichOneof("said") != "denied":
            pass
        return heard.denied.code

    def finish(self) -> grpc.StatusCode:
        """Say no more, and wait for the end of the stream."""
        self._out.put(None)
        return self.status()

    def hang_up(self) -> None:
        self._call.cancel()

    def status(self) -> grpc.StatusCode:
        """Wait for the end of the stream, and say how gRPC calls it."""
        try:
            for _ in self._call:
                pass
        except grpc.RpcError:
            pass
        status: grpc.StatusCode = self._call.code()
        return status

    def hello(self, site: str = SITES[0], **other: Any) -> None:
        said: dict[str, Any] = {
            "nonce": NONCE,
            "wire": WIRE,
            "program": PROGRAM_VERSION,
            "software": "0.9",
        } | other
        self.say(pb.FromSite(hello=pb.Hello(site=site, **said)))

    def prove(self, site: SiteId = SITES[0], with_seed: bytes | None = None) -> bytes:
        """Hear the challenge, answer it, and give the proof."""
        return self.answer(self.hear().challenge, site, with_seed)

    def answer(
        self, challenge: pb.Challenge, site: SiteId = SITES[0], with_seed: bytes | None = None
    ) -> bytes:
        login = Login(site, NONCE, challenge.nonce)
        login.require_office(identity_public(OFFICE), challenge.signature)
        proof = login.prove(with_seed or seed(site), identity_public(OFFICE))
        self.say(pb.FromSite(proof=pb.LoginProof(signature=proof)))
        return proof

    def log_in(self, site: SiteId = SITES[0]) -> pb.Welcome:
        self.hello(site)
        self.prove(site)
        return self.hear().welcome


@contextmanager
def stranger(where: Endpoint, method: str = CONNECT) -> Iterator[Stranger]:
    out: SimpleQueue[bytes | None] = SimpleQueue()
    with channel(Way(where), trust()) as dialled:
        multi: Any = dialled.stream_stream(method)
        call = multi(iter(out.get, None), timeout=PATIENCE_SECONDS)
        try:
            yield Stranger(call, out)
        finally:
            out.put(None)
            call.cancel()
