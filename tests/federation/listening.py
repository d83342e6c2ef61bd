"""Every packet that is sent, to wherever, in a network namespace that holds nothing else.

A program runs under `ALONE`, which gives it a namespace without any network. There all addresses
are routed to the loopback, where `listening_in` notes whom each packet goes to.
"""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ALONE = ("unshare", "-rn", sys.executable, "-m")
ROOT = Path(__file__).parents[2]

BAIT = ("192.0.2.7", 53)
"""A place of documentation (RFC 5737), to show that the listening works."""

OVER = ("192.0.2.99", 9)
"""Whom the last packet goes to."""

PROXIES = {"HTTPS_PROXY": "http://192.0.2.8:3128", "ALL_PROXY": "http://192.0.2.8:3128"}
"""What others' programs would follow."""

IPV4, IPV6 = 0x0800, 0x86DD
TCP, UDP = 6, 17


class Listener:
    """Notes whom each packet on the loopback goes to: address, source port and port."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, int, int]] = set()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        self._socket.bind(("lo", 0))
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def stop(self) -> None:
        _send(b"over", OVER)
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while OVER not in {(to, port) for to, _, port in self.seen}:
            packet, (_, kind, *_) = self._socket.recvfrom(65535)
            if kind == IPV4 and packet[9] in (TCP, UDP):
                size = (packet[0] & 15) * 4
                source, port = struct.unpack("!HH", packet[size : size + 4])
                self.seen.add((socket.inet_ntoa(packet[16:20]), source, port))
            elif kind == IPV6 and packet[6] in (TCP, UDP):
                source, port = struct.unpack("!HH", packet[40:44])
                self.seen.add((socket.inet_ntop(socket.AF_INET6, packet[24:40]), source, port))


@contextmanager
def listening_in() -> Iterator[Listener]:
    """Listen until the block ends, in surroundings that would lead others astray."""
    for words in ("ip link set lo up", "ip route add local default dev lo"):
        subprocess.run(words.split(), check=True)
    os.environ.update(PROXIES)
    listener = Listener()
    try:
        _send(b"x", BAIT)
        yield listener
    finally:
        listener.stop()


def told_alone(module: str, folder: Path, **environment: str) -> tuple[Any, set[tuple[str, int]]]:
    """Run a module in a namespace of its own; gives what it prints as JSON, and `to` of it."""
    words = [*ALONE, module, str(folder)]
    surroundings = {**os.environ, **environment}
    done = subprocess.run(words, cwd=ROOT, env=surroundings, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    told = json.loads(done.stdout)
    to = {(address, port) for address, port in told["to"]}
    assert BAIT in to  # so that what is not seen was not sent
    return told, to - {BAIT, OVER}


def _send(what: bytes, where: tuple[str, int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        sending.sendto(what, where)
