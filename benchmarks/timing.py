"""Time and memory of a call, here or in a process of its own."""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

ROOT = Path(__file__).parents[1]
PROC_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Took:
    """Seconds of the clock, and of the processor: the second hardly depends on other work."""

    wall: float
    cpu: float


def timed(call: Callable[[], T]) -> tuple[T, Took]:
    """Call once and say how long it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = call()
    return found, Took(time.perf_counter() - wall, time.process_time() - cpu)


def median(call: Callable[[], object], runs: int) -> Took:
    """Call several times; the median of each kind of seconds."""
    took = [timed(call)[1] for _ in range(runs)]
    return Took(statistics.median(t.wall for t in took), statistics.median(t.cpu for t in took))


class Stopwatch:
    """Adds up the seconds of the parts of something longer, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Count what happens inside to a part."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - start


def peak_bytes() -> int:
    """Tell the most memory that this process has held so far (resident set)."""
    # Linux hands the parent's peak down in ru_maxrss, not in this file.
    if PROC_STATUS.exists():
        line = next(x for x in PROC_STATUS.read_text().splitlines() if x.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def child(module: str, arguments: Sequence[str]) -> Any:
    """Run a module of ours in a fresh process and read the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    )
    return json.loads(done.stdout)


def command(arguments: Sequence[str]) -> Took:
    """Run a command of `riskset` in a fresh process, from its start to its end."""
    program = "from riskset.cli import main; main()"
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(time.perf_counter() - wall, cpu)
