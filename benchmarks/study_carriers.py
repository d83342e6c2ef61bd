"""The whole seed study over each of the carriers: the same hospitals, the same totals."""

import time
from statistics import median

from benchmarks.consortium import seed_consortium
from benchmarks.flower import SUPERNODE_TRIP_SECONDS, superlink
from benchmarks.report import Row, Section
from benchmarks.ways import Conduct, embedded, over_flower
from protocol.run import Played
from riskset.consortium_run import Running, running


def measure(*, quick: bool) -> Section:
    """Run the study over each carrier, once to warm up and then some times."""
    runs = 1 if quick else 3
    with seed_consortium() as consortium:
        with embedded(consortium) as conduct:
            nothing, trips = _seconds(conduct, runs, warm=not quick)
        with running(consortium) as parties:
            grpc, _ = _seconds(_conduct(parties), runs, warm=not quick)
        with superlink() as (link, _), running(over_flower(consortium, link)) as parties:
            flower, _ = _seconds(_conduct(parties), runs, warm=not quick)
    how = (
        "From the start of a run to its last sum. Embedded: all hospitals in one process, one "
        "after the other, with ledgers and journal synced. gRPC and Flower: seven nodes that are "
        f"processes, which are up, and the coordinator's daemon; TLS. Medians of {runs}, one run "
        "before is not counted (in a quick run it is the only one). Under stock SuperNodes each "
        "trip takes one message at the least, which starts a process: that row is the trips times "
        "the message measured apart."
    )
    rows = (
        Row("trips of the study", trips),
        Row("seed study over the embedded carrier", nothing, "s"),
        Row("seed study over gRPC", grpc, "s"),
        Row("seed study over Flower", flower, "s"),
        Row("seed study under stock SuperNodes, at the least", trips * SUPERNODE_TRIP_SECONDS, "s"),
    )
    return Section("Seed study over each carrier", how, rows)


def _conduct(parties: Running) -> Conduct:
    def conduct() -> Played:
        return parties.conduct(lambda _: None)

    return conduct


def _seconds(conduct: Conduct, runs: int, *, warm: bool) -> tuple[float, int]:
    """Give the median of the seconds, and the trips that it took."""
    if warm:
        conduct()
    trips, took = 0, list[float]()
    for _ in range(runs):
        began = time.perf_counter()
        trips = conduct().trips
        took.append(time.perf_counter() - began)
    return median(took), trips
