"""A stock SuperLink of this machine: TLS, registered nodes, runs that are executed elsewhere."""

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.ways import register as register_at
from coordinator.carriers.flower.link import SuperLink
from protocol.canonical import digest
from site_node.carriers.flower.keys import new_key, public_of
from site_node.carriers.flower.link import SuperLink as FromSite
from tests.federation.carriers.world import authority, tls
from tests.ports import free_port

SECRET = digest("tests", "superexec").hex().encode()
START_SECONDS = 60.0
IN_MEMORY = ":flwr-in-memory:"
"""Flower's name for no database: quicker, and gone with the process."""

CA = authority()[1]


@dataclass
class Running:
    """A SuperLink as a process, which can be killed and started again."""

    folder: Path
    port: int
    database: str = "state.db"
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def link(self) -> SuperLink:
        """What a coordinator has to know."""
        return SuperLink(self.address, CA, SECRET)

    @property
    def words(self) -> list[str]:
        """Say how it is started."""
        return command(self.folder, self.port, self.database)

    @property
    def environment(self) -> dict[str, str]:
        """Give what its environment has beside that of the tests."""
        return {"FLWR_HOME": str(self.folder / "home")}

    def joined(self) -> FromSite:
        """Make a node's key and register it, and say what the node has to know."""
        key = new_key()
        register(self, public_of(key))
        return FromSite(self.address, CA.decode(), key)

    def start(self) -> None:
        log = self.folder / "superlink.log"
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                self.words,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **self.environment},
                cwd=self.folder,
            )
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        context = ssl.create_default_context(cadata=CA.decode())
        try:
            with (
                socket.create_connection(("127.0.0.1", self.port), 1) as plain,
                context.wrap_socket(plain, server_hostname="127.0.0.1"),
            ):
                return True
        except OSError:
            return False


def command(folder: Path, port: int, database: str) -> list[str]:
    """Write a SuperLink's files, and say how it is started, as deploy/flower does."""
    files = {"server.key": tls().key, "server.pem": tls().certificate, "ca.pem": CA}
    for name, content in {**files, "superexec.secret": SECRET}.items():
        (folder / name).write_bytes(content)
    options = {
        "--host": "127.0.0.1",
        "--port": str(port),
        "--database": database,
        "--isolation": "process",
        "--superexec-auth-secret-file": "superexec.secret",
        "--ssl-certfile": "server.pem",
        "--ssl-keyfile": "server.key",
        "--ssl-ca-certfile": "ca.pem",
    }
    program = str(Path(sys.executable).with_name("flower-superlink"))
    flags = ["--enable-supernode-auth", "--disable-runtime-dependency-installation"]
    return [program, *flags, *(word for pair in options.items() for word in pair)]


def register(superlink: Running, public: bytes) -> int:
    """Register a node's key, as whoever runs the SuperLink does."""
    return register_at(superlink.link, public)


@contextmanager
def superlink_in(folder: Path, database: str = "state.db") -> Iterator[Running]:
    """Run a SuperLink until the block ends."""
    running = Running(folder, free_port(), database)
    running.start()
    try:
        yield running
    finally:
        running.stop()
