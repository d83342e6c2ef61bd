"""A line between a hospital and the office that a test can cut, hold, make deaf or slow.

It passes bytes on between two sockets and knows nothing of what they say.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.ports import HOST


@dataclass(eq=False)
class Line:
    """One hospital's line. All switches may be thrown at any time.

    `open` false: new connections are dropped at once. `up` and `down` false: bytes in that
    direction are lost without a word, as behind a firewall that forgot the connection; the line
    has to be cut afterwards. With `half_open`, the end of one side is not told to the other.
    Speeds are in bytes a second, 0 for as fast as may be.
    """

    target: tuple[str, int]
    listening: socket.socket
    open: bool = True
    up: bool = True
    down: bool = True
    half_open: bool = False
    up_speed: int = 0
    down_speed: int = 0
    dialled: int = 0
    passed_bytes: int = 0
    _pairs: list[tuple[socket.socket, socket.socket]] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _over: bool = False

    @property
    def port(self) -> int:
        return int(self.listening.getsockname()[1])

    def cut(self) -> None:
        """End all connections at once, with a reset at both ends."""
        for pair in self._pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def heal(self) -> None:
        """Let everything through again; connections that lost bytes end."""
        self.open = self.up = self.down = True
        self.cut()

    def accept(self) -> None:
        while True:
            near, _ = self.listening.accept()
            if self._over:
                near.close()
                return
            self.dialled += 1
            far = self._beyond() if self.open else None
            if far is None:
                near.close()
                continue
            self._pairs.append((near, far))
            for source, sink, is_up in ((near, far, True), (far, near, False)):
                thread = threading.Thread(target=self._copy, args=(source, sink, is_up))
                self._threads.append(thread)
                thread.start()

    def close(self) -> None:
        self._over = True
        socket.create_connection((HOST, self.port), 5).close()
        self.cut()
        for thread in self._threads:
            thread.join()
        for pair in self._pairs:
            for end in pair:
                end.close()

    def _beyond(self) -> socket.socket | None:
        try:
            return socket.create_connection(self.target, 5)
        except OSError:
            return None

    def _speed(self, is_up: bool) -> int:
        return self.up_speed if is_up else self.down_speed

    def _copy(self, source: socket.socket, sink: socket.socket, is_up: bool) -> None:
        with suppress(OSError):
            while some := source.recv(self._speed(is_up) // 8 or 65536):
                if self.up if is_up else self.down:
                    sink.sendall(some)
                    self.passed_bytes += len(some)
                if speed := self._speed(is_up):
                    time.sleep(len(some) / speed)  # this is what slow means
        if not self.half_open:
            for end in (source, sink):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


@contextmanager
def line(port: int) -> Iterator[Line]:
    """Open a line to a port of this machine until the block ends."""
    with socket.create_server((HOST, 0)) as listening:
        made = Line((HOST, port), listening)
        accepting = threading.Thread(target=made.accept)
        accepting.start()
        try:
            yield made
        finally:
            made.close()
            accepting.join()
