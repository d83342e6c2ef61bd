"""`riskset demo`, run once as a person would run it."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from coordinator.bundle.reader import open_bundle
from coordinator.report.tidy import TABLES
from coordinator.results import read_results
from coordinator.verify import verify
from riskset.cli import main
from riskset.demo import NOTICE, Demo, compare
from riskset.synthetic import frozen
from tests.coordinator.examples import nothing

COMMAND = [sys.executable, "-c", "from riskset.cli import main; main()", "demo"]
ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, str]:
    """Run the demo in an empty folder: where it was run, what it said, its progress."""
    place = tmp_path_factory.mktemp("demo")
    ended = subprocess.run(
        [*COMMAND, "--keep", "kept", "--format", "json"],
        cwd=place,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    return place, json.loads(ended.stdout), ended.stderr


def test_it_leaves_extracts_plan_results_and_report(demo: tuple[Path, Any, str]) -> None:
    place, found, _ = demo
    out = place / "riskset-demo"
    assert {path.name for path in place.iterdir()} == {"riskset-demo", "kept"}
    names = {
        "extracts",
        "plan.toml",
        "report.html",
        "results.json",
        "bundle.zip",
        "reader.zip",
        *TABLES,
    }
    assert {path.name for path in out.iterdir()} == names
    for name, path in frozen().items():
        assert (out / "extracts" / name).read_bytes() == path.read_bytes()
    assert (place / found["files"]["report"]).is_file()
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "SIMULATED" not in report  # a federation ran it, though nobody in it is real
    assert "nobody in this cohort exists" in report


def test_its_bundle_holds(demo: tuple[Path, Any, str]) -> None:
    """Read from the coordinator's journal, with rosters that an authority signed."""
    place, found, _ = demo
    with open_bundle(place / found["files"]["bundle"]) as bundle:
        assert bundle.manifest.notice == NOTICE
        verdict = verify(bundle)
    approved = [one for one in verdict.ticks if one.found.startswith("approved by Operator of")]
    assert len(approved) == 7
    assert verdict.holds
    told = {tick.what: tick.found for tick in verdict.ticks}
    assert told["Roster"].startswith("7 hospitals, version 1, of the federation ")


def test_published_stands_beside_reproduced(demo: tuple[Path, Any, str]) -> None:
    _, found, _ = demo
    rows = {row["what"]: (row["published"], row["reproduced"]) for row in found["comparisons"]}
    assert rows["Patients"] == ("103 v 255", "103 v 255")
    assert rows["Matched"] == ("100 v 100", "99 v 99")
    published, reproduced = rows["Disease-free at 5 years"]
    assert published == "36 % v 21 %, P = .02"
    shares = [float(share) for share in re.findall(r"([\d.]+) %", reproduced)]
    assert shares == pytest.approx([36, 21], abs=3)
    assert "Nobody in this cohort exists" in found["note"]
    assert "99 pairs" in found["note"]


def test_results_agree_with_what_was_said(demo: tuple[Path, Any, str]) -> None:
    place, found, _ = demo
    results = read_results(place / found["files"]["results"])
    assert results.study.plan_handle == found["plan"]
    assert list(results.study.hospitals) == found["hospitals"] == [f"H{n}" for n in range(1, 8)]
    matched = {design.name: design.matched.treated for design in results.designs}
    assert matched["matched"] == 99
    dfs = next(r for r in results.survival if (r.endpoint, r.population) == ("dfs", "matched"))
    point = next(p for p in dfs.landmarks.treated if p.time == 1825)
    said = next(r["reproduced"] for r in found["comparisons"] if "Disease-free" in r["what"])
    assert said.startswith(f"{100 * point.survival:.1f} % v ")


def test_people_read_it_as_a_table(
    demo: tuple[Path, Any, str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = demo[0] / "riskset-demo"
    Demo(read_results(out / "results.json"), out).show()
    told = capsys.readouterr().out
    assert told.startswith("SYNTHETIC PATIENTS · Upfront versus delayed")
    # The lottery follows from the plan: any change of the plan reproduces by another draw.
    reproduced = r"Complications\t5 % v 6 %, P = \.76\t\d\.\d % v \d\.\d %, P (= 0|> 0)\.\d+\n"
    assert re.search(reproduced, told)
    assert "Nobody in this cohort exists" in told
    assert str(out / "report.html") in told


def test_a_study_without_the_figures_says_so() -> None:
    rows = {row.what: row.reproduced for row in compare(nothing())}
    assert rows["Patients"] == "0 v 0"
    assert rows["Matched"] == "not made"
    assert rows["Disease-free at 5 years"] == rows["Complications"] == "not shown"


def test_progress_is_plain_when_piped(demo: tuple[Path, Any, str]) -> None:
    lines = demo[2].splitlines()
    assert lines[:2] == [
        "Found a centre and seven hospitals: done",
        "Start the hospitals' nodes: done",
    ]
    assert any(
        re.fullmatch(r"Fit the propensity model: trip \d+, [\d,]+ bytes from each .*", x)
        for x in lines
    )
    assert lines[-1] == "Write results and report: done"
    assert "\x1b" not in demo[2]


def test_seven_nodes_ran_it_and_ended_cleanly(demo: tuple[Path, Any, str]) -> None:
    kept = demo[0] / "kept"
    for number in range(1, 8):
        log = (kept / f"H{number}" / "node.log").read_text(encoding="utf-8")
        events = [json.loads(x)["event"] for x in log.splitlines() if x.startswith("{")]
        assert events[0] == "started"
        assert events[-1] == "stopped"
        assert "run-closed" in events
        assert not {"refused", "fault", "evidence-kept"} & set(events)
        # The keys of the run are gone with it.
        assert not list((kept / f"H{number}" / "state" / "runs").glob("*.keys"))


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    started = subprocess.Popen(
        COMMAND, cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    )
    assert started.stderr is not None
    with started:
        assert started.stderr.readline().startswith("Found a centre")
        started.send_signal(signal.SIGINT)
        try:
            _, rest = started.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            started.kill()
            raise
        assert started.returncode == 130
    assert "Traceback" not in rest
    assert rest.splitlines()[-1] == "stopped; nothing half-done is left behind"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["plan.toml", "extracts/H3.csv"])
def test_an_edited_input_is_not_overwritten(
    name: str,
    demo: tuple[Path, Any, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = demo[0] / "riskset-demo"
    before = (out / name).read_bytes()
    (out / name).write_bytes(before + b"# mine\n")
    monkeypatch.setattr("sys.argv", ["riskset", "demo", "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        main()
    (out / name).write_bytes(before)
    assert ended.value.code == 2
    assert f"{out / name}: is not what the demo would write there" in capsys.readouterr().err
