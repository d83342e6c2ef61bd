"""An office and its hospitals in a namespace where every packet, to wherever, is seen.

Run as `unshare -rn python -m tests.federation.wire.alone FOLDER`: a whole study in real processes
over gRPC, one of which dies; prints the places that anything was sent to, as JSON.
"""

import json
import sys
from pathlib import Path

from site_node.points import Point
from tests.federation.crash.cluster import cluster, running
from tests.federation.crash.ground import brief_text, copied, founded
from tests.federation.crash.lives import Death
from tests.federation.listening import listening_in


def main(folder: Path) -> None:
    ground = copied(founded(folder / "template", brief_text()), folder / "federation")
    port = int(ground.office.listen.rpartition(":")[2])
    made = cluster(ground, site_deaths={ground.sites[0]: [Death(Point.COMPUTED, 2)]})
    with listening_in() as listener, running(made) as (_, journal):
        made.until_published(journal)
        made.stop()
    # What the office answers has its port as source.
    asked = {(to, there) for to, here, there in listener.seen if here != port}
    killed = made.sites[ground.sites[0]].killed
    print(json.dumps({"killed": killed, "port": port, "to": sorted(asked)}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
