"""`riskset simulate` and the command's doors as a person or a script meets them."""

import json
from pathlib import Path

import pytest

from coordinator.report.tidy import TABLES
from riskset.cli import main
from tests.riskset.folders import HEADER, SMALL, write_extracts


class Ended:
    """How the command ended and what it wrote."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err


class Run:
    """Runs the command in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: str | Path) -> Ended:
        self.monkeypatch.setattr("sys.argv", ["riskset", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        written = self.capsys.readouterr()
        return Ended(int(ended.value.code or 0), written.out, written.err)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(monkeypatch, capsys)


def test_doors_by_role(run: Run) -> None:
    ended = run()
    assert ended.status == 0
    for door in ("riskset demo", "riskset plan new", "riskset simulate", "riskset-site check"):
        assert door in ended.out


def test_help_version_and_mounted_commands(run: Run) -> None:
    told = run("--help").out
    assert "simulate" in told
    assert "Take the form for readers out of a bundle." in told
    assert "..." not in told.partition("Commands")[2]  # no sentence is cut
    assert "\\[" not in told + run("demo", "--help").out
    assert run("--version").out.startswith("riskset ")
    assert "explain" in run("plan", "--help").out
    assert run("plan", "check", SMALL).status == 0
    assert run("nonsense").status == 2
    assert run("simulate").status == 2


def test_a_simulation_leaves_all_its_files(run: Run, tmp_path: Path) -> None:
    sites, out = write_extracts(tmp_path / "sites"), tmp_path / "out"
    ended = run("simulate", SMALL, "--sites", sites, "--out", out, "--seed", "0a")
    assert ended.status == 0
    assert "Read the extracts: 36 rows of 3 hospitals\n" in ended.err
    assert "Compare outcomes: " in ended.err
    assert ended.out.startswith("SIMULATED · A small study\n")
    assert "18 v 18 patients" in ended.out
    assert str(out / "report.html") in ended.out
    names = {"report.html", "results.json", "bundle.zip", "reader.zip", *TABLES}
    assert {path.name for path in out.iterdir()} == names
    assert "SIMULATED" in (out / "report.html").read_text(encoding="utf-8")
    # An earlier run of ours may be replaced; the same seed gives the same bytes.
    before, proof = (out / "results.json").read_bytes(), (out / "bundle.zip").read_bytes()
    assert run("simulate", SMALL, "--sites", sites, "--out", out, "--seed", "0A").status == 0
    assert (out / "results.json").read_bytes() == before
    assert (out / "bundle.zip").read_bytes() == proof


def test_json_for_scripts_and_quiet(run: Run, tmp_path: Path) -> None:
    sites, out = write_extracts(tmp_path / "sites"), tmp_path / "out"
    ended = run("simulate", SMALL, "--sites", sites, "--out", out, "--quiet", "--format", "json")
    assert (ended.status, ended.err) == (0, "")
    found = json.loads(ended.out)
    assert found["schema"] == "riskset:simulate/1"
    assert found["simulated"] is True
    assert found["hospitals"] == ["A", "B", "C"]
    assert found["patients"] == {"comparator": 18, "treated": 18}
    assert all(Path(path).is_file() for path in found["files"]["tables"].values())
    assert Path(found["files"]["report"]).is_file()
    silent = run("simulate", SMALL, "--sites", sites, "--out", out, "--quiet")
    assert (silent.status, silent.out, silent.err) == (0, "", "")


def test_one_hospital_needs_profile_open(run: Run, tmp_path: Path) -> None:
    sites, out = write_extracts(tmp_path / "sites", ("A",)), tmp_path / "out"
    refused = run("simulate", SMALL, "--sites", sites, "--out", out)
    assert refused.status == 5
    assert "[disclosure]" in refused.err
    assert not out.exists()
    assert run("simulate", SMALL, "--sites", sites, "--out", out, "--profile", "open").status == 0
    assert run("simulate", SMALL, "--sites", sites, "--out", out, "--profile", "exact").status == 2


def test_broken_extracts_of_all_hospitals(run: Run, tmp_path: Path) -> None:
    sites, out = write_extracts(tmp_path / "sites"), tmp_path / "out"
    for name in ("A", "C"):
        text = HEADER + "P1,250,old,3,0\n"
        (sites / f"{name}.csv").write_text(text + f"P2,{name},old,3,0\n", encoding="utf-8")
    ended = run("simulate", SMALL, "--sites", sites, "--out", out)
    assert ended.status == 1
    assert "A.csv: age: not a number in 1 row" in ended.err
    assert "C.csv: age: out of range in 1 row" in ended.err
    assert "250" not in ended.err.replace(str(tmp_path), "")
    assert "Traceback" not in ended.err
    assert not out.exists()


def test_what_is_not_ours_stays(run: Run, tmp_path: Path) -> None:
    sites, out = write_extracts(tmp_path / "sites"), tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work", encoding="utf-8")
    refused = run("simulate", SMALL, "--sites", sites, "--out", out)
    assert refused.status == 2
    assert "holds thesis.txt" in refused.err
    (out / "thesis.txt").rename(out / "results.json")
    refused = run("simulate", SMALL, "--sites", sites, "--out", out)
    assert refused.status == 2
    assert "holds no results of an earlier run" in refused.err
    assert (out / "results.json").read_text(encoding="utf-8") == "years of work"
    (out / "results.json").unlink()
    assert run("simulate", SMALL, "--sites", sites, "--out", out).status == 0
    assert run("simulate", SMALL, "--sites", sites, "--out", out / "report.html").status == 2


def test_wrong_arguments(run: Run, tmp_path: Path) -> None:
    sites, out = write_extracts(tmp_path / "sites"), tmp_path / "out"
    assert run("simulate", SMALL, "--sites", tmp_path / "none", "--out", out).status == 2
    missing = run("simulate", tmp_path / "none.toml", "--sites", sites, "--out", out)
    assert missing.status == 2
    assert "none.toml" in missing.err
    for seed in ("", "xyz", "0" * 65):
        wrong = run("simulate", SMALL, "--sites", sites, "--out", out, "--seed", seed)
        assert wrong.status == 2
        assert "'--seed'" in wrong.err
    unmapped = run("simulate", SMALL, "--sites", sites, "--out", out, "--mappings", sites)
    assert unmapped.status == 2
    assert "holds no mapping file" in unmapped.err
    broken = tmp_path / "plan.toml"
    broken.write_text("version = 1\n", encoding="utf-8")
    assert run("simulate", broken, "--sites", sites, "--out", out).status == 1
    assert not out.exists()


def test_a_folder_that_cannot_be_made_is_told_before_the_run(run: Run, tmp_path: Path) -> None:
    sites = write_extracts(tmp_path / "sites")
    ended = run("simulate", SMALL, "--sites", sites, "--out", SMALL / "out")
    assert ended.status == 2
    assert "[file]" in ended.err
    assert "Lock every extract" not in ended.err


def test_an_unexpected_error_shows_no_values(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ArithmeticError("patient 17 is 61 years old")

    monkeypatch.setattr("riskset.runs.play_study", fail)
    sites, out = write_extracts(tmp_path / "sites"), tmp_path / "out"
    ended = run("simulate", SMALL, "--sites", sites, "--out", out)
    assert ended.status == 1
    assert "[internal]" in ended.err
    assert "61" not in ended.err
    assert not out.exists()


@pytest.mark.parametrize("locked", [True, False])
def test_a_simulation_says_that_it_passes_a_lock(run: Run, tmp_path: Path, locked: bool) -> None:
    sites, out, plan = write_extracts(tmp_path / "sites"), tmp_path / "out", tmp_path / "plan.toml"
    told = f"[study]\noutcomes_locked = {str(locked).lower()}"
    plan.write_text(SMALL.read_text(encoding="utf-8").replace("[study]", told), encoding="utf-8")
    where = ("--sites", sites, "--out", out)
    assert ("Outcomes are locked in this plan" in run("simulate", plan, *where).out) is locked
    found = json.loads(run("simulate", plan, *where, "--format", "json").out)
    assert found["unlocked"] is locked
