"""The whole seed study over each of the carriers: the same hospitals, the same totals."""

import time
from statistics import median

from benchmarks.consortium import seed_consortium
from benchmarks.flower import SUPERNODE_TRIP_SECONDS, superlink
from benchmarks.report import Row, Section
from benchmarks.ways import Conduct, embedded, over_flower
from protocol.run import Played
from riskset.consortium_run import Running, running


def measure(runs: int) -> Section:
    """Run the study over each carrier, once to warm up and then so many times."""
    with seed_consortium() as consortium:
        with embedded(consortium) as conduct:
            nothing, trips = _seconds(conduct, runs)
        with running(consortium) as parties:
            grpc, _ = _seconds(_conduct(parties), runs)
        with superlink() as (link, _), running(over_flower(consortium, link)) as parties:
            flower, _ = _seconds(_conduct(parties), runs)
    how = (
        "From the start of a run to its last sum. Embedded: all hospitals in one process, one "
        "after the other, with ledgers and journal synced. gRPC and Flower: seven nodes that are "
        f"processes, which are up, and the coordinator's daemon; TLS. Medians of {runs}, one run "
        "before is not counted. Under stock SuperNodes each trip takes one message at the least, "
        "which starts a process: that row is the trips times the message measured apart."
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


def _seconds(conduct: Conduct, runs: int) -> tuple[float, int]:
    """Give the median of the seconds, and the trips that it took."""
    trips, took = conduct().trips, []
    for _ in range(runs):
        began = time.perf_counter()
        conduct()
        took.append(time.perf_counter() - began)
    return median(took), trips
