"""Servers on this machine that behave as servers, proxies and filters of hospitals do."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from site_node.doctor.lookup import Endpoint
from tests.ports import HOST, free_port

Handler = Callable[[socket.socket], None]


@contextmanager
def server(handle: Handler) -> Iterator[Endpoint]:
    """Answer each connection in a thread of its own, until the block ends."""
    threads: list[threading.Thread] = []
    open_now: list[socket.socket] = []
    over = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            handle(connection)

    def accept(listening: socket.socket) -> None:
        while True:
            connection, _ = listening.accept()
            connection.settimeout(5)
            if over.is_set():
                connection.close()
                return
            open_now.append(connection)
            threads.append(threading.Thread(target=answer, args=[connection]))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepting = threading.Thread(target=accept, args=[listening])
        accepting.start()
        where = listening.getsockname()
        try:
            yield Endpoint(where[0], where[1])
        finally:
            over.set()
            socket.create_connection(where, 5).close()
            accepting.join()
            for connection in open_now:
                _shut(connection)
            for thread in threads:
                thread.join()


@contextmanager
def full_server() -> Iterator[Endpoint]:
    """Listen so that further connections are dropped: its queue of one is taken."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        where = listening.getsockname()
        for _ in range(4):  # Linux lets one or two more in than it was told
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(where)
        yield Endpoint(where[0], where[1])


def closed_port() -> Endpoint:
    return Endpoint(HOST, free_port())


def silent(connection: socket.socket) -> None:
    """Read until the other side goes away."""
    while connection.recv(1024):
        pass


def hang_up(connection: socket.socket) -> None:
    connection.recv(1024)


def says(text: str) -> Handler:
    def handle(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(text.encode("ascii"))

    return handle


def tls(certificate: Path, protocols: tuple[str, ...] = ("h2",)) -> Handler:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(list(protocols))

    def handle(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(1)

    return handle


def tunnel(target: Endpoint, head: str = "HTTP/1.1 200 OK\r\n\r\n") -> Handler:
    """Be a proxy: take CONNECT, answer, and pass bytes on both ways."""

    def handle(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(head.encode("ascii"))
        with socket.create_connection((target.host, target.port), 5) as beyond:
            back = threading.Thread(target=_copy, args=[beyond, connection])
            back.start()
            _copy(connection, beyond)
            back.join()

    return handle


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while some := source.recv(4096):
            sink.sendall(some)
    _shut(sink, socket.SHUT_WR)


def _shut(one: socket.socket, how: int = socket.SHUT_RDWR) -> None:
    with suppress(OSError):
        one.shutdown(how)
