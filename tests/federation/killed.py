"""Conducts a run in a folder until the process kills itself at the second visit to a point.

`python -m tests.federation.killed FOLDER POINT`, for the tests: office and nodes are one process.
"""

import os
import signal
import sys
from itertools import count
from pathlib import Path

from coordinator.journal import all_runs
from coordinator.points import Point
from tests.coordinator.hospitals import brief_plan
from tests.federation.centre import founded


def main(folder: Path, point: Point) -> None:
    """Go on with the folder's run, or begin one."""
    visits = count(1)

    def at(here: Point) -> None:
        if here is point and next(visits) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    with founded(folder, brief_plan()) as centre:
        runs = [row.run_id for row in all_runs(centre.store)]
        centre.conduct(runs[0] if runs else centre.start(), at)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Point(sys.argv[2]))
