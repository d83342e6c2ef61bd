"""A node as a process of its own, which is asked and never answers: to be killed.

`python -m tests.federation.flower.lone ADDRESS KEY SITE`; says on stdout that it was asked.
"""

import sys
import threading
from pathlib import Path

from protocol.governance.identity import identity_public
from protocol.ids import site_id
from site_node.carriers.flower.carrier import FlowerSiteCarrier
from site_node.carriers.flower.link import SuperLink
from site_node.carriers.session import Credentials
from tests.federation.carriers.world import OFFICE, seed
from tests.federation.flower.superlink import CA


def handle(_: bytes) -> bytes:
    sys.stdout.write("asked\n")
    sys.stdout.flush()
    threading.Event().wait()
    return b""


def main(address: str, key: Path, site: str) -> None:
    me = Credentials(site_id(site), seed(site), identity_public(OFFICE), "1.0")
    link = SuperLink(address, CA.decode(), key.read_bytes())
    FlowerSiteCarrier(link, lambda: me, handle, tell=lambda _: None, at=lambda _: None).serve()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
