"""The whole seed study between processes: a coordinator, seven nodes, gRPC with TLS, ledgers."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.processes import memory_of, processor_seconds
from benchmarks.report import Row, Section
from benchmarks.seed import seed_plan
from coordinator.publish import ResultsFolder
from protocol.ids import SiteId
from riskset.consortium import Consortium, assemble
from riskset.consortium_run import Running, running
from riskset.plans import read_builtin
from riskset.synthetic import frozen

IDLE_SECONDS = 20.0
MOST_SECONDS = 3.0


def measure(runs: int) -> Section:
    """Time runs of the study over nodes that are up, and look at a node idle and at work."""
    with seed_consortium() as consortium, running(consortium) as parties:
        idle, idle_memory = _idle(parties)
        took = [_run(parties) for _ in range(runs + 1)]
        memory = max(memory_of(node.pid, peak=True) for node in parties.nodes.values())
    seconds = [run[0] for run in took[1:]]
    reports = [run[1] for run in took[1:]]
    how = (
        "Seven nodes, each a process, and the coordinator's daemon on this machine; TLS, masks, "
        "signatures, synced ledgers and journal. The nodes are up with their libraries loaded; one "
        f"run before is not counted; medians of {runs}. Processor and memory are a node's, the "
        f"largest of seven, idle over {IDLE_SECONDS:.0f} s."
    )
    rows = (
        Row("from the start of the run to the last sum", median(seconds), "s"),
        Row("and to the finished report", median(reports), "s", MOST_SECONDS),
        Row("a node idle, share of one processor", 100 * idle, "%"),
        Row("a node idle, memory", idle_memory / 1e6, "MB"),
        Row("a node at work, memory at the most", memory / 1e6, "MB"),
    )
    return Section("Seed study between eight processes", how, rows)


@contextmanager
def seed_consortium() -> Iterator[Consortium]:
    """Found the seed study's seven hospitals and their centre below a folder of their own."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "plan.toml").write_text(read_builtin("crlm"), encoding="utf-8")
        extracts: dict[SiteId, Path] = {}
        for file, path in frozen().items():
            extracts[SiteId(Path(file).stem)] = path
        yield assemble(folder / "all", folder / "plan.toml", seed_plan(), extracts, b"benchmark")


def _idle(parties: Running) -> tuple[float, int]:
    """Give a node's share of a processor, and its memory, while nobody asks anything."""
    nodes = [node.pid for node in parties.nodes.values()]
    time.sleep(2)
    before = [processor_seconds(pid) for pid in nodes]
    time.sleep(IDLE_SECONDS)
    used = [processor_seconds(pid) - start for pid, start in zip(nodes, before, strict=True)]
    return max(used) / IDLE_SECONDS, max(memory_of(pid) for pid in nodes)


def _run(parties: Running) -> tuple[float, float]:
    began = time.perf_counter()
    played = parties.conduct(lambda _: None)
    summed = time.perf_counter() - began
    with TemporaryDirectory() as out:
        ResultsFolder(Path(out)).publish(played)
    return summed, time.perf_counter() - began
