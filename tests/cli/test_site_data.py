"""The draft of a mapping, and the check of messy extracts, as a person or a script meets them."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from site_node.cli import main

REPOSITORY = Path(__file__).parents[2]
CRLM = REPOSITORY / "riskset" / "plans" / "crlm.toml"
MESSY = REPOSITORY / "riskset" / "data" / "crlm-messy"

Ended = tuple[int, str, str]
Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process; give its status and what it wrote."""

    def command(*words: str | Path) -> Ended:
        monkeypatch.setattr("sys.argv", ["riskset-site", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        return int(ended.value.code or 0), written.out, written.err

    return command


@pytest.fixture
def lenient(tmp_path: Path) -> Path:
    """The seed study's plan, taking blanks as the messy extracts have them."""
    text = CRLM.read_text(encoding="utf-8")
    for name in ("cea_ng_ml", "t_stage"):
        text = text.replace(f'name = "{name}"\n', f'name = "{name}"\nmissing = "complete-case"\n')
    path = tmp_path / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_draft_goes_from_the_file_to_the_check(run: Run, tmp_path: Path) -> None:
    """What a person does: draft, complete, check."""
    out = tmp_path / "mapping.toml"
    status, shown, told = run("data", MESSY / "H6.csv", CRLM, "--out", out)
    assert (status, shown) == (0, "")
    assert re.search(r"\d+ things are left to decide", told)
    status, _, told = run("check", CRLM, MESSY / "H6.csv", "--mapping", out)
    assert status == 1
    assert "column lesions: is missing" in told
    status, _, told = run("data", MESSY / "H6.csv", CRLM, "--out", out)
    assert status == 2
    assert "nothing is overwritten  [would-overwrite]" in told


def test_rows_are_shown_on_request_only(run: Run) -> None:
    _, shown, told = run("data", MESSY / "H1.csv", CRLM)
    assert "P001" not in shown + told
    assert "after chemotherapy" not in shown
    _, shown, _ = run("data", MESSY / "H1.csv", CRLM, "--rows", "1", "--values")
    assert '"PatientID" "P001"' in shown
    assert "P002" not in shown
    assert '# "after chemotherapy" = "..."' in shown


def test_a_draft_for_scripts(run: Run) -> None:
    status, shown, told = run("data", MESSY / "H3.csv", CRLM, "--format", "json")
    found = json.loads(shown)
    assert (status, told) == (0, "")
    assert 'separator = ";"' in found["mapping"]
    assert any("encodings" in decision for decision in found["decide"])
    assert "rows" not in found
    asked = json.loads(run("data", MESSY / "H3.csv", CRLM, "--format", "json", "--rows", "2")[1])
    assert [row[0] for row in asked["rows"]] == ["F-0001", "F-0002"]


def test_errors_of_a_draft(run: Run, tmp_path: Path) -> None:
    status, _, told = run("data", tmp_path / "none.csv", CRLM)
    assert status == 1
    assert "cannot be read" in told
    status, _, told = run("data", MESSY / "H1.csv", CRLM, "--out", tmp_path / "no" / "x.toml")
    assert status == 2
    assert "[file]" in told
    status, _, told = run("data", tmp_path / "none.csv", CRLM, "--format", "json")
    assert json.loads(told)["error"]["code"] == "invalid-input"


def test_the_check_shows_columns_small_cells_and_blanks(run: Run, lenient: Path) -> None:
    mapping = MESSY / "mappings" / "H7.toml"
    status, shown, told = run("check", lenient, MESSY / "H7.csv", "--mapping", mapping)
    assert (status, told) == (0, "")
    assert re.search(r"cea_ng_ml +CEA +14 +2 +0\n", shown)
    assert re.search(r"cea_ng_ml +missing +2 +leaves the patient out", shown)
    assert "these counts never leave this screen" in shown
    assert re.search(r"RAS status: unknown +both +0 +1 +S2\n", shown)
    assert "Unit to look at" not in shown


def test_the_check_suspects_millimetres(run: Run, lenient: Path, tmp_path: Path) -> None:
    text = (MESSY / "mappings" / "H5.toml").read_text(encoding="utf-8")
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(text.replace("max_diameter_cm = 0.1", ""), encoding="utf-8")
    asked = ("check", lenient, MESSY / "H5.csv", "--mapping", mapping)
    status, shown, told = run(*asked)
    assert status == 1
    assert re.search(r"max_diameter_cm +nearly all .* +max_diameter_cm = 0\.1\n", shown)
    assert "say max_diameter_cm = 0.1 under [units]" in told
    found = json.loads(run(*asked, "--format", "json")[1])
    assert [(unit["variable"], unit["factor"]) for unit in found["units"]] == [
        ("max_diameter_cm", 0.1)
    ]
    broken = {quality["variable"]: quality["broken"] for quality in found["variables"]}
    assert broken["max_diameter_cm"] == 32
    assert sum(broken.values()) == 32


def test_small_cells_for_scripts(run: Run, lenient: Path) -> None:
    mapping = MESSY / "mappings" / "H7.toml"
    asked = ("check", lenient, MESSY / "H7.csv", "--mapping", mapping, "--format", "json")
    found = json.loads(run(*asked)[1])
    cells = {(cell["what"], cell["arm"]): cell["count"] for cell in found["small_cells"]}
    assert cells[("RAS status: unknown", "")] == 0
