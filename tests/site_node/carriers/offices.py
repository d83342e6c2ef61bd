"""Coordinators that say what a test wants, on this machine, with TLS in earnest."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

from protocol.governance.login import Login
from protocol.ids import site_id
from protocol.wire import federation_pb2 as pb
from protocol.wire.frames import chunks
from protocol.wire.service import SERVICE
from site_node.doctor.lookup import Endpoint
from tests.federation.carriers.world import OFFICE, tls

Said = Iterator[pb.FromSite]
Script = Callable[[Said], Iterator[pb.FromOffice]]

NONCE = bytes(range(32, 64))


@contextmanager
def office(script: Script, method: str = "Connect") -> Iterator[Endpoint]:
    """Play a script on every stream until the block ends."""

    def serve(raw: Iterator[bytes], _: object) -> Iterator[bytes]:
        for said in script(pb.FromSite.FromString(one) for one in raw):
            yield said.SerializeToString()

    own = tls()
    handler: Any = grpc.stream_stream_rpc_method_handler(serve)
    with ThreadPoolExecutor(4) as threads:
        server: Any = grpc.server(threads, options=[("grpc.max_send_message_length", -1)])
        service = grpc.method_handlers_generic_handler(SERVICE, {method: handler})
        server.add_generic_rpc_handlers((service,))
        keys = grpc.ssl_server_credentials([(own.key, own.certificate)])
        port = server.add_secure_port("127.0.0.1:0", keys)
        server.start()
        try:
            yield Endpoint("127.0.0.1", port)
        finally:
            server.stop(0).wait()


def welcome(said: Said, *, seed: bytes = OFFICE, late_seconds: int = 0) -> Iterator[pb.FromOffice]:
    """Log a hospital in, as the coordinator does."""
    hello = next(said).hello
    signature = Login(site_id(hello.site), hello.nonce, NONCE).challenge(seed)
    yield pb.FromOffice(challenge=pb.Challenge(nonce=NONCE, signature=signature))
    if next(said).WhichOneof("said") == "proof":
        hour = int(time.time()) - late_seconds
        yield pb.FromOffice(welcome=pb.Welcome(time=hour, software="1.0"))


def asks(number: int, request: bytes) -> Iterator[pb.FromOffice]:
    for chunk in chunks(number, request):
        yield pb.FromOffice(chunk=chunk)


def denies(code: str, **versions: Any) -> Script:
    def script(said: Said) -> Iterator[pb.FromOffice]:
        next(said)
        yield pb.FromOffice(denied=pb.Denied(code=code, **versions))

    return script


def after_login(*messages: pb.FromOffice) -> Script:
    """Log in, say all that, and listen until the hospital goes."""

    def script(said: Said) -> Iterator[pb.FromOffice]:
        yield from welcome(said)
        yield from messages
        for _ in said:
            pass

    return script
