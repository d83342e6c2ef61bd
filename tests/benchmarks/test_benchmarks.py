"""The suite runs on small sizes and tells ratios. No time is asserted: machines differ."""

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import MEASUREMENTS, main
from benchmarks.install import needed
from benchmarks.report import Row, Section, verdict
from benchmarks.seed_study import PARTS
from benchmarks.timing import Stopwatch, median, peak_bytes, timed

ROOT = Path(__file__).parents[2]

MEASURED = [name for name in MEASUREMENTS if name not in ("command", "carriers")]
"""The command line has tests of its own, and so has the study over each carrier
(`federation/flower`); they take as long as all others together."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Run the suite in a process of its own, as people do."""
    out = tmp_path_factory.mktemp("benchmarks") / "measured.md"
    only = [part for name in MEASURED for part in ("--only", name)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--out", str(out), *only],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    text = out.read_text(encoding="utf-8")
    assert done.stdout == text
    return text


def rows(report: str) -> dict[str, list[str]]:
    """Read the tables' rows by what was measured."""
    lines = [line.split("|")[1:-1] for line in report.splitlines() if line.startswith("| ")]
    table = [[cell.strip() for cell in cells] for cells in lines]
    return {cells[0]: cells[1:] for cells in table if cells[0] not in ("what", "---")}


def test_every_measurement_has_its_table(report: str) -> None:
    assert report.count("\n## ") == len(MEASURED)
    assert report.count("| what | measured | to reach | reached |") == len(MEASURED)


def test_ratios_are_told(report: str) -> None:
    ratios = {what: cells[0] for what, cells in rows(report).items() if "ratio: " in what}
    assert {what.partition("ratio: ")[2] for what in ratios} == {
        "federation to pooled rows",
        "bytes of masked words to 8 a number",
        "masked to plain",
    }
    for told in ratios.values():
        assert float(re.fullmatch(r"([\d.,e-]+) times", told)[1].replace(",", "")) > 0  # type: ignore[index]


def test_masked_federation_equals_pooled_rows(report: str) -> None:
    exact = report.partition("## Exactness")[2].partition("\n## ")[0]
    found = rows(exact)
    assert found["whole numbers that differ"][0] == "0"
    assert int(found["whole numbers compared"][0].replace(",", "")) > 5000
    with_target = [cells for cells in found.values() if cells[1].startswith("at most")]
    assert len(with_target) == 8
    assert all(cells[2] == "yes" for cells in with_target)


def test_growth_is_told_as_slopes(report: str) -> None:
    slopes = [cells for what, cells in rows(report).items() if what.startswith("slope")]
    assert len(slopes) == 2
    assert all(math.isfinite(float(cells[0])) for cells in slopes)


def test_a_quick_run_says_so(report: str) -> None:
    assert "A quick run on small sizes" in report


def test_parts_of_the_study_are_told(report: str) -> None:
    told = {what.removeprefix("— ") for what in rows(report) if what.startswith("— ")}
    assert set(PARTS) <= told


def test_one_measurement_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--only", "matching", "--quick"])
    told = capsys.readouterr()
    assert "300 x 3,000 patients: pairs found" in told.out
    assert told.err.startswith("matching ...")


def test_unknown_measurement_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "speed"])
    assert "invalid choice" in capsys.readouterr().err


def test_row_reaches_its_target_up_to_the_limit() -> None:
    assert Row("a", 60.0, "s", 60.0).reached
    assert Row("a", 60.1, "s", 60.0).reached is False
    assert Row("a", math.nan, "s", 60.0).reached is False
    assert Row("a", 60.1, "s").reached is None


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0, "0 s"),
        (1_212_032, "1,212,032 s"),
        (4.7123e-12, "4.7e-12 s"),
        (0.01234, "0.0123 s"),
        (55.84, "55.8 s"),
        (1234.5, "1,234 s"),
        (math.inf, "inf s"),
    ],
)
def test_numbers_are_told_with_three_digits(value: float, told: str) -> None:
    assert Row("a", value, "s").cells[1] == told


def test_verdict_names_what_was_missed() -> None:
    rows = Row("fast", 1, "s", 2), Row("slow", 3, "s", 2), Row("plain", 9)
    section = Section("T", "How.", rows)
    assert verdict([section]) == "1 of 2 targets reached. Missed: slow."
    assert "| slow | 3 s | at most 2 s | **no** |" in section.markdown


def test_stopwatch_adds_up_also_what_fails() -> None:
    clock = Stopwatch()
    for _ in range(2):
        with pytest.raises(ValueError, match="inside"), clock("part"):
            raise ValueError("inside")
    assert clock.seconds.keys() == {"part"}
    assert clock.seconds["part"] > 0


def test_timing_returns_what_was_called() -> None:
    calls: list[int] = []
    assert timed(lambda: 7)[0] == 7
    median(lambda: calls.append(1), 3)
    assert len(calls) == 3


def test_peak_memory_grows_by_what_is_held() -> None:
    before = peak_bytes()
    held = b"\1" * (before + 50_000_000)  # more than was ever held, and touched
    assert peak_bytes() - before > 50_000_000
    del held


def test_requirements_are_followed_without_tools_for_developers() -> None:
    found = needed("riskset")
    assert {"riskset", "numpy", "scikit-learn", "lifelines"} <= found.keys()
    assert not {"pytest", "mypy", "ruff", "hypothesis"} & found.keys()
