"""What 10,000 to 10 million rows at one hospital cost, each size in a process of its own.

The module is both ends: `measure` starts it as a program for every size, and reads what it prints.
"""

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from benchmarks.report import Row, Section
from benchmarks.seed import SEED, seed_plan
from benchmarks.synthetic import write_large
from benchmarks.timing import child, peak_bytes, timed
from protocol.cohort import Cohort, enrol
from protocol.ids import site_id
from protocol.plan.model import Plan
from protocol.question import Opened
from protocol.steps.describe import Describe
from protocol.steps.model import Model, propensity_model
from protocol.steps.population import Complete, Everybody
from protocol.steps.risk_table import RiskTableStep
from protocol.steps.score import Score
from riskset.simulate import with_profile_open
from site_node.data.check import read_extract

T = TypeVar("T")

SIZES, SIZES_QUICK = (10_000, 100_000, 1_000_000, 10_000_000), (1_000, 10_000)
TARGET_ROWS, MOST_SECONDS, MOST_BYTES = 10_000_000, 60.0, 4e9
MOST_SLOPE = 1.1
"""Slope of time over rows, both as logarithms, that still counts as linear."""

READ, ENROL = "CSV to typed rows", "typed rows to cohort"
SCORE, TABLE, DESCRIBE = "one propensity trip", "one outcome trip", "describe"
TARGET_STAGES = (READ, ENROL, SCORE, TABLE)
HEAD_ROWS = 1_000


def measure(*, quick: bool) -> Section:
    """Measure every size, and whether cost grows in proportion to rows."""
    sizes = SIZES_QUICK if quick else SIZES
    found = {size: _measured(size) for size in sizes}
    rows = [row for size in sizes for row in _rows(size, found[size])]
    small, big = sizes[-2:]
    slope = _slope(small, big, *(_total(found[size], "wall") for size in (small, big)))
    label = f"slope of seconds over rows in log-log, {small:,} to {big:,}"
    how = (
        "One hospital's extract from the file on: read and checked, enrolled, one trip of the "
        "propensity model (score and information at given coefficients, all 14 columns), one of "
        "outcomes (risk table by day). Each size in a fresh process, once; memory is the peak of "
        "the process, libraries included. Describing the cohort is shown beside it."
    )
    return Section("Rows at one hospital", how, (*rows, Row(label, slope, "", MOST_SLOPE)))


def _measured(size: int) -> Mapping[str, Mapping[str, float]]:
    with TemporaryDirectory() as folder:
        extract = Path(folder) / "extract.csv"
        write_large(extract, size, seed=1)
        found: Mapping[str, Mapping[str, float]] = child("benchmarks.big_hospital", [str(extract)])
    return found


def _rows(size: int, found: Mapping[str, Mapping[str, float]]) -> list[Row]:
    target = size == TARGET_ROWS
    label = f"{size:,} rows"
    stages = [Row(f"{label}: {stage}", found[stage]["wall"], "s") for stage in found]
    return [
        *stages,
        Row(
            f"{label}: file to both trips",
            _total(found, "wall"),
            "s",
            MOST_SECONDS if target else None,
        ),
        Row(f"{label}: the same, processor time", _total(found, "cpu"), "s"),
        Row(
            f"{label}: peak memory",
            found[TABLE]["peak"] / 1e9,
            "GB",
            MOST_BYTES / 1e9 if target else None,
        ),
        Row(f"{label}: peak memory, describe included", found[DESCRIBE]["peak"] / 1e9, "GB"),
    ]


def _total(found: Mapping[str, Mapping[str, float]], kind: str) -> float:
    return sum(found[stage][kind] for stage in TARGET_STAGES)


def _slope(small: int, big: int, at_small: float, at_big: float) -> float:
    return math.log(at_big / at_small) / math.log(big / small)


def main(path: Path) -> None:
    """Measure one extract and print seconds and peak bytes of each stage as JSON."""
    plan, found = _plan(), dict[str, dict[str, float]]()

    def stage(name: str, call: Callable[[], T]) -> T:
        value, took = timed(call)
        found[name] = {"wall": took.wall, "cpu": took.cpu, "peak": peak_bytes()}
        return value

    reading = stage(READ, lambda: read_extract(path, plan))
    cohort = stage(ENROL, lambda: enrol(plan, site_id("H1"), reading.extract, SEED))
    model = _model(plan, cohort)
    stage(SCORE, lambda: Score(model, (0.1,) * model.size, "ml", 0).local(cohort))
    stage(TABLE, lambda: RiskTableStep(plan, plan.survival[0], Everybody()).local(cohort))
    stage(DESCRIBE, lambda: Describe(plan, Complete(plan)).local(cohort))
    print(json.dumps(found))


def _plan() -> Plan:
    """Let the seed study's plan take one hospital of any size."""
    plan = with_profile_open(seed_plan())
    disclosure = plan.disclosure.model_copy(update={"max_patients_per_hospital": 2 * TARGET_ROWS})
    return plan.model_copy(update={"disclosure": disclosure})


def _model(plan: Plan, cohort: Cohort) -> Model:
    """Standardise by the first rows alone, which takes neither time nor memory."""
    head = replace(
        cohort,
        ids=cohort.ids[:HEAD_ROWS],
        arm=cohort.arm[:HEAD_ROWS],
        values={name: array[:HEAD_ROWS] for name, array in cohort.values.items()},
    )
    step = Describe(plan, Complete(plan))
    opened = Opened(step.local(head), (cohort.site,), head.size, 0, {})
    return propensity_model(plan, step.learn(opened))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
