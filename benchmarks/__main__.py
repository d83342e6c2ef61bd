"""`python -m benchmarks`: measure, and print one table a measurement, in Markdown.

Results go to stdout (and to `--out`), progress to stderr. The exit status does not tell whether
targets are reached: times depend on the machine, and are read by people.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks import (
    big_hospital,
    carriers,
    consortium,
    exactness,
    flower,
    install,
    many_sites,
    matching,
    seed_study,
    study_carriers,
    virtual,
)
from benchmarks.report import Section, machine, verdict

RUNS, RUNS_QUICK = 5, 1

Measurement = Callable[[bool], Section]


def _runs(quick: bool) -> int:
    return RUNS_QUICK if quick else RUNS


MEASUREMENTS: dict[str, Measurement] = {
    "exactness": lambda _: exactness.measure(),
    "study": lambda quick: seed_study.measure(_runs(quick)),
    "trips": lambda quick: carriers.measure(_runs(quick)),
    "flower": lambda quick: flower.measure(_runs(quick)),
    "secagg": lambda _: flower.measure_secagg(),
    "carriers": lambda quick: study_carriers.measure(quick=quick),
    "consortium": lambda quick: consortium.measure(_runs(quick)),
    "crowd": lambda quick: carriers.measure_crowd(quick=quick),
    "command": lambda _: seed_study.measure_command(),
    "traffic": lambda _: seed_study.measure_traffic(),
    "rows": lambda quick: big_hospital.measure(quick=quick),
    "sites": lambda quick: many_sites.measure(quick=quick),
    "virtual": lambda quick: virtual.measure(quick=quick),
    "masks": lambda quick: many_sites.measure_masks(runs=_runs(quick)),
    "matching": lambda quick: matching.measure(quick=quick),
    "install": lambda _: install.measure(),
}
"""All measurements by the name that `--only` takes."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the measurements that were asked for."""
    asked = _parser().parse_args(arguments)
    names = asked.only or list(MEASUREMENTS)
    sections = []
    print(_head(quick=asked.quick))
    for section in _measured(names, quick=asked.quick):
        sections.append(section)
        print(section.markdown, flush=True)
    end = verdict(sections)
    print(end)
    if asked.out:
        parts = [_head(quick=asked.quick), *(s.markdown for s in sections), end]
        asked.out.write_text("\n".join(parts) + "\n", encoding="utf-8")


def _measured(names: Sequence[str], *, quick: bool) -> Iterator[Section]:
    for name in names:
        start = time.perf_counter()
        print(f"{name} ...", end=" ", flush=True, file=sys.stderr)
        yield MEASUREMENTS[name](quick)
        print(f"{time.perf_counter() - start:.1f} s", file=sys.stderr)


def _head(*, quick: bool) -> str:
    small = "A quick run on small sizes: see that it works, compare nothing.\n\n" if quick else ""
    return f"# Measured\n\n{small}{machine()}\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        choices=list(MEASUREMENTS),
        help="one measurement; may be given more than once",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, one run each")
    parser.add_argument("--out", type=Path, help="write the tables to this file too")
    return parser


if __name__ == "__main__":
    main()
