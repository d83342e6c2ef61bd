"""Both ends and a SuperLink in a network namespace where every packet, to wherever, is seen.

Run as `unshare -rn python -m tests.federation.flower.alone FOLDER`; prints the places that
anything was sent to, as JSON (`tests.federation.listening`).
"""

import json
import os
import sys
from pathlib import Path

from site_node.carriers.flower.link import SuperLink
from tests.federation.carriers.world import SITES, never, soon
from tests.federation.flower.superlink import IN_MEMORY, Running, superlink_in
from tests.federation.flower.world import node, office
from tests.federation.listening import PROXIES, listening_in


def main(folder: Path) -> None:
    with listening_in() as listener, superlink_in(folder, IN_MEMORY) as superlink:
        port = superlink.port
        joined = in_peace(superlink)
        with office(superlink) as carrying, node(joined):
            came = list(carrying.carrier.exchange({SITES[0]: b"?"}, soon(), never))
    # Replies of the SuperLink, and what another process says inside of itself, have it as source.
    asked = {(to, there) for to, here, there in listener.seen if here != port}
    print(json.dumps({"answered": len(came), "port": port, "to": sorted(asked)}))  # noqa: T201


def in_peace(superlink: Running) -> SuperLink:
    """Register a node as an operator's program does, which heeds the environment's proxies."""
    proxies = {name: os.environ.pop(name) for name in PROXIES}
    joined = superlink.joined()
    os.environ.update(proxies)
    return joined


if __name__ == "__main__":
    main(Path(sys.argv[1]))
