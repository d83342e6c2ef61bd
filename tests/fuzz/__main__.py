"""Bend bytes for as long as somebody has time: `make fuzz`, or `python -m tests.fuzz [NAME...]`.

What breaks a reader is kept in `.hypothesis` and comes first the next time. Once it is mended, it
belongs into `test_what_broke_once`.
"""

import sys
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from tests.fuzz.bending import bent
from tests.fuzz.bounds import hold
from tests.fuzz.targets import TARGETS, Target

EXAMPLES = 20_000


def fuzz(target: Target, examples: int, folder: Path) -> None:
    """Let one target read so many bent samples."""

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(bent(target.samples()))
    def run(raw: bytes) -> None:
        hold(target, raw, folder)

    run()


def main(arguments: list[str]) -> int:
    """Go through all targets, or those that are named; a number says how many examples each."""
    wanted = [word for word in arguments if not word.isdigit()]
    examples = next((int(word) for word in arguments if word.isdigit()), EXAMPLES)
    failed = list[str]()
    for target in TARGETS:
        if wanted and target.name not in wanted:
            continue
        sys.stdout.write(f"{target.name}: {examples:,} examples ... ")
        sys.stdout.flush()
        try:
            with tempfile.TemporaryDirectory() as folder:
                fuzz(target, examples, Path(folder))
        except Exception as error:
            failed.append(target.name)
            sys.stdout.write(f"broken\n{type(error).__name__}: {error}\n")
            sys.stdout.write("\n".join(getattr(error, "__notes__", [])) + "\n")
        else:
            sys.stdout.write("held\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
