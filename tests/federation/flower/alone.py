"""Both ends and a SuperLink in a network namespace where every packet, to wherever, is seen.

Run as `unshare -rn python -m tests.federation.flower.alone FOLDER`; prints the places that
anything was sent to, as JSON. All addresses are routed to the loopback, where we listen in.
"""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

from site_node.carriers.flower.link import SuperLink
from tests.federation.carriers.world import SITES, never, soon
from tests.federation.flower.superlink import IN_MEMORY, Running, superlink_in
from tests.federation.flower.world import node, office

BAIT = ("192.0.2.7", 53)
"""A place of documentation (RFC 5737), to show that the listening works."""

IPV4, IPV6 = 0x0800, 0x86DD
TCP, UDP = 6, 17


class Listener:
    """Notes whom each packet on the loopback goes to, by address and port."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, int, int]] = set()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        self._socket.bind(("lo", 0))
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def stop(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"over", ("192.0.2.99", 9))
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while ("192.0.2.99", 0, 9) not in {(to, 0, port) for to, _, port in self.seen}:
            packet, (_, kind, *_) = self._socket.recvfrom(65535)
            if kind == IPV4 and packet[9] in (TCP, UDP):
                size = (packet[0] & 15) * 4
                source, port = struct.unpack("!HH", packet[size : size + 4])
                self.seen.add((socket.inet_ntoa(packet[16:20]), source, port))
            elif kind == IPV6 and packet[6] in (TCP, UDP):
                source, port = struct.unpack("!HH", packet[40:44])
                self.seen.add((socket.inet_ntop(socket.AF_INET6, packet[24:40]), source, port))


def main(folder: Path) -> None:
    for words in ("ip link set lo up", "ip route add local default dev lo"):
        subprocess.run(words.split(), check=True)
    # What others' programs would follow.
    os.environ["HTTPS_PROXY"] = os.environ["ALL_PROXY"] = "http://192.0.2.8:3128"
    listener = Listener()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bait:
        bait.sendto(b"x", BAIT)
    with superlink_in(folder, IN_MEMORY) as superlink:
        port = superlink.port
        joined = in_peace(superlink)
        with office(superlink) as carrying, node(joined):
            came = list(carrying.carrier.exchange({SITES[0]: b"?"}, soon(), never))
    listener.stop()
    # Replies of the SuperLink, and what another process says inside of itself, have it as source.
    asked = {(to, there) for to, here, there in listener.seen if here != port}
    print(json.dumps({"answered": len(came), "port": port, "to": sorted(asked)}))  # noqa: T201


def in_peace(superlink: Running) -> SuperLink:
    """Register a node as an operator's program does, which heeds the environment's proxies."""
    proxies = {name: os.environ.pop(name) for name in ("HTTPS_PROXY", "ALL_PROXY")}
    joined = superlink.joined()
    os.environ.update(proxies)
    return joined


if __name__ == "__main__":
    main(Path(sys.argv[1]))
