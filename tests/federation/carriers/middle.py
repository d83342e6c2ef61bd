"""Somebody in the middle who opens TLS and passes every byte on, as web filters do."""

import select
import socket
import ssl
from pathlib import Path

from coordinator.carriers.grpc import Tls
from site_node.doctor.lookup import Endpoint
from tests.site_node.doctor.loopback import Handler


def opening(target: Endpoint, own: Tls, folder: Path) -> Handler:
    """Show the middle's own certificate, and talk to the target as any client."""
    here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    here.load_cert_chain(_written(own, folder))
    beyond = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    beyond.check_hostname, beyond.verify_mode = False, ssl.CERT_NONE
    for context in (here, beyond):
        context.set_alpn_protocols(["h2"])

    def handle(connection: socket.socket) -> None:
        with (
            here.wrap_socket(connection, server_side=True) as near,
            socket.create_connection((target.host, target.port), 5) as plain,
            beyond.wrap_socket(plain) as far,
        ):
            _pass_on(near, far)

    return handle


def _pass_on(one: ssl.SSLSocket, other: ssl.SSLSocket) -> None:
    while True:
        ready = [side for side in (one, other) if side.pending()]
        for source in ready or select.select([one, other], [], [], 5)[0]:
            some = _some(source)
            if some == b"":
                return
            if some is not None:
                (other if source is one else one).sendall(some)


def _some(source: ssl.SSLSocket) -> bytes | None:
    """Read what is there; a record of TLS alone holds no byte of the stream."""
    source.setblocking(False)
    try:
        return source.recv(65536)
    except ssl.SSLWantReadError:
        return None
    finally:
        source.setblocking(True)


def _written(own: Tls, folder: Path) -> Path:
    path = folder / "middle.pem"
    path.write_bytes(own.key + own.certificate)
    return path
