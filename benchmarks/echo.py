"""Stands for hospitals that answer at once: `python -m benchmarks.echo FOLDER PORT FIRST COUNT`.

What it measures is the carrier: an answer is as many bytes as the request asks for, and costs
nothing to make.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

from benchmarks.carriers import seed_of, site_name
from protocol.governance.federation import Federation
from site_node.carriers.grpc import SiteCarrier
from site_node.carriers.session import Credentials
from site_node.doctor.handshake import Trust
from site_node.doctor.lookup import Endpoint
from site_node.doctor.way import Way


def answer(request: bytes) -> bytes:
    """Answer with as many bytes as the first eight say, little-endian."""
    return bytes(int.from_bytes(request[:8], "little"))


def main() -> None:
    """Serve so many hospitals, until the process is ended."""
    folder, port, first, number = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    federation = Federation.from_bytes((folder / "federation.json").read_bytes())
    way, trust = Way(Endpoint("localhost", port)), Trust(federation.ca_certificate)
    threads = []
    for place in range(first, first + number):
        me = Credentials(site_name(place), seed_of(place), federation.coordinator, "benchmark")
        carrier = SiteCarrier(
            way,
            trust,
            lambda me=me: me,  # type: ignore[misc]
            answer,
            tell=lambda _: None,
            at=lambda _: None,
            now=lambda: datetime.now(UTC),
        )
        threads.append(Thread(target=carrier.serve, daemon=True))
        threads[-1].start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
