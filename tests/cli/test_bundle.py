"""`riskset verify`, `recompute`, `compare` and `report`, as an auditor meets them."""

import json
import shutil
from pathlib import Path

import pytest

from riskset.runs import run_simulation
from tests.cli.test_simulate import Ended, Run
from tests.riskset.folders import SMALL, write_extracts


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(monkeypatch, capsys)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder that a simulation left."""
    folder = tmp_path_factory.mktemp("bundle")
    sites, made = write_extracts(folder / "sites"), folder / "out"
    run_simulation(SMALL, sites, made, None, b"1", opened=False, quiet=True)
    return made


def test_verify_ticks_and_names_the_next_step(run: Run, out: Path) -> None:
    ended = run("verify", out / "bundle.zip")
    assert ended.status == 0
    lines = ended.out.splitlines()
    assert sum(line.startswith("ok ") for line in lines) == 11
    assert "SIMULATED: nobody signed the roster" in ended.out
    assert f"riskset recompute {out / 'bundle.zip'}" in ended.out
    told = json.loads(run("verify", out, "--format", "json").out)
    assert told["schema"] == "riskset:verify/1"
    assert told["holds"] is told["simulated"] is True


def test_tampering_ends_with_6(run: Run, out: Path, tmp_path: Path) -> None:
    raw = bytearray((out / "bundle.zip").read_bytes())
    raw[raw.index(b'"hazard_ratio": ') + 20] ^= 1
    bad = tmp_path / "bad.zip"
    bad.write_bytes(raw)
    ended = run("verify", bad)
    assert ended.status == 6
    assert "results/results.json: was changed, or is not whole" in ended.err
    assert json.loads(run("verify", bad, "--format", "json").out)["holds"] is False
    bad.write_bytes(raw[:-100])
    assert run("verify", bad).status == 6


def test_a_bundle_that_is_not_there_is_no_tampering(run: Run, tmp_path: Path) -> None:
    for command in ("verify", "recompute"):
        for place, named in ((tmp_path / "no.zip", "no.zip"), (tmp_path, "bundle.zip")):
            ended = run(command, place)
            assert ended.status == 2
            assert f"{tmp_path / named}: no such file or directory  [file]" in ended.err


def test_recompute_counts_numbers_and_writes_the_same_files(
    run: Run, out: Path, tmp_path: Path
) -> None:
    ended = run("recompute", out / "bundle.zip", "--out", tmp_path / "again")
    assert ended.status == 0
    assert "3 of 3 figures equal" in ended.out
    numbers = next(line for line in ended.out.splitlines() if line.endswith("numbers equal"))
    equal, _, total, *_ = numbers.replace("ok", "").split()[-5:]
    assert equal == total
    for path in (tmp_path / "again").iterdir():
        assert path.read_bytes() == (out / path.name).read_bytes()
    told = json.loads(run("recompute", out / "bundle.zip", "--format", "json").out)
    assert told["equal"] == told["numbers"] > 400


def test_compare_a_bundle_with_itself(run: Run, out: Path, tmp_path: Path) -> None:
    other = shutil.copy(out / "bundle.zip", tmp_path / "other.zip")
    ended = run("compare", out / "bundle.zip", other)
    assert ended.status == 0
    assert "of one plan" in ended.out
    assert "overlap" in ended.out
    told = json.loads(run("compare", out, other, "--all", "--format", "json").out)
    assert told["identical"] == told["estimates"] == len(told["sides"])


def test_report_writes_both_editions(run: Run, out: Path, tmp_path: Path) -> None:
    ended = run("report", out / "bundle.zip", "--out", tmp_path / "public")
    assert ended.status == 0
    assert "counts of 1 to 4 patients are told in words" in ended.out
    assert (tmp_path / "public" / "publication.json").is_file()
    arguments = ("--edition", "consortium", "--format", "json")
    full = run("report", out / "results.json", "--out", tmp_path / "full", *arguments)
    assert json.loads(full.out)["statement"] == []
    assert (tmp_path / "full" / "results.json").read_bytes() == (out / "results.json").read_bytes()
    again = run("report", out, "--out", tmp_path / "public")
    assert (again.status, "would-overwrite" in again.err) == (2, True)


def test_floors_are_not_lowered(run: Run, out: Path, tmp_path: Path) -> None:
    ended: Ended = run("report", out / "results.json", "--out", tmp_path / "x", "--floor", "2")
    assert ended.status == 5
    assert "raised, and not lowered" in ended.err
    assert not (tmp_path / "x").exists()


def test_the_readers_form_is_taken_out_and_says_what_it_cannot_prove(
    run: Run, out: Path, tmp_path: Path
) -> None:
    path = tmp_path / "reader.zip"
    ended = run("reader", out, "--out", path)
    assert ended.status == 0
    assert "counts of 1 to 4 patients are told in words" in ended.out
    assert path.read_bytes() == (out / "reader.zip").read_bytes()
    checked = run("verify", path)
    assert checked.status == 0
    assert "not checked: the sums with patients in them" in checked.out
    told = json.loads(run("verify", path, "--format", "json").out)
    assert (told["holds"], told["complete"]) == (True, False)
    again = run("recompute", path, "--out", tmp_path / "again")
    assert again.status == 0
    assert "no number was worked out" in again.out
    assert "numbers equal" not in again.out
    assert (tmp_path / "again" / "publication.json").is_file()
    told = json.loads(run("recompute", path, "--format", "json").out)
    assert (told["complete"], told["equal"], told["numbers"]) == (False, 0, 0)


def test_the_readers_form_is_not_overwritten_nor_made_of_itself(
    run: Run, out: Path, tmp_path: Path
) -> None:
    path = tmp_path / "reader.zip"
    path.write_bytes(b"mine")
    ended = run("reader", out, "--out", path)
    assert (ended.status, "would-overwrite" in ended.err) == (2, True)
    assert path.read_bytes() == b"mine"
    ended = run("reader", out / "reader.zip", "--out", tmp_path / "new.zip")
    assert ended.status == 2, "nobody changed anything"
    assert "is of the readers' form already" in ended.err
    ended = run("report", out / "reader.zip", "--out", tmp_path / "new")
    assert ended.status == 2
    assert "which has no sums" in ended.err
    assert not (tmp_path / "new").exists()


def test_an_earlier_edition_that_would_show_a_few_is_refused(
    run: Run, out: Path, tmp_path: Path
) -> None:
    assert run("report", out / "bundle.zip", "--out", tmp_path / "first").status == 0
    earlier = tmp_path / "first" / "publication.json"
    assert run("reader", out, "--out", tmp_path / "same.zip", "--earlier", earlier).status == 0
    data = json.loads(earlier.read_text(encoding="utf-8"))
    shown = next(one for one in data["counts"] if one["cell"][0] != "size" and one["n"] > 5)
    shown["n"] += 1
    earlier.write_text(json.dumps(data), encoding="utf-8")
    ended = run("reader", out, "--out", tmp_path / "other.zip", "--earlier", earlier)
    assert ended.status == 5
    assert "differ by a few patients from the earlier edition (P5)" in ended.err
    assert not (tmp_path / "other.zip").exists()


def test_comparing_with_a_publication_leaves_out_what_it_hides(run: Run, out: Path) -> None:
    told = json.loads(run("compare", out / "reader.zip", out, "--all", "--format", "json").out)
    hidden = [side for side in told["sides"] if side["first"] is None]
    assert len(hidden) > 5
    assert told["identical"] + len(hidden) <= told["estimates"]
